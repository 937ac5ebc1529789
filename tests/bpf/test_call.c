// SPDX-License-Identifier: Apache-2.0
/* Calls and messages: leased buffers that leave, and come home to who waits for them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/bpf/chain.h"

static void test_call_and_answer(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d;

	owner(f, 0)->hops = 5; /* of its life before */
	d = called(f, 0);
	assert_int_equal(d.home, A);
	assert_int_equal(d.flags, 0);
	assert_int_equal(holder(f, 0), B);
	assert_int_equal(owner(f, 0)->leased, SP_LEASE_OUT);
	assert_int_equal(owner(f, 0)->home, A);
	assert_int_equal(owner(f, 0)->hops, 1);
	assert_int_equal(in_flight(f, A), 0);
	assert_int_equal(in_flight(f, B), 1);
	assert_int_equal(put_one(f, B, answer(d)), 0);
	d = taken(f, A);
	assert_int_equal(d.edge, SP_EDGE_REPLY);
	assert_int_equal(d.flags, 0);
	assert_int_not_equal(d.gen, 7);
	assert_int_equal(word(f, 0), SP_OWNER_WORD(d.gen, A));
	assert_int_equal(owner(f, 0)->leased, SP_LEASE_STOCK);
	assert_int_equal(owner(f, 0)->hop[1].fn, 1);
	assert_int_equal(in_flight(f, A), 0);
	assert_int_equal(in_flight(f, B), 0);
}

/* B, called by A, calls A in turn; each gets its own answer. */
static void test_nested_calls(void **state)
{
	struct fixture *f = *state;
	struct sp_desc outer = called(f, 0), inner;

	stock(f, 1, B);
	assert_int_equal(put_one(f, B, call(1, B)), 0);
	inner = taken(f, A);
	assert_int_equal(inner.home, B);
	assert_int_equal(in_flight(f, A), 1);
	assert_int_equal(in_flight(f, B), 1);
	assert_int_equal(put_one(f, A, answer(inner)), 0);
	assert_int_equal(taken(f, B).buf, 1);
	assert_int_equal(put_one(f, B, answer(outer)), 0);
	assert_int_equal(taken(f, A).buf, 0);
	assert_int_equal(in_flight(f, A), 0);
	assert_int_equal(in_flight(f, B), 0);
}

/* Two calls in one send; each answer brings its tag back, also out of another buffer. */
static void test_tags(void **state)
{
	struct fixture *f = *state;
	struct sp_desc calls[2] = { call(0, 0x1234), call(1, 0xffff) }, d;

	stock(f, 0, A);
	stock(f, 1, A);
	stock(f, 9, B);
	assert_int_equal(send(f->ends[A].send, calls, sizeof(calls), MSG_NOSIGNAL), sizeof(calls));
	assert_int_equal(recv(f->ends[B].receive, calls, sizeof(calls), 0), sizeof(calls));
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(calls[i].buf, i);
		assert_int_equal(calls[i].home, A); /* who calls, whatever was written */
	}
	d = calls[1];
	d.edge = SP_EDGE_RELEASE;
	d.flags = SP_DESC_MOVED;
	d.len = 9;
	d.home = GW;
	assert_int_equal(put_one(f, B, d), 0);
	assert_int_equal(taken(f, GW).buf, 1);
	d = call(9, A);
	d.edge = SP_EDGE_REPLY;
	assert_int_equal(put_one(f, B, d), 0);
	d = taken(f, A);
	assert_int_equal(d.buf, 9);
	assert_int_equal(d.home, 0xffff);
	d = call(0, A);
	d.edge = SP_EDGE_REPLY;
	assert_int_equal(put_one(f, B, d), 0);
	assert_int_equal(taken(f, A).home, 0x1234);
}

/* The one called may send the call on: the last one answers the caller, here by a route. */
static void test_call_goes_on(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = called(f, 0);

	d.edge = EDGE_NEXT;
	d.flags = SP_DESC_FAILED; /* says nothing on such an edge */
	assert_int_equal(put_one(f, B, d), 0);
	d = taken(f, A);
	assert_int_equal(d.edge, EDGE_NEXT);
	assert_int_equal(d.flags, 0);
	assert_int_equal(owner(f, 0)->leased, SP_LEASE_OUT);
	assert_int_equal(in_flight(f, A), 1);
	d.edge = EDGE_REPLY;
	d.flags = SP_DESC_DROPPED;
	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(taken(f, A).flags, SP_DESC_DROPPED);
	assert_int_equal(owner(f, 0)->leased, SP_LEASE_STOCK);
	assert_int_equal(in_flight(f, A), 0);
}

