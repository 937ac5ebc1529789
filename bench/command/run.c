// SPDX-License-Identifier: Apache-2.0
/* `sprocket-bench run`: one load on one target. */
#include <jansson.h>

#include "bench/command/commands.h"
#include "bench/command/document.h"
#include "bench/command/idle.h"
#include "bench/command/interrupt.h"
#include "bench/command/measure.h"

/* Measures and tells; the target is up. */
static int run_tell(const struct bench_options *o, struct bench_subject *s)
{
	struct bench_ask ask = bench_ask_of(o, s->name);
	json_t *document = bench_document_begin(o, "run", s, 1), *run = NULL;
	char error[BENCH_ERROR_TEXT];
	json_t *idle = NULL;
	bool dead;
	int r = o->idle_ns ? bench_idle(s, o, &idle, error) : 0;
	int code = BENCH_GOOD, told;

	if (r == 0)
		r = bench_measure(s, o, &ask, &run, &dead, error);
	if (run) {
		if (idle)
			json_object_set(run, "idle", idle);
		code = bench_document_judge(document, o, run);
		bench_document_add(document, run);
		told = bench_document_tell(document, o);
		code = told ? told : code;
	}
	if (r < 0)
		code = bench_fail(s->name, r, error);
	json_decref(idle);
	json_decref(document);
	return code;
}

int bench_command_run(const struct bench_options *o)
{
	char error[BENCH_ERROR_TEXT];
	struct bench_subject s;
	int r = bench_subject_open(o->names[0], o, &s, error);
	int code;

	if (r < 0)
		return bench_interrupted() ? BENCH_INTERRUPTED : bench_fail(o->names[0], r, error);
	code = bench_interrupted() ? BENCH_INTERRUPTED : run_tell(o, &s);
	r = bench_subject_close(&s, error);
	if (r < 0)
		code = bench_fail(o->names[0], -1, error);
	return bench_interrupted() ? BENCH_INTERRUPTED : code;
}
