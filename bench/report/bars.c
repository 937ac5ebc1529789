// SPDX-License-Identifier: Apache-2.0
/* bars.c - where the time goes: hop by hop, and CPU by component. */
#include <math.h>
#include <string.h>

#include "bench/numbers/stats.h"
#include "bench/report/page.h"

#define BY_CLIENT "whole request, by the client"
#define ROWS_MAX 16U /* beyond, only what stands for the others is drawn */

static void add_part(struct bench_chart *c, const char *name, size_t row, double value)
{
	if (value > 0)
		bench_chart_point(c, bench_chart_named(c, name, false),
				  (struct bench_point){
					  .x = value, .y = (double)row, .low = NAN, .high = NAN });
}

/* What server-timing calls the whole is no part of it. */
static bool is_total(const json_t *hop)
{
	return !strcmp(bench_get_text(hop, "name"), "total");
}

static void add_hops(struct bench_chart *c, const struct bench_pick *pick)
{
	const json_t *hops = json_object_get(pick->run, "hops"), *hop;
	double client = bench_get(json_object_get(pick->run, "service"), "p50_us"), sum = 0;
	char text[BENCH_LABEL_TEXT], note[BENCH_LABEL_TEXT + 32];
	size_t i, whole;

	if (json_array_size(hops) == 0)
		return;
	json_array_foreach(hops, i, hop) {
		double p50 = bench_get(json_object_get(hop, "us"), "p50_us");

		if (is_total(hop))
			continue;
		add_part(c, bench_get_text(hop, "name"), c->row_count, p50);
		sum += p50 > 0 ? p50 : 0;
	}
	bench_unit_text(BENCH_UNIT_US, sum, text);
	snprintf(note, sizeof(note), "hops together %s", text);
	bench_chart_row(c, pick->name, note);
	bench_unit_text(BENCH_UNIT_US, client, text);
	add_part(c, BY_CLIENT, c->row_count, client);
	whole = bench_chart_named(c, BY_CLIENT, false);
	if (whole < c->series_count)
		c->series[whole].colour = BENCH_CHART_NEUTRAL;
	bench_chart_row(c, "the same, by the client", isnan(client) ? "" : text);
}

void bench_report_hops(struct bench_page *page, const json_t *document)
{
	struct bench_chart c = {
		.kind = BENCH_CHART_STACKS,
		.title = "Hop by hop, beside the client's view (p50)",
		.x = { .label = "time", .unit = BENCH_UNIT_US },
	};
	struct bench_pick picks[BENCH_PICKS_MAX];
	size_t count = bench_picks(document, picks);

	for (size_t i = 0; i < count; i++)
		add_hops(&c, &picks[i]);
	bench_chart_text(
		&c, "Above, the medians of the hops by the kernel's stamps, end to end; below, "
		    "the median of the whole request by the client, from when it was sent. "
		    "The difference is HTTP, the network and the client. Medians of parts need "
		    "not add up to the median of the whole.");
	bench_page_figure(page, &c, "hops");
}

/* ---- CPU ---- */

/* Median of `key` of that component in all valid runs of the target. */
static double component_median(const json_t *document, const char *target, const char *component,
			       const char *key)
{
	double samples[BENCH_SAMPLES_MAX];
	size_t count = 0, i;
	const json_t *run;

	json_array_foreach(json_object_get(document, "runs"), i, run) {
		const json_t *usage = json_object_get(run, "usage");
		double value = bench_get(json_object_get(usage, component), key);

		if (count < BENCH_SAMPLES_MAX && bench_run_valid(run) && !isnan(value) &&
		    !strcmp(bench_get_text(run, "target"), target))
			samples[count++] = value;
	}
	return count ? bench_median(samples, count) : (double)NAN;
}

static double component_figure(const json_t *document, const json_t *run, const char *component,
			       const char *key)
{
	if (bench_document_is(document, "compare"))
		return component_median(document, bench_get_text(run, "target"), component, key);
	return bench_get(json_object_get(json_object_get(run, "usage"), component), key);
}

static void add_cpu(struct bench_chart *c, const json_t *document, const json_t *run,
		    const char *name)
{
	double sum = 0, switches = NAN;
	char text[BENCH_LABEL_TEXT], note[2 * BENCH_LABEL_TEXT];
	const json_t *component;
	const char *key;

	json_object_foreach(json_object_get(run, "usage"), key, component) {
		double own = component_figure(document, run, key, "switches_voluntary") +
			     component_figure(document, run, key, "switches_involuntary");
		double cpu = component_figure(document, run, key, "cpu_us");

		add_part(c, key, c->row_count, cpu);
		sum += isnan(cpu) ? 0 : cpu;
		switches = isnan(own) ? switches : isnan(switches) ? own : switches + own;
	}
	if (!(sum > 0))
		return;
	bench_unit_text(BENCH_UNIT_US, sum, text);
	if (isnan(switches))
		snprintf(note, sizeof(note), "%s", text);
	else
		snprintf(note, sizeof(note), "%s, %.2f switches", text, switches);
	bench_chart_row(c, name, note);
}

static void add_all_runs(struct bench_chart *c, const json_t *document)
{
	const json_t *run;
	char name[96];
	size_t i;

	json_array_foreach(json_object_get(document, "runs"), i, run) {
		bench_run_name(document, run, name, sizeof(name));
		if (bench_run_valid(run))
			add_cpu(c, document, run, name);
	}
}

void bench_report_cpu(struct bench_page *page, const json_t *document)
{
	bool compare = bench_document_is(document, "compare");
	bool all = !compare && json_array_size(json_object_get(document, "runs")) <= ROWS_MAX;
	struct bench_chart c = {
		.kind = BENCH_CHART_STACKS,
		.title = "CPU per request, by component",
		.x = { .label = "CPU time of the servers per request", .unit = BENCH_UNIT_US },
	};
	struct bench_pick picks[BENCH_PICKS_MAX];
	size_t count = all ? 0 : bench_picks(document, picks);

	if (all)
		add_all_runs(&c, document);
	for (size_t i = 0; i < count; i++)
		add_cpu(&c, document, picks[i].run, picks[i].name);
	bench_chart_text(
		&c, "The scheduler's run time, and context switches per request. %s",
		compare ? "Medians of a target's valid rounds." :
		all     ? "Valid runs only." :
			  "Of so many runs only some that stand for them; the table of runs has "
			  "all.");
	bench_page_figure(page, &c, "cpu");
}
