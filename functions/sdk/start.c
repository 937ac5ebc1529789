// SPDX-License-Identifier: Apache-2.0
#include "functions/sdk/start.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "functions/sdk/counter.h"
#include "functions/sdk/log.h"
#include "functions/sdk/poison.h"
#include "shm/memory.h"
#include "sproxy/wiring.h"

#define HEAP_AT offsetof(struct wiring_function, heap.data)

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

static int wrong(struct sdk_process *p, int error, const char *what)
{
	snprintf(p->why, sizeof(p->why), "%s: %s", what, strerror(-error));
	return error;
}

/* ---- what the controller hands over ---- */

static bool workers_valid(const struct sdk_process *p)
{
	const struct wiring_function *w = &p->wiring;

	if (w->worker_count == 0 || w->worker_count > WIRING_FN_WORKER_MAX)
		return false;
	for (uint32_t i = 0; i < w->worker_count; i++)
		if (w->workers[i].slot >= SP_INST_MAX || w->workers[i].home >= SP_INST_MAX)
			return false;
	return p->fd_count == WIRING_FN_WORKERS + 2 * w->worker_count;
}

static int wiring_check(struct sdk_process *p, size_t size)
{
	const struct wiring_function *w = &p->wiring;

	if (size >= sizeof(w->abi) && w->abi != WIRING_ABI) {
		snprintf(p->why, sizeof(p->why),
			 "controller speaks wiring %u, this libsprocket %u: use the same version",
			 w->abi, WIRING_ABI);
		return -EPROTO;
	}
	if (size < HEAP_AT || w->size != size || w->heap.used > size - HEAP_AT ||
	    w->heap.used > WIRING_HEAP_MAX || w->config_count > WIRING_CONFIG_MAX ||
	    w->fn_count >= SP_FN_MAX || w->concurrency == 0 || !workers_valid(p) ||
	    shm_layout_check(&w->layout) < 0)
		return wrong(p, -EBADMSG, "the controller's wiring");
	return 0;
}

static int wiring_take(struct sdk_process *p)
{
	ssize_t n = wiring_receive(p->sock, &p->wiring, sizeof(p->wiring), p->fds,
				   WIRING_FN_FDS_MAX, &p->fd_count);

	if (n <= 0)
		return wrong(p, n < 0 ? (int)n : -EPIPE, "cannot receive the wiring");
	return wiring_check(p, (size_t)n);
}

/* The loop sleeps in recv() and send(); on a non-blocking socket it would spin. */
static int make_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (flags & O_NONBLOCK && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0))
		return -errno;
	return 0;
}

/* Twice: what others read as well is read through a mapping that cannot be written. */
static int memory_map(struct sdk_process *p)
{
	uint64_t size = p->wiring.layout.size;
	int r = shm_memory_map(p->fds[WIRING_FN_MEMORY], size, &p->memory);

	if (r < 0)
		return wrong(p, r, "cannot map the pool");
	p->view = mmap(NULL, size, PROT_READ, MAP_SHARED, p->fds[WIRING_FN_MEMORY], 0);
	if (p->view == MAP_FAILED) {
		p->view = NULL;
		return wrong(p, -errno, "cannot map the pool to read");
	}
	/* A core would hold other requests as well, and be long in the writing, and so the
	 * process long in dying; hugepages are left out by the kernel anyway. */
	madvise(p->memory, size, MADV_DONTDUMP);
	madvise(p->view, size, MADV_DONTDUMP);
	/* Nothing is ours yet: a touch of any buffer is a report under AddressSanitizer. */
	sdk_poison(p->memory, size);
	return 0;
}

