// SPDX-License-Identifier: Apache-2.0
/*
 * main.c - starts a gateway: takes the wiring, maps the tables, starts the workers.
 *
 * How: everything that can fail does so here, before the first request, and is told to the
 * controller in one sentence that names the fix.
 * Exit codes: 0 drained, 1 could not start or the controller is gone, 2 wrong use.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gateway/admit.h"
#include "gateway/buffer.h"
#include "gateway/gateway.h"
#include "gateway/intake.h"
#include "gateway/lease.h"
#include "gateway/request.h"
#include "gateway/rights.h"
#include "gateway/tables.h"
#include "gateway/worker.h"
#include "shm/memory.h"

#define HEAP_KEPT (64 << 20)    /* bytes of free heap that are not given back to the system */
#define HEAP_LARGEST (32 << 20) /* bytes of an allocation that still comes from the heap */

/* Says why it cannot start; returns the exit code. */
__attribute__((format(printf, 2, 3))) static int fail(int control, const char *format, ...)
{
	struct wiring_msg msg = { .type = WIRING_FAILED };
	va_list args;

	va_start(args, format);
	vsnprintf(msg.text, sizeof(msg.text), format, args);
	va_end(args);
	fprintf(stderr, "sprocket-gateway: %s\n", msg.text);
	if (control >= 0)
		wiring_send(control, &msg, sizeof(msg), NULL, 0);
	return 1;
}

/* Why the wiring cannot be used, or NULL. */
static const char *wiring_fault(const struct wiring_gateway *w, ssize_t len, size_t fd_count)
{
	const char *fault = gw_tables_fault(w, len);

	if (!fault && fd_count != WIRING_GW_WORKERS + 3 * (size_t)w->worker_count + (w->front != 0))
		return "the wiring has not the fds that it names";
	return fault;
}

static int table_map(int fd, size_t size, void **ret)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *map = mmap(NULL, (size + page - 1) / page * page, PROT_READ | PROT_WRITE, MAP_SHARED,
			 fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	*ret = map;
	return 0;
}

static int tables_map(struct gateway *g, const int *fds)
{
	const struct shm_layout *layout = &g->wiring.layout;
	void *map;
	int r = table_map(fds[WIRING_GW_OWNERS], layout->buffer_count * sizeof(*g->owners), &map);

	if (r < 0)
		return fail(g->control, "cannot map the ownership table: %s", strerror(-r));
	g->owners = map;
	r = table_map(fds[WIRING_GW_INSTANCES], SP_INST_MAX * sizeof(*g->instances), &map);
	if (r < 0)
		return fail(g->control, "cannot map the instance table: %s", strerror(-r));
	g->instances = map;
	r = table_map(fds[WIRING_GW_STATS], sizeof(*g->stats), &map);
	if (r < 0)
		return fail(g->control, "cannot map the page of counts: %s", strerror(-r));
	g->stats = map;
	return 0;
}

static int pool_start(struct gateway *g, int memory_fd)
{
	const struct shm_layout *layout = &g->wiring.layout;
	void *base;
	int r = shm_memory_map(memory_fd, layout->size, &base);

	if (r < 0)
		return fail(g->control, "cannot map the pool's memory: %s", strerror(-r));
	g->base = base;
	/* After a gateway that died they are there as a rule, and to map them all again before
	 * the first request would take longer than all else: each is when it is touched. */
	if (!g->wiring.takeover || !shm_memory_populated(memory_fd, layout->size))
		r = shm_memory_populate(g->base, layout->size);
	if (r < 0)
		return fail(
			g->control,
			"the pool's %llu MiB cannot be had (%s): free memory or hugepages, raise "
			"the memory cgroup's limit, or lower pool.memory in the chain file",
			(unsigned long long)(layout->size >> 20), strerror(-r));
	r = gw_requests_new(g);
	if (r == 0 && g->wiring.takeover)
		r = shm_pool_take_over(layout, g->owners, g->wiring.slots, g->wiring.worker_count,
				       g->kept, &g->pool);
	else if (r == 0)
		r = shm_pool_new(layout, g->owners, &g->pool);
	if (r == -EBUSY)
		return fail(g->control,
			    "the kernel is still handing over a buffer of the pool; start the "
			    "chain anew");
	if (r < 0)
		return fail(g->control, "no memory for the pool of %u buffers: %s",
			    layout->buffer_count, strerror(-r));
	return 0;
}

/* A tenth is left for what a connection may need besides its socket. */
static void limits_set(struct gateway *g)
{
	uint32_t usable = gw_intake_fds() / 10 * 9 / g->wiring.worker_count;

	g->connection_limit = usable > 0 ? usable : 1;
}

