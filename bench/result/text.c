// SPDX-License-Identifier: Apache-2.0
/* What a result is for people: what was asked, whether it may be used, and the figures. */
#include <stdbool.h>
#include <string.h>

#include "bench/result/result.h"
#include "bench/result/table.h"
#include "bench/result/text.h"

#define DISTURBED 0.1

static void cell_time(struct bench_table *t, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	char made[BENCH_CELL_MAX];

	bench_table_cell(t, "%s", value ? bench_text_time(made, json_number_value(value)) : "-");
}

static void cell_count(struct bench_table *t, double n)
{
	char made[BENCH_CELL_MAX];

	bench_table_cell(t, "%s", bench_text_count(made, n));
}

static void quantile_heads(struct bench_table *t)
{
	for (size_t i = 0; i < bench_quantile_count; i++)
		bench_table_cell(t, "%s", bench_quantiles[i].name);
	bench_table_cell(t, "max");
	bench_table_cell(t, "mean");
}

/* A quantile that so few values do not tell is "-". */
static void quantile_cells(struct bench_table *t, const json_t *histogram)
{
	char key[32];
	bool any = bench_json_number(histogram, "n") > 0;

	for (size_t i = 0; i < bench_quantile_count; i++) {
		snprintf(key, sizeof(key), "%s_us", bench_quantiles[i].name);
		cell_time(t, any ? histogram : NULL, key);
	}
	cell_time(t, any ? histogram : NULL, "max_us");
	cell_time(t, any ? histogram : NULL, "mean_us");
}

static void quantile_row(struct bench_table *t, const char *name, const json_t *histogram)
{
	bench_table_row(t, name);
	quantile_cells(t, histogram);
}

static bool is_open(const json_t *document)
{
	return !strcmp(bench_json_text(json_object_get(document, "config"), "loop"), "open");
}

static void latency_print(const json_t *document, const json_t *run, FILE *to)
{
	bool open = is_open(document);
	struct bench_table t;

	bench_table_init(&t);
	bench_table_row(&t, "");
	quantile_heads(&t);
	quantile_row(&t, open ? "latency, from when due" : "latency",
		     json_object_get(run, "latency"));
	if (open) {
		quantile_row(&t, "service, from when sent", json_object_get(run, "service"));
		quantile_row(&t, "the client's own lag", json_object_get(run, "lag"));
	}
	bench_table_print(&t, to);
}

static void hops_print(const json_t *run, FILE *to)
{
	const json_t *hops = json_object_get(run, "hops"), *hop;
	struct bench_table t;
	size_t i;

	if (json_array_size(hops) == 0)
		return;
	bench_table_init(&t);
	bench_table_row(&t, "hop, by the kernel's stamps");
	quantile_heads(&t);
	json_array_foreach(hops, i, hop)
		quantile_row(&t, bench_json_text(hop, "name"), json_object_get(hop, "us"));
	fputc('\n', to);
	bench_table_print(&t, to);
}

static void requests_print(const json_t *run, FILE *to)
{
	const json_t *requests = json_object_get(run, "requests"), *request;
	struct bench_table t;
	char name[BENCH_CELL_MAX];
	size_t i;

	if (json_array_size(requests) < 2)
		return;
	bench_table_init(&t);
	bench_table_row(&t, "request");
	bench_table_cell(&t, "answered");
	bench_table_cell(&t, "failed");
	quantile_heads(&t);
	json_array_foreach(requests, i, request) {
		snprintf(name, sizeof(name), "%.8s %.52s", bench_json_text(request, "method"),
			 bench_json_text(request, "path"));
		bench_table_row(&t, name);
		cell_count(&t, bench_json_number(request, "answered"));
		cell_count(&t, bench_json_number(request, "failed"));
		quantile_cells(&t, json_object_get(request, "latency"));
	}
	fputc('\n', to);
	bench_table_print(&t, to);
}

/* Columns of the table of usage; but for the first ones only where one has the figure. */
static const struct {
	const char *key, *head;
	bool always;
} counted[] = {
	{ "switches_voluntary", "waits", true },   { "switches_involuntary", "preemptions", true },
	{ "page_faults", "page faults", true },    { "syscalls", "syscalls", false },
	{ "instructions", "instructions", false }, { "cycles", "cycles", false },
	{ "cache_misses", "cache misses", false },
};
#define COUNTED (sizeof(counted) / sizeof(*counted))

static bool is_shown(json_t *usage, size_t column)
{
	const char *name;
	json_t *part;

	json_object_foreach(usage, name, part)
		if (json_object_get(part, counted[column].key))
			return true;
	return counted[column].always;
}

