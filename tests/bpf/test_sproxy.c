// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel program on the real kernel: real sockets in real maps, every verdict.
 * Two gateway workers (slots 1, 2), function 1 (slots 3, and 4 on another CPU), function 2
 * (slot 5). The test plays all of them from one process.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "sproxy/sproxy.h"

enum { BUFFERS = 256, CAP = 1000, GW = 1, GW2 = 2, A = 3, A2 = 4, B = 5, SLOTS = 6 };
enum { EDGE_NEXT = 0, EDGE_REPLY = 1, EDGE_EMPTY = 2, EDGE_NOBODY = 3 };

struct fixture {
	struct sproxy *proxy;
	struct sproxy_ends ends[SLOTS];
	uint32_t last_reason;
	uint32_t last_slot;
};

static const uint32_t function_of[SLOTS] = { 0, 0, 0, 1, 1, 2 };
static const uint32_t cpu_of[SLOTS] = { 0, 0, 1, 0, 1, 0 };

static int setup(void **state)
{
	static struct fixture f;
	int r;

	memset(&f, 0, sizeof(f));
	r = sproxy_open(BUFFERS, &f.proxy);
	if (r == -EPERM)
		skip();
	assert_int_equal(r, 0);
	for (uint32_t s = GW; s < SLOTS; s++) {
		assert_int_equal(sproxy_attach(f.proxy, s, function_of[s], cpu_of[s], &f.ends[s]), 0);
		if (function_of[s] != SP_GATEWAY_FN && s != A2)
			assert_int_equal(sproxy_enable(f.proxy, s, 8), 0);
	}
	for (uint32_t fn = 1; fn <= 3; fn++)
		sproxy_route(f.proxy, 0, fn, (struct sp_route){ .kind = SP_ROUTE_FUNCTION, .fn = (uint16_t)fn });
	sproxy_route(f.proxy, 1, EDGE_NEXT, (struct sp_route){ .kind = SP_ROUTE_FUNCTION, .fn = 2 });
	sproxy_route(f.proxy, 1, EDGE_REPLY, (struct sp_route){ .kind = SP_ROUTE_REPLY, .fn = 0 });
	sproxy_route(f.proxy, 1, EDGE_NOBODY, (struct sp_route){ .kind = SP_ROUTE_FUNCTION, .fn = 3 });
	sproxy_route(f.proxy, 2, EDGE_NEXT, (struct sp_route){ .kind = SP_ROUTE_FUNCTION, .fn = 1 });
	for (uint32_t i = 0; i < BUFFERS; i++) {
		struct sp_owner *o = &sproxy_owners(f.proxy)[i];

		o->cap = CAP;
		o->home = GW;
		o->word = SP_OWNER_WORD(7, GW);
	}
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (uint32_t s = GW; s < SLOTS; s++) {
		close(f->ends[s].send);
		close(f->ends[s].receive);
	}
	sproxy_close(f->proxy);
	return 0;
}

static struct sp_desc desc(uint32_t buf, uint8_t edge)
{
	return (struct sp_desc){ .buf = buf, .gen = 7, .len = 10, .edge = edge, .home = GW };
}

