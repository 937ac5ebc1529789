// SPDX-License-Identifier: Apache-2.0
/* What the kernel program lets through, and where it goes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/bpf/chain.h"

static void test_request_goes_round(void **state)
{
	struct fixture *f = *state;
	struct sp_owner *o = &sproxy_owners(f->proxy)[0];
	struct sp_desc d;

	assert_int_equal(put_one(f, GW, desc(0, 1)), 0);
	assert_int_equal(holder(f, 0), A);
	assert_int_equal(sproxy_instances(f->proxy)[A].in_flight, 1);
	assert_int_equal(take(f, A, &d, 1), 1);
	d.edge = EDGE_NEXT;
	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(take(f, B, &d, 1), 1);
	assert_int_equal(holder(f, 0), B);
	d.edge = SP_EDGE_REPLY;
	assert_int_equal(put_one(f, B, d), 0);
	assert_int_equal(take(f, GW, &d, 1), 1);
	assert_int_equal(d.flags, 0);
	assert_int_equal(holder(f, 0), GW);
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
	assert_int_equal(holder(f, 1), GW2);
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
	for (uint32_t i = 0; i < SP_BATCH_MAX; i++) {
		assert_int_not_equal(got[i].gen, batch[i].gen);
		batch[i].gen = got[i].gen; /* the rest is as it was sent */
	}
	assert_memory_equal(batch, got, sizeof(batch));
	assert_int_equal(sproxy_counters(f->proxy, counters), 0);
	assert_int_equal(counters[SP_COUNT_DESCRIPTORS], SP_BATCH_MAX);
	assert_int_equal(counters[SP_COUNT_BATCHES], 1);
	assert_int_equal(sproxy_instances(f->proxy)[A].in_flight, SP_BATCH_MAX);
}

/* Of two full batches, each descriptor's generation, and how it differs from the one before, are
 * its own: one that was read tells no other. */
static void test_generations_tell_nothing_of_each_other(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d[2 * SP_BATCH_MAX];
	uint32_t same = 0;

	for (uint32_t i = 0; i < 2 * SP_BATCH_MAX; i++)
		d[i] = desc(i, 1);
	for (uint32_t i = 0; i < 2 * SP_BATCH_MAX; i += SP_BATCH_MAX) {
		assert_int_equal(put(f, GW, &d[i], SP_BATCH_MAX * sizeof(*d)),
				 SP_BATCH_MAX * sizeof(*d));
		assert_int_equal(take(f, A, &d[i], SP_BATCH_MAX), SP_BATCH_MAX);
	}
	for (uint32_t i = 1; i < 2 * SP_BATCH_MAX; i++)
		for (uint32_t k = 1; k < i; k++)
			same += d[i].gen == d[k].gen ||
				d[i].gen - d[i - 1].gen == d[k].gen - d[k - 1].gen;
	assert_in_range(same, 0, 1); /* 8,000 pairs of 32 bits: hardly ever one */
}

