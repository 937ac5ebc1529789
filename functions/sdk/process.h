/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.h - between start.c, which takes what the controller hands over, and threads.c, which
 * has a worker run in each thread. Nobody else includes it.
 */
#ifndef SPROCKET_SDK_PROCESS_H
#define SPROCKET_SDK_PROCESS_H

#include <pthread.h>

#include "functions/sdk/loop.h"
#include "sproxy/wiring.h"

enum phase { PHASE_BEGINS, PHASE_READY, PHASE_FAILED };

struct worker_thread {
	struct sdk_process *process;
	struct sdk_loop loop;
	pthread_t thread;
	bool joinable;
	bool initialised; /* the loop is */
	bool started;     /* init succeeded: fini is due */
	enum phase phase; /* under the lock */
	int result;       /* of the start, then of the run */
};

struct sdk_process {
	const sp_function *function;
	int sock; /* to the controller; open while we live */
	int fds[WIRING_FN_FDS_MAX];
	size_t fd_count;
	void *memory; /* NULL: not mapped */
	void *view;
	const struct wiring_page *page;
	const char *fn_names[SP_FN_MAX];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	char why[224]; /* what is wrong, for people; under the lock */
	struct wiring_function wiring;
	struct worker_thread *threads; /* wiring.worker_count; NULL: not made yet */
};

/* Starts a worker in each thread, the first in the caller's own; returns when all are ready: 0,
 * or -errno and p->why. */
int sdk_threads_begin(struct sdk_process *p);
/* Waits for the others, whose orders to stop have come, and ends the caller's worker. */
void sdk_threads_end(struct sdk_process *p);
void sdk_say_why_ended(int error);

#endif