static ssize_t put(struct fixture *f, uint32_t slot, const void *data, size_t len)
{
	return send(f->ends[slot].send, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int put_one(struct fixture *f, uint32_t slot, struct sp_desc d)
{
	return put(f, slot, &d, sizeof(d)) == sizeof(d) ? 0 : -errno;
}

/* Descriptors waiting at a slot; -1 when there is none. */
static ssize_t take(struct fixture *f, uint32_t slot, struct sp_desc *ret, size_t max)
{
	ssize_t n = recv(f->ends[slot].receive, ret, max * sizeof(*ret), MSG_DONTWAIT);

	return n < 0 ? -1 : n / (ssize_t)sizeof(*ret);
}

static uint64_t word(struct fixture *f, uint32_t buf)
{
	return sproxy_owners(f->proxy)[buf].word;
}

static void give(struct fixture *f, uint32_t buf, uint32_t slot)
{
	sproxy_owners(f->proxy)[buf].word = SP_OWNER_WORD(7, slot);
}

static void on_event(const struct sp_event *event, void *arg)
{
	struct fixture *f = arg;

	f->last_reason = event->reason;
	f->last_slot = event->slot;
}

/* The last send must have been refused for `reason`, counted, told, and be sticky. */
static void assert_refused(struct fixture *f, uint32_t slot, uint32_t reason)
{
	uint64_t counters[SP_COUNT_MAX];
	struct sp_desc d;

	f->last_reason = UINT32_MAX;
	assert_true(sproxy_events_read(f->proxy, on_event, f) >= 1);
	assert_string_equal(sproxy_violation_name(f->last_reason), sproxy_violation_name(reason));
	assert_int_equal(f->last_slot, slot);
	assert_int_equal(sproxy_counters(f->proxy, counters), 0);
	assert_int_equal(counters[SP_COUNT_VIOLATION + reason], 1);
	for (uint32_t s = GW; s < SLOTS; s++)
		assert_int_equal(take(f, s, &d, 1), -1);
	assert_int_equal(put_one(f, slot, desc(0, EDGE_NEXT)), -EACCES);
}

static void test_request_goes_round(void **state)
{
	struct fixture *f = *state;
	struct sp_owner *o = &sproxy_owners(f->proxy)[0];
	struct sp_desc d;

	assert_int_equal(put_one(f, GW, desc(0, 1)), 0);
	assert_int_equal(word(f, 0), SP_OWNER_WORD(7, A));
	assert_int_equal(sproxy_instances(f->proxy)[A].in_flight, 1);
	assert_int_equal(take(f, A, &d, 1), 1);
	d.edge = EDGE_NEXT;
	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(take(f, B, &d, 1), 1);
	assert_int_equal(word(f, 0), SP_OWNER_WORD(7, B));
	d.edge = SP_EDGE_REPLY;
	assert_int_equal(put_one(f, B, d), 0);
	assert_int_equal(take(f, GW, &d, 1), 1);
	assert_int_equal(d.flags, 0);
	assert_int_equal(word(f, 0), SP_OWNER_WORD(7, GW));
	assert_int_equal(sproxy_instances(f->proxy)[A].in_flight, 0);
	assert_int_equal(sproxy_instances(f->proxy)[B].in_flight, 0);
	assert_int_equal(o->hops, 3);
	assert_int_equal(o->hop[0].slot, A);
	assert_int_equal(o->hop[1].fn, 2);
	assert_int_equal(o->hop[2].fn, SP_GATEWAY_FN);
	assert_true(o->hop[2].at_ns >= o->hop[1].at_ns);
}

static void test_edge_to_reply_goes_home(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(1, EDGE_REPLY);

	give(f, 1, A);
	sproxy_owners(f->proxy)[1].home = GW2;
	d.home = GW2;
	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(take(f, GW2, &d, 1), 1);
	assert_int_equal(word(f, 1), SP_OWNER_WORD(7, GW2));
}

static void test_full_batch(void **state)
{
	struct fixture *f = *state;
	struct sp_desc batch[SP_BATCH_MAX], got[SP_BATCH_MAX];
	uint64_t counters[SP_COUNT_MAX];

	for (uint32_t i = 0; i < SP_BATCH_MAX; i++)
		batch[i] = desc(i, 1);
	assert_int_equal(put(f, GW, batch, sizeof(batch)), sizeof(batch));
	assert_int_equal(take(f, A, got, SP_BATCH_MAX), SP_BATCH_MAX);
	assert_memory_equal(batch, got, sizeof(batch));
	assert_int_equal(sproxy_counters(f->proxy, counters), 0);
	assert_int_equal(counters[SP_COUNT_DESCRIPTORS], SP_BATCH_MAX);
	assert_int_equal(counters[SP_COUNT_BATCHES], 1);
	assert_int_equal(sproxy_instances(f->proxy)[A].in_flight, SP_BATCH_MAX);
}

static void test_no_instance_goes_home_flagged(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d;

	give(f, 0, A);
	assert_int_equal(put_one(f, A, desc(0, EDGE_NOBODY)), 0);
	assert_int_equal(take(f, GW, &d, 1), 1);
	assert_int_equal(d.flags, SP_DESC_UNDELIVERABLE);
	assert_int_equal(word(f, 0), SP_OWNER_WORD(7, GW));
	assert_int_equal(sproxy_owners(f->proxy)[0].hop[0].fn, 3);
	/* and the sender is not poisoned */
	give(f, 1, A);
	assert_int_equal(put_one(f, A, desc(1, EDGE_NEXT)), 0);
}

static void test_dead_instance_goes_home_flagged(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d;

	close(f->ends[B].receive);
	f->ends[B].receive = -1;
	give(f, 0, A);
	assert_int_equal(put_one(f, A, desc(0, EDGE_NEXT)), 0);
	assert_int_equal(take(f, GW, &d, 1), 1);
	assert_int_equal(d.flags, SP_DESC_UNDELIVERABLE);
}

static void test_local_instance_until_behind(void **state)
{
	struct fixture *f = *state;
	struct sp_instance *i = sproxy_instances(f->proxy);

	assert_int_equal(sproxy_enable(f->proxy, A2, 8), 0);
	for (uint32_t n = 0; n < 64; n++)
		assert_int_equal(put_one(f, GW, desc(n, 1)), 0);
	/* Both are used, and neither is far ahead of the other: 8 go to the one on this CPU,
	 * wherever that is, the rest to the less loaded. */
	assert_int_equal(i[A].in_flight + i[A2].in_flight, 64);
	assert_in_range(i[A].in_flight, 28, 36);
}

static void test_disabled_instance_gets_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sproxy_enable(f->proxy, A2, 8), 0);
	sproxy_disable(f->proxy, A);
	for (uint32_t n = 0; n < 32; n++)
		assert_int_equal(put_one(f, GW, desc(n, 1)), 0);
	assert_int_equal(sproxy_instances(f->proxy)[A].in_flight, 0);
	assert_int_equal(sproxy_instances(f->proxy)[A2].in_flight, 32);
}

