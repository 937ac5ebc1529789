// SPDX-License-Identifier: Apache-2.0
/*
 * style.c - how the report looks: light, dark, on a phone, on paper.
 *
 * The colours differ in brightness too and have a contrast of at least 3:1 to their background,
 * letters 4.5:1. No character in here may need escaping (& and <): the page is XML, too.
 */
#include "bench/report/page.h"

#define LIGHT                                                                                  \
	"--bg:#fbfbfa;--card:#fff;--ink:#1c1e21;--soft:#595f69;--rule:#d9dbdf;--grid:#e7e8ea;" \
	"--good:#00663f;--bad:#a8121f;--bad-bg:#fdecec;--on:#fff;"                             \
	"--c0:#0072b2;--c1:#c44e00;--c2:#00805d;--c3:#a03c86;--c4:#8f6a00;--c5:#5546c8;"       \
	"--c6:#4d4d4d;--c7:#b0002f;--c8:#6b7280;"
#define DARK                                                                             \
	"--bg:#15171a;--card:#1d2024;--ink:#eceef1;--soft:#a9b0ba;--rule:#3b4048;"       \
	"--grid:#2b2f35;--good:#5fd3a0;--bad:#ff8f8f;--bad-bg:#3a1d20;--on:#0d0f11;"     \
	"--c0:#5ab4f0;--c1:#ff8f52;--c2:#3cc79b;--c3:#e59acb;--c4:#e3b341;--c5:#aca2ff;" \
	"--c6:#c4c4c4;--c7:#ff7d8e;--c8:#9aa3b0;"

/* clang-format off */
const char *const bench_page_style[] = {
"\n:root{" LIGHT "color-scheme:light}\n"
"@media screen and (prefers-color-scheme:dark){:root{" DARK "color-scheme:dark}}\n"
"*{box-sizing:border-box}\n"
"body{margin:0 auto;max-width:1240px;padding:24px;background:var(--bg);color:var(--ink);"
"font:15px/1.5 system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;"
"overflow-wrap:anywhere}\n",
"h1{font-size:1.5rem;margin:0 0 4px}h2{font-size:1.25rem;margin:0 0 4px;unicode-bidi:isolate}\n"
"h3{font-size:1rem;margin:0 0 6px;unicode-bidi:isolate}p{margin:6px 0;max-width:80ch}\n"
".soft,figcaption{color:var(--soft)}figcaption{font-size:.86rem;margin-top:4px}\n"
"section{border-top:2px solid var(--ink);margin-top:36px;padding-top:14px}\n"
".badge{display:inline-block;border:1.5px solid;border-radius:4px;padding:1px 8px;"
"font-weight:600;margin:2px 0}.good{color:var(--good)}.bad{color:var(--bad)}\n"
".alarm{border-left:5px solid var(--bad);background:var(--bad-bg);padding:8px 12px;"
"margin:10px 0}\n"
".verdict{font-size:1.08rem;margin:8px 0;padding-left:12px;border-left:5px solid var(--c0)}\n"
"dl.tiles{display:flex;flex-wrap:wrap;gap:10px;margin:12px 0}\n"
"dl.tiles div{background:var(--card);border:1px solid var(--rule);border-radius:6px;"
"padding:6px 14px;min-width:104px}\n"
"dl.tiles dt{font-size:.82rem;color:var(--soft)}dl.tiles dd{margin:0;font-size:1.3rem;"
"font-weight:600;font-variant-numeric:tabular-nums}\n"
".charts{columns:2 480px;column-gap:16px;margin:14px 0}.charts>*{break-inside:avoid}\n"
"figure{margin:0 0 16px;background:var(--card);border:1px solid var(--rule);border-radius:6px;"
"padding:12px 14px;min-width:0}\n",
"figure>svg{display:block;width:100%;height:auto;margin-top:6px}\n"
".legend{list-style:none;display:flex;flex-wrap:wrap;gap:2px 16px;margin:0;padding:0;"
"font-size:.9rem}.legend svg{width:34px;height:14px;vertical-align:-2px;margin-right:6px}\n"
"svg text{font-size:13px;fill:var(--soft)}text.mid{text-anchor:middle}"
"text.end{text-anchor:end}text.strong{fill:var(--ink);font-weight:600}"
"text.name{fill:var(--ink)}text.on{fill:var(--on);font-size:12px}"
"text.halo{paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}\n"
".grid{stroke:var(--grid);fill:none}.axis{stroke:var(--soft);fill:none}"
".mark{stroke:var(--ink);stroke-width:1.4;stroke-dasharray:2 3;fill:none}\n"
".l{fill:none;stroke:var(--c);stroke-width:2.2;stroke-linejoin:round}"
".m{fill:var(--c);stroke:var(--card);stroke-width:1}"
".m.open{fill:none;stroke:var(--c);stroke-width:2.2}"
".b{fill:var(--c);stroke:var(--card);stroke-width:1.5}"
".interval{fill:none;stroke:var(--c);stroke-width:2.4}\n"
".d1{stroke-dasharray:7 4}.d2{stroke-dasharray:10 3 2 3}.d3{stroke-dasharray:2 3}\n"
".c0{--c:var(--c0)}.c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}"
".c4{--c:var(--c4)}.c5{--c:var(--c5)}.c6{--c:var(--c6)}.c7{--c:var(--c7)}.c8{--c:var(--c8)}\n"
"h3.of-table{margin-top:22px}.wide{overflow-x:auto;margin:0 0 14px}"
".wide:focus-visible{outline:2px solid var(--c0)}\n"
"table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums;"
"overflow-wrap:normal}\n"
"th,td{padding:3px 9px;border-bottom:1px solid var(--rule);text-align:right;"
"white-space:nowrap;unicode-bidi:isolate}\n"
"thead th{color:var(--soft);font-weight:600;vertical-align:bottom;white-space:normal;"
"border-bottom:1.5px solid var(--soft)}\n"
"th:first-child,th.text,td.text{text-align:left}td.text{white-space:normal;min-width:9em}\n"
"tbody th{font-weight:600;position:sticky;left:0;background:var(--bg);min-width:8.5em;"
"max-width:22em;white-space:normal;overflow-wrap:anywhere}\n"
"tr.invalid td,tr.invalid th{color:var(--bad)}\n"
".record td.text{overflow-wrap:anywhere}.record h3{margin-top:0}"
"dl.tiles.invalid dd{color:var(--bad);text-decoration:line-through}\n"
"@media(max-width:640px){body{padding:14px 12px}figure{padding:10px 8px}"
"figure svg text{font-size:17px}figure svg text.on{font-size:14px}"
"dl.tiles{gap:6px}dl.tiles div{padding:5px 10px;min-width:88px}dl.tiles dd{font-size:1.1rem}"
"th,td{padding:3px 7px}tbody th{min-width:6.5em;max-width:11em}}\n"
"@media print{@page{margin:11mm}html{font-size:10px}body{max-width:none;padding:0;font-size:10px}"
"table{font-size:7.5px}tbody th{position:static;min-width:0}td.text{min-width:8em}"
"figure,tr,dl{break-inside:avoid}"
".wide{overflow:visible}th,td{padding:1px 3px;white-space:normal}"
".charts{columns:2}.b,.m,.badge,.alarm{print-color-adjust:exact;"
"-webkit-print-color-adjust:exact}}\n",
NULL
};
/* clang-format on */
