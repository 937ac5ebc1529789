// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/chain.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const uint32_t function_of[SLOTS] = { 0, 0, 0, 1, 1, 2 };
static const uint32_t cpu_of[SLOTS] = { 0, 0, 1, 0, 1, 0 };

/* fn 0: function 1 of 2, or 2 of 1 */
static const struct sp_route edges[] = {
	[EDGE_NEXT] = { .kind = SP_ROUTE_FUNCTION },
	[EDGE_REPLY] = { .kind = SP_ROUTE_REPLY },
	[EDGE_NOBODY] = { .kind = SP_ROUTE_FUNCTION, .fn = 3 },
	[EDGE_CALL] = { .kind = SP_ROUTE_CALL },
	[EDGE_CALL_NOBODY] = { .kind = SP_ROUTE_CALL, .fn = 3 },
};

static struct fixture fixture;

int setup_with(void **state, const char *pins)
{
	const struct sproxy_options options = { .buffer_count = BUFFERS,
						.fn_count = 3,
						.pins = pins };
	struct fixture *f = &fixture;
	int r;

	memset(f, 0, sizeof(*f));
	r = sproxy_open(&options, &f->proxy);
	if (r == -EPERM)
		skip();
	assert_int_equal(r, 0);
	for (uint32_t s = GW; s < SLOTS; s++) {
		const struct sproxy_place place = { .fn = function_of[s],
						    .cpu = cpu_of[s],
						    .lender = GW };

		assert_int_equal(sproxy_attach(f->proxy, s, &place, &f->ends[s]), 0);
		if (function_of[s] != SP_GATEWAY_FN && s != A2)
			assert_int_equal(sproxy_enable(f->proxy, s, 8), 0);
	}
	for (uint32_t fn = 1; fn <= 3; fn++)
		sproxy_route(f->proxy, 0, fn,
			     (struct sp_route){ .kind = SP_ROUTE_FUNCTION, .fn = (uint16_t)fn });
	for (uint32_t fn = 1; fn <= 2; fn++)
		for (uint32_t edge = 0; edge < sizeof(edges) / sizeof(edges[0]); edge++)
			sproxy_route(f->proxy, fn, edge,
				     (struct sp_route){ .kind = edges[edge].kind,
							.fn = edges[edge].fn ?
								      edges[edge].fn :
								      (uint16_t)(3 - fn) });
	for (uint32_t i = 0; i < BUFFERS; i++) {
		struct sp_owner *o = &sproxy_owners(f->proxy)[i];

		o->cap = CAP;
		o->home = GW;
		o->word = SP_OWNER_WORD(7, GW);
	}
	*state = f;
	return 0;
}

int setup(void **state)
{
	return setup_with(state, NULL);
}

int teardown(void **state)
{
	struct fixture *f = *state;

	for (uint32_t s = GW; s < SLOTS; s++) {
		close(f->ends[s].send);
		close(f->ends[s].receive);
	}
	sproxy_close(f->proxy);
	f->proxy = NULL;
	return 0;
}

struct sp_desc desc(uint32_t buf, uint8_t edge)
{
	uint32_t gen = fixture.proxy && buf < BUFFERS ? (uint32_t)(word(&fixture, buf) >> 32) : 7;

	return (struct sp_desc){ .buf = buf, .gen = gen, .len = 10, .edge = edge, .home = GW };
}

struct sp_desc call(uint32_t buf, uint32_t slot)
{
	struct sp_desc d = desc(buf, EDGE_CALL);

	d.home = (uint16_t)slot;
	return d;
}

struct sp_owner *owner(struct fixture *f, uint32_t buf)
{
	return &sproxy_owners(f->proxy)[buf];
}

void stock(struct fixture *f, uint32_t buf, uint32_t slot)
{
	owner(f, buf)->leased = SP_LEASE_STOCK;
	give(f, buf, slot);
}

