/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idle.h - what a target uses while nobody asks.
 *
 * For: run.
 * How: one request, so that all is there and warm; then the target is left alone, and what its
 * processes used meanwhile is the difference of two readings.
 * Thread-safety: one thread. Failure modes: -errno with `error`; -EINTR without a figure when the
 * user has interrupted.
 */
#ifndef SPROCKET_BENCH_IDLE_H
#define SPROCKET_BENCH_IDLE_H

#include "bench/command/options.h"
#include "bench/command/subject.h"

/* *ret: `idle` of result.h, the caller's. */
int bench_idle(struct bench_subject *s, const struct bench_options *o, json_t **ret,
	       char error[BENCH_ERROR_TEXT]);

#endif