static void test_undeliverable_call_is_stock_again(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = call(0, A), back;

	stock(f, 0, A);
	d.edge = EDGE_CALL_NOBODY;
	for (int i = 0; i < 2; i++) { /* it is tried again */
		assert_int_equal(put_one(f, A, d), 0);
		back = taken(f, A);
		assert_int_equal(back.flags, SP_DESC_UNDELIVERABLE);
		assert_int_equal(word(f, 0), SP_OWNER_WORD(back.gen, A));
		assert_int_equal(owner(f, 0)->leased, SP_LEASE_STOCK);
		assert_int_equal(in_flight(f, A), 0);
		d.gen = back.gen;
	}
	d.edge = EDGE_CALL;
	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(taken(f, B).buf, 0);
}

/* The caller cannot make a call again that was changed and sent on: it is told apart. */
static void test_call_sent_on_to_nobody(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = called(f, 0);

	d.edge = EDGE_NOBODY;
	assert_int_equal(put_one(f, B, d), 0);
	assert_int_equal(taken(f, A).flags, SP_DESC_UNDELIVERABLE | SP_DESC_FAILED);
	assert_int_equal(owner(f, 0)->leased, SP_LEASE_STOCK);
	assert_int_equal(in_flight(f, A), 0);
	assert_int_equal(in_flight(f, B), 0);
	/* and without a caller, the lender */
	d = called(f, 0);
	detach(f, A);
	d.edge = EDGE_NOBODY;
	assert_int_equal(put_one(f, B, d), 0);
	assert_int_equal(taken(f, GW).flags, SP_DESC_UNDELIVERABLE);
	assert_int_equal(owner(f, 0)->leased, SP_LEASE_OUT);
}

static void test_message(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, EDGE_NEXT);

	stock(f, 0, A);
	owner(f, 0)->home = GW;
	d.home = GW2;
	assert_int_equal(put_one(f, A, d), 0);
	d = taken(f, B);
	assert_int_equal(owner(f, 0)->leased, SP_LEASE_OUT);
	assert_int_equal(owner(f, 0)->home, GW2);
	assert_int_equal(in_flight(f, A), 0);
	assert_int_equal(in_flight(f, B), 1);
	assert_int_equal(put_one(f, B, answer(d)), 0);
	assert_int_equal(taken(f, GW2).buf, 0);
	assert_int_equal(owner(f, 0)->leased, SP_LEASE_OUT);
	assert_int_equal(in_flight(f, B), 0);
}

static void test_undeliverable_message_waits_at_the_gateway(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d;

	stock(f, 0, A);
	assert_int_equal(put_one(f, A, desc(0, EDGE_NOBODY)), 0);
	d = taken(f, GW);
	assert_int_equal(d.flags, SP_DESC_UNDELIVERABLE);
	assert_int_equal(owner(f, 0)->leased, SP_LEASE_OUT);
	d.edge = 2; /* the gateway sends it once more, there */
	assert_int_equal(put_one(f, GW, d), 0);
	assert_int_equal(taken(f, B).flags, 0);
}

/* A join's request and two answers, of which one reads another's payload. */
static void test_parts(void **state)
{
	struct fixture *f = *state;
	struct sp_desc batch[3] = { desc(0, EDGE_NEXT), desc(1, EDGE_NEXT), desc(2, EDGE_NEXT) };
	uint64_t edges[SP_EDGE_MAX + 1];
	struct sp_function_stats stats;

	assert_int_equal(put_one(f, GW, desc(0, 1)), 0);
	taken(f, A);
	stock(f, 1, A);
	stock(f, 2, A);
	owner(f, 1)->home = A; /* from when it was a call */
	owner(f, 2)->ref = 1 + 3;
	batch[0] = desc(0, EDGE_NEXT);
	batch[1].flags = batch[2].flags = SP_DESC_PART;
	assert_int_equal(put(f, A, batch, sizeof(batch)), sizeof(batch));
	assert_int_equal(take(f, B, batch, 3), 3);
	assert_int_equal(batch[0].flags, 0);
	assert_int_equal(batch[1].flags, SP_DESC_PART);
	assert_int_equal(batch[2].flags, SP_DESC_PART);
	for (uint32_t i = 1; i < 3; i++) {
		assert_int_equal(holder(f, i), B);
		assert_int_equal(owner(f, i)->leased, SP_LEASE_STOCK);
	}
	assert_int_equal(owner(f, 2)->ref, 1 + 3);
	assert_int_equal(in_flight(f, A), 0);
	assert_int_equal(in_flight(f, B), 1);
	assert_int_equal(sproxy_function_stats(f->proxy, 2, &stats), 0);
	assert_int_equal(stats.in, 1);
	assert_int_equal(sproxy_edge_counts(f->proxy, 1, edges), 0);
	assert_int_equal(edges[EDGE_NEXT], 1);
}

