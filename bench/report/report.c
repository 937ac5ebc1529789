// SPDX-License-Identifier: Apache-2.0
/*
 * report.c - a page and PNGs of what was measured.
 *
 * How: each document is a section: what it came to, charts, then tables with every figure of the
 * charts, then the record of load and machine. Several documents have an overview on top.
 */
#include <errno.h>

#include "bench/report/page.h"
#include "bench/result/result.h"

static void put_document(struct bench_page *page, const json_t *document)
{
	fprintf(page->out, "<section id=\"document-%u\">\n", page->document);
	bench_report_headline(page, document);
	bench_report_slo(page, document);
	fputs("<div class=\"charts\">\n", page->out);
	bench_report_curves(page, document);
	bench_report_ratios(page, document);
	bench_report_percentiles(page, document);
	bench_report_hops(page, document);
	bench_report_cpu(page, document);
	fputs("</div>\n", page->out);
	bench_report_comparison(page, document);
	bench_report_runs(page, document);
	bench_report_errors(page, document);
	bench_report_client(page, document);
	bench_report_requests(page, document);
	bench_report_usage(page, document);
	bench_report_idle(page, document);
	bench_report_hop_table(page, document);
	fputs("<div class=\"charts\">\n", page->out);
	bench_report_record(page, document, "config", "What was asked for");
	bench_report_record(page, document, "environment", "The machine");
	fputs("</div>\n</section>\n", page->out);
}

static void put_all(struct bench_page *page, const json_t *const *documents, unsigned count)
{
	fputs("<main><h1>sprocket-bench</h1>\n<p class=\"soft\">", page->out);
	bench_html(page->out, bench_get_text(json_object_get(documents[0], "environment"), "date"),
		   0);
	fputs("</p>\n", page->out);
	page->documents = count;
	if (count > 1)
		bench_report_overview(page, documents, count);
	for (unsigned i = 0; i < count; i++) {
		page->document = i + 1;
		put_document(page, documents[i]);
	}
	fputs("</main>\n", page->out);
}

int bench_report(const json_t *const *documents, unsigned count, const char *folder,
		 char error[BENCH_ERROR_TEXT])
{
	struct bench_page page = { 0 };
	char name[160], title[200];

	error[0] = '\0';
	if (count == 0) {
		snprintf(error, BENCH_ERROR_TEXT,
			 "nothing to report; name a file that --json wrote");
		return -EINVAL;
	}
	bench_document_name(documents[0], name, sizeof(name));
	snprintf(title, sizeof(title), "sprocket-bench: %s%s", name,
		 count > 1 ? " and others" : "");
	if (bench_page_open(&page, title) == 0)
		put_all(&page, documents, count);
	return bench_page_close(&page, folder, error);
}
