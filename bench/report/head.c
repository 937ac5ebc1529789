// SPDX-License-Identifier: Apache-2.0
/* head.c - what is to be seen first: of all documents, and of each. */
#include <math.h>
#include <string.h>

#include "bench/report/page.h"

/* What makes figures of two documents comparable. */
static const char *const machine[] = { "kernel",      "cpu",    "cpus",       "mitigations",
				       "governor",    "commit", "hypervisor", "server_cpus",
				       "client_cpus", "build" };

static bool differs(const json_t *const *documents, unsigned count, const char *key)
{
	const json_t *first = json_object_get(json_object_get(documents[0], "environment"), key);

	for (unsigned i = 1; i < count; i++) {
		const json_t *other =
			json_object_get(json_object_get(documents[i], "environment"), key);

		if (first != other && !json_equal(first, other))
			return true;
	}
	return false;
}

static void put_contents(struct bench_page *page, const json_t *const *documents, unsigned count)
{
	char name[160];

	fputs("<nav aria-label=\"Documents\"><ol>", page->out);
	for (unsigned i = 0; i < count; i++) {
		bench_document_name(documents[i], name, sizeof(name));
		fprintf(page->out, "<li><a href=\"#document-%u\">", i + 1);
		bench_html(page->out, name, 0);
		fputs("</a> (", page->out);
		bench_html(page->out, bench_get_text(documents[i], "kind"), 0);
		fputs(")</li>", page->out);
	}
	fputs("</ol></nav>\n", page->out);
}

void bench_report_overview(struct bench_page *page, const json_t *const *documents, unsigned count)
{
	char list[256] = "";
	size_t len = 0;

	put_contents(page, documents, count);
	for (size_t i = 0; i < sizeof(machine) / sizeof(machine[0]); i++)
		if (differs(documents, count, machine[i]) && len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
						len ? ", " : "", machine[i]);
	if (len > 0) {
		fputs("<div class=\"alarm\">", page->out);
		bench_page_note(page,
				"These documents differ in: %s. Figures of different machines, "
				"commits or CPUs cannot be compared.",
				list);
		fputs("</div>\n", page->out);
	}
	bench_page_note(page, "Documents were measured one after the other: only `sprocket-bench "
			      "compare` takes turns.");
	fputs("<div class=\"charts\">\n", page->out);
	bench_report_together(page, documents, count);
	fputs("</div>\n", page->out);
}

static unsigned invalid_runs(const json_t *document)
{
	const json_t *run;
	unsigned count = 0;
	size_t i;

	json_array_foreach(json_object_get(document, "runs"), i, run)
		count += bench_run_valid(run) ? 0 : 1;
	return count;
}

static void put_badge(struct bench_page *page, const json_t *document)
{
	unsigned invalid = invalid_runs(document);
	size_t runs = json_array_size(json_object_get(document, "runs"));
	const char *why = bench_get_text(document, "invalid");

	if (bench_run_valid(document) && runs > 0 && invalid == 0) {
		fprintf(page->out, "<p class=\"badge good\">✓ valid: %zu of %zu runs</p>\n", runs,
			runs);
		return;
	}
	if (bench_run_valid(document) && invalid < runs) {
		fprintf(page->out,
			"<p class=\"badge bad\">%u of %zu runs INVALID: marked, and on no line</p>\n",
			invalid, runs);
		return;
	}
	fputs("<div class=\"alarm\" role=\"note\"><p><strong>✗ INVALID: do not quote these figures."
	      "</strong></p>",
	      page->out);
	if (*why)
		bench_page_note(page, "%s", why);
	if (invalid > 0)
		bench_page_note(
			page, "Invalid are %u of %zu runs: they are in the tables, but on no line.",
			invalid, runs);
	fputs("</div>\n", page->out);
}

/* "open loop, poisson, http1, 64 connections": what a reader must know of the load. */
static void put_load(struct bench_page *page, const json_t *document)
{
	const json_t *config = json_object_get(document, "config");
	double connections = bench_get(config, "connections"),
	       streams = bench_get(config, "streams");
	double body = bench_get(config, "body"), seconds = bench_get(config, "duration_s");
	bool closed = bench_document_closed(document);
	char more[200] = "";
	size_t len = 0;

	if (!json_is_object(config))
		return;
	if (streams > 1)
		len += (size_t)snprintf(more + len, sizeof(more) - len, " × %.10g streams",
					streams);
	if (!isnan(body) && !bench_document_by_size(document))
		len += (size_t)snprintf(more + len, sizeof(more) - len, ", body of %.10g B", body);
	if (seconds > 0)
		snprintf(more + len, sizeof(more) - len, ", %.3g s a run", seconds);
	fputs("<div class=\"soft\">", page->out);
	bench_page_note(page, "%s%s%s, %s, %.10g connections%s",
			closed ? "Closed loop" : "Open loop, arrivals ",
			closed ? "" : bench_get_text(config, "arrivals"), "",
			bench_get_text(config, "protocol"), isnan(connections) ? 0 : connections,
			more);
	fputs("</div>\n", page->out);
	if (closed)
		bench_page_note(page,
				"In a closed loop a stalled server is asked less: latencies look "
				"better than users would see them.");
}

static void put_run_tiles(struct bench_page *page, const json_t *run)
{
	const json_t *latency = json_object_get(run, "latency");
	double errors = bench_get(run, "error_count");

	fprintf(page->out, "<dl class=\"tiles%s\">", bench_run_valid(run) ? "" : " invalid");
	bench_page_tile(page, "answers/s", BENCH_UNIT_RATE, bench_get(run, "achieved"));
	bench_page_tile(page, "p50", BENCH_UNIT_US, bench_get(latency, "p50_us"));
	bench_page_tile(page, "p99", BENCH_UNIT_US, bench_get(latency, "p99_us"));
	bench_page_tile(page, "p99.9", BENCH_UNIT_US, bench_get(latency, "p99.9_us"));
	bench_page_tile(page, "CPU/request", BENCH_UNIT_US, bench_run_usage(run, "cpu_us"));
	if (!isnan(errors))
		bench_page_tile(page, "errors", BENCH_UNIT_RATE, errors);
	fputs("</dl>\n", page->out);
}

static void put_tiles(struct bench_page *page, const json_t *document)
{
	const json_t *runs = json_object_get(document, "runs");
	const json_t *half = json_object_get(json_object_get(document, "knee"), "half");
	const json_t *knee = bench_knee_run(document);

	if (bench_document_is(document, "compare") || bench_document_by_size(document) ||
	    json_array_size(runs) == 0)
		return;
	if (!bench_document_is(document, "sweep")) {
		put_run_tiles(page, json_array_get(runs, 0));
		return;
	}
	if (!knee)
		bench_page_note(page, "No knee: no valid run kept up with its rate.");
	if (knee) {
		fputs("<h3>At the knee</h3>", page->out);
		put_run_tiles(page, knee);
	}
	if (json_is_object(half)) {
		fputs("<h3>At half of the knee</h3>", page->out);
		put_run_tiles(page, half);
	}
}

void bench_report_headline(struct bench_page *page, const json_t *document)
{
	char name[256];

	bench_document_name(document, name, sizeof(name));
	fprintf(page->out, "<h2>");
	if (page->documents > 1)
		fprintf(page->out, "%u. ", page->document);
	bench_html(page->out, name, 0);
	fputs(" <span class=\"soft\">", page->out);
	bench_html(page->out, bench_get_text(document, "kind"), 0);
	fputs("</span></h2>\n", page->out);
	put_badge(page, document);
	put_load(page, document);
	bench_report_verdicts(page, document);
	put_tiles(page, document);
}
