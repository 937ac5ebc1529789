// SPDX-License-Identifier: Apache-2.0
/* What leased buffers may not do: each by its own name, and nothing has changed afterwards. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/bpf/chain.h"

enum { RACES = 20 };

static void refused(struct fixture *f, uint32_t slot, struct sp_desc d, uint32_t reason)
{
	struct sp_owner before = *owner(f, d.buf);

	assert_int_equal(put_one(f, slot, d), -EACCES);
	assert_refused(f, slot, reason);
	assert_memory_equal(owner(f, d.buf), &before, sizeof(before));
}

static void test_refused_call_with_a_request(void **state)
{
	struct fixture *f = *state;

	give(f, 0, A);
	refused(f, A, call(0, A), SP_VIOLATION_HOME);
}

static void test_refused_call_with_a_call(void **state)
{
	struct fixture *f = *state;

	called(f, 0);
	refused(f, B, call(0, B), SP_VIOLATION_OWNER);
}

static void test_refused_call_of_the_gateway(void **state)
{
	const struct sp_route route = { .kind = SP_ROUTE_CALL, .fn = 1 };
	struct fixture *f = *state;

	assert_int_equal(sproxy_route(f->proxy, SP_GATEWAY_FN, EDGE_CALL, route), 0);
	owner(f, 0)->leased = SP_LEASE_STOCK;
	refused(f, GW, call(0, GW), SP_VIOLATION_EDGE);
}

static void test_refused_call_too_long(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = call(0, A);

	stock(f, 0, A);
	d.len = CAP + 1;
	refused(f, A, d, SP_VIOLATION_LENGTH);
}

static void test_refused_message_home_to_a_function(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, EDGE_NEXT);

	stock(f, 0, A);
	d.home = A;
	refused(f, A, d, SP_VIOLATION_HOME);
}

static void test_refused_message_home_to_no_slot(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, EDGE_NEXT);

	stock(f, 0, A);
	d.home = 200;
	refused(f, A, d, SP_VIOLATION_HOME);
}

static void test_refused_answer_to_another(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = called(f, 0);

	d.edge = SP_EDGE_REPLY;
	d.home = GW;
	refused(f, B, d, SP_VIOLATION_HOME);
}

static void test_refused_request_as_part(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, EDGE_NEXT);

	give(f, 0, A);
	d.flags = SP_DESC_PART;
	refused(f, A, d, SP_VIOLATION_OWNER);
}

static void test_refused_call_as_part(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = called(f, 0);

	d.edge = EDGE_NEXT;
	d.flags = SP_DESC_PART;
	refused(f, B, d, SP_VIOLATION_OWNER);
}

static void test_refused_part_too_long(void **state)
{
	struct fixture *f = *state;
	struct sp_desc batch[2] = { desc(1, EDGE_NEXT), desc(0, EDGE_NEXT) };
	struct sp_owner before;

	give(f, 1, A);
	stock(f, 0, A);
	batch[1].flags = SP_DESC_PART;
	batch[1].len = CAP + 1;
	before = *owner(f, 0);
	assert_int_equal(put(f, A, batch, sizeof(batch)), -1);
	assert_refused(f, A, SP_VIOLATION_LENGTH);
	assert_memory_equal(owner(f, 0), &before, sizeof(before));
}

/* It would be whoever's the sender names, by way of a function that has no instance. */
static void test_refused_part_of_no_request(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, EDGE_NOBODY);

	stock(f, 0, A);
	d.flags = SP_DESC_PART;
	d.home = 200;
	refused(f, A, d, SP_VIOLATION_OWNER);
}

static void test_refused_release_to_a_function(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, SP_EDGE_RELEASE);

	stock(f, 0, A);
	d.home = B;
	refused(f, A, d, SP_VIOLATION_HOME);
}

/* A slot without a worker whose buffers nobody would ever look for. */
static void test_refused_release_to_no_slot(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, SP_EDGE_RELEASE);

	stock(f, 0, A);
	d.home = 200;
	refused(f, A, d, SP_VIOLATION_HOME);
}

static void test_refused_release_of_a_request_to_another_worker(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, SP_EDGE_RELEASE);

	give(f, 0, A);
	d.home = GW2;
	refused(f, A, d, SP_VIOLATION_HOME);
}

static void test_refused_move_of_stock(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, SP_EDGE_RELEASE);

	stock(f, 0, A);
	stock(f, 1, A);
	d.flags = SP_DESC_MOVED;
	d.len = 1;
	refused(f, A, d, SP_VIOLATION_OWNER);
}

static void test_refused_move_into_a_call(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(1, SP_EDGE_RELEASE);

	called(f, 0);
	give(f, 1, B);
	d.flags = SP_DESC_MOVED;
	d.len = 0;
	refused(f, B, d, SP_VIOLATION_OWNER);
	assert_int_equal(holder(f, 0), B);
}

