// SPDX-License-Identifier: Apache-2.0
/* parts.c - tables of what a run is made of: requests of a mix, hops, components; and the
 * records of what was asked for and of the machine. */
#include <math.h>
#include <stdlib.h>

#include "bench/report/page.h"

static void put_histogram(struct bench_page *page, const json_t *histogram)
{
	bench_page_number(page, bench_get(histogram, "n"));
	bench_page_number(page, bench_get(histogram, "mean_us"));
	bench_page_number(page, bench_get(histogram, "p50_us"));
	bench_page_number(page, bench_get(histogram, "p99_us"));
	bench_page_number(page, bench_get(histogram, "p99.9_us"));
	bench_page_number(page, bench_get(histogram, "max_us"));
}

static void put_requests(struct bench_page *page, const struct bench_pick *pick)
{
	static const char *const heads[] = { "request", "failed",   "answered", "mean µs", "p50 µs",
					     "p99 µs",  "p99.9 µs", "max µs",   NULL };
	const json_t *requests = json_object_get(pick->run, "requests"), *request;
	char caption[160], name[256];
	size_t i;

	if (json_array_size(requests) == 0)
		return;
	snprintf(caption, sizeof(caption), "Requests of the mix: %s", pick->name);
	bench_page_table(page, caption, heads);
	json_array_foreach(requests, i, request) {
		snprintf(name, sizeof(name), "%s %.200s", bench_get_text(request, "method"),
			 bench_get_text(request, "path"));
		bench_page_row(page, name, true);
		bench_page_number(page, bench_get(request, "failed"));
		put_histogram(page, json_object_get(request, "latency"));
		bench_page_row_end(page);
	}
	bench_page_table_end(page);
}

void bench_report_requests(struct bench_page *page, const json_t *document)
{
	struct bench_pick picks[BENCH_PICKS_MAX];
	size_t count = bench_picks_told(document, picks);

	for (size_t i = 0; i < count; i++)
		put_requests(page, &picks[i]);
}

void bench_report_hop_table(struct bench_page *page, const json_t *document)
{
	static const char *const heads[] = { "hop",    "<run",     "stamped", "mean µs", "p50 µs",
					     "p99 µs", "p99.9 µs", "max µs",  NULL };
	struct bench_pick picks[BENCH_PICKS_MAX];
	size_t count = bench_picks_told(document, picks), drawn = 0, j;
	const json_t *hop;

	for (size_t i = 0; i < count; i++) {
		json_array_foreach(json_object_get(picks[i].run, "hops"), j, hop) {
			if (drawn++ == 0)
				bench_page_table(page, "Hops, by the kernel's stamps", heads);
			bench_page_row(page, bench_get_text(hop, "name"), true);
			bench_page_text(page, picks[i].name);
			put_histogram(page, json_object_get(hop, "us"));
			bench_page_row_end(page);
		}
	}
	if (drawn > 0)
		bench_page_table_end(page);
}

static void put_component(struct bench_page *page, const char *name, const char *run,
			  const json_t *component)
{
	static const char *const keys[] = { "processes",
					    "threads",
					    "cpu_us",
					    "user_us",
					    "system_us",
					    "switches_voluntary",
					    "switches_involuntary",
					    "syscalls",
					    "page_faults",
					    "instructions",
					    "cycles",
					    "cache_misses" };

	bench_page_row(page, name, true);
	bench_page_text(page, run);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		bench_page_number(page, bench_get(component, keys[i]));
	bench_page_number(page, bench_get(component, "rss_bytes") / (1 << 20));
	bench_page_row_end(page);
}

void bench_report_usage(struct bench_page *page, const json_t *document)
{
	static const char *const heads[] = {
		"component",   "<run",         "processes",   "threads",
		"CPU µs",      "user µs",      "system µs",   "switches, voluntary",
		"involuntary", "system calls", "page faults", "instructions",
		"cycles",      "cache misses", "RSS MiB",     NULL
	};
	struct bench_pick picks[BENCH_PICKS_MAX];
	size_t count = bench_picks_told(document, picks), drawn = 0;
	const json_t *component;
	const char *name;

	for (size_t i = 0; i < count; i++) {
		json_object_foreach(json_object_get(picks[i].run, "usage"), name, component) {
			if (drawn++ == 0)
				bench_page_table(page, "What the servers used, per request", heads);
			put_component(page, name, picks[i].name, component);
		}
	}
	if (drawn > 0)
		bench_page_table_end(page);
	if (count > 0 &&
	    json_is_true(json_object_get(json_object_get(picks[0].run, "counted"), "known")))
		bench_page_note(
			page,
			"System calls, instructions, cycles and cache misses were counted in "
			"%.3g s of the same load after what was timed: counting costs time.",
			bench_get(json_object_get(picks[0].run, "counted"), "seconds"));
}

void bench_report_idle(struct bench_page *page, const json_t *document)
{
	static const char *const heads[] = {
		"component",     "CPU, % of a core", "switches/s, voluntary",
		"involuntary/s", "RSS MiB",          NULL
	};
	const json_t *run = json_array_get(json_object_get(document, "runs"), 0), *part;
	const json_t *idle = json_object_get(run, "idle");
	double seconds = bench_get(idle, "seconds");
	const char *name;
	char caption[64];

	if (!(seconds > 0))
		return;
	snprintf(caption, sizeof(caption), "Before the load, left alone for %.3g s", seconds);
	bench_page_table(page, caption, heads);
	json_object_foreach(json_object_get(idle, "usage"), name, part) {
		bench_page_row(page, name, true);
		bench_page_number(page, bench_get(part, "cpu_percent"));
		bench_page_number(page, bench_get(part, "switches_voluntary") / seconds);
		bench_page_number(page, bench_get(part, "switches_involuntary") / seconds);
		bench_page_number(page, bench_get(part, "rss_bytes") / (1 << 20));
		bench_page_row_end(page);
	}
	bench_page_row(page, "all of them", true);
	bench_page_number(page, bench_get(idle, "cpu_percent"));
	for (unsigned i = 0; i < 3; i++)
		bench_page_number(page, (double)NAN);
	bench_page_row_end(page);
	bench_page_table_end(page);
}

void bench_report_record(struct bench_page *page, const json_t *document, const char *key,
			 const char *caption)
{
	static const char *const heads[] = { "what", "<value", NULL };
	json_t *record = json_object_get(document, key), *value;
	const char *name;

	if (json_object_size(record) == 0)
		return;
	fputs("<div class=\"record\">", page->out);
	bench_page_table(page, caption, heads);
	json_object_foreach(record, name, value) {
		char *text = json_is_string(value) ?
				     NULL :
				     json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT |
							       JSON_REAL_PRECISION(6));

		bench_page_row(page, name, true);
		bench_page_text(page, text ? text : json_string_value(value));
		bench_page_row_end(page);
		free(text);
	}
	bench_page_table_end(page);
	fputs("</div>\n", page->out);
}
