// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/gateway_rig.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/admit.h"
#include "gateway/intake.h"
#include "gateway/overload.h"
#include "gateway/request.h"
#include "gateway/sweep.h"
#include "gateway/tables.h"
#include "tests/bpf/differential.h"
#include "tests/fuzz/small_layout.h"

enum { SEND_FD = 1 << 20, RECEIVE_FD, QUEUED_MAX = 2 };

ssize_t __wrap_recv(int fd, void *to, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);

struct gateway_rig f = { .clients = { -1, -1, -1, -1, -1, -1 } };

void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "ERROR: %s\n", what);
	abort();
}

/* ---- the kernel ---- */

void tables_read(void)
{
	for (uint32_t i = 0; i < f.g.wiring.layout.buffer_count; i++) {
		const struct sp_owner *o = &f.g.owners[i];
		struct model_buffer *b = &f.m.buffers[i];

		b->gen = (uint32_t)(o->word >> 32);
		b->holder = (uint32_t)o->word;
		b->home = o->home;
		b->leased = o->leased;
		b->refs = o->refs;
		b->ref = o->ref;
		b->hops = o->hops;
		b->cap = o->cap;
	}
	for (uint32_t s = 1; s < MODEL_SLOTS; s++)
		f.m.slots[s].refill = f.g.instances[s].refill;
}

/* A call that comes home is drawn a generation for. */
static void generations_draw(struct model_result *result)
{
	static struct random random = { 1 };

	for (uint64_t left = result->drawn; left; left &= left - 1)
		f.m.buffers[__builtin_ctzll(left)].gen = random_below(&random, UINT32_MAX);
}

static void tables_write(void)
{
	for (uint32_t i = 0; i < f.g.wiring.layout.buffer_count; i++) {
		struct sp_owner *o = &f.g.owners[i];
		const struct model_buffer *b = &f.m.buffers[i];

		if (b->hops > o->hops && b->hops > 1)
			o->hop[b->hops - 2] =
				o->hop[b->hops - 2].fn ? o->hop[b->hops - 2] : b->last;
		o->home = b->home;
		o->leased = b->leased;
		o->refs = b->refs;
		o->ref = b->ref;
		o->hops = b->hops;
		if (b->hops > 0)
			o->hop[b->hops - 1] = b->last;
		o->word = SP_OWNER_WORD(b->gen, b->holder);
	}
	for (uint32_t s = 1; s < MODEL_SLOTS; s++) {
		f.g.instances[s].refill = f.m.slots[s].refill;
		f.g.instances[s].in_flight = f.m.slots[s].in_flight;
		f.g.instances[s].limit = f.m.slots[s].limit;
	}
}

int kernel(uint32_t slot, const void *data, size_t len)
{
	struct model_result result;
	struct sp_desc first;
	uint32_t choices = 0;

	tables_read();
	if (len >= sizeof(first)) {
		memcpy(&first, data, sizeof(first));
		choices = model_choices(&f.m, slot, &first);
	}
	model_send(&f.m, slot, data, len, choices ? (uint32_t)__builtin_ctz(choices) : 0, &result);
	generations_draw(&result);
	if (result.reason < 0 && result.to == f.w->slot && f.queued + result.count <= QUEUE_MAX) {
		memcpy(&f.queue[f.queued], result.descs, result.count * sizeof(first));
		f.queued += result.count;
	}
	tables_write();
	return result.reason;
}

ssize_t __wrap_send(int fd, const void *data, size_t size, int flags)
{
	if (fd != SEND_FD)
		return __real_send(fd, data, size, flags);
	require(kernel(f.w->slot, data, size) < 0, "the gateway's send is a violation");
	return (ssize_t)size;
}

/* Sometimes in parts, as a stream may. */
ssize_t __wrap_recv(int fd, void *to, size_t size, int flags)
{
	size_t n;

	if (fd != RECEIVE_FD)
		return __real_recv(fd, to, size, flags);
	n = f.queued * sizeof(f.queue[0]);
	n = n < size ? n : size;
	n -= n % sizeof(f.queue[0]);
	memcpy(to, f.queue, n);
	f.queued -= (uint32_t)(n / sizeof(f.queue[0]));
	memmove(f.queue, &f.queue[n / sizeof(f.queue[0])], f.queued * sizeof(f.queue[0]));
	if (n > 0)
		return (ssize_t)n;
	errno = EAGAIN;
	return -1;
}

/* ---- the gateway, as main.c and worker.c start it ---- */

