// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_gateway.c - a real gateway worker between real clients and functions that do whatever the
 * kernel program lets them do: no crash, no violation by the gateway, and in the end every buffer
 * is free again.
 *
 * How: the worker runs in this thread; clients are sockets that ask over HTTP/1; the kernel is
 * the model of tests/bpf, which works on the gateway's ownership table. An input is a byte (lowest
 * bits 01: functions change the memory meanwhile), then steps: what, slot, a, b, and what follows:
 * descriptors (steps.h), or bytes to be written into a slot.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/conn.h"
#include "gateway/inbox.h"
#include "gateway/instance.h"
#include "gateway/lease.h"
#include "gateway/overload.h"
#include "gateway/request.h"
#include "gateway/sweep.h"
#include "tests/fuzz/gateway_rig.h"
#include "tests/fuzz/mutator.h"
#include "tests/fuzz/steps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEP = 4, TURNS = 3, ROUNDS = 4096 };
enum what { SEND, WRITE, ASK, LEAVE, LOST, UP, RECEIVER, WHATS };

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
		gw_sweep_turn(f.w);
		gw_overload_turn(f.w);
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
		f.m.slots[slot].limit = data[2] >> 1 & 3;
		f.m.fns[f.m.slots[slot].fn].gate = (data[2] >> 3 & 3) % (SP_GATE_AJAR + 1);
		f.m.slots[slot].probes = data[2] >> 5;
		break;
	}
	turns();
	return used;
}

static uint32_t free_count(void)
{
	uint32_t free = 0;

	for (uint32_t cls = 0; cls < f.g.wiring.layout.class_count; cls++)
		free += shm_pool_available(f.g.pool, cls);
	return free;
}

/* What is held for a function goes to an instance, and all instances die: a client that only
 * stopped to send may still wait. */
static void end_all(void)
{
	for (uint32_t fn = 1; fn < MODEL_FNS; fn++) {
		f.m.slots[3].enabled = true;
		f.m.slots[3].limit = f.g.instances[3].limit = UINT16_MAX;
		f.m.fns[1].gate = SP_GATE_OPEN;
		f.m.fns[0].routes[fn].fn = 1;
		f.g.instances[3].fn = fn; /* the gateway looks where there is room */
		gw_instance_announce_up(&f.g, fn);
		turns();
		f.m.fns[0].routes[fn].fn = (uint16_t)fn;
		f.g.instances[3].fn = f.m.slots[3].fn;
	}
	for (uint32_t s = 3; s < 7; s++)
		lost(s);
}

/* Clients go, instances die: what there was comes back. */
static void finish(void)
{
	struct gateway *g = &f.g;
	uint32_t free;

	for (uint32_t i = 0; i < CLIENTS; i++)
		leave(i);
	turns();
	/* A request behind another one begins when that has ended. */
	for (int i = 0; i < ROUNDS && (i < 2 || free_count() < g->wiring.layout.buffer_count); i++)
		end_all();
	gw_instance_end(f.w);
	turns();
	free = free_count();
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
	changes = (data[0] & 3) == 1;
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