static int map_all(struct sdk_process *p)
{
	struct wiring_page *page;
	void *at;
	int r = 0;

	for (size_t i = WIRING_FN_WORKERS; r == 0 && i < p->fd_count; i++)
		r = make_blocking(p->fds[i]);
	if (r < 0)
		return wrong(p, r, "cannot use the sockets");
	r = memory_map(p);
	if (r < 0)
		return r;
	r = shm_memory_map(p->fds[WIRING_FN_PAGE], sizeof(*page), &at);
	if (r < 0)
		return wrong(p, r, "cannot map the page of counters and routes");
	page = at;
	p->page = page;
	sdk_counters_use(&page->counters); /* never unmapped: threads may count at any time */
	for (uint32_t i = 1; i <= p->wiring.fn_count; i++)
		p->fn_names[i] = wiring_get(&p->wiring.heap, p->wiring.fn_names[i]);
	p->fn_names[0] = "";
	return 0;
}

/* ---- the threads ---- */

static void loop_fill(struct sdk_process *p, uint32_t index)
{
	struct wiring_function *w = &p->wiring;
	struct sdk_loop *loop = &p->threads[index].loop;
	struct sp_worker *worker = &loop->worker;

	worker->function = p->function;
	worker->chain = wiring_get(&w->heap, w->chain);
	worker->name = wiring_get(&w->heap, w->name);
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
	loop->view = p->view;
}

static int cpu_pin(uint32_t cpu)
{
	cpu_set_t set;

	if (cpu == UINT32_MAX)
		return 0;
	if (cpu >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return -pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
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
	t->result = cpu_pin(p->wiring.workers[index].cpu);
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

static void say_why_ended(int error)
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
			say_why_ended(t->result);
			sdk_log_flush();
			_exit(1);
		}
	}
	worker_end(t);
	return NULL;
}

static int threads_begin(struct sdk_process *p)
{
	uint32_t count = p->wiring.worker_count;
	int r = 0;

	p->threads = calloc(count, sizeof(*p->threads));
	if (!p->threads)
		return wrong(p, -ENOMEM, "cannot make the workers");
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

/* ---- the process ---- */

static int report(struct sdk_process *p, uint32_t type)
{
	struct wiring_msg msg = { .type = type,
				  .slot = p->wiring.workers[0].slot,
				  .fn = p->wiring.fn };

	snprintf(msg.text, sizeof(msg.text), "%s", p->why);
	return wiring_send(p->sock, &msg, sizeof(msg), NULL, 0);
}

static int start(struct sdk_process *p)
{
	int r = wiring_take(p);

	if (r == 0)
		r = map_all(p);
	if (r == 0)
		r = threads_begin(p);
	if (r < 0)
		return r;
	r = report(p, WIRING_READY);
	return r < 0 ? wrong(p, r, "cannot reach the controller") : 0;
}

int sdk_process_start(const sp_function *function, int sock, struct sdk_process **ret)
{
	struct sdk_process *p = calloc(1, sizeof(*p));
	int r;

	if (!p) {
		close(sock);
		return -ENOMEM;
	}
	p->function = function;
	p->sock = sock;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	r = start(p);
	if (r < 0) {
		sp_log(NULL, SP_ERROR, "cannot start: %s", p->why);
		report(p, WIRING_FAILED);
		sdk_process_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

int sdk_process_run(struct sdk_process *p)
{
	int r = sdk_loop_run(&p->threads[0].loop);

	if (r < 0)
		say_why_ended(r);
	return r;
}

struct sdk_process *sdk_process_free(struct sdk_process *p)
{
	uint32_t count = p && p->threads ? p->wiring.worker_count : 0;

	if (!p)
		return NULL;
	for (uint32_t i = 1; i < count; i++)
		if (p->threads[i].joinable)
			pthread_join(p->threads[i].thread, NULL);
	if (count > 0)
		worker_end(&p->threads[0]);
	sdk_log_flush();
	if (p->memory) {
		sdk_unpoison(p->memory, p->wiring.layout.size);
		munmap(p->memory, p->wiring.layout.size);
	}
	if (p->view)
		munmap(p->view, p->wiring.layout.size);
	for (size_t i = 0; i < p->fd_count; i++)
		close(p->fds[i]);
	close(p->sock);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	free(p->threads);
	free(p);
	return NULL;
}