static void wiring_make(struct wiring_gateway *w)
{
	const uint32_t sizes[] = { 1024, 8192 };

	w->abi = WIRING_ABI;
	w->worker_count = 1;
	w->slots[0] = 1;
	w->timeout_ns = 3600000000000ULL;
	w->fn_count = MODEL_FNS - 1;
	w->calls = 1;
	w->max_queue = QUEUED_MAX;
	w->interval_ms = 3600000;
	w->idempotent = 1U << 2;
	w->trace = 1;
	require(wiring_put(&w->heap, "chain", &w->chain) == 0, "heap");
	for (uint32_t fn = 1; fn <= w->fn_count; fn++)
		require(wiring_put(&w->heap, "function", &w->fn_names[fn]) == 0, "heap");
	w->ingress_count = 1;
	w->ingress[0].max_body = 8000;
	require(wiring_put(&w->heap, "", &w->ingress[0].host) == 0 &&
			wiring_put(&w->heap, "/*", &w->ingress[0].path) == 0,
		"heap");
	for (uint32_t fn = 1; fn <= w->fn_count; fn++)
		w->rules.rules[w->rules.count++] = (struct rule){
			.kind = fn < w->fn_count ? RULE_PATH : RULE_ALWAYS,
			.wire_edge = (uint8_t)fn,
			.value_len = 2,
			.value = { '/', (char)('0' + fn) },
		};
	w->layout = small_layout(sizes, 2, MODEL_BUFFERS / 4);
	w->size = (uint32_t)(offsetof(struct wiring_gateway, heap.data) + w->heap.used);
}

static void worker_start(struct gw_worker *w)
{
	for (uint32_t i = 0; i < SP_FN_MAX; i++)
		h2o_linklist_init_anchor(&w->held[i]);
	w->loop = h2o_evloop_create();
	h2o_context_init(&w->http, w->loop, &w->gateway->http);
	h2o_timeout_init(w->loop, &w->deadline, 3600000);
	gw_overload_init(w);
	h2o_timeout_init(w->loop, &w->stall, 3600000);
	h2o_timeout_init(w->loop, &w->drain, 3600000);
	h2o_timeout_init(w->loop, &w->idle, 3600000);
	gw_sweep_init(w);
	w->accept = (h2o_accept_ctx_t){ .ctx = &w->http, .hosts = w->gateway->http.hosts };
}

void start(void)
{
	const int fds[3] = { -1, SEND_FD, RECEIVE_FD };
	struct gateway *g = &f.g;
	int control[2];

	if (f.w)
		return;
	signal(SIGPIPE, SIG_IGN);
	model_init(&f.m, 0);
	f.m.slots[2] = (struct model_slot){ 0 }; /* one worker */
	for (uint32_t i = 0; i < MODEL_BUFFERS; i++)
		f.m.buffers[i] = (struct model_buffer){ .holder = SP_HOLDER_FREE };
	wiring_make(&g->wiring);
	g->chain = wiring_get(&g->wiring.heap, g->wiring.chain);
	for (uint32_t fn = 1; fn <= g->wiring.fn_count; fn++)
		g->fn_names[fn] = wiring_get(&g->wiring.heap, g->wiring.fn_names[fn]);
	g->base = aligned_alloc(64, g->wiring.layout.size);
	g->owners = calloc(g->wiring.layout.buffer_count, sizeof(*g->owners));
	g->instances = calloc(SP_INST_MAX, sizeof(*g->instances));
	g->stats = calloc(1, (sizeof(*g->stats) + 63) / 64 * 64);
	g->workers = aligned_alloc(64, (sizeof(*g->workers) + 63) / 64 * 64);
	require(g->base && g->owners && g->instances && g->stats && g->workers, "memory");
	memset(g->workers, 0, sizeof(*g->workers));
	memset(g->base, 0, g->wiring.layout.size);
	for (uint32_t s = 1; s < MODEL_SLOTS; s++)
		g->instances[s].fn = f.m.slots[s].fn;
	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, control) == 0,
		"socketpair");
	g->control = control[0];
	f.control = control[1];
	g->undrained = 1;
	require(shm_dpdk_init() == 0 && gw_requests_new(g) == 0 &&
			shm_pool_new(&g->wiring.layout, g->owners, &g->pool) == 0,
		"the pool");
	gw_intake_http(&g->http, gw_admit_handler);
	require(gw_tables_init(g) == 0 && gw_worker_init(g->workers, g, 0, fds, -1) == 0,
		"the worker");
	f.w = g->workers;
	worker_start(f.w);
}