/* Nothing of a refused batch has happened: answers are still owed, stock is still stock. (A
 * generation that was drawn stays: the sender is cut off.) */
static void test_refused_answers_are_still_owed(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d[2] = { called(f, 0) };

	d[0].edge = SP_EDGE_REPLY;
	d[1] = d[0];
	d[1].gen++;
	assert_int_equal(put(f, B, d, sizeof(d)), -1);
	assert_refused(f, B, SP_VIOLATION_STALE);
	assert_int_equal((uint32_t)word(f, 0), B);
	assert_int_equal(owner(f, 0)->leased, SP_LEASE_OUT);
	assert_int_equal(owner(f, 0)->home, A);
	assert_int_equal(sproxy_instances(f->proxy)[B].in_flight, 1);
}

/* Answers that nobody reads would fill the kernel's memory: a caller can make its next call in
 * the buffer of the one before only when it has read the answer. */
static void test_refused_call_before_the_last_answer_is_read(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = called(f, 0), again = call(0, A);

	assert_int_equal(put_one(f, B, answer(d)), 0);
	assert_int_equal(put_one(f, A, again), -EACCES);
	assert_int_equal(events(f), 1);
	assert_int_equal(f->last_reason, SP_VIOLATION_STALE);
	assert_int_equal(f->last_slot, A);
}

static void test_refused_calls_are_stock(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d[SP_BATCH_MAX];

	for (uint32_t i = 0; i < SP_BATCH_MAX; i++) {
		d[i] = call(i, A);
		stock(f, i, A);
	}
	owner(f, SP_BATCH_MAX - 1)->leased = SP_LEASE_OUT;
	assert_int_equal(put(f, A, d, sizeof(d)), -1);
	assert_refused(f, A, SP_VIOLATION_OWNER);
	for (uint32_t i = 0; i < SP_BATCH_MAX; i++) {
		assert_int_equal(holder(f, i), A);
		assert_int_equal(owner(f, i)->leased,
				 i < SP_BATCH_MAX - 1 ? SP_LEASE_STOCK : SP_LEASE_OUT);
	}
	assert_int_equal(sproxy_instances(f->proxy)[B].in_flight, 0);
}

struct racer {
	struct fixture *f;
	struct sp_desc d;
	int r;
};

static void *race(void *arg)
{
	struct racer *racer = arg;

	racer->r = put_one(racer->f, A, racer->d);
	return NULL;
}

/* Threads of one sender make the same call, one of them by reference to what the other sends:
 * one of them wins, and no buffer is in two places. */
static void test_sender_that_races_with_itself(void **state)
{
	const struct sproxy_place place = { .fn = 1, .lender = GW };
	struct fixture *f = *state;

	for (uint32_t i = 0; i < RACES; i++) {
		struct racer one = { .f = f, .d = call(2 * i, A) };
		struct racer two = { .f = f, .d = call(2 * i + i % 2, A) };
		pthread_t thread;

		two.d.flags = i % 2 ? SP_DESC_SHARES : 0;
		two.d.len = i % 2 ? 2 * i : 10;
		stock(f, 2 * i, A);
		stock(f, 2 * i + 1, A);
		assert_int_equal(pthread_create(&thread, NULL, race, &one), 0);
		race(&two);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_true(one.r == 0 || two.r == 0);
		if (i % 2 == 0)
			assert_int_equal(one.r + two.r, -EACCES);
		assert_int_equal(owner(f, 2 * i)->refs, owner(f, 2 * i + 1)->ref != 0);
		assert_int_equal(holder(f, 2 * i), one.r == 0 || i % 2 == 0 ? B : A);
		sproxy_detach(f->proxy, A);
		close(f->ends[A].send);
		close(f->ends[A].receive);
		assert_int_equal(sproxy_attach(f->proxy, A, &place, &f->ends[A]), 0);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_refused_call_with_a_request),
		CASE(test_refused_call_with_a_call),
		CASE(test_refused_call_of_the_gateway),
		CASE(test_refused_call_too_long),
		CASE(test_refused_message_home_to_a_function),
		CASE(test_refused_message_home_to_no_slot),
		CASE(test_refused_answer_to_another),
		CASE(test_refused_request_as_part),
		CASE(test_refused_call_as_part),
		CASE(test_refused_part_too_long),
		CASE(test_refused_part_of_no_request),
		CASE(test_refused_release_to_a_function),
		CASE(test_refused_release_to_no_slot),
		CASE(test_refused_release_of_a_request_to_another_worker),
		CASE(test_refused_move_of_stock),
		CASE(test_refused_move_into_a_call),
		CASE(test_refused_answers_are_still_owed),
		CASE(test_refused_call_before_the_last_answer_is_read),
		CASE(test_refused_calls_are_stock),
		CASE(test_sender_that_races_with_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
