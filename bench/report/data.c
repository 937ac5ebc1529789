// SPDX-License-Identifier: Apache-2.0
#include "bench/report/data.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report/chart.h"

#define TARGETS_NAMED 6U

double bench_get(const json_t *from, const char *key)
{
	const json_t *value = json_object_get(from, key);

	return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

const char *bench_get_text(const json_t *from, const char *key)
{
	const char *text = json_string_value(json_object_get(from, key));

	return text ? text : "";
}

bool bench_document_is(const json_t *document, const char *kind)
{
	return !strcmp(bench_get_text(document, "kind"), kind);
}

bool bench_document_closed(const json_t *document)
{
	return !strcmp(bench_get_text(json_object_get(document, "config"), "loop"), "closed");
}

bool bench_document_by_size(const json_t *document)
{
	return bench_document_is(document, "sweep") &&
	       json_object_get(json_object_get(document, "config"), "bodies");
}

/* True for the first run of its target. */
static bool first_of_target(const json_t *runs, size_t at)
{
	const char *target = bench_get_text(json_array_get(runs, at), "target");

	for (size_t i = 0; i < at; i++)
		if (!strcmp(bench_get_text(json_array_get(runs, i), "target"), target))
			return false;
	return true;
}

void bench_document_name(const json_t *document, char *to, size_t size)
{
	const json_t *runs = json_object_get(document, "runs");
	unsigned targets = 0;
	size_t len = 0;

	to[0] = '\0';
	for (size_t i = 0; i < json_array_size(runs); i++)
		if (first_of_target(runs, i) && targets++ < TARGETS_NAMED && len < size)
			len += (size_t)snprintf(to + len, size - len, "%s%s", len ? ", " : "",
						bench_get_text(json_array_get(runs, i), "target"));
	if (targets > TARGETS_NAMED && len < size)
		snprintf(to + len, size - len, " and %u more", targets - TARGETS_NAMED);
	if (len == 0)
		snprintf(to, size, "%s",
			 bench_get_text(json_object_get(document, "config"), "target"));
	if (to[0] == '\0')
		snprintf(to, size, "a target without a name");
}

bool bench_run_valid(const json_t *run)
{
	return !json_is_false(json_object_get(run, "valid")) && !*bench_get_text(run, "invalid");
}

double bench_run_usage(const json_t *run, const char *key)
{
	const json_t *component;
	const char *name;
	double sum = NAN;

	json_object_foreach(json_object_get(run, "usage"), name, component) {
		double value = bench_get(component, key);

		if (!isnan(value))
			sum = isnan(sum) ? value : sum + value;
	}
	return sum;
}

double bench_run_body_rate(const json_t *run)
{
	return bench_get(run, "achieved") * bench_get(run, "body");
}

double bench_run_metric(const json_t *run, const char *metric)
{
	if (!strcmp(metric, "rate") || !strcmp(metric, "achieved"))
		return bench_get(run, "achieved");
	if (!strncmp(metric, "cpu", 3))
		return bench_run_usage(run, "cpu_us");
	return bench_get(json_object_get(run, "latency"), metric);
}

void bench_run_name(const json_t *document, const json_t *run, char *to, size_t size)
{
	char rate[BENCH_LABEL_TEXT], body[BENCH_LABEL_TEXT];
	double asked = bench_get(run, "rate"), round = bench_get(run, "round");

	bench_unit_text(BENCH_UNIT_RATE, asked, rate);
	bench_unit_text(BENCH_UNIT_BYTES, bench_get(run, "body"), body);
	if (bench_document_by_size(document))
		snprintf(to, size, "%s", body);
	else if (bench_document_is(document, "sweep") && asked > 0)
		snprintf(to, size, "%s/s", rate);
	else if (bench_document_is(document, "compare") && !isnan(round))
		snprintf(to, size, "%s, round %.0f", bench_get_text(run, "target"), round + 1);
	else
		snprintf(to, size, "%s", bench_get_text(run, "target"));
}

const json_t *bench_knee_run(const json_t *document)
{
	double at = bench_get(json_object_get(document, "knee"), "run");

	if (!(at >= 0 && at < 1e6))
		return NULL;
	return json_array_get(json_object_get(document, "runs"), (size_t)at);
}

/* ---- picks ---- */

struct by_value {
	double value;
	const json_t *run;
};

static int compare_values(const void *a, const void *b)
{
	double x = ((const struct by_value *)a)->value, y = ((const struct by_value *)b)->value;

	return (x > y) - (x < y);
}

/* The target's valid run whose p50 is in the middle; NULL without one. */
static const json_t *middle_run(const json_t *runs, const char *target)
{
	size_t count = 0, total = json_array_size(runs);
	struct by_value *sorted = calloc(total + 1, sizeof(*sorted));
	const json_t *run = NULL;

	for (size_t i = 0; sorted && i < total; i++) {
		const json_t *candidate = json_array_get(runs, i);
		double p50 = bench_get(json_object_get(candidate, "latency"), "p50_us");

		if (bench_run_valid(candidate) && !isnan(p50) &&
		    !strcmp(bench_get_text(candidate, "target"), target))
			sorted[count++] = (struct by_value){ p50, candidate };
	}
	if (count > 0) {
		qsort(sorted, count, sizeof(*sorted), compare_values);
		run = sorted[(count - 1) / 2].run;
	}
	free(sorted);
	return run;
}

static size_t add_pick(struct bench_pick *picks, size_t count, const json_t *run, const char *name)
{
	if (!run || count >= BENCH_PICKS_MAX || !bench_run_valid(run))
		return count;
	picks[count].run = run;
	snprintf(picks[count].name, sizeof(picks[count].name), "%s", name);
	return count + 1;
}

static size_t pick_sweep(const json_t *document, struct bench_pick *picks)
{
	const json_t *half = json_object_get(json_object_get(document, "knee"), "half");
	const json_t *knee = bench_knee_run(document);
	char rate[BENCH_LABEL_TEXT], name[96];
	size_t count = 0;

	bench_unit_text(BENCH_UNIT_RATE, bench_get(half, "achieved"), rate);
	snprintf(name, sizeof(name), "half of the knee, %s/s", rate);
	count = add_pick(picks, count, json_is_object(half) ? half : NULL, name);
	bench_unit_text(BENCH_UNIT_RATE, bench_get(knee, "achieved"), rate);
	snprintf(name, sizeof(name), "the knee, %s/s", rate);
	return add_pick(picks, count, knee, name);
}

size_t bench_picks(const json_t *document, struct bench_pick picks[BENCH_PICKS_MAX])
{
	const json_t *runs = json_object_get(document, "runs");
	bool compare = bench_document_is(document, "compare");
	size_t count = bench_document_is(document, "sweep") ? pick_sweep(document, picks) : 0;
	char name[96];

	if (count > 0)
		return count;
	for (size_t i = 0; i < json_array_size(runs); i++) {
		const json_t *run = json_array_get(runs, i);
		const char *target = bench_get_text(run, "target");

		bench_run_name(document, run, name, sizeof(name));
		if (!compare)
			count = add_pick(picks, count, run, name);
		else if (first_of_target(runs, i))
			count = add_pick(picks, count, middle_run(runs, target), target);
	}
	return count;
}

size_t bench_picks_told(const json_t *document, struct bench_pick picks[BENCH_PICKS_MAX])
{
	const json_t *runs = json_object_get(document, "runs");
	size_t count = bench_picks(document, picks);
	char name[80];

	if (count > 0)
		return count;
	for (; count < json_array_size(runs) && count < BENCH_PICKS_MAX; count++) {
		picks[count].run = json_array_get(runs, count);
		bench_run_name(document, picks[count].run, name, sizeof(name));
		snprintf(picks[count].name, sizeof(picks[count].name), "%s (INVALID)", name);
	}
	return count;
}

static int add_histogram(struct bench_histogram *to, const json_t *from)
{
	struct bench_histogram one;
	int r = bench_histogram_init(&one);

	if (r < 0)
		return r;
	r = json_is_object(from) ? bench_histogram_read(&one, from) : -EINVAL;
	if (r == 0)
		bench_histogram_merge(to, &one);
	bench_histogram_done(&one);
	return r;
}

int bench_pick_histogram(const json_t *document, const struct bench_pick *pick, const char *key,
			 struct bench_histogram *to)
{
	const json_t *runs = json_object_get(document, "runs");
	int r = -EINVAL;

	if (!bench_document_is(document, "compare"))
		return add_histogram(to, json_object_get(pick->run, key));
	for (size_t i = 0; i < json_array_size(runs); i++) {
		const json_t *run = json_array_get(runs, i);

		if (bench_run_valid(run) &&
		    !strcmp(bench_get_text(run, "target"), bench_get_text(pick->run, "target"))) {
			r = add_histogram(to, json_object_get(run, key));
			if (r < 0)
				return r;
		}
	}
	return r;
}