static void test_lease_and_move(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = { .buf = 2, .len = 1, .edge = SP_EDGE_REFILL, .home = GW };
	struct sp_owner *o = sproxy_owners(f->proxy);

	assert_int_equal(put_one(f, GW, desc(0, 1)), 0);
	assert_int_equal(take(f, A, &d, 1), 1);
	d = (struct sp_desc){ .buf = 2, .len = 1, .edge = SP_EDGE_REFILL, .home = GW };
	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(take(f, GW, &d, 1), 1);
	assert_int_equal(d.edge, SP_EDGE_REFILL);
	assert_int_equal(d.gen, A); /* the kernel says who asks */
	assert_int_equal(sproxy_instances(f->proxy)[A].refill, 1);

	o[9].leased = 1;
	sproxy_instances(f->proxy)[A].refill = 0;
	d = desc(9, SP_EDGE_GRANT);
	d.home = A;
	assert_int_equal(put_one(f, GW, d), 0);
	assert_int_equal(take(f, A, &d, 1), 1);
	assert_int_equal(word(f, 9), SP_OWNER_WORD(7, A));
	assert_int_equal(sproxy_instances(f->proxy)[A].in_flight, 1);

	d = desc(0, SP_EDGE_RELEASE);
	d.flags = SP_DESC_MOVED;
	d.len = 9;
	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(take(f, GW, &d, 1), 1);
	assert_int_equal(word(f, 0), SP_OWNER_WORD(7, GW));
	assert_int_equal(o[9].leased, 0);
	assert_int_equal(o[9].hops, 1);
	assert_int_equal(put_one(f, A, desc(9, EDGE_NEXT)), 0);
	assert_int_equal(sproxy_instances(f->proxy)[A].in_flight, 0);
	assert_int_equal(sproxy_instances(f->proxy)[B].in_flight, 1);
}

static void test_grant_to_the_dead_comes_back(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(9, SP_EDGE_GRANT);

	sproxy_detach(f->proxy, A);
	d.home = A;
	assert_int_equal(put_one(f, GW, d), 0);
	assert_int_equal(take(f, GW, &d, 1), 1);
	assert_int_equal(d.flags, SP_DESC_UNDELIVERABLE);
	assert_int_equal(word(f, 9), SP_OWNER_WORD(7, GW));
	d = (struct sp_desc){ .edge = SP_EDGE_GRANT, .flags = SP_DESC_DENIED, .home = A };
	assert_int_equal(put_one(f, GW, d), 0);
	assert_int_equal(put_one(f, GW, desc(0, 2)), 0);
}

static void test_denied_reaches_the_asker(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = { .edge = SP_EDGE_GRANT, .flags = SP_DESC_DENIED, .home = A };

	assert_int_equal(put_one(f, GW, d), 0);
	assert_int_equal(take(f, A, &d, 1), 1);
	assert_int_equal(d.flags, SP_DESC_DENIED);
}

static void test_slot_is_reused_cleanly(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d;

	sproxy_detach(f->proxy, A);
	close(f->ends[A].send);
	close(f->ends[A].receive);
	assert_int_equal(sproxy_attach(f->proxy, A, 1, 0, &f->ends[A]), 0);
	assert_int_equal(put_one(f, GW, desc(0, 1)), 0); /* not enabled yet */
	assert_int_equal(take(f, GW, &d, 1), 1);
	assert_int_equal(sproxy_enable(f->proxy, A, 8), 0);
	assert_int_equal(put_one(f, GW, desc(1, 1)), 0);
	assert_int_equal(take(f, A, &d, 1), 1);
}

