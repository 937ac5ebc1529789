// SPDX-License-Identifier: Apache-2.0
/*
 * `sprocket-bench compare`: targets take turns, so that a disturbance of the machine meets them
 * alike.
 *
 * All are up all the time. In each round each has its turn, and another one begins. A ratio is
 * formed within a round, with the first target; of the ratios the median and its interval.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "bench/command/commands.h"
#include "bench/command/document.h"
#include "bench/command/interrupt.h"
#include "bench/command/measure.h"
#include "bench/numbers/stats.h"
#include "bench/result/text.h"

#define NAME_ROOM 160
#define CHECK_REQUESTS 100
#define CHECK_NS 5000000000U

_Static_assert(BENCH_ROUNDS_MAX <= BENCH_SAMPLES_MAX, "stats take a sample of each round");

struct compare {
	const struct bench_options *o;
	struct bench_subject subjects[BENCH_TARGETS_MAX];
	unsigned count; /* of those that are up */
	unsigned done;  /* rounds */
	json_t *document;
	json_t *runs[BENCH_TARGETS_MAX][BENCH_ROUNDS_MAX]; /* borrowed */
	char names[BENCH_TARGETS_MAX][NAME_ROOM];          /* of targets given more than once */
};

static const struct {
	const char *key, *json; /* in a run's latency; NULL: elsewhere */
} metrics[] = {
#define X(id, name, key, json) { key, json },
	BENCH_METRICS(X)
#undef X
};

/* ---- measuring ---- */

/* Right answers first: what answers wrongly is not compared. */
static int check(struct compare *c, struct bench_subject *s)
{
	struct bench_ask ask = { .requests = CHECK_REQUESTS,
				 .duration_ns = CHECK_NS,
				 .seed = c->o->seed };
	char error[BENCH_ERROR_TEXT];
	json_t *run;
	bool dead;
	int r = bench_measure(s, c->o, &ask, &run, &dead, error);
	char *errors;

	if (r < 0)
		return bench_fail(s->name, r, error);
	if (json_integer_value(json_object_get(run, "error_count")) > 0 ||
	    json_integer_value(json_object_get(run, "answered")) == 0) {
		errors = json_dumps(json_object_get(run, "errors"), JSON_COMPACT);
		fprintf(stderr, "sprocket-bench: %s does not answer as it should: %s\n", s->name,
			errors ? errors : "");
		free(errors);
		r = BENCH_UNMEASURED;
	}
	json_decref(run);
	return r;
}

/* A target that is compared with itself is told apart by a number: "bare", "bare (2)". */
static void set_name(struct compare *c, unsigned which)
{
	unsigned same = 1;

	for (unsigned i = 0; i < which; i++)
		same += !strcmp(c->o->names[i], c->o->names[which]);
	if (same == 1)
		return;
	snprintf(c->names[which], NAME_ROOM, "%.140s (%u)", c->o->names[which], same);
	c->subjects[which].name = c->names[which];
}

static int open_all(struct compare *c)
{
	char error[BENCH_ERROR_TEXT];
	int r;

	for (; c->count < c->o->name_count; c->count++) {
		const char *name = c->o->names[c->count];

		r = bench_subject_open(name, c->o, &c->subjects[c->count], error);
		if (r < 0)
			return bench_fail(name, r, error);
		set_name(c, c->count);
		if (bench_interrupted()) {
			c->count++;
			return BENCH_INTERRUPTED;
		}
	}
	r = 0;
	for (unsigned i = 0; i < c->count && r == 0; i++)
		r = check(c, &c->subjects[i]);
	return r;
}

static int close_all(struct compare *c)
{
	char error[BENCH_ERROR_TEXT];
	int code = BENCH_GOOD;

	while (c->count > 0) {
		struct bench_subject *s = &c->subjects[--c->count];

		if (bench_subject_close(s, error) < 0)
			code = bench_fail(s->name, -1, error);
	}
	return code;
}

static int turn(struct compare *c, unsigned round, unsigned which)
{
	struct bench_subject *s = &c->subjects[which];
	char error[BENCH_ERROR_TEXT], label[160];
	struct bench_ask ask;
	json_t *run;
	bool dead;
	int r;

	snprintf(label, sizeof(label), "round %u of %u, %.100s", round + 1, c->o->rounds, s->name);
	ask = bench_ask_of(c->o, label);
	ask.round = round;
	ask.seed += round; /* the same arrivals for all in a round */
	r = bench_measure(s, c->o, &ask, &run, &dead, error);
	if (r < 0)
		return bench_fail(s->name, r, error);
	c->runs[which][round] = run;
	bench_document_add(c->document, run);
	if (!dead)
		return bench_interrupted() ? BENCH_INTERRUPTED : BENCH_GOOD;
	bench_document_spoil(c->document, "a target ended while it was measured");
	return BENCH_UNMEASURED;
}

