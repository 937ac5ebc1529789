// SPDX-License-Identifier: Apache-2.0
/* Results of several runs: the steps of a sweep, the ratios of a comparison, CSV. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bench/result/result.h"
#include "bench/result/table.h"
#include "bench/result/text.h"

double bench_result_cpu_us(const json_t *run)
{
	json_t *usage = json_object_get(run, "usage"), *part;
	const char *name;
	double sum = 0;

	if (json_object_size(usage) == 0)
		return -1;
	json_object_foreach(usage, name, part)
		sum += bench_json_number(part, "cpu_us");
	return sum;
}

static const char *time_of(char made[BENCH_CELL_MAX], const json_t *run, const char *key)
{
	const json_t *value = json_object_get(json_object_get(run, "latency"), key);

	return value ? bench_text_time(made, json_number_value(value)) : "-";
}

static const char *verdict_of(const json_t *run)
{
	if (!json_is_true(json_object_get(run, "valid")))
		return "client too slow";
	if (!json_object_get(run, "kept_up")) /* closed loop */
		return "";
	return json_is_true(json_object_get(run, "kept_up")) ? "kept up" : "not kept up";
}

/* Bodies one way, MB/s; 0 where the run does not say how large they were. */
static double body_rate(const json_t *run)
{
	return bench_json_number(run, "achieved") * bench_json_number(run, "body") / 1e6;
}

static void sweep_row(struct bench_table *t, const json_t *run, bool by_size)
{
	static const char *const keys[] = { "p50_us", "p90_us", "p99_us", "p99.9_us", "max_us" };
	char made[BENCH_CELL_MAX];

	bench_table_row(t, by_size ? bench_text_bytes(made, bench_json_number(run, "body")) :
				     bench_text_count(made, bench_json_number(run, "rate")));
	bench_table_cell(t, "%s", bench_text_count(made, bench_json_number(run, "achieved")));
	if (by_size)
		bench_table_cell(t, "%.4g", body_rate(run));
	bench_table_cell(t, "%s", bench_text_count(made, bench_json_number(run, "error_count")));
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		bench_table_cell(t, "%s", time_of(made, run, keys[i]));
	bench_table_cell(t, "%s",
			 bench_result_cpu_us(run) < 0 ?
				 "-" :
				 bench_text_time(made, bench_result_cpu_us(run)));
	bench_table_cell(t, "%s", verdict_of(run));
}

void bench_result_print_sweep(const json_t *document, FILE *to)
{
	static const char *const heads[] = { "answers/s", "errors", "p50", "p90",
					     "p99",       "p99.9",  "max", "CPU" };
	const json_t *runs = json_object_get(document, "runs"), *run;
	const json_t *knee = json_object_get(document, "knee");
	const json_t *half = json_object_get(knee, "half");
	bool by_size = json_object_get(json_object_get(document, "config"), "bodies") != NULL;
	char made[BENCH_CELL_MAX];
	struct bench_table t;
	size_t i;

	bench_table_init(&t);
	bench_table_row(&t, by_size ? "body" : "due/s");
	for (i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		bench_table_cell(&t, "%s", heads[i]);
		if (i == 0 && by_size)
			bench_table_cell(&t, "MB/s");
	}
	json_array_foreach(runs, i, run) {
		if (t.rows == BENCH_TABLE_ROWS)
			bench_table_print(&t, to);
		sweep_row(&t, run, by_size);
	}
	bench_table_print(&t, to);
	if (!knee)
		return;
	fprintf(to, "\nknee: %s/s, the highest rate that was kept up with\n",
		bench_text_count(made, bench_json_number(knee, "rate")));
	if (!half)
		return;
	fprintf(to, "\nat half of it, %s/s:\n",
		bench_text_count(made, bench_json_number(half, "rate")));
	bench_result_print_run(document, half, to);
}

/* ---- a comparison ---- */

static void compare_row(struct bench_table *t, const json_t *one)
{
	const json_t *ratio = json_object_get(one, "ratio"),
		     *median = json_object_get(one, "median");
	const char *metric = bench_json_text(one, "metric");
	bool is_time = strlen(metric) > 3 && !strcmp(metric + strlen(metric) - 3, "_us");
	char made[BENCH_CELL_MAX];

	bench_table_row(t, bench_json_text(one, "target"));
	bench_table_cell(t, "%s", metric);
	if (!median) {
		bench_table_cell(t, "-");
		bench_table_cell(t, "%s", bench_json_text(one, "why"));
		return;
	}
	bench_table_cell(t, "%s",
			 is_time ? bench_text_time(made, json_number_value(median)) :
				   bench_text_count(made, json_number_value(median)));
	if (!ratio) { /* the first one: what the others are compared with */
		bench_table_cell(t, "%s", bench_json_text(one, "why"));
		return;
	}
	bench_table_cell(t, "%.3f", bench_json_number(ratio, "median"));
	bench_table_cell(t, "%.3f .. %.3f", bench_json_number(ratio, "low"),
			 bench_json_number(ratio, "high"));
	bench_table_cell(t, "%s", bench_json_text(one, "verdict"));
}