static void test_death_is_seen_at_the_kept_end(void **state)
{
	struct fixture *f = *state;
	char byte;

	close(f->ends[A].send);
	close(f->ends[A].receive);
	f->ends[A] = (struct sproxy_ends){ -1, -1 };
	assert_int_equal(recv(sproxy_kept(f->proxy, A).unix_, &byte, 1, 0), 0);
	sproxy_stop(f->proxy, B);
	assert_int_equal(recv(f->ends[B].receive, &byte, 1, 0), 0);
}

/* ---- violations: each by its own name ---- */

static void test_refused_sizes(void **state)
{
	struct fixture *f = *state;
	struct sp_desc batch[SP_BATCH_MAX + 1];

	for (uint32_t i = 0; i <= SP_BATCH_MAX; i++)
		batch[i] = desc(i, 1);
	assert_int_equal(put(f, GW, batch, sizeof(batch)), -1);
	assert_refused(f, GW, SP_VIOLATION_SIZE);
	assert_int_equal(word(f, 0), SP_OWNER_WORD(7, GW));
}

static void test_refused_short(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, 1);

	assert_int_equal(put(f, A, &d, 7), -1);
	assert_refused(f, A, SP_VIOLATION_SIZE);
}

static void test_refused_index(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put_one(f, A, desc(BUFFERS, EDGE_NEXT)), -EACCES);
	assert_refused(f, A, SP_VIOLATION_INDEX);
}

static void test_refused_owner(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put_one(f, A, desc(0, EDGE_NEXT)), -EACCES);
	assert_refused(f, A, SP_VIOLATION_OWNER);
	assert_int_equal(word(f, 0), SP_OWNER_WORD(7, GW));
}

static void test_refused_stale(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, EDGE_NEXT);

	give(f, 0, A);
	d.gen = 6;
	assert_int_equal(put_one(f, A, d), -EACCES);
	assert_refused(f, A, SP_VIOLATION_STALE);
}

static void test_refused_edges(void **state)
{
	struct fixture *f = *state;

	give(f, 0, A);
	give(f, 1, B);
	assert_int_equal(put_one(f, A, desc(0, EDGE_EMPTY)), -EACCES);
	assert_refused(f, A, SP_VIOLATION_EDGE);
	assert_int_equal(put_one(f, B, desc(1, SP_EDGE_GRANT)), -EACCES);
	f->last_reason = UINT32_MAX;
	sproxy_events_read(f->proxy, on_event, f);
	assert_int_equal(f->last_reason, SP_VIOLATION_EDGE);
}

static void test_refused_twice_in_a_batch_and_rolled_back(void **state)
{
	struct fixture *f = *state;
	struct sp_desc batch[3] = { desc(0, EDGE_NEXT), desc(1, EDGE_NEXT), desc(0, EDGE_NEXT) };

	give(f, 0, A);
	give(f, 1, A);
	assert_int_equal(put(f, A, batch, sizeof(batch)), -1);
	assert_refused(f, A, SP_VIOLATION_OWNER);
	/* Nothing was delivered, so nothing changed hands. */
	assert_int_equal(word(f, 0), SP_OWNER_WORD(7, A));
	assert_int_equal(word(f, 1), SP_OWNER_WORD(7, A));
	assert_int_equal(sproxy_instances(f->proxy)[B].in_flight, 0);
}

static void test_refused_mixed(void **state)
{
	struct fixture *f = *state;
	struct sp_desc batch[2] = { desc(0, EDGE_NEXT), desc(1, EDGE_REPLY) };

	give(f, 0, A);
	give(f, 1, A);
	assert_int_equal(put(f, A, batch, sizeof(batch)), -1);
	assert_refused(f, A, SP_VIOLATION_MIXED);
	assert_int_equal(word(f, 0), SP_OWNER_WORD(7, A));
}

static void test_refused_home(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, SP_EDGE_REPLY);

	give(f, 0, A);
	d.home = GW2;
	assert_int_equal(put_one(f, A, d), -EACCES);
	assert_refused(f, A, SP_VIOLATION_HOME);
}

static void test_refused_length(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, EDGE_NEXT);

	give(f, 0, A);
	d.len = CAP + 1;
	assert_int_equal(put_one(f, A, d), -EACCES);
	assert_refused(f, A, SP_VIOLATION_LENGTH);
}