static void usage_row(struct bench_table *t, const char *name, json_t *usage)
{
	const json_t *part = json_object_get(usage, name);
	char made[BENCH_CELL_MAX];

	bench_table_row(t, name);
	bench_table_cell(t, "%.0f", bench_json_number(part, "processes"));
	cell_time(t, part, "cpu_us");
	bench_table_cell(t, "%s", bench_text_bytes(made, bench_json_number(part, "rss_bytes")));
	for (size_t i = 0; i < COUNTED; i++) {
		const json_t *value = json_object_get(part, counted[i].key);

		if (value)
			bench_table_cell(t, "%.3f", json_number_value(value));
		else if (is_shown(usage, i))
			bench_table_cell(t, "-");
	}
}

/* What was asked for apart from the timed load. */
static void counted_print(const json_t *run, FILE *to)
{
	const json_t *how = json_object_get(run, "counted");
	char made[BENCH_CELL_MAX];

	if (!how)
		return;
	if (json_is_true(json_object_get(how, "known")))
		fprintf(to,
			"syscalls and what is behind them: of %s answers in %.3g s of their "
			"own, not timed\n",
			bench_text_count(made, bench_json_number(how, "answers")),
			bench_json_number(how, "seconds"));
	else
		fputs("no counters: perf_event_open(2) and tracefs need root, or CAP_PERFMON\n",
		      to);
}

static void usage_print(const json_t *document, const json_t *run, FILE *to)
{
	json_t *usage = json_object_get(run, "usage"), *part;
	struct bench_table t;
	const char *name;
	char made[BENCH_CELL_MAX];

	bench_table_init(&t);
	bench_table_row(&t, "per request");
	bench_table_cell(&t, "processes");
	bench_table_cell(&t, "CPU");
	bench_table_cell(&t, "resident");
	for (size_t i = 0; i < COUNTED; i++)
		if (is_shown(usage, i))
			bench_table_cell(&t, "%s", counted[i].head);
	json_object_foreach(usage, name, part)
		usage_row(&t, name, usage);
	if (json_object_size(usage) > 1) {
		bench_table_row(&t, "all of them");
		bench_table_cell(&t, " ");
		bench_table_cell(&t, "%s", bench_text_time(made, bench_result_cpu_us(run)));
	}
	bench_table_row(&t, is_open(document) ? "sprocket-bench, spinning too" : "sprocket-bench");
	bench_table_cell(&t, "1");
	cell_time(&t, json_object_get(run, "client"), "cpu_us");
	bench_table_print(&t, to);
	counted_print(run, to);
}

static void idle_print(const json_t *run, FILE *to)
{
	const json_t *idle = json_object_get(run, "idle");
	double seconds = bench_json_number(idle, "seconds");
	char head[BENCH_CELL_MAX];
	struct bench_table t;
	const char *name;
	json_t *part;

	if (!(seconds > 0))
		return;
	snprintf(head, sizeof(head), "before the load, left alone for %.3g s", seconds);
	bench_table_init(&t);
	bench_table_row(&t, head);
	bench_table_cell(&t, "CPU");
	bench_table_cell(&t, "waits/s");
	json_object_foreach(json_object_get(idle, "usage"), name, part) {
		bench_table_row(&t, name);
		bench_table_cell(&t, "%.3f %%", bench_json_number(part, "cpu_percent"));
		bench_table_cell(&t, "%.1f",
				 bench_json_number(part, "switches_voluntary") / seconds);
	}
	bench_table_row(&t, "all of them, of one core");
	bench_table_cell(&t, "%.3f %%", bench_json_number(idle, "cpu_percent"));
	fputc('\n', to);
	bench_table_print(&t, to);
}

static void errors_print(const json_t *run, FILE *to)
{
	json_t *errors = json_object_get(run, "errors"), *count;
	const char *name;
	char made[BENCH_CELL_MAX];

	if (bench_json_number(run, "error_count") == 0) {
		fputs("no errors", to);
		return;
	}
	fprintf(to, "%s ERRORS:", bench_text_count(made, bench_json_number(run, "error_count")));
	json_object_foreach(errors, name, count)
		fprintf(to, " %s %s", name, bench_text_count(made, json_number_value(count)));
}

static void counts_print(const json_t *document, const json_t *run, FILE *to)
{
	bool open = is_open(document);
	char a[BENCH_CELL_MAX], b[BENCH_CELL_MAX];

	fprintf(to, "%s answers", bench_text_count(a, bench_json_number(run, "answered")));
	if (open)
		fprintf(to, " of %s due", bench_text_count(b, bench_json_number(run, "due")));
	fprintf(to, " in %.3g s: %s/s, ", bench_json_number(run, "taken_s"),
		bench_text_count(a, bench_json_number(run, "achieved")));
	errors_print(run, to);
	fprintf(to, "\nlongest time without an answer: %s; client busy %.0f %%",
		bench_text_time(a, bench_json_number(run, "longest_gap_us")),
		100 * bench_json_number(json_object_get(run, "client"), "busy"));
	if (open && bench_json_number(run, "waited") > 0)
		fprintf(to, "; %s waited for a free connection",
			bench_text_count(b, bench_json_number(run, "waited")));
	if (bench_json_number(run, "strays") > 0)
		fprintf(to,
			"\nBYTES THAT NOBODY ASKED FOR came on %s connections, which were given up",
			bench_text_count(b, bench_json_number(run, "strays")));
	fputs("\n\n", to);
}

