// SPDX-License-Identifier: Apache-2.0
/* curves.c - latency against throughput, and latency by percentile. */
#include <math.h>

#include "bench/report/page.h"

#define STEPS_PER_DECADE 30
#define MEDIAN_STEP 9  /* 10^(9/30) is all but 2, where the median is */
#define ABOVE_MIN 10.0 /* as bench_histogram_allows() */
#define PICKS_DRAWN 4U /* more lines than twice so many nobody can tell apart */

static struct bench_chart curve_chart(const char *title)
{
	return (struct bench_chart){
		.kind = BENCH_CHART_LINES,
		.title = title,
		.x = { .label = "answers per second", .unit = BENCH_UNIT_RATE },
		.y = { .label = "latency from when it was due",
		       .unit = BENCH_UNIT_US,
		       .log = true },
	};
}

/* By the size of the body, where that is what rises. */
static double place_of(const json_t *run)
{
	double body = bench_get(run, "body");

	return isnan(body) ? bench_get(run, "achieved") : body;
}

static void add_latency(struct bench_chart *c, size_t series, const json_t *run, const char *key)
{
	struct bench_point point = { .x = place_of(run),
				     .y = bench_get(json_object_get(run, "latency"), key),
				     .low = NAN,
				     .high = NAN,
				     .marked = true };

	bench_chart_point(c, series, point);
}

static void add_runs(struct bench_chart *c, const json_t *document, const char *name,
		     const char *key)
{
	const json_t *runs = json_object_get(document, "runs");
	size_t series = bench_chart_series(c, name, true);

	for (size_t i = 0; i < json_array_size(runs); i++)
		if (bench_run_valid(json_array_get(runs, i)))
			add_latency(c, series, json_array_get(runs, i), key);
}

/* Crosses that no line passes through. Returns how many runs are invalid. */
static unsigned add_invalid(struct bench_chart *c, const json_t *document)
{
	const json_t *runs = json_object_get(document, "runs");
	size_t series = bench_chart_series(c, "invalid run, on no line (p50)", false);
	unsigned count = 0;

	bench_chart_set_cross(c, series);
	for (size_t i = 0; i < json_array_size(runs); i++) {
		if (bench_run_valid(json_array_get(runs, i)))
			continue;
		add_latency(c, series, json_array_get(runs, i), "p50_us");
		count++;
	}
	return count;
}

static void mark_knee(struct bench_chart *c, const json_t *document)
{
	const json_t *knee = bench_knee_run(document);
	double at = bench_get(knee, "achieved");
	char rate[BENCH_LABEL_TEXT], name[BENCH_LABEL_TEXT + 16];

	if (!knee)
		return;
	bench_unit_text(BENCH_UNIT_RATE, at, rate);
	snprintf(name, sizeof(name), "knee %s/s", rate);
	bench_chart_mark(c, at, name);
}

static const struct {
	const char *name, *key;
} drawn[] = { { "p50", "p50_us" }, { "p99", "p99_us" }, { "p99.9", "p99.9_us" } };
#define DRAWN (sizeof(drawn) / sizeof(drawn[0]))

static void latency_by_size(struct bench_page *page, const json_t *document)
{
	struct bench_chart c = curve_chart("Latency by the size of the body");
	unsigned invalid;

	c.x = (struct bench_axis){ .label = "body", .unit = BENCH_UNIT_BYTES, .log = true };
	c.y.label = "latency";
	for (size_t i = 0; i < DRAWN; i++)
		add_runs(&c, document, drawn[i].name, drawn[i].key);
	invalid = add_invalid(&c, document);
	bench_chart_text(
		&c,
		"Each point is a run with bodies of one size, on a target that was started "
		"for it. %u of %zu runs are invalid. The table of runs has the figures.",
		invalid, json_array_size(json_object_get(document, "runs")));
	bench_page_figure(page, &c, "latency-size");
}

static void throughput_by_size(struct bench_page *page, const json_t *document)
{
	struct bench_chart c = curve_chart("Throughput by the size of the body");
	size_t series = bench_chart_series(&c, "bodies, one way", true), i;
	const json_t *run;

	c.x = (struct bench_axis){ .label = "body", .unit = BENCH_UNIT_BYTES, .log = true };
	c.y = (struct bench_axis){ .label = "bytes of bodies per second",
				   .unit = BENCH_UNIT_BYTES,
				   .log = true };
	json_array_foreach(json_object_get(document, "runs"), i, run)
		if (bench_run_valid(run))
			bench_chart_point(&c, series,
					  (struct bench_point){ .x = bench_get(run, "body"),
								.y = bench_run_body_rate(run),
								.low = NAN,
								.high = NAN,
								.marked = true });
	bench_chart_text(&c, "Answers per second times the size of the body that was sent with "
			     "each. Valid runs only.");
	bench_page_figure(page, &c, "throughput-size");
}

void bench_report_curves(struct bench_page *page, const json_t *document)
{
	struct bench_chart c = curve_chart("Latency against throughput");
	unsigned invalid;

	if (bench_document_by_size(document)) {
		latency_by_size(page, document);
		throughput_by_size(page, document);
	}
	if (!bench_document_is(document, "sweep") || bench_document_by_size(document))
		return;
	for (size_t i = 0; i < DRAWN; i++)
		add_runs(&c, document, drawn[i].name, drawn[i].key);
	invalid = add_invalid(&c, document);
	mark_knee(&c, document);
	bench_chart_text(
		&c,
		"Each point is a run at a rate of its own. The knee is the highest rate that "
		"was kept up with. A percentile has no point where too few answers allow it. "
		"%u of %zu runs are invalid. The table of runs has the figures.",
		invalid, json_array_size(json_object_get(document, "runs")));
	bench_page_figure(page, &c, "latency-throughput");
}