static void test_undeliverable_parts_stay_with_their_request(void **state)
{
	struct fixture *f = *state;
	struct sp_desc batch[2] = { desc(0, EDGE_NOBODY), desc(1, EDGE_NOBODY) };

	give(f, 0, A);
	stock(f, 1, A);
	batch[1].flags = SP_DESC_PART;
	assert_int_equal(put(f, A, batch, sizeof(batch)), sizeof(batch));
	assert_int_equal(take(f, GW, batch, 2), 2);
	assert_int_equal(batch[1].flags, SP_DESC_PART | SP_DESC_UNDELIVERABLE);
	assert_int_equal(holder(f, 1), GW);
	assert_int_equal(owner(f, 1)->leased, SP_LEASE_STOCK);
	batch[0].edge = batch[1].edge = 2; /* the gateway sends them once more, there */
	assert_int_equal(put(f, GW, batch, sizeof(batch)), sizeof(batch));
	assert_int_equal(take(f, B, batch, 2), 2);
	assert_int_equal(batch[1].flags, SP_DESC_PART);
}

static void test_release_of_stock_to_another_worker(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, SP_EDGE_RELEASE);

	stock(f, 0, A);
	d.home = GW2;
	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(taken(f, GW2).buf, 0);
	assert_int_equal(holder(f, 0), GW2);
	assert_int_equal(owner(f, 0)->leased, SP_LEASE_STOCK);
	assert_int_equal(in_flight(f, A), 0);
}

static void test_release_of_a_call(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = called(f, 0);

	d.edge = SP_EDGE_RELEASE;
	d.home = GW2;
	assert_int_equal(put_one(f, B, d), 0);
	assert_int_equal(taken(f, GW2).buf, 0);
	assert_int_equal(owner(f, 0)->leased, SP_LEASE_OUT);
	assert_int_equal(owner(f, 0)->home, A); /* who is to be told */
	assert_int_equal(in_flight(f, B), 0);
}

/* A call that outgrows its buffer: the new one is answered from, the old one keeps what it
 * reads of others, and those that read it. */
static void test_move_of_a_call(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = called(f, 0);

	stock(f, 9, B);
	owner(f, 0)->ref = 1 + 3;
	owner(f, 0)->refs = 2;
	d.edge = SP_EDGE_RELEASE;
	d.flags = SP_DESC_MOVED;
	d.len = 9;
	d.home = GW2;
	assert_int_equal(put_one(f, B, d), 0);
	assert_int_equal(taken(f, GW2).flags, SP_DESC_MOVED);
	assert_int_equal(owner(f, 0)->leased, SP_LEASE_STOCK);
	assert_int_equal(owner(f, 0)->ref, 1 + 3);
	assert_int_equal(owner(f, 0)->refs, 2);
	assert_int_equal(owner(f, 9)->leased, SP_LEASE_OUT);
	assert_int_equal(owner(f, 9)->home, A);
	assert_int_equal(owner(f, 9)->ref, 0);
	assert_int_equal(in_flight(f, B), 1);
	d = answer(call(9, A));
	assert_int_equal(put_one(f, B, d), 0);
	assert_int_equal(taken(f, A).buf, 9);
	assert_int_equal(in_flight(f, B), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_call_and_answer),
		CASE(test_tags),
		CASE(test_nested_calls),
		CASE(test_call_goes_on),
		CASE(test_undeliverable_call_is_stock_again),
		CASE(test_call_sent_on_to_nobody),
		CASE(test_message),
		CASE(test_undeliverable_message_waits_at_the_gateway),
		CASE(test_parts),
		CASE(test_undeliverable_parts_stay_with_their_request),
		CASE(test_release_of_stock_to_another_worker),
		CASE(test_release_of_a_call),
		CASE(test_move_of_a_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