/* The server's fault, as "INVALID" is the client's. */
static void behind_print(const json_t *run, FILE *to)
{
	char due[BENCH_CELL_MAX], got[BENCH_CELL_MAX];

	/* Not "rate": bursts have more than that, pauses less. */
	if (json_is_false(json_object_get(run, "kept_up")))
		fprintf(to, "NOT KEPT UP WITH: %s/s were due, %s/s were answered\n",
			bench_text_count(due, bench_json_number(run, "due") /
						      bench_json_number(run, "measured_s")),
			bench_text_count(got, bench_json_number(run, "achieved")));
}

/* The latency of a closed loop, and its rate, are then the client's in part. */
static void disturbed_print(const json_t *run, FILE *to)
{
	double delayed = bench_json_number(json_object_get(run, "client"), "delayed");

	if (delayed > DISTURBED)
		fprintf(to, "CAUTION: for %.0f %% of the time others had the client's CPU\n",
			100 * delayed);
}

static void invalid_print(const json_t *run, FILE *to)
{
	if (!json_is_true(json_object_get(run, "valid")))
		fprintf(to, "INVALID, do not use these figures: %s\n",
			bench_json_text(run, "invalid"));
}

void bench_result_print_run(const json_t *document, const json_t *run, FILE *to)
{
	invalid_print(run, to);
	disturbed_print(run, to);
	behind_print(run, to);
	counts_print(document, run, to);
	latency_print(document, run, to);
	requests_print(run, to);
	hops_print(run, to);
	fputc('\n', to);
	usage_print(document, run, to);
	idle_print(run, to);
	invalid_print(run, to);
}

static void asked_print(const json_t *document, FILE *to)
{
	const json_t *config = json_object_get(document, "config");
	char made[BENCH_CELL_MAX];

	fprintf(to, "%s%s%s: %s, %.0f connections", bench_json_text(config, "target"),
		*bench_json_text(config, "url") ? " at " : "", bench_json_text(config, "url"),
		bench_json_text(config, "protocol"), bench_json_number(config, "connections"));
	if (bench_json_number(config, "streams") > 1)
		fprintf(to, " of %.0f streams", bench_json_number(config, "streams"));
	if (bench_json_number(config, "body") > 0)
		fprintf(to, ", %s", bench_text_bytes(made, bench_json_number(config, "body")));
	fprintf(to, "\n%s loop", bench_json_text(config, "loop"));
	if (*bench_json_text(config, "arrivals"))
		fprintf(to, ", %s", bench_json_text(config, "arrivals"));
	if (bench_json_number(config, "rate") > 0)
		fprintf(to, ", %s/s", bench_text_count(made, bench_json_number(config, "rate")));
	fprintf(to, ", %.3g s after %.3g s of warm-up, seed %.0f\n",
		bench_json_number(config, "duration_s"), bench_json_number(config, "warmup_s"),
		bench_json_number(config, "seed"));
	if (!strcmp(bench_json_text(config, "loop"), "closed"))
		fputs("closed loop: latency leaves out what a stalled server was not asked\n", to);
	fputc('\n', to);
}

static void slo_print(const json_t *document, FILE *to)
{
	const json_t *list = json_object_get(document, "slo"), *slo;
	char made[BENCH_CELL_MAX];
	size_t i;

	json_array_foreach(list, i, slo) {
		const json_t *us = json_object_get(slo, "value_us");

		fprintf(to, "%s %s",
			json_is_true(json_object_get(slo, "met")) ? "met:   " : "MISSED:",
			bench_json_text(slo, "text"));
		if (us)
			fprintf(to, " (%s)", bench_text_time(made, json_number_value(us)));
		else if (*bench_json_text(slo, "why"))
			fprintf(to, " (%s)", bench_json_text(slo, "why"));
		else if (bench_json_number(slo, "value") < 1)
			fprintf(to, " (%.3g %%)", 100 * bench_json_number(slo, "value"));
		else
			fprintf(to, " (%s)",
				bench_text_count(made, bench_json_number(slo, "value")));
		fputc('\n', to);
	}
}

void bench_result_print(const json_t *document, FILE *to)
{
	const char *kind = bench_json_text(document, "kind");
	const json_t *runs = json_object_get(document, "runs");

	asked_print(document, to);
	if (!strcmp(kind, "sweep"))
		bench_result_print_sweep(document, to);
	else if (!strcmp(kind, "compare"))
		bench_result_print_compare(document, to);
	else
		bench_result_print_run(document, json_array_get(runs, 0), to);
	slo_print(document, to);
	if (!json_is_true(json_object_get(document, "valid")) && strcmp(kind, "run") != 0)
		fprintf(to, "INVALID: %s\n", bench_json_text(document, "invalid"));
}