/* All sweeps' p99 in one chart. */
static void overview_curves(struct bench_page *page, const json_t *const *documents, unsigned count)
{
	struct bench_chart c = curve_chart("p99 against throughput, all sweeps");
	char name[160], full[200];
	unsigned sweeps = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!bench_document_is(documents[i], "sweep") ||
		    bench_document_by_size(documents[i]))
			continue;
		bench_document_name(documents[i], name, sizeof(name));
		snprintf(full, sizeof(full), "%u. %s", i + 1, name);
		add_runs(&c, documents[i], full, "p99_us");
		sweeps++;
	}
	if (sweeps < 2) {
		bench_chart_done(&c);
		return;
	}
	bench_chart_text(&c,
			 "The p99 of each sweep's valid runs, from when a request was due. Sweeps "
			 "that did not take turns may differ by what else the machine did.");
	bench_page_figure(page, &c, "latency-throughput");
}

/* ---- by percentile ---- */

static struct bench_chart percentile_chart(const char *title)
{
	return (struct bench_chart){
		.kind = BENCH_CHART_LINES,
		.title = title,
		.x = { .label = "percentile", .unit = BENCH_UNIT_QUANTILE, .log = true },
		.y = { .label = "not longer than", .unit = BENCH_UNIT_US, .log = true },
	};
}

static void add_distribution(struct bench_chart *c, size_t series, const struct bench_histogram *h)
{
	double last = (double)h->n / ABOVE_MIN;

	for (int step = 0; h->n > 0; step++) {
		bool median = step == MEDIAN_STEP;
		double x = median ? 2 : pow(10, (double)step / STEPS_PER_DECADE);

		if (x > last * (1 + 1e-9) && step > 0)
			break;
		bench_chart_point(c, series,
				  (struct bench_point){
					  .x = x,
					  .y = (double)bench_histogram_at(h, 1 - 1 / x) / 1e3,
					  .low = NAN,
					  .high = NAN,
					  .marked = median ||
						    (step > 0 && step % STEPS_PER_DECADE == 0) });
	}
}

/* A line for latency or service time; the colour is the pick's, the dashes tell which it is where
 * there are both. */
static void add_pick(struct bench_chart *c, const json_t *document, const struct bench_pick *pick,
		     unsigned colour, const char *key, bool both)
{
	bool service = key[0] == 's';
	struct bench_histogram h;
	char name[160];
	size_t series;

	if (bench_histogram_init(&h) < 0) {
		c->failed = true;
		return;
	}
	snprintf(name, sizeof(name), "%s: %s", pick->name,
		 service ? "service time" : "latency from when due");
	if (bench_pick_histogram(document, pick, key, &h) == 0 && h.n > 0 &&
	    (series = bench_chart_series(c, name, true)) < c->series_count) {
		c->series[series].colour = colour % BENCH_CHART_COLOURS;
		c->series[series].marker = (colour + (service ? 3 : 0)) % BENCH_CHART_MARKERS;
		c->series[series].dash = !both ? colour % BENCH_CHART_DASHES : service ? 1 : 0;
		add_distribution(c, series, &h);
	}
	bench_histogram_done(&h);
}

void bench_report_percentiles(struct bench_page *page, const json_t *document)
{
	bool closed = bench_document_closed(document);
	struct bench_chart c = percentile_chart(closed ? "Service time by percentile" :
							 "Latency and service time by percentile");
	struct bench_pick picks[BENCH_PICKS_MAX];
	size_t count = bench_picks(document, picks);

	for (unsigned i = 0; i < count && i < PICKS_DRAWN; i++) {
		if (!closed)
			add_pick(&c, document, &picks[i], i, "latency", true);
		add_pick(&c, document, &picks[i], i, "service", !closed);
	}
	bench_chart_text(
		&c, "%s%s Lines end where fewer than 10 answers lie above.%s",
		closed ? "Closed loop: who waits for a slow answer asks nothing meanwhile, so "
			 "what a schedule would have seen is not in it." :
			 "Where the two lines part, requests waited for a free connection or "
			 "for the client before they were sent.",
		bench_document_is(document, "compare") ? " All valid rounds of a target together." :
							 "",
		count > PICKS_DRAWN ? " Only the first 4 runs are drawn." : "");
	bench_page_figure(page, &c, "percentiles");
}

static void overview_percentiles(struct bench_page *page, const json_t *const *documents,
				 unsigned count)
{
	struct bench_chart c = percentile_chart("Latency by percentile, all runs");
	struct bench_pick picks[BENCH_PICKS_MAX];
	char name[sizeof(picks[0].name) + 16];
	unsigned lines = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!bench_document_is(documents[i], "run") || !bench_picks(documents[i], picks))
			continue;
		snprintf(name, sizeof(name), "%u. %.80s", i + 1, picks[0].name);
		snprintf(picks[0].name, sizeof(picks[0].name), "%.95s", name);
		add_pick(&c, documents[i], &picks[0], lines++,
			 bench_document_closed(documents[i]) ? "service" : "latency", false);
	}
	if (lines < 2) {
		bench_chart_done(&c);
		return;
	}
	bench_chart_text(&c, "One line for each document with a valid run; service time where "
			     "the loop was closed.");
	bench_page_figure(page, &c, "percentiles");
}

void bench_report_together(struct bench_page *page, const json_t *const *documents, unsigned count)
{
	overview_curves(page, documents, count);
	overview_percentiles(page, documents, count);
}
