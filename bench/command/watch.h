/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.h - a thread that looks on while a load runs.
 *
 * For: one measured run.
 * How: it draws the progress line; ends the load when the user interrupts or the target's first
 * process has ended; and reads what the target's processes use. That reading is made during the
 * warm-up (half of it), so that it disturbs nothing that is measured, and again when the load has
 * ended; the figures per request divide by the answers between the two.
 * Thread-safety: start and end from one thread. Failure modes: start returns -errno.
 */
#ifndef SPROCKET_BENCH_WATCH_H
#define SPROCKET_BENCH_WATCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/client/client.h"
#include "bench/command/subject.h"

enum bench_progress_form {
	BENCH_PROGRESS_NONE,
	BENCH_PROGRESS_LIVE, /* one line, drawn again and again */
	BENCH_PROGRESS_LINES,
};

struct bench_watch {
	const struct bench_subject *subject;
	const char *label; /* before the progress */
	enum bench_progress_form form;
	uint64_t warmup_ns, duration_ns;
	int cpu; /* where it runs; -1: anywhere */

	struct bench_progress progress; /* for bench_client_run */
	atomic_bool stop;               /* so is this */
	atomic_bool dead;               /* the target has ended */
	/* Of it alone, until it has ended. */
	pthread_t thread;
	atomic_bool over;
	uint64_t began_ns, answered_before;
	bool usage_known;
	struct bench_usage before;
	/* Of the last line drawn. */
	uint64_t drawn_ns, drawn_answered;
};

/* The fields above the first gap are set by the caller. */
int bench_watch_start(struct bench_watch *w);
/* When the load has ended. Returns the answers that *ret_usage belongs to; 0: it is not known. */
uint64_t bench_watch_end(struct bench_watch *w, struct bench_usage *ret_usage);

#endif
