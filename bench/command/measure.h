/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure.h - one load on one target, and its result.
 *
 * For: run, sweep and compare.
 * Thread-safety: one thread. Failure modes: -errno with `error` when nothing could be measured. A
 * target that ends meanwhile has a result: it is not valid and says so, and *ret_dead is set.
 */
#ifndef SPROCKET_BENCH_MEASURE_H
#define SPROCKET_BENCH_MEASURE_H

#include "bench/command/options.h"
#include "bench/command/subject.h"

struct bench_ask {
	double rate; /* 0: closed loop */
	const char *arrivals;
	unsigned round;
	uint64_t duration_ns, warmup_ns, seed;
	uint64_t requests; /* closed: end after so many; 0: by time alone */
	const char *label; /* of the progress line; NULL: none is drawn */
	const char *hgrm;  /* file for the latencies; NULL: none */
};

/* What the options say; `rate` and others may be changed then. */
struct bench_ask bench_ask_of(const struct bench_options *o, const char *label);

/* *ret_run: a `run` of result.h, the caller's. */
int bench_measure(struct bench_subject *s, const struct bench_options *o,
		  const struct bench_ask *ask, json_t **ret_run, bool *ret_dead,
		  char error[BENCH_ERROR_TEXT]);

#endif
