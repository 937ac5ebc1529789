// SPDX-License-Identifier: Apache-2.0
/*
 * `sprocket-bench sweep`: the highest rate that a target keeps up with.
 *
 * Rates rise in equal ratios until two in a row were not kept up with: one alone may be a
 * disturbance. Then the gap between the highest one that was and the next that was not is halved
 * until it is 5 % wide. Last, a run at half of the knee: the latency of a server that is neither
 * idle nor late.
 */
#include <math.h>
#include <stdio.h>

#include <jansson.h>

#include "bench/command/commands.h"
#include "bench/command/document.h"
#include "bench/command/interrupt.h"
#include "bench/command/measure.h"

#define KNEE_WIDTH 1.05
#define MISSES_MAX 2
#define TRIES_MAX 3

struct sweep {
	const struct bench_options *o;
	struct bench_subject *subject;
	json_t *document;
	unsigned runs;
	double kept,
		missed;    /* the highest rate kept up with, the next above that was not; 0: none */
	int kept_run;      /* its index */
	bool client_limit; /* the one that was missed was the client's fault */
	int code;          /* what ends the sweep; BENCH_GOOD: nothing yet */
};

static bool is(const json_t *run, const char *key)
{
	return json_is_true(json_object_get(run, key));
}

/* Errors that no overload explains: answers that came, and were wrong. */
static bool is_wrong(const json_t *run)
{
	static const char *const names[] = { "malformed", "status", "length", "body" };
	const json_t *errors = json_object_get(run, "errors");

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (json_object_get(errors, names[i]))
			return true;
	return false;
}

/* One run, with a schedule of its own. Returns its JSON, or NULL when the sweep has ended. */
static json_t *measure(struct sweep *s, double rate)
{
	struct bench_ask ask = bench_ask_of(s->o, NULL);
	char error[BENCH_ERROR_TEXT], label[160];
	json_t *run;
	bool dead;
	int r;

	snprintf(label, sizeof(label), "%.100s %.0f/s", s->subject->name, rate);
	ask.label = label;
	ask.rate = rate;
	ask.arrivals = s->o->arrivals ? s->o->arrivals : "poisson";
	ask.round = s->runs;
	ask.seed += s->runs++;
	r = bench_measure(s->subject, s->o, &ask, &run, &dead, error);
	if (r < 0) {
		s->code = bench_fail(s->subject->name, r, error);
		json_decref(run);
		return NULL;
	}
	if (dead || bench_interrupted()) {
		bench_document_spoil(s->document, dead ? "the target ended while it was measured" :
							 "interrupted: not all rates were tried");
		bench_document_add(s->document, run);
		s->code = dead ? BENCH_UNMEASURED : BENCH_INTERRUPTED;
		return NULL;
	}
	if (is_wrong(run))
		bench_document_spoil(s->document, "answers were wrong, not only late or missing");
	return run;
}

/* A run of which the client was not worthy is repeated: a disturbance may have been the reason.
 * Returns the last, which is not yet among the document's runs. */
static json_t *try(struct sweep *s, double rate)
{
	json_t *run = measure(s, rate);

	for (unsigned i = 1; run && !is(run, "valid") && i < TRIES_MAX; i++) {
		bench_document_add(s->document, run);
		run = measure(s, rate);
	}
	return run;
}

/* True when that rate was kept up with. */
static bool step(struct sweep *s, double rate)
{
	json_t *run = try(s, rate);
	bool kept;

	if (!run)
		return false;
	kept = is(run, "valid") && is(run, "kept_up");
	if (kept && rate > s->kept) {
		s->kept = rate;
		s->kept_run = (int)json_array_size(json_object_get(s->document, "runs"));
	}
	if (!kept && (s->missed <= s->kept || rate < s->missed)) {
		s->missed = rate;
		s->client_limit = !is(run, "valid");
	}
	bench_document_add(s->document, run);
	return kept;
}

static void rise(struct sweep *s)
{
	const struct bench_options *o = s->o;
	double ratio = pow(o->rate_to / o->rate_from, 1.0 / (o->rate_count - 1));
	unsigned misses = 0;

	for (unsigned i = 0; i < o->rate_count && misses < MISSES_MAX && !s->code; i++)
		misses = step(s, o->rate_from * pow(ratio, i)) ? 0 : misses + 1;
	if (s->missed < s->kept) /* one in between was a disturbance */
		s->missed = 0;
}

static void refine(struct sweep *s)
{
	while (!s->code && s->kept > 0 && s->missed > s->kept * KNEE_WIDTH)
		step(s, sqrt(s->kept * s->missed));
}

/* What the knee is, and how far it can be trusted. */
static int knee(struct sweep *s)
{
	json_t *half;
	int code;

	if (s->kept <= 0) {
		bench_document_spoil(s->document,
				     s->client_limit ?
					     "the client was too slow at every rate: "
					     "give it a CPU of its own" :
					     "not one rate was kept up with: begin lower");
		return BENCH_BAD;
	}
	if (s->missed <= 0)
		bench_document_spoil(s->document,
				     "every rate was kept up with: the knee is higher, go on to a "
				     "higher rate");
	else if (s->client_limit)
		bench_document_spoil(s->document, "the client came to its limit before the "
						  "target: the knee is higher");
	half = try(s, s->kept / 2);
	json_object_set_new(s->document, "knee",
			    json_pack("{s:f, s:i}", "rate", s->kept, "run", s->kept_run));
	if (!half)
		return s->code;
	code = bench_document_judge(s->document, s->o, half);
	json_object_set_new(json_object_get(s->document, "knee"), "half", half);
	return is(s->document, "valid") ? code : BENCH_BAD;
}

static int sweep(const struct bench_options *o, struct bench_subject *subject)
{
	struct sweep s = { .o = o,
			   .subject = subject,
			   .document = bench_document_begin(o, "sweep", subject, 1) };
	int code, told = BENCH_GOOD;

	rise(&s);
	refine(&s);
	code = s.code ? s.code : knee(&s);
	if (json_array_size(json_object_get(s.document, "runs")) > 0)
		told = bench_document_tell(s.document, o);
	json_decref(s.document);
	return told ? told : code;
}

int bench_command_sweep(const struct bench_options *o)
{
	char error[BENCH_ERROR_TEXT];
	struct bench_subject s;
	int r, code;

	if (o->body_count)
		return bench_command_sizes(o);
	r = bench_subject_open(o->names[0], o, &s, error);
	if (r < 0)
		return bench_interrupted() ? BENCH_INTERRUPTED : bench_fail(o->names[0], r, error);
	code = bench_interrupted() ? BENCH_INTERRUPTED : sweep(o, &s);
	r = bench_subject_close(&s, error);
	if (r < 0)
		code = bench_fail(o->names[0], -1, error);
	return bench_interrupted() ? BENCH_INTERRUPTED : code;
}
