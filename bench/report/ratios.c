// SPDX-License-Identifier: Apache-2.0
/* ratios.c - of a comparison: the verdict in words, the ratio of each round, the table. */
#include <math.h>
#include <string.h>

#include "bench/report/page.h"

static const char *metric_words(const char *metric)
{
	static const struct {
		const char *metric, *words;
	} known[] = { { "rate", "answers per second" }, { "achieved", "answers per second" },
		      { "p50_us", "p50 latency" },      { "p90_us", "p90 latency" },
		      { "p99_us", "p99 latency" },      { "p99.9_us", "p99.9 latency" },
		      { "mean_us", "mean latency" },    { "max_us", "longest latency" },
		      { "p75_us", "p75 latency" },      { "p99.99_us", "p99.99 latency" },
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

static void put_verdict(struct bench_page *page, const json_t *entry, const char *baseline)
{
	const char *target = bench_get_text(entry, "target");
	const char *metric = bench_get_text(entry, "metric"), *why = bench_get_text(entry, "why");
	const json_t *ratio = json_object_get(entry, "ratio");

	fputs("<div class=\"verdict\">", page->out);
	if (isnan(bench_get(ratio, "median")))
		bench_page_note(page, "%s: its %s cannot be told: %s.", target,
				metric_words(metric), *why ? why : "there is no ratio");
	else
		bench_page_note(page,
				"%s has %.3g × the %s of %s (95 %% interval %.3g to %.3g): %s.",
				target, bench_get(ratio, "median"), metric_words(metric), baseline,
				bench_get(ratio, "low"), bench_get(ratio, "high"),
				verdict_words(bench_get_text(entry, "verdict"), metric));
	fputs("</div>\n", page->out);
}

void bench_report_verdicts(struct bench_page *page, const json_t *document)
{
	const json_t *comparison = json_object_get(document, "comparison"), *entry;
	const char *baseline = bench_get_text(comparison, "baseline");
	size_t i;

	json_array_foreach(json_object_get(comparison, "targets"), i, entry)
		if (json_object_get(entry, "ratio") || *bench_get_text(entry, "why"))
			put_verdict(page, entry, baseline);
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

/* Of a round; the baseline's run in *ret_base. NAN when one of the two is missing. */
static double ratio_of(const json_t *document, const json_t *run, const char *metric,
		       const json_t **ret_base)
{
	const char *baseline = bench_get_text(json_object_get(document, "comparison"), "baseline");
	const json_t *base = run_of(document, baseline, bench_get(run, "round"));
	double of_base = bench_run_metric(base, metric);

	*ret_base = base;
	return of_base > 0 ? bench_run_metric(run, metric) / of_base : (double)NAN;
}

/* Returns how many rounds had an invalid run. They are in the median all the same. */
static unsigned add_rounds(struct bench_chart *c, const json_t *document, const json_t *entry,
			   double row)
{
	size_t good = bench_chart_named(c, "one round", false);
	size_t bad = bench_chart_named(c, "a round with an invalid run", false), i;
	const json_t *run, *base;
	unsigned invalid = 0;

	bench_chart_set_cross(c, bad);
	json_array_foreach(json_object_get(document, "runs"), i, run) {
		double ratio = ratio_of(document, run, bench_get_text(entry, "metric"), &base);
		bool valid = bench_run_valid(run) && bench_run_valid(base);

		if (strcmp(bench_get_text(run, "target"), bench_get_text(entry, "target")) != 0)
			continue;
		invalid += valid ? 0 : 1;
		bench_chart_point(c, valid ? good : bad,
				  (struct bench_point){ .x = ratio,
							.y = row,
							.low = NAN,
							.high = NAN,
							.marked = true });
	}
	return invalid;
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

static unsigned add_entry(struct bench_chart *c, const json_t *document, const json_t *entry)
{
	const json_t *ratio = json_object_get(entry, "ratio");
	double row = (double)c->row_count;
	char name[160], note[64];
	unsigned invalid;

	if (isnan(bench_get(ratio, "median")))
		return 0;
	snprintf(name, sizeof(name), "%s, %.80s", metric_words(bench_get_text(entry, "metric")),
		 bench_get_text(entry, "target"));
	snprintf(note, sizeof(note), "%.3g (%.3g to %.3g)", bench_get(ratio, "median"),
		 bench_get(ratio, "low"), bench_get(ratio, "high"));
	bench_chart_row(c, name, note);
	invalid = add_rounds(c, document, entry, row);
	add_interval(c, ratio, row);
	return invalid;
}

void bench_report_ratios(struct bench_page *page, const json_t *document)
{
	const json_t *comparison = json_object_get(document, "comparison"), *entry;
	struct bench_chart c = {
		.kind = BENCH_CHART_DOTS,
		.title = "Ratio to the baseline, round by round",
		.x = { .label = "ratio; 1 is the baseline", .unit = BENCH_UNIT_RATIO, .log = true },
	};
	unsigned invalid = 0;
	size_t i;

	json_array_foreach(json_object_get(comparison, "targets"), i, entry)
		invalid += add_entry(&c, document, entry);
	if (c.row_count > 0)
		bench_chart_mark(&c, 1, bench_get_text(comparison, "baseline"));
	bench_chart_text(
		&c,
		"Baseline: %s. A ratio is formed within a round, between neighbours in time. "
		"%s",
		bench_get_text(comparison, "baseline"),
		invalid ? "Crosses: one of the two runs is invalid; the medians are not to "
			  "be quoted." :
			  "All runs of it are valid.");
	bench_page_figure(page, &c, "ratios");
}

void bench_report_comparison(struct bench_page *page, const json_t *document)
{
	static const char *const heads[] = { "target",    "<metric", "median",   "ratio",
					     "95 % from", "95 % to", "<verdict", NULL };
	const json_t *targets = json_object_get(json_object_get(document, "comparison"), "targets");
	const json_t *entry;
	size_t i;

	if (json_array_size(targets) == 0)
		return;
	bench_page_table(page, "Comparison", heads);
	json_array_foreach(targets, i, entry) {
		const json_t *ratio = json_object_get(entry, "ratio");
		const char *verdict = bench_get_text(entry, "verdict");

		bench_page_row(page, bench_get_text(entry, "target"), true);
		bench_page_text(page, bench_get_text(entry, "metric"));
		bench_page_number(page, bench_get(entry, "median"));
		bench_page_number(page, bench_get(ratio, "median"));
		bench_page_number(page, bench_get(ratio, "low"));
		bench_page_number(page, bench_get(ratio, "high"));
		bench_page_text(page, *verdict                      ? verdict :
				      *bench_get_text(entry, "why") ? bench_get_text(entry, "why") :
								      "the baseline");
		bench_page_row_end(page);
	}
	bench_page_table_end(page);
}
