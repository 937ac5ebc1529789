/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subject.h - a target that is up, with what is asked of it.
 *
 * For: run, sweep and compare.
 * How: starts the target (target.h), makes its mix of requests and changes it as the command line
 * says; keeps the probe of what its processes use.
 * Thread-safety: one thread. Failure modes: -errno with `error`; nothing is left then. -EINVAL:
 * the command line asks for what cannot be.
 */
#ifndef SPROCKET_BENCH_SUBJECT_H
#define SPROCKET_BENCH_SUBJECT_H

#include <stdbool.h>

#include "bench/command/options.h"
#include "bench/load/mix.h"
#include "bench/target/target.h"
#include "bench/target/usage.h"

struct bench_subject {
	const char *name;
	struct bench_target target;
	struct bench_mix mix;
	uint32_t dressed; /* requests of the mix that the command line has changed already */
	enum bench_protocol protocol;
	struct bench_usage_probe *probe; /* NULL: its processes are not known */
	char *body;                      /* of --body @FILE */
	size_t body_len;                 /* of what is asked, where the command line says */
};

int bench_subject_open(const char *name, const struct bench_options *options,
		       struct bench_subject *ret, char error[BENCH_ERROR_TEXT]);
/* Stops what was started. Returns 0, or -errno with `error`: it did not stop as it should. */
int bench_subject_close(struct bench_subject *s, char error[BENCH_ERROR_TEXT]);

/* What the command line says on each request (--verify, --header), for those that came to the
 * mix since the last time: a trace adds some. */
int bench_subject_dress(struct bench_subject *s, const struct bench_options *options,
			char error[BENCH_ERROR_TEXT]);

/* False when its first process has ended. */
bool bench_subject_alive(const struct bench_subject *s);

#endif