static int rounds(struct compare *c)
{
	int code = BENCH_GOOD;

	for (unsigned round = 0; round < c->o->rounds; round++) {
		for (unsigned i = 0; i < c->count && !code; i++)
			code = turn(c, round, (round + i) % c->count);
		if (code)
			break;
		c->done++;
	}
	return code;
}

/* ---- comparing ---- */

/* A run's value of a metric; NAN where it cannot be told. */
static double value(const json_t *run, enum bench_metric metric)
{
	const json_t *found;

	if (metric == BENCH_METRIC_RATE)
		return json_number_value(json_object_get(run, "achieved"));
	if (metric == BENCH_METRIC_CPU)
		return bench_result_cpu_us(run) < 0 ? NAN : bench_result_cpu_us(run);
	found = json_object_get(json_object_get(run, "latency"), metrics[metric].key);
	return found ? json_number_value(found) : NAN;
}

static const char *why_unknown(const struct compare *c, enum bench_metric metric)
{
	if (c->done == 0)
		return "no round is whole";
	if (metric == BENCH_METRIC_CPU)
		return "its processes are not known, or gave no answer";
	return "too few answers to tell: a longer --duration";
}

static void ratio_set(json_t *one, const double *ratios, const struct compare *c)
{
	static const char *const verdicts[] = { [BENCH_LESS] = "less",
						[BENCH_NO_DIFFERENCE] = "no difference",
						[BENCH_MORE] = "more" };
	struct bench_interval interval = bench_bootstrap(ratios, c->done, c->o->seed);

	json_object_set_new(one, "ratio",
			    json_pack("{s:f, s:f, s:f}", "median", interval.median, "low",
				      interval.low, "high", interval.high));
	json_object_set_new(one, "verdict", json_string(verdicts[bench_compare(&interval)]));
}

static json_t *compare_one(const struct compare *c, unsigned which, enum bench_metric metric)
{
	double values[BENCH_ROUNDS_MAX], ratios[BENCH_ROUNDS_MAX];
	bool known = c->done > 0, base_known = known;
	json_t *one = json_pack("{s:s, s:s}", "target", c->subjects[which].name, "metric",
				metrics[metric].json);

	for (unsigned r = 0; r < c->done; r++) {
		double base = value(c->runs[0][r], metric);

		values[r] = value(c->runs[which][r], metric);
		ratios[r] = values[r] / base;
		known &= !isnan(values[r]);
		base_known &= !isnan(base) && base > 0;
	}
	if (!known) {
		json_object_set_new(one, "why", json_string(why_unknown(c, metric)));
		return one;
	}
	json_object_set_new(one, "median", json_real(bench_median(values, c->done)));
	if (which > 0 && base_known)
		ratio_set(one, ratios, c);
	else if (which > 0)
		json_object_set_new(one, "why", json_string("the first target's is not known"));
	return one;
}

static json_t *comparison(const struct compare *c)
{
	static const enum bench_metric closed[] = { BENCH_METRIC_RATE, BENCH_METRIC_CPU };
	static const enum bench_metric open[] = { BENCH_METRIC_P50, BENCH_METRIC_P99,
						  BENCH_METRIC_CPU };
	bool is_open = c->o->rate > 0 || c->o->arrivals;
	const enum bench_metric *which = is_open ? open : closed;
	unsigned count = is_open ? 3 : 2;
	json_t *targets = json_array();

	if (c->o->metric_count > 0) {
		which = c->o->metrics;
		count = c->o->metric_count;
	}
	for (unsigned m = 0; m < count; m++)
		for (unsigned t = 0; t < c->count; t++)
			json_array_append_new(targets, compare_one(c, t, which[m]));
	return json_pack("{s:s, s:i, s:o}", "baseline", c->subjects[0].name, "rounds", (int)c->done,
			 "targets", targets);
}

/* All runs must be good for the comparison to be. */
static int judge(const struct compare *c)
{
	int code = BENCH_GOOD;
	const json_t *run;
	size_t i;

	json_array_foreach(json_object_get(c->document, "runs"), i, run)
		if (bench_document_judge(c->document, c->o, run) != BENCH_GOOD)
			code = BENCH_BAD;
	return code;
}

static int compare(struct compare *c)
{
	int code, told;

	c->document = bench_document_begin(c->o, "compare", c->subjects, c->count);
	code = rounds(c);
	if (json_array_size(json_object_get(c->document, "runs")) > 0) {
		int judged = judge(c);

		json_object_set_new(c->document, "comparison", comparison(c));
		told = bench_document_tell(c->document, c->o);
		code = code ? code : told ? told : judged;
	}
	json_decref(c->document);
	return code;
}

int bench_command_compare(const struct bench_options *o)
{
	static struct compare c; /* too large for a stack */
	int code, closed;

	c = (struct compare){ .o = o };
	code = open_all(&c);
	if (code == BENCH_GOOD)
		code = compare(&c);
	closed = close_all(&c);
	if (closed)
		code = closed;
	return bench_interrupted() ? BENCH_INTERRUPTED : code;
}