static void test_no_instance_goes_home_flagged(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d;

	give(f, 0, A);
	assert_int_equal(put_one(f, A, desc(0, EDGE_NOBODY)), 0);
	assert_int_equal(take(f, GW, &d, 1), 1);
	assert_int_equal(d.flags, SP_DESC_UNDELIVERABLE);
	assert_int_equal(holder(f, 0), GW);
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

/* At its limit it gets nothing more; a batch goes whole or not at all, and nobody is to blame. */
static void test_no_more_than_the_limit(void **state)
{
	struct fixture *f = *state;
	struct sp_desc batch[4] = { desc(1, 1), desc(2, 1), desc(3, 1), desc(4, 1) }, d[4];

	sproxy_limit(f->proxy, A, 3);
	assert_int_equal(put_one(f, GW, desc(0, 1)), 0);
	assert_int_equal(put(f, GW, batch, 3 * sizeof(*batch)), 3 * sizeof(*batch));
	assert_int_equal(take(f, GW, d, 4), 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(d[i].flags, SP_DESC_UNDELIVERABLE | SP_DESC_FULL);
		assert_int_equal(d[i].edge, 1);
		assert_int_equal(holder(f, d[i].buf), GW);
		assert_int_equal(sproxy_owners(f->proxy)[d[i].buf].hop[0].fn, 1);
	}
	assert_int_equal(sproxy_instances(f->proxy)[A].in_flight, 1);
	assert_int_equal(put(f, GW, batch, 2 * sizeof(*batch)), 2 * sizeof(*batch));
	assert_int_equal(sproxy_instances(f->proxy)[A].in_flight, 3);
	assert_int_equal(take(f, A, d, 4), 3);
	/* One is handed on: there is room for another. */
	assert_int_equal(put_one(f, A, desc(0, EDGE_NEXT)), 0);
	assert_int_equal(put_one(f, GW, desc(3, 1)), 0);
	assert_int_equal(sproxy_instances(f->proxy)[A].in_flight, 3);
	sproxy_limit(f->proxy, A, UINT16_MAX);
	assert_int_equal(put_one(f, GW, desc(4, 1)), 0);
	assert_int_equal(sproxy_instances(f->proxy)[A].in_flight, 4);
	sproxy_disable(f->proxy, A);
	assert_int_equal(sproxy_instances(f->proxy)[A].limit, 0);
	sproxy_limit(f->proxy, A, 5); /* it is out of the table */
	assert_int_equal(sproxy_instances(f->proxy)[A].limit, 0);
}

/* From a function, too: a request goes to who waits for it, a call back to who made it, to be
 * made again. */
static void test_limit_of_a_next_function(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d;

	sproxy_limit(f->proxy, B, 1);
	give(f, 0, A);
	give(f, 1, A);
	assert_int_equal(put_one(f, A, desc(0, EDGE_NEXT)), 0);
	assert_int_equal(put_one(f, A, desc(1, EDGE_NEXT)), 0);
	assert_int_equal(take(f, GW, &d, 1), 1);
	assert_int_equal(d.flags, SP_DESC_UNDELIVERABLE | SP_DESC_FULL);
	stock(f, 2, A);
	assert_int_equal(put_one(f, A, call(2, A)), 0);
	d = taken(f, A);
	assert_int_equal(d.flags, SP_DESC_UNDELIVERABLE);
	assert_int_equal(owner(f, 2)->leased, SP_LEASE_STOCK);
	assert_int_equal(in_flight(f, B), 1);
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
	assert_int_equal(sproxy_instances(f->proxy)[A].refill, 1U << 2);

	o[9].leased = 1;
	sproxy_instances(f->proxy)[A].refill = 0;
	d = desc(9, SP_EDGE_GRANT);
	d.home = A;
	assert_int_equal(put_one(f, GW, d), 0);
	assert_int_equal(take(f, A, &d, 1), 1);
	assert_int_equal(holder(f, 9), A);
	assert_int_equal(sproxy_instances(f->proxy)[A].in_flight, 1);

	d = desc(0, SP_EDGE_RELEASE);
	d.flags = SP_DESC_MOVED;
	d.len = 9;
	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(take(f, GW, &d, 1), 1);
	assert_int_equal(holder(f, 0), GW);
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
	assert_int_equal(holder(f, 9), GW);
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
	assert_int_equal(sproxy_attach(f->proxy, A, &(struct sproxy_place){ .fn = 1, .lender = GW },
				       &f->ends[A]),
			 0);
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
	assert_int_equal(recv(sproxy_kept(f->proxy, A).receive, &byte, 1, 0), 0);
	sproxy_stop(f->proxy, B);
	assert_int_equal(recv(f->ends[B].receive, &byte, 1, 0), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_request_goes_round),
		CASE(test_edge_to_reply_goes_home),
		CASE(test_full_batch),
		CASE(test_generations_tell_nothing_of_each_other),
		CASE(test_no_instance_goes_home_flagged),
		CASE(test_dead_instance_goes_home_flagged),
		CASE(test_local_instance_until_behind),
		CASE(test_disabled_instance_gets_nothing),
		CASE(test_no_more_than_the_limit),
		CASE(test_limit_of_a_next_function),
		CASE(test_lease_and_move),
		CASE(test_grant_to_the_dead_comes_back),
		CASE(test_denied_reaches_the_asker),
		CASE(test_slot_is_reused_cleanly),
		CASE(test_death_is_seen_at_the_kept_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
