// SPDX-License-Identifier: Apache-2.0
/*
 * `sprocket-bench sweep --bodies`: latency and throughput by the size of the body.
 *
 * Sizes rise in equal ratios. The target is started anew for each, since its memory is laid out
 * for the bodies that it will see; what would be measured else is a small body in a large buffer.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <jansson.h>

#include "bench/command/commands.h"
#include "bench/command/document.h"
#include "bench/command/interrupt.h"
#include "bench/command/measure.h"

struct sizes {
	struct bench_options o; /* of the size at hand */
	json_t *document;
	unsigned runs;
};

static int failed(const char *name, int r, const char *error)
{
	return bench_interrupted() ? BENCH_INTERRUPTED : bench_fail(name, r, error);
}

/* One load on a target that is up. */
static int measure(struct sizes *s, struct bench_subject *subject)
{
	struct bench_ask ask = bench_ask_of(&s->o, NULL);
	char error[BENCH_ERROR_TEXT], label[160];
	bool dead = false;
	json_t *run;
	int r, code;

	if (subject->mix.request_count != 1)
		return bench_fail(subject->name, -EINVAL,
				  "has a mix of its own: --bodies are for one "
				  "request");
	snprintf(label, sizeof(label), "%.100s %zu B", subject->name, s->o.body_len);
	ask.label = label;
	ask.round = s->runs++;
	r = bench_measure(subject, &s->o, &ask, &run, &dead, error);
	if (!s->document)
		s->document = bench_document_begin(&s->o, "sweep", subject, 1);
	if (run) {
		json_object_set_new(run, "body", json_integer((json_int_t)s->o.body_len));
		code = bench_document_judge(s->document, &s->o, run);
		bench_document_add(s->document, run);
	}
	if (r < 0)
		return bench_fail(subject->name, r, error);
	if (dead || bench_interrupted()) {
		bench_document_spoil(s->document, dead ? "the target ended while it was measured" :
							 "interrupted: not all sizes were tried");
		return dead ? BENCH_UNMEASURED : BENCH_INTERRUPTED;
	}
	return code;
}

static int size_try(struct sizes *s)
{
	const char *name = s->o.names[0];
	char error[BENCH_ERROR_TEXT];
	struct bench_subject subject;
	int r = bench_subject_open(name, &s->o, &subject, error), code;

	if (r < 0)
		return failed(name, r, error);
	code = bench_interrupted() ? BENCH_INTERRUPTED : measure(s, &subject);
	r = bench_subject_close(&subject, error);
	return r < 0 ? failed(name, -1, error) : code;
}

int bench_command_sizes(const struct bench_options *o)
{
	double ratio = pow((double)o->body_to / (double)o->body_from, 1.0 / (o->body_count - 1));
	struct sizes s = { .o = *o };
	int code = BENCH_GOOD, worst = BENCH_GOOD, told = BENCH_GOOD;

	s.o.body_given = true;
	for (unsigned i = 0; i < o->body_count && code <= BENCH_BAD; i++) {
		s.o.body_len = (size_t)lround((double)o->body_from * pow(ratio, i));
		code = size_try(&s);
		worst = code > worst ? code : worst;
	}
	if (s.document)
		told = bench_document_tell(s.document, o);
	json_decref(s.document);
	return told ? told : worst;
}
