// SPDX-License-Identifier: Apache-2.0
#include "functions/sdk/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "functions/sdk/counter.h"
#include "functions/sdk/log.h"
#include "functions/sdk/poison.h"
#include "functions/sdk/process.h"
#include "shm/memory.h"

#define HEAP_AT offsetof(struct wiring_function, heap.data)

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
	int fd = p->fds[WIRING_FN_MEMORY];
	int r = p->wiring.read_only ? shm_memory_view(fd, size, &p->memory) :
				      shm_memory_map(fd, size, &p->memory);

	if (r < 0)
		return wrong(p, r, "cannot map the pool");
	r = shm_memory_view(fd, size, &p->view);
	if (r < 0)
		return wrong(p, r, "cannot map the pool to read");
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
		r = sdk_threads_begin(p);
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
		sdk_say_why_ended(r);
	return r;
}

struct sdk_process *sdk_process_free(struct sdk_process *p)
{
	if (!p)
		return NULL;
	sdk_threads_end(p);
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
