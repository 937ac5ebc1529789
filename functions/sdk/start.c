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
#include "shm/memory.h"
#include "sproxy/wiring.h"

#define HEAP_AT offsetof(struct wiring_function, heap.data)

struct sdk_process {
	struct sdk_loop loop;
	bool started; /* init succeeded: fini is due */
	int sock;     /* to the controller; open while we live */
	int fds[WIRING_FN_FDS];
	size_t fd_count;
	void *memory;  /* NULL: not mapped */
	char why[224]; /* what is wrong, for people */
	struct wiring_function wiring;
};

static int wrong(struct sdk_process *p, int error, const char *what)
{
	snprintf(p->why, sizeof(p->why), "%s: %s", what, strerror(-error));
	return error;
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
	    w->worker_count != 1 || w->workers[0].home >= SP_INST_MAX || shm_layout_check(&w->layout) < 0 ||
	    p->fd_count != WIRING_FN_FDS)
		return wrong(p, -EBADMSG, "the controller's wiring");
	return 0;
}

static int wiring_take(struct sdk_process *p)
{
	ssize_t n = wiring_receive(p->sock, &p->wiring, sizeof(p->wiring), p->fds, WIRING_FN_FDS,
				   &p->fd_count);

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

static int map_all(struct sdk_process *p)
{
	struct wiring_page *page;
	void *at;
	int r;

	r = make_blocking(p->fds[WIRING_FN_SEND]);
	if (r == 0)
		r = make_blocking(p->fds[WIRING_FN_RECEIVE]);
	if (r < 0)
		return wrong(p, r, "cannot use the sockets");
	r = shm_memory_map(p->fds[WIRING_FN_MEMORY], p->wiring.layout.size, &p->memory);
	if (r < 0)
		return wrong(p, r, "cannot map the pool");
	/* A core would hold other requests as well, and be long in the writing, and so the
	 * process long in dying; hugepages are left out by the kernel anyway. */
	madvise(p->memory, p->wiring.layout.size, MADV_DONTDUMP);
	r = shm_memory_map(p->fds[WIRING_FN_PAGE], sizeof(*page), &at);
	if (r < 0)
		return wrong(p, r, "cannot map the page of counters and routes");
	page = at;
	p->loop.page = page;
	sdk_counters_use(&page->counters); /* never unmapped: threads may count at any time */
	return 0;
}

static void worker_fill(struct sdk_process *p, const sp_function *function)
{
	struct wiring_function *w = &p->wiring;
	struct sp_worker *worker = &p->loop.worker;

	worker->function = function;
	worker->chain = wiring_get(&w->heap, w->chain);
	worker->name = wiring_get(&w->heap, w->name);
	worker->config_count = w->config_count;
	for (uint32_t i = 0; i < w->config_count; i++) {
		worker->config[i].key = wiring_get(&w->heap, w->config[i].key);
		worker->config[i].value = wiring_get(&w->heap, w->config[i].value);
	}
	p->loop.home = w->workers[0].home;
	p->loop.max_hops = w->max_hops;
	p->loop.layout = &w->layout;
	p->loop.memory = p->memory;
}

static int report(struct sdk_process *p, uint32_t type)
{
	struct wiring_msg msg = { .type = type, .slot = p->wiring.workers[0].slot, .fn = p->wiring.fn };

	snprintf(msg.text, sizeof(msg.text), "%s", p->why);
	return wiring_send(p->sock, &msg, sizeof(msg), NULL, 0);
}

static int start(struct sdk_process *p, const sp_function *function)
{
	int r = wiring_take(p);

	if (r == 0)
		r = map_all(p);
	if (r < 0)
		return r;
	worker_fill(p, function);
	r = sdk_loop_init(&p->loop, p->fds[WIRING_FN_RECEIVE], p->fds[WIRING_FN_SEND]);
	if (r < 0)
		return wrong(p, r, "cannot make the inbox");
	r = sdk_worker_start(&p->loop.worker, p->why, sizeof(p->why));
	if (r < 0)
		return r;
	p->started = true;
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
	p->sock = sock;
	r = start(p, function);
	if (r < 0) {
		sp_log(NULL, SP_ERROR, "cannot start: %s", p->why);
		report(p, WIRING_FAILED);
		sdk_process_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

struct sdk_loop *sdk_process_loop(struct sdk_process *process)
{
	return &process->loop;
}

struct sdk_process *sdk_process_free(struct sdk_process *p)
{
	if (!p)
		return NULL;
	if (p->started)
		sdk_worker_stop(&p->loop.worker);
	sdk_log_flush();
	if (p->loop.memory)
		sdk_loop_done(&p->loop);
	if (p->memory)
		munmap(p->memory, p->wiring.layout.size);
	for (size_t i = 0; i < p->fd_count; i++)
		close(p->fds[i]);
	close(p->sock);
	free(p);
	return NULL;
}
