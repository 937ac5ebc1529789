// SPDX-License-Identifier: Apache-2.0
/*
 * threads.c - the workers of a process: each a loop of its own, with a state of its own, in a
 * thread of its own. All are ready, or none serves.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "functions/sdk/log.h"
#include "functions/sdk/process.h"

static void loop_fill(struct sdk_process *p, uint32_t index)
{
	struct wiring_function *w = &p->wiring;
	struct sdk_loop *loop = &p->threads[index].loop;
	struct sp_worker *worker = &loop->worker;

	worker->function = p->function;
	worker->chain = wiring_get(&w->heap, w->chain);
	worker->name = wiring_get(&w->heap, w->name);
	worker->folder = wiring_get(&w->heap, w->folder);
	worker->index = index;
	worker->fn_names = p->fn_names;
	worker->fn_count = w->fn_count + 1;
	worker->config_count = w->config_count;
	for (uint32_t i = 0; i < w->config_count; i++) {
		worker->config[i].key = wiring_get(&w->heap, w->config[i].key);
		worker->config[i].value = wiring_get(&w->heap, w->config[i].value);
	}
	loop->slot = w->workers[index].slot;
	loop->home = w->workers[index].home;
	loop->gateway_count = w->gateway_count;
	loop->concurrency = w->concurrency;
	loop->max_hops = w->max_hops;
	loop->page = p->page;
	loop->layout = &w->layout;
	loop->memory = p->memory;
	loop->worker.read_only = p->wiring.read_only;
	loop->view = p->view;
}

static void phase_set(struct worker_thread *t, enum phase phase, const char *why)
{
	struct sdk_process *p = t->process;

	pthread_mutex_lock(&p->lock);
	if (phase == PHASE_FAILED && !p->why[0])
		snprintf(p->why, sizeof(p->why), "%s", why);
	t->phase = phase;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

static void worker_begin(struct worker_thread *t)
{
	struct sdk_process *p = t->process;
	uint32_t index = (uint32_t)(t - p->threads);
	const int *fds = &p->fds[WIRING_FN_WORKERS + 2 * index];
	char why[sizeof(p->why)];

	loop_fill(p, index);
	t->result = wiring_cpu_pin(p->wiring.workers[index].cpu);
	snprintf(why, sizeof(why), "cannot run on CPU %u: %s", p->wiring.workers[index].cpu,
		 strerror(-t->result));
	if (t->result == 0) {
		t->result = sdk_loop_init(&t->loop, fds[1], fds[0]);
		t->initialised = t->result == 0;
		snprintf(why, sizeof(why), "cannot make the tables of a worker: %s",
			 strerror(-t->result));
	}
	if (t->result == 0) {
		t->result = sdk_worker_start(&t->loop.worker, why, sizeof(why));
		t->started = t->result == 0;
	}
	phase_set(t, t->result == 0 ? PHASE_READY : PHASE_FAILED, why);
}

static void worker_end(struct worker_thread *t)
{
	if (t->started)
		sdk_worker_stop(&t->loop.worker);
	if (t->initialised)
		sdk_loop_done(&t->loop);
}

/* Waits until all are ready, or one is not. */
static bool all_ready(struct sdk_process *p)
{
	bool waits = true, failed = false;

	pthread_mutex_lock(&p->lock);
	while (waits) {
		waits = false;
		for (uint32_t i = 0; i < p->wiring.worker_count; i++) {
			waits |= p->threads[i].phase == PHASE_BEGINS;
			failed |= p->threads[i].phase == PHASE_FAILED;
		}
		if (waits)
			pthread_cond_wait(&p->changed, &p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return !failed;
}

void sdk_say_why_ended(int error)
{
	if (error == -EACCES)
		sp_log(NULL, SP_ERROR,
		       "cut off by the kernel: a descriptor this process sent was refused, see the "
		       "runtime's log for the reason");
	else if (error == -EPIPE || error == -ECONNRESET)
		sp_log(NULL, SP_ERROR, "the runtime has closed the chain's socket");
	else
		sp_log(NULL, SP_ERROR, "the chain's socket failed: %s", strerror(-error));
}

static void *worker_main(void *arg)
{
	struct worker_thread *t = arg;
	struct sdk_process *p = t->process;

	worker_begin(t);
	if (t->result == 0 && all_ready(p)) {
		t->result = sdk_loop_run(&t->loop);
		if (t->result < 0) { /* with a worker less the process is no good: another comes */
			sdk_say_why_ended(t->result);
			sdk_log_flush();
			_exit(1);
		}
	}
	worker_end(t);
	return NULL;
}

int sdk_threads_begin(struct sdk_process *p)
{
	uint32_t count = p->wiring.worker_count;
	int r = 0;

	p->threads = calloc(count, sizeof(*p->threads));
	if (!p->threads) {
		snprintf(p->why, sizeof(p->why), "no memory for %u workers", count);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < count; i++)
		p->threads[i].process = p;
	for (uint32_t i = 1; i < count; i++) {
		struct worker_thread *t = &p->threads[i];

		r = -pthread_create(&t->thread, NULL, worker_main, t);
		t->joinable = r == 0;
		if (r < 0)
			phase_set(t, PHASE_FAILED, "cannot make a thread");
	}
	worker_begin(&p->threads[0]);
	for (uint32_t i = 0; i < count && !all_ready(p); i++)
		if (p->threads[i].result < 0)
			return p->threads[i].result;
	return r;
}

void sdk_threads_end(struct sdk_process *p)
{
	if (!p->threads)
		return;
	for (uint32_t i = 1; i < p->wiring.worker_count; i++)
		if (p->threads[i].joinable)
			pthread_join(p->threads[i].thread, NULL);
	worker_end(&p->threads[0]);
}