ssize_t put(struct fixture *f, uint32_t slot, const void *data, size_t len)
{
	return send(f->ends[slot].send, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int put_one(struct fixture *f, uint32_t slot, struct sp_desc d)
{
	return put(f, slot, &d, sizeof(d)) == sizeof(d) ? 0 : -errno;
}

ssize_t take(struct fixture *f, uint32_t slot, struct sp_desc *ret, size_t max)
{
	ssize_t n = recv(f->ends[slot].receive, ret, max * sizeof(*ret), MSG_DONTWAIT);

	return n < 0 ? -1 : n / (ssize_t)sizeof(*ret);
}

struct sp_desc taken(struct fixture *f, uint32_t slot)
{
	struct sp_desc d[2];

	assert_int_equal(take(f, slot, d, 2), 1);
	return d[0];
}

uint32_t holder(struct fixture *f, uint32_t buf)
{
	return (uint32_t)word(f, buf);
}

uint64_t word(struct fixture *f, uint32_t buf)
{
	return sproxy_owners(f->proxy)[buf].word;
}

void give(struct fixture *f, uint32_t buf, uint32_t slot)
{
	sproxy_owners(f->proxy)[buf].word = SP_OWNER_WORD(7, slot);
}

static void on_event(const struct sp_event *event, void *arg)
{
	struct fixture *f = arg;

	f->last_reason = event->reason;
	f->last_slot = event->slot;
}

int events(struct fixture *f)
{
	f->last_reason = UINT32_MAX;
	return sproxy_events_read(f->proxy, on_event, f);
}

void assert_refused(struct fixture *f, uint32_t slot, uint32_t reason)
{
	uint64_t counters[SP_COUNT_MAX];
	struct sp_desc d;

	assert_true(events(f) >= 1);
	assert_string_equal(sproxy_violation_name(f->last_reason), sproxy_violation_name(reason));
	assert_int_equal(f->last_slot, slot);
	assert_int_equal(sproxy_counters(f->proxy, counters), 0);
	assert_int_equal(counters[SP_COUNT_VIOLATION + reason], 1);
	for (uint32_t s = GW; s < SLOTS; s++)
		assert_int_equal(take(f, s, &d, 1), -1);
	assert_int_equal(put_one(f, slot, desc(0, EDGE_NEXT)), -EACCES);
}

struct sp_desc called(struct fixture *f, uint32_t buf)
{
	stock(f, buf, A);
	assert_int_equal(put_one(f, A, call(buf, A)), 0);
	return taken(f, B);
}

struct sp_desc answer(struct sp_desc d)
{
	d.edge = SP_EDGE_REPLY;
	return d;
}

uint32_t in_flight(struct fixture *f, uint32_t slot)
{
	return sproxy_instances(f->proxy)[slot].in_flight;
}

void detach(struct fixture *f, uint32_t slot)
{
	sproxy_detach(f->proxy, slot);
	close(f->ends[slot].send);
	close(f->ends[slot].receive);
	f->ends[slot] = (struct sproxy_ends){ -1, -1 };
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

uint64_t work(unsigned us)
{
	uint64_t end = now_ns() + us * 1000ULL, now;

	do
		now = now_ns();
	while (now < end);
	return now;
}

void round_trip(struct fixture *f, uint32_t count, uint8_t flags)
{
	struct sp_desc descs[SP_BATCH_MAX] = { 0 };
	size_t size = count * sizeof(descs[0]);

	for (uint32_t i = 0; i < count; i++)
		descs[i] = desc(i, 1);
	assert_int_equal(put(f, GW, descs, size), size);
	assert_int_equal(take(f, A, descs, count), count);
	for (uint32_t i = 0; i < count; i++)
		descs[i].edge = EDGE_NEXT;
	assert_int_equal(put(f, A, descs, size), size);
	assert_int_equal(take(f, B, descs, count), count);
	for (uint32_t i = 0; i < count; i++) {
		descs[i].edge = SP_EDGE_REPLY;
		descs[i].flags = flags;
	}
	assert_int_equal(put(f, B, descs, size), size);
	assert_int_equal(take(f, GW, descs, count), count);
	for (uint32_t i = 0; i < count; i++)
		sproxy_owners(f->proxy)[i].hops = 0;
}
