// SPDX-License-Identifier: Apache-2.0
/* report_ratios.c - of a comparison: the ratio of each round, the interval, the verdict. */
#include <math.h>
#include <string.h>

#include "bench/report_page.h"

static const char *metric_words(const char *metric)
{
	static const struct {
		const char *metric, *words;
	} known[] = { { "rate", "answers per second" }, { "achieved", "answers per second" },
		      { "p50_us", "p50 latency" },      { "p90_us", "p90 latency" },
		      { "p99_us", "p99 latency" },      { "p99.9_us", "p99.9 latency" },
		      { "cpu", "CPU per request" },     { "cpu_us", "CPU per request" } };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].metric, metric))
			return known[i].words;
	return metric;
}

static const char *verdict_words(const char *verdict, const char *metric)
{
	bool rate = !strcmp(metric, "rate") || !strcmp(metric, "achieved");

	if (!strcmp(verdict, "more"))
		return rate ? "more, which is better" : "more, which is worse";
	if (!strcmp(verdict, "less"))
		return rate ? "less, which is worse" : "less, which is better";
	return "no difference: the interval holds 1";
}

void bench_report_verdicts(struct bench_page *page, const json_t *document)
{
	const json_t *comparison = json_object_get(document, "comparison"), *entry;
	size_t i;

	json_array_foreach(json_object_get(comparison, "targets"), i, entry) {
		const json_t *ratio = json_object_get(entry, "ratio");
		const char *metric = bench_get_text(entry, "metric");

		fputs("<div class=\"verdict\">", page->out);
		if (isnan(bench_get(ratio, "median")))
			bench_page_note(page,
					"%s against %s: not enough valid rounds to say anything.",
					bench_get_text(entry, "target"),
					bench_get_text(comparison, "baseline"));
		else
			bench_page_note(
				page,
				"%s has %.3g × the %s of %s (95 %% interval %.3g to %.3g): %s.",
				bench_get_text(entry, "target"), bench_get(ratio, "median"),
				metric_words(metric), bench_get_text(comparison, "baseline"),
				bench_get(ratio, "low"), bench_get(ratio, "high"),
				verdict_words(bench_get_text(entry, "verdict"), metric));
		fputs("</div>\n", page->out);
	}
}

/* That target's run in that round; NULL. */
static const json_t *run_of(const json_t *document, const char *target, double round)
{
	const json_t *run;
	size_t i;

	json_array_foreach(json_object_get(document, "runs"), i, run)
		if (!strcmp(bench_get_text(run, "target"), target) &&
		    fabs(bench_get(run, "round") - round) < 0.5)
			return run;
	return NULL;
}

/* NAN when one of the two is missing or invalid. */
static double ratio_of(const json_t *document, const json_t *run, const char *metric)
{
	const char *baseline = bench_get_text(json_object_get(document, "comparison"), "baseline");
	const json_t *base = run_of(document, baseline, bench_get(run, "round"));
	double of_base = bench_run_metric(base, metric);

	if (!base || !bench_run_valid(base) || !bench_run_valid(run) || !(of_base > 0))
		return NAN;
	return bench_run_metric(run, metric) / of_base;
}

static unsigned add_rounds(struct bench_chart *c, const json_t *document, const json_t *entry,
			   double row)
{
	size_t series = bench_chart_named(c, "one round", false), i;
	unsigned left_out = 0;
	const json_t *run;

	json_array_foreach(json_object_get(document, "runs"), i, run) {
		double ratio = ratio_of(document, run, bench_get_text(entry, "metric"));

		if (strcmp(bench_get_text(run, "target"), bench_get_text(entry, "target")) != 0)
			continue;
		left_out += isnan(ratio) ? 1 : 0;
		bench_chart_point(c, series,
				  (struct bench_point){ .x = ratio,
							.y = row,
							.low = NAN,
							.high = NAN,
							.marked = true });
	}
	return left_out;
}

static void add_interval(struct bench_chart *c, const json_t *ratio, double row)
{
	size_t series = bench_chart_named(c, "median and 95 % interval", false);

	if (series < c->series_count) {
		c->series[series].colour = 1;
		c->series[series].marker = 3;
	}
	bench_chart_point(c, series,
			  (struct bench_point){ .x = bench_get(ratio, "median"),
						.y = row,
						.low = bench_get(ratio, "low"),
						.high = bench_get(ratio, "high"),
						.marked = true });
}

void bench_report_ratios(struct bench_page *page, const json_t *document)
{
	const json_t *comparison = json_object_get(document, "comparison"), *entry;
	struct bench_chart c = {
		.kind = BENCH_CHART_DOTS,
		.title = "Ratio to the baseline, round by round",
		.x = { .label = "ratio; 1 is the baseline", .unit = BENCH_UNIT_RATIO, .log = true },
	};
	unsigned left_out = 0;
	char note[64];
	size_t i, row;

	json_array_foreach(json_object_get(comparison, "targets"), i, entry) {
		snprintf(note, sizeof(note), "%.3g (%.3g to %.3g)",
			 bench_get(json_object_get(entry, "ratio"), "median"),
			 bench_get(json_object_get(entry, "ratio"), "low"),
			 bench_get(json_object_get(entry, "ratio"), "high"));
		row = bench_chart_row(&c, bench_get_text(entry, "target"), note);
		left_out += add_rounds(&c, document, entry, (double)row);
		add_interval(&c, json_object_get(entry, "ratio"), (double)row);
	}
	if (c.row_count > 0)
		bench_chart_mark(&c, 1, bench_get_text(comparison, "baseline"));
	bench_chart_text(
		&c,
		"Baseline: %s. A ratio is formed within a round, between neighbours in time. "
		"%u rounds are left out because one of the two runs was invalid or missing.",
		bench_get_text(comparison, "baseline"), left_out);
	bench_page_figure(page, &c, "ratios");
}
