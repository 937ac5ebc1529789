// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_gateway.c - a real gateway worker between real clients and functions that do whatever the
 * kernel program lets them do: no crash, no violation by the gateway, and in the end every buffer
 * is free again.
 *
 * How: the worker runs in this thread; clients are sockets that ask over HTTP/1; the kernel is
 * the model of tests/bpf, which works on the gateway's ownership table. An input is a byte (bit
 * 0: functions change the memory meanwhile), then steps: what, slot, a, b, and what follows:
 * descriptors (steps.h), or bytes to be written into a slot.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/admit.h"
#include "gateway/conn.h"
#include "gateway/inbox.h"
#include "gateway/instance.h"
#include "gateway/lease.h"
#include "gateway/request.h"
#include "gateway/tables.h"
#include "gateway/worker.h"
#include "tests/bpf/differential.h"
#include "tests/fuzz/mutator.h"
#include "tests/fuzz/small_layout.h"
#include "tests/fuzz/steps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
ssize_t __wrap_recv(int fd, void *to, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
ssize_t __real_recv(int fd, void *to, size_t size, int flags);
ssize_t __real_send(int fd, const void *data, size_t size, int flags);

enum { STEP = 4, CLIENTS = 6, SEND_FD = 1 << 20, RECEIVE_FD, QUEUE_MAX = 4096, TURNS = 3 };
enum what { SEND, WRITE, ASK, LEAVE, LOST, UP, RECEIVER, WHATS };

static struct {
	struct gateway g;
	struct gw_worker *w;
	struct model m;
	int control;
	int clients[CLIENTS];
	struct sp_desc queue[QUEUE_MAX]; /* what waits at the worker */
	uint32_t queued;
} f = { .clients = { -1, -1, -1, -1, -1, -1 } };

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "ERROR: %s\n", what);
	abort();
}

/* ---- the kernel ---- */

static void tables_read(void)
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
	for (uint32_t s = 1; s < MODEL_SLOTS; s++)
		f.g.instances[s].refill = f.m.slots[s].refill;
}

/* Returns the verdict, -1: passed. */
static int kernel(uint32_t slot, const void *data, size_t len)
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

static void http_config(struct gateway *g)
{
	h2o_hostconf_t *host;

	h2o_config_init(&g->http);
	g->http.server_name = h2o_iovec_init(H2O_STRLIT(""));
	host = h2o_config_register_host(&g->http, h2o_iovec_init(H2O_STRLIT("default")), 65535);
	host->fallback_path.error_log.emit_request_errors = 0;
	gw_problem_filter(&host->fallback_path);
	gw_admit_handler(&host->fallback_path);
}

static void worker_start(struct gw_worker *w)
{
	for (uint32_t i = 0; i < SP_FN_MAX; i++)
		h2o_linklist_init_anchor(&w->held[i]);
	w->loop = h2o_evloop_create();
	h2o_context_init(&w->http, w->loop, &w->gateway->http);
	h2o_timeout_init(w->loop, &w->deadline, 3600000);
	h2o_timeout_init(w->loop, &w->stall, 3600000);
	h2o_timeout_init(w->loop, &w->drain, 3600000);
	h2o_timeout_init(w->loop, &w->idle, 3600000);
	w->accept = (h2o_accept_ctx_t){ .ctx = &w->http, .hosts = w->gateway->http.hosts };
}

static void start(void)
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
	http_config(g);
	require(gw_tables_init(g) == 0 && gw_worker_init(g->workers, g, 0, fds, -1) == 0,
		"the worker");
	f.w = g->workers;
	worker_start(f.w);
}

/* ---- turns of its loop ---- */

/* As on_mail() of worker.c, without what ends a worker. */
static void mail(struct gw_worker *w)
{
	struct gw_mailbox *box = &w->mailbox;
	uint64_t bits, count;

	if (read(box->fd, &count, sizeof(count)) < 0)
		return;
	bits = __atomic_exchange_n(&box->lost[0], 0, __ATOMIC_ACQUIRE);
	for (; bits; bits &= bits - 1)
		gw_instance_lost(w, (uint32_t)__builtin_ctzll(bits));
	bits = __atomic_exchange_n(&box->up, 0, __ATOMIC_ACQUIRE);
	for (; bits; bits &= bits - 1)
		gw_instance_up(w, (uint32_t)__builtin_ctzll(bits));
	if (__atomic_exchange_n(&box->flush, 0, __ATOMIC_SEQ_CST))
		gw_lease_flush(w);
	if (__atomic_exchange_n(&box->lease, 0, __ATOMIC_SEQ_CST))
		gw_lease_serve(w);
}

static void clients_read(void)
{
	char bytes[16384];

	for (uint32_t i = 0; i < CLIENTS; i++) {
		ssize_t n = f.clients[i] < 0 ?
				    -1 :
				    __real_recv(f.clients[i], bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n == 0) {
			close(f.clients[i]);
			f.clients[i] = -1;
		}
	}
}

static void turns(void)
{
	struct wiring_msg msg;

	for (int i = 0; i < TURNS; i++) {
		gw_inbox_take(f.w);
		mail(f.w);
		h2o_evloop_run(f.w->loop, 0);
		gw_outbox_flush(f.w);
		f.w->now_ns = 0;
	}
	while (__real_recv(f.control, &msg, sizeof(msg), MSG_DONTWAIT) > 0)
		;
	clients_read();
}

