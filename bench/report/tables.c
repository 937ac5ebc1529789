// SPDX-License-Identifier: Apache-2.0
/* tables.c - every run in figures: latency, the client's own part, errors, what was asked
 * of it. Nothing is left out here, invalid runs neither. */
#include <math.h>

#include "bench/client/client.h"
#include "bench/report/page.h"

typedef void (*put_run)(struct bench_page *page, const json_t *run);

static void put_latency(struct bench_page *page, const json_t *run)
{
	static const char *const keys[] = { "p50_us",   "p90_us",    "p99_us",
					    "p99.9_us", "p99.99_us", "max_us" };
	const json_t *latency = json_object_get(run, "latency");
	const json_t *service = json_object_get(run, "service");

	bench_page_number(page, bench_get(run, "rate") > 0 ? bench_get(run, "rate") : (double)NAN);
	bench_page_number(page, bench_get(run, "achieved"));
	bench_page_number(page, bench_get(run, "answered"));
	bench_page_number(page, bench_get(run, "error_count"));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		bench_page_number(page, bench_get(latency, keys[i]));
	bench_page_number(page, bench_get(service, "p50_us"));
	bench_page_number(page, bench_get(service, "p99_us"));
	bench_page_number(page, bench_run_usage(run, "cpu_us"));
	if (json_object_get(run, "body"))
		bench_page_number(page, bench_run_body_rate(run) / 1e6);
}

/* The reason stands once, in the table of runs. */
static void put_validity(struct bench_page *page, const json_t *run, bool with_reason)
{
	const char *why = bench_get_text(run, "invalid");
	char text[BENCH_ERROR_TEXT + 16];

	if (bench_run_valid(run)) {
		bench_page_text(page, "✓ valid");
		return;
	}
	snprintf(text, sizeof(text), "✗ INVALID: %s", *why ? why : "no reason is told");
	bench_page_text(page, with_reason ? text : "✗ INVALID");
}

static void put_row(struct bench_page *page, const json_t *run, const char *name, put_run put)
{
	bench_page_row(page, name, bench_run_valid(run));
	put_validity(page, run, put == put_latency);
	put(page, run);
	bench_page_row_end(page);
}

/* A table with a row for each run, and one for the run at half of the knee. */
static void put_runs(struct bench_page *page, const json_t *document, const char *caption,
		     const char *const *heads, put_run put)
{
	const json_t *half = json_object_get(json_object_get(document, "knee"), "half"), *run;
	const json_t *knee = bench_knee_run(document);
	char name[128], full[160];
	size_t i;

	bench_page_table(page, caption, heads);
	json_array_foreach(json_object_get(document, "runs"), i, run) {
		bench_run_name(document, run, name, sizeof(name));
		snprintf(full, sizeof(full), "%s%s", name, run == knee ? " (knee)" : "");
		put_row(page, run, full, put);
	}
	if (json_is_object(half))
		put_row(page, half, "half of the knee", put);
	bench_page_table_end(page);
}

void bench_report_runs(struct bench_page *page, const json_t *document)
{
	const char *heads[] = {
		"run",       "",       "asked /s",       "answers /s",     "answered",
		"errors",    "p50 µs", "p90 µs",         "p99 µs",         "p99.9 µs",
		"p99.99 µs", "max µs", "service p50 µs", "service p99 µs", "CPU µs",
		NULL,        NULL
	};

	if (json_array_size(json_object_get(document, "runs")) == 0) {
		bench_page_note(page, "This document has no runs.");
		return;
	}
	if (bench_document_by_size(document))
		heads[sizeof(heads) / sizeof(heads[0]) - 2] = "bodies MB/s";
	put_runs(page, document,
		 bench_document_closed(document) ? "Runs (closed loop: latency is service time)" :
						   "Runs: latency from when a request was due",
		 heads, put_latency);
}

static void put_client(struct bench_page *page, const json_t *run)
{
	const json_t *client = json_object_get(run, "client");
	const json_t *lag = json_object_get(run, "lag");

	bench_page_number(page, bench_get(run, "due") > 0 ? bench_get(run, "due") : (double)NAN);
	bench_page_number(page, bench_get(run, "sent"));
	bench_page_number(page, bench_get(run, "waited"));
	bench_page_number(page, bench_get(lag, "p50_us"));
	bench_page_number(page, bench_get(lag, "p99_us"));
	bench_page_number(page, bench_get(lag, "max_us"));
	bench_page_number(page, bench_get(client, "busy") * 100);
	bench_page_number(page, bench_get(client, "cpu_us"));
	bench_page_number(page, bench_get(run, "longest_gap_us"));
	bench_page_number(page, bench_get(run, "connects"));
	bench_page_number(page, bench_get(run, "measured_s"));
}

