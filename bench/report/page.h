/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.h - the page that `report` writes, and the PNGs beside it.
 *
 * For: the parts of `report`.
 * How: HTML goes to `out`, gnuplot's commands to `plots`; both are kept in memory until all is
 * there, then files are written under other names and renamed. The page is XML, too (a test
 * parses it): elements are closed, texts go through bench_html().
 * Thread-safety: one thread. Failure modes: without memory `failed` is set, which
 * bench_page_close() returns as -ENOMEM.
 */
#ifndef SPROCKET_BENCH_REPORT_PAGE_H
#define SPROCKET_BENCH_REPORT_PAGE_H

#include <jansson.h>

#include "bench/load/mix.h"
#include "bench/report/chart.h"
#include "bench/report/data.h"

struct bench_page {
	FILE *out, *plots;
	char *html, *commands;
	size_t html_len, commands_len;
	char **files; /* of the PNGs */
	size_t file_count, file_room;
	unsigned figures, document, documents; /* document: from 1; 0: of all together */
	bool failed;
};

int bench_page_open(struct bench_page *page, const char *title);
/* Writes the files. Returns 0 or -errno with `error`; -ENOENT when only gnuplot was missing. */
int bench_page_close(struct bench_page *page, const char *folder, char error[BENCH_ERROR_TEXT]);

/* Draws the chart into page and PNG, and ends it. `file` becomes a part of the PNG's name. */
void bench_page_figure(struct bench_page *page, struct bench_chart *chart, const char *file);

/* A paragraph. */
void bench_page_note(struct bench_page *page, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A figure that is to be seen at first: "p99", "1.2 ms". */
void bench_page_tile(struct bench_page *page, const char *name, enum bench_unit unit, double value);

/* Tables: begin, then for each row its cells, then end. `heads` ends with NULL; "<" before a
 * head: the column has text. */
void bench_page_table(struct bench_page *page, const char *caption, const char *const *heads);
void bench_page_row(struct bench_page *page, const char *name, bool valid);
void bench_page_text(struct bench_page *page, const char *text);
void bench_page_number(struct bench_page *page, double value); /* NAN: a dash */
void bench_page_row_end(struct bench_page *page);
void bench_page_table_end(struct bench_page *page);

/* gnuplot in `folder`, with `commands`. Returns 0 or -errno with `error`. gnuplot.c */
int bench_gnuplot(const char *folder, const struct bench_page *page, char error[BENCH_ERROR_TEXT]);

extern const char *const bench_page_style[]; /* ends with NULL */

/* ---- parts of the page: each draws what its document has, and nothing when it has none ---- */

void bench_report_overview(struct bench_page *page, const json_t *const *documents,
			   unsigned count); /* head.c */
void bench_report_headline(struct bench_page *page, const json_t *document);
void bench_report_together(struct bench_page *page, const json_t *const *documents,
			   unsigned count); /* curves.c */
void bench_report_curves(struct bench_page *page, const json_t *document);
void bench_report_percentiles(struct bench_page *page, const json_t *document);
void bench_report_verdicts(struct bench_page *page, const json_t *document); /* ratios.c */
void bench_report_ratios(struct bench_page *page, const json_t *document);
void bench_report_comparison(struct bench_page *page, const json_t *document);
void bench_report_hops(struct bench_page *page, const json_t *document); /* bars.c */
void bench_report_cpu(struct bench_page *page, const json_t *document);
void bench_report_runs(struct bench_page *page, const json_t *document); /* tables.c */
void bench_report_client(struct bench_page *page, const json_t *document);
void bench_report_errors(struct bench_page *page, const json_t *document);
void bench_report_slo(struct bench_page *page, const json_t *document);
void bench_report_requests(struct bench_page *page, const json_t *document); /* parts.c */
void bench_report_hop_table(struct bench_page *page, const json_t *document);
void bench_report_usage(struct bench_page *page, const json_t *document);
void bench_report_idle(struct bench_page *page, const json_t *document);
void bench_report_record(struct bench_page *page, const json_t *document, const char *key,
			 const char *caption);

#endif