void bench_result_print_compare(const json_t *document, FILE *to)
{
	const json_t *comparison = json_object_get(document, "comparison"), *one;
	const json_t *targets = json_object_get(comparison, "targets");
	char head[BENCH_CELL_MAX];
	struct bench_table t;
	size_t i;

	bench_table_init(&t);
	bench_table_row(&t, "target");
	bench_table_cell(&t, "metric");
	bench_table_cell(&t, "median");
	snprintf(head, sizeof(head), "to %.50s", bench_json_text(comparison, "baseline"));
	bench_table_cell(&t, "%s", head);
	bench_table_cell(&t, "95 %% interval");
	bench_table_cell(&t, "verdict");
	json_array_foreach(targets, i, one) {
		if (t.rows == BENCH_TABLE_ROWS)
			bench_table_print(&t, to);
		compare_row(&t, one);
	}
	bench_table_print(&t, to);
	fprintf(to, "\n%.0f rounds; ratios are formed within a round, then the median is taken\n",
		bench_json_number(comparison, "rounds"));
}

/* ---- CSV ---- */

static void csv_text(const char *value, FILE *to)
{
	fputc('"', to);
	for (; *value; value++) {
		if (*value == '"')
			fputc('"', to);
		fputc(*value, to);
	}
	fputc('"', to);
}

static void csv_number(const json_t *object, const char *key, FILE *to)
{
	const json_t *value = json_object_get(object, key);

	fputc(',', to);
	if (json_is_number(value))
		fprintf(to, "%.9g", json_number_value(value));
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "true" : "false", to);
}

#define CSV_NUMBERS                                                                               \
	"round", "rate", "achieved", "valid", "kept_up", "measured_s", "due", "sent", "answered", \
		"error_count", "waited", "connects", "longest_gap_us", "body"

static void csv_quantiles(const json_t *histogram, FILE *to)
{
	char key[32];

	for (size_t i = 0; i < bench_quantile_count; i++) {
		snprintf(key, sizeof(key), "%s_us", bench_quantiles[i].name);
		csv_number(histogram, key, to);
	}
	csv_number(histogram, "max_us", to);
}

static const char *const csv_histograms[] = { "latency", "service", "lag" };

static void csv_head(const char *const *numbers, size_t count, FILE *to)
{
	fputs("target", to);
	for (size_t i = 0; i < count; i++)
		fprintf(to, ",%s", numbers[i]);
	for (size_t i = 0; i < 3; i++) {
		for (size_t q = 0; q < bench_quantile_count; q++)
			fprintf(to, ",%s_%s_us", csv_histograms[i], bench_quantiles[q].name);
		fprintf(to, ",%s_max_us", csv_histograms[i]);
	}
	fputs(",cpu_us,client_cpu_us,client_busy,client_delayed,invalid\n", to);
}

static void csv_row(const json_t *run, const char *const *numbers, size_t count, FILE *to)
{
	double cpu = bench_result_cpu_us(run);

	csv_text(bench_json_text(run, "target"), to);
	for (size_t i = 0; i < count; i++)
		csv_number(run, numbers[i], to);
	for (size_t i = 0; i < 3; i++)
		csv_quantiles(json_object_get(run, csv_histograms[i]), to);
	fputc(',', to);
	if (cpu >= 0)
		fprintf(to, "%.9g", cpu);
	csv_number(json_object_get(run, "client"), "cpu_us", to);
	csv_number(json_object_get(run, "client"), "busy", to);
	csv_number(json_object_get(run, "client"), "delayed", to);
	fputc(',', to);
	csv_text(bench_json_text(run, "invalid"), to);
	fputc('\n', to);
}

int bench_result_csv(const json_t *document, FILE *to)
{
	static const char *const numbers[] = { CSV_NUMBERS };
	const size_t count = sizeof(numbers) / sizeof(*numbers);
	const json_t *half = json_object_get(json_object_get(document, "knee"), "half"), *run;
	size_t i;

	csv_head(numbers, count, to);
	json_array_foreach(json_object_get(document, "runs"), i, run)
		csv_row(run, numbers, count, to);
	if (half)
		csv_row(half, numbers, count, to);
	return fflush(to) == 0 && !ferror(to) ? 0 : -EIO;
}