/* ---- steps ---- */

static const char *const asks[] = {
	"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /2?q HTTP/1.1\r\nHost: a\r\nX-Request-Id: id\r\nAccept: */*\r\n\r\n",
	"HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
	"GET /3 HTTP/1.1\r\nHost: a\r\n\r\n", /* nobody is there */
	"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /1 HTTP/1.0\r\n\r\n",
	"POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
};

static void ask(uint32_t client, uint32_t which)
{
	const char *text = asks[which % (sizeof(asks) / sizeof(asks[0]))];
	int *fd = &f.clients[client % CLIENTS], pair[2];
	h2o_socket_t *sock;

	if (*fd < 0) {
		require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) ==
				0,
			"socketpair");
		*fd = pair[0];
		sock = h2o_evloop_socket_create(f.w->loop, pair[1], 0);
		gw_conn_count(f.w, sock);
		h2o_accept(&f.w->accept, sock);
		f.w->http1_read = sock->_cb.read;
	}
	if (__real_send(*fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

static void leave(uint32_t client)
{
	int *fd = &f.clients[client % CLIENTS];

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void lost(uint32_t slot)
{
	f.m.slots[slot].reachable = false;
	f.m.slots[slot].enabled = false;
	gw_instance_announce_lost(&f.g, &(struct wiring_msg){ .type = WIRING_LOST,
							      .slot = slot,
							      .fn = f.m.slots[slot].fn });
	turns();
	f.m.slots[slot].life++;
	f.m.slots[slot].cancels = f.m.slots[slot].refill = f.m.slots[slot].in_flight = 0;
	f.g.instances[slot].refill = 0;
	f.m.slots[slot].reachable = true;
	f.m.slots[slot].enabled = true;
}

static size_t step(const uint8_t *data, size_t size)
{
	uint32_t slot = 3 + data[1] % 4, buf = data[2] % f.g.wiring.layout.buffer_count,
		 n = data[3];
	struct sp_desc descs[SP_BATCH_MAX];
	size_t used = STEP;
	uint32_t count = 0;

	switch (data[0] % WHATS) {
	case SEND:
		tables_read();
		for (; count < n && count < SP_BATCH_MAX && used + STEPS_DESC <= size;
		     used += STEPS_DESC)
			descs[count++] = steps_desc(&f.m, data + used);
		if (count > 0)
			kernel(slot, descs, count * sizeof(descs[0]));
		break;
	case WRITE: /* also to what it does not hold: nothing prevents it */
		n = n < size - used ? n : (uint32_t)(size - used);
		memcpy((char *)gw_slot(&f.g, buf) + (size_t)data[1] % 48 * 8, data + used, n);
		used += n;
		break;
	case ASK:
		ask(data[1], data[2]);
		break;
	case LEAVE:
		leave(data[1]);
		break;
	case LOST:
		lost(slot);
		break;
	case UP:
		gw_instance_announce_up(&f.g, 1 + data[1] % 3);
		break;
	case RECEIVER: /* enabled or not, so that others find nobody */
		f.m.slots[slot].enabled = data[2] & 1;
		break;
	}
	turns();
	return used;
}

/* Clients go, instances die: what there was comes back. */
static void finish(void)
{
	struct gateway *g = &f.g;
	uint32_t free = 0;

	for (uint32_t i = 0; i < CLIENTS; i++)
		leave(i);
	turns();
	/* What is held for a function goes to an instance that dies then: a client that only
	 * stopped to send may still wait. */
	for (uint32_t fn = 1; fn < MODEL_FNS; fn++) {
		f.m.slots[3].enabled = true;
		f.m.fns[0].routes[fn].fn = 1;
		gw_instance_announce_up(g, fn);
		turns();
		f.m.fns[0].routes[fn].fn = (uint16_t)fn;
	}
	for (int i = 0; i < 2; i++)
		for (uint32_t s = 3; s < 7; s++)
			lost(s);
	gw_instance_end(f.w);
	turns();
	for (uint32_t cls = 0; cls < g->wiring.layout.class_count; cls++)
		free += shm_pool_available(g->pool, cls);
	for (uint32_t i = 0;
	     free != g->wiring.layout.buffer_count && i < g->wiring.layout.buffer_count; i++)
		if ((uint32_t)g->owners[i].word != SP_HOLDER_FREE)
			fprintf(stderr,
				"buffer %u: holder %u home %u leased %u refs %u ref %u state %u\n",
				i, (uint32_t)g->owners[i].word, g->owners[i].home,
				g->owners[i].leased, g->owners[i].refs, g->owners[i].ref,
				gw_request_of(g, i)->state);
	require(free == g->wiring.layout.buffer_count, "buffers are lost");
	require(f.w->live == 0 && f.w->stats->in_flight == 0 && f.w->stats->connections == 0 &&
			f.w->stats->leased == 0 && f.w->asking.count == 0,
		"a gauge is not 0 in the end");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool changes;

	start();
	if (size < 1)
		return 0;
	changes = data[0] & 1;
	data++;
	size--;
	f.g.up = 6; /* functions 1 and 2 */
	if (changes)
		mutator_begin(f.g.base, f.g.wiring.layout.size, (uint32_t)size);
	while (size >= STEP) {
		size_t used = step(data, size);

		data += used;
		size -= used;
	}
	if (changes)
		mutator_end();
	finish();
	return 0;
}