static void names_read(struct gateway *g)
{
	g->chain = wiring_get(&g->wiring.heap, g->wiring.chain);
	for (uint32_t fn = 1; fn <= g->wiring.fn_count; fn++)
		g->fn_names[fn] = wiring_get(&g->wiring.heap, g->wiring.fn_names[fn]);
}

static int workers_init(struct gateway *g, const int *fds)
{
	int front = -1;

	g->workers =
		aligned_alloc(64, (sizeof(*g->workers) + 63) / 64 * 64 * g->wiring.worker_count);
	if (!g->workers)
		return fail(g->control, "no memory for %u workers", g->wiring.worker_count);
	memset(g->workers, 0, sizeof(*g->workers) * g->wiring.worker_count);
	if (g->wiring.front)
		front = fds[WIRING_GW_WORKERS + 3 * g->wiring.worker_count];
	for (uint32_t i = 0; i < g->wiring.worker_count; i++) {
		int r = gw_worker_init(&g->workers[i], g, i, fds + WIRING_GW_WORKERS + 3 * i,
				       front);

		if (r < 0)
			return fail(g->control, "cannot prepare worker %u: %s", i, strerror(-r));
	}
	return 0;
}

/* Runs all workers, the first in this thread, until they are told to finish. */
static int workers_run(struct gateway *g)
{
	uint32_t count = g->wiring.worker_count;

	g->undrained = count;
	pthread_barrier_init(&g->started, NULL, count);
	for (uint32_t i = 1; i < count; i++) {
		int r = pthread_create(&g->workers[i].thread, NULL, gw_worker_run, &g->workers[i]);

		if (r > 0)
			return fail(g->control, "cannot start worker %u: %s", i, strerror(r));
	}
	gw_worker_run(&g->workers[0]);
	for (uint32_t i = 1; i < count; i++)
		pthread_join(g->workers[i].thread, NULL);
	for (uint32_t i = 0; i < count; i++) {
		if (g->workers[i].error < 0)
			return fail(g->control, "worker %u (cpu %d) does not start: %s", i,
				    (int)g->wiring.cpus[i], strerror(-g->workers[i].error));
	}
	return 0;
}

static int gateway_run(struct gateway *g)
{
	int fds[WIRING_FD_MAX];
	size_t fd_count = 0;
	const char *fault;
	/* What takes longest, and needs nothing of the controller, which has work of its own. */
	int r = shm_dpdk_init();
	ssize_t len;

	if (r < 0)
		return fail(g->control, "DPDK does not start: %s", strerror(-r));
	len = wiring_receive(g->control, &g->wiring, sizeof(g->wiring), fds, WIRING_FD_MAX,
			     &fd_count);
	if (len <= 0)
		return fail(-1, "the controller went away before it sent the wiring");
	fault = wiring_fault(&g->wiring, len, fd_count);
	if (fault)
		return fail(g->control, "%s", fault);
	names_read(g);
	limits_set(g);
	if (tables_map(g, fds))
		return 1;
	if (g->wiring.takeover)
		gw_lease_find_unanswered(g);
	if (pool_start(g, fds[WIRING_GW_MEMORY]))
		return 1;
	gw_intake_http(&g->http, gw_admit_handler);
	if (gw_tables_init(g) < 0)
		return fail(g->control, "no memory for the tables");
	if (workers_init(g, fds))
		return 1;
	if (g->wiring.takeover)
		gw_requests_take_over(g);
	if (g->wiring.takeover && g->wiring.wipe_on_free)
		gw_buffers_wipe(g);
	r = gw_rights_drop(g->wiring.user);
	if (r < 0)
		return fail(g->control, "cannot give up its rights: %s", strerror(-r));
	if (workers_run(g))
		return 1;
	g->pool = shm_pool_free(g->pool);
	gw_requests_free(g);
	return 0;
}

int main(void)
{
	static struct gateway g;

	g.control = wiring_inherited();
	if (g.control < 0) {
		fprintf(stderr,
			"sprocket-gateway is started by Sprocket's controller, not by hand; "
			"run `sprocket run CHAIN.yaml`\n");
		return 2;
	}
	/* libh2o allocates for each request: giving the top of the heap back and taking it
	 * again at every wave of requests cost a brk and page faults for every 30 of them. */
	mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
	/* And once a threshold is set, malloc no longer learns that large blocks come again: each
	 * body of 64 KiB was read into pages mapped for it and given back after it, which took
	 * longer than all else. */
	mallopt(M_MMAP_THRESHOLD, HEAP_LARGEST);
	/* The same of a file in /tmp, where libh2o would read what is longer than 16 MiB. */
	h2o_socket_buffer_mmap_settings.threshold = SIZE_MAX;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* of a terminal: the controller drains us */
	/* The process ends here with all it has; the connections that a drain left open, too. */
	_exit(gateway_run(&g));
}