static void test_refused_refill_flood(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = { .buf = 0, .len = 1, .edge = SP_EDGE_REFILL, .home = GW }, got;

	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(take(f, GW, &got, 1), 1);
	assert_int_equal(put_one(f, A, d), -EACCES);
	assert_refused(f, A, SP_VIOLATION_REFILL);
}

static void test_refused_refill_to_a_function(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = { .buf = 0, .len = 1, .edge = SP_EDGE_REFILL, .home = B };

	assert_int_equal(put_one(f, A, d), -EACCES);
	assert_refused(f, A, SP_VIOLATION_HOME);
}

static void test_refused_lease_as_request(void **state)
{
	struct fixture *f = *state;

	give(f, 0, A);
	sproxy_owners(f->proxy)[0].leased = 1;
	assert_int_equal(put_one(f, A, desc(0, EDGE_NEXT)), -EACCES);
	assert_refused(f, A, SP_VIOLATION_OWNER);
}

static void test_refused_move_to_not_held(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, SP_EDGE_RELEASE);

	give(f, 0, A);
	d.flags = SP_DESC_MOVED;
	d.len = 1;
	assert_int_equal(put_one(f, A, d), -EACCES);
	assert_refused(f, A, SP_VIOLATION_OWNER);
}

/* A flag that says "names no buffer" on one that does would make the gateway lose it. */
static void test_flags_of_the_kernel_are_cleared(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, SP_EDGE_REPLY);

	give(f, 0, A);
	d.flags = SP_DESC_DENIED | SP_DESC_UNDELIVERABLE | SP_DESC_FAILED | 1;
	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(take(f, GW, &d, 1), 1);
	assert_int_equal(d.flags, SP_DESC_FAILED | 1);
}

/* A refusal leaves no entry claimed, or the gateway could not take the buffers back. */
static void test_refused_move_leaves_the_holders(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, SP_EDGE_RELEASE);

	give(f, 0, A);
	give(f, 1, A); /* held, but no lease */
	d.flags = SP_DESC_MOVED;
	d.len = 1;
	assert_int_equal(put_one(f, A, d), -EACCES);
	assert_refused(f, A, SP_VIOLATION_OWNER);
	assert_int_equal(word(f, 0), SP_OWNER_WORD(7, A));
	assert_int_equal(word(f, 1), SP_OWNER_WORD(7, A));
	give(f, 2, B);
	d = desc(2, SP_EDGE_RELEASE);
	d.flags = SP_DESC_MOVED;
	d.len = 2; /* into itself */
	assert_int_equal(put_one(f, B, d), -EACCES);
	assert_int_equal(word(f, 2), SP_OWNER_WORD(7, B));
}

static void test_other_chain_is_another_world(void **state)
{
	struct fixture *f = *state;
	struct sproxy *other;
	struct sproxy_ends ends;
	struct sp_desc d = desc(0, SP_EDGE_REPLY);

	give(f, 0, A);
	assert_int_equal(sproxy_open(BUFFERS, &other), 0);
	assert_int_equal(sproxy_attach(other, A, 1, 0, &ends), 0);
	assert_int_equal(send(ends.send, &d, sizeof(d), MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EACCES);
	assert_int_equal(word(f, 0), SP_OWNER_WORD(7, A));
	close(ends.send);
	close(ends.receive);
	sproxy_close(other);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_request_goes_round),
		CASE(test_edge_to_reply_goes_home),
		CASE(test_full_batch),
		CASE(test_no_instance_goes_home_flagged),
		CASE(test_dead_instance_goes_home_flagged),
		CASE(test_local_instance_until_behind),
		CASE(test_disabled_instance_gets_nothing),
		CASE(test_lease_and_move),
		CASE(test_grant_to_the_dead_comes_back),
		CASE(test_denied_reaches_the_asker),
		CASE(test_slot_is_reused_cleanly),
		CASE(test_death_is_seen_at_the_kept_end),
		CASE(test_refused_sizes),
		CASE(test_refused_short),
		CASE(test_refused_index),
		CASE(test_refused_owner),
		CASE(test_refused_stale),
		CASE(test_refused_edges),
		CASE(test_refused_twice_in_a_batch_and_rolled_back),
		CASE(test_refused_mixed),
		CASE(test_refused_home),
		CASE(test_refused_length),
		CASE(test_refused_refill_flood),
		CASE(test_refused_refill_to_a_function),
		CASE(test_refused_lease_as_request),
		CASE(test_refused_move_to_not_held),
		CASE(test_flags_of_the_kernel_are_cleared),
		CASE(test_refused_move_leaves_the_holders),
		CASE(test_other_chain_is_another_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