void bench_report_client(struct bench_page *page, const json_t *document)
{
	static const char *const heads[] = { "run",
					     "",
					     "due",
					     "sent",
					     "waited for a connection",
					     "lag p50 µs",
					     "lag p99 µs",
					     "lag max µs",
					     "client busy %",
					     "client CPU µs",
					     "longest gap µs",
					     "connects",
					     "measured s",
					     NULL };

	if (json_array_size(json_object_get(document, "runs")) > 0)
		put_runs(page, document, "The client itself: was it in time?", heads, put_client);
}

/* ---- errors ---- */

static double class_sum(const json_t *runs, const char *class)
{
	const json_t *run;
	double sum = 0;
	size_t i;

	json_array_foreach(runs, i, run) {
		double count = bench_get(json_object_get(run, "errors"), class);

		sum += count > 0 ? count : 0;
	}
	return sum;
}

static double total(const json_t *runs, const char *key)
{
	const json_t *run;
	double sum = 0;
	size_t i;

	json_array_foreach(runs, i, run)
		sum += bench_get(run, key) > 0 ? bench_get(run, key) : 0;
	return sum;
}

static void put_class(struct bench_page *page, const char *name, double count, double requests)
{
	bench_page_row(page, name, true);
	bench_page_number(page, count);
	bench_page_number(page, requests > 0 ? count / requests * 100 : (double)NAN);
	bench_page_row_end(page);
}

/* True when an earlier run has had an error of that class. */
static bool was_seen(const json_t *runs, size_t before, const char *class)
{
	for (size_t i = 0; i < before; i++)
		if (json_object_get(json_object_get(json_array_get(runs, i), "errors"), class))
			return true;
	return false;
}

void bench_report_errors(struct bench_page *page, const json_t *document)
{
	static const char *const heads[] = { "class", "requests", "% of all", NULL };
	const json_t *runs = json_object_get(document, "runs"), *run, *value;
	double errors = total(runs, "error_count");
	double requests = total(runs, "answered") + errors;
	const char *class;
	size_t i;

	if (json_array_size(runs) == 0)
		return;
	if (errors <= 0) {
		bench_page_note(page, "Errors: none in %.0f requests of all runs.", requests);
		return;
	}
	bench_page_table(page, "Errors by class, all runs together; none of them is in a latency",
			 heads);
	json_array_foreach(runs, i, run)
		json_object_foreach(json_object_get(run, "errors"), class, value)
			if (!was_seen(runs, i, class) && json_is_number(value))
				put_class(page, class, class_sum(runs, class), requests);
	put_class(page, "all", errors, requests);
	bench_page_table_end(page);
}

/* A latency, a share of errors or a rate; or why there is none. */
static void put_measured(struct bench_page *page, const json_t *entry)
{
	double us = bench_get(entry, "value_us"), value = bench_get(entry, "value");
	char text[BENCH_LABEL_TEXT];

	if (!isnan(us))
		bench_unit_text(BENCH_UNIT_US, us, text);
	else if (!isnan(value))
		snprintf(text, sizeof(text), "%.6g", value);
	bench_page_text(page, isnan(us) && isnan(value) ? bench_get_text(entry, "why") : text);
}

void bench_report_slo(struct bench_page *page, const json_t *document)
{
	static const char *const heads[] = { "objective", "", "<measured", NULL };
	const json_t *slo = json_object_get(document, "slo"), *entry;
	size_t i;

	if (json_array_size(slo) == 0)
		return;
	bench_page_table(page, "Objectives", heads);
	json_array_foreach(slo, i, entry) {
		bool met = json_is_true(json_object_get(entry, "met"));

		bench_page_row(page, bench_get_text(entry, "text"), met);
		bench_page_text(page, met ? "✓ met" : "✗ MISSED");
		put_measured(page, entry);
		bench_page_row_end(page);
	}
	bench_page_table_end(page);
}
