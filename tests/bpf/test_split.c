// SPDX-License-Identifier: Apache-2.0
/* Revisions that share what is meant for a function, and gates that keep it out. Function 1
 * (slot A) is the one meant, function 2 (slot B) its other revision. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/bpf/chain.h"

#define SENDS 4000

/* Sends a request for function 1, and takes it back into worker 1's hands. Returns the slot that
 * got it; 0: it came home, with *ret_flags. */
static uint32_t send_one(struct fixture *f, uint8_t *ret_flags)
{
	struct sp_desc d;
	uint32_t slot = 0;

	assert_int_equal(put_one(f, GW, desc(0, 1)), 0);
	if (take(f, A, &d, 1) == 1)
		slot = A;
	else if (take(f, B, &d, 1) == 1)
		slot = B;
	else
		assert_int_equal(take(f, GW, &d, 1), 1);
	if (ret_flags)
		*ret_flags = d.flags;
	if (slot) {
		d.edge = SP_EDGE_REPLY;
		assert_int_equal(put_one(f, slot, d), 0);
		assert_int_equal(take(f, GW, &d, 1), 1);
	}
	sproxy_owners(f->proxy)[0].hops = 0;
	return slot;
}

static uint32_t sends_to_b(struct fixture *f, uint32_t sends)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < sends; i++) {
		uint32_t slot = send_one(f, NULL);

		assert_int_not_equal(slot, 0);
		count += slot == B;
	}
	return count;
}

static void percent_set(struct fixture *f, uint32_t percent)
{
	sproxy_split(f->proxy, 1, 2, (uint32_t)((uint64_t)SP_SPLIT_ALL * percent / 100));
}

/* Five standard deviations of a binomial: one honest run in two million is outside. */
static void test_shares_are_exact(void **state)
{
	static const uint32_t percents[] = { 1, 10, 50, 90 };
	struct fixture *f = *state;

	assert_int_equal(sends_to_b(f, 100), 0);
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		double p = percents[i] / 100.0, mean = SENDS * p, sigma = sqrt(mean * (1 - p));

		percent_set(f, percents[i]);
		assert_true(fabs(sends_to_b(f, SENDS) - mean) < 5 * sigma);
	}
	percent_set(f, 100);
	assert_int_equal(sends_to_b(f, 500), 500);
	percent_set(f, 0);
	assert_int_equal(sends_to_b(f, 500), 0);
}

static void test_path_names_the_function_meant(void **state)
{
	struct fixture *f = *state;
	struct sp_owner *o = &sproxy_owners(f->proxy)[0];
	struct sp_function_stats stats;
	struct sp_desc d;

	percent_set(f, 100);
	assert_int_equal(put_one(f, GW, desc(0, 1)), 0);
	assert_int_equal(take(f, B, &d, 1), 1);
	assert_int_equal(o->hop[0].fn, 1);
	assert_int_equal(o->hop[0].slot, B);
	assert_int_equal(sproxy_function_stats(f->proxy, 1, &stats), 0);
	assert_int_equal(stats.in, 0);
	assert_int_equal(sproxy_function_stats(f->proxy, 2, &stats), 0);
	assert_int_equal(stats.in, 1);
}

static void test_revision_without_instance_gets_nothing(void **state)
{
	struct fixture *f = *state;
	uint8_t flags;

	percent_set(f, 50);
	sproxy_disable(f->proxy, B);
	assert_int_equal(sends_to_b(f, 200), 0);
	assert_int_equal(sproxy_enable(f->proxy, B, 8), 0);
	sproxy_disable(f->proxy, A);
	assert_int_equal(sends_to_b(f, 200), 200);
	sproxy_disable(f->proxy, B);
	assert_int_equal(send_one(f, &flags), 0);
	assert_int_equal(flags, SP_DESC_UNDELIVERABLE);
}

/* Another thread changes the share all the while: each request goes to one of the two. */
static void *change(void *arg)
{
	struct fixture *f = arg;

	for (uint32_t i = 0; i < 20000; i++)
		percent_set(f, i % 101);
	return NULL;
}

static void test_change_while_sending(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	uint32_t b;

	assert_int_equal(pthread_create(&thread, NULL, change, f), 0);
	b = sends_to_b(f, SENDS);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_in_range(b, 1, SENDS - 1);
}

/* B calls what only A's function answers. */
static void test_calls_split_like_requests(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d;

	/* A call of function 2 by A goes to function 2; with all of it split, to 1: A itself. */
	stock(f, 5, A);
	sproxy_split(f->proxy, 2, 1, SP_SPLIT_ALL);
	assert_int_equal(put_one(f, A, call(5, A)), 0);
	assert_int_equal(take(f, A, &d, 1), 1);
	assert_int_equal(d.buf, 5);
	assert_int_equal(sproxy_owners(f->proxy)[5].leased, SP_LEASE_OUT);
	assert_int_equal(sproxy_owners(f->proxy)[5].hop[0].fn, 2);
}

static void test_shut_gate_sends_home_at_once(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d;
	uint8_t flags;

	sproxy_gate(f->proxy, 1, SP_GATE_SHUT, 0);
	assert_int_equal(sproxy_gate_read(f->proxy, 1), SP_GATE_SHUT);
	assert_int_equal(send_one(f, &flags), 0);
	assert_int_equal(flags, SP_DESC_UNDELIVERABLE | SP_DESC_FAILED);
	assert_int_equal(in_flight(f, A), 0);
	/* A call, too: it is the caller's stock again. */
	sproxy_gate(f->proxy, 2, SP_GATE_SHUT, 0);
	stock(f, 6, A);
	assert_int_equal(put_one(f, A, call(6, A)), 0);
	assert_int_equal(take(f, A, &d, 1), 1);
	assert_int_equal(d.flags, SP_DESC_UNDELIVERABLE | SP_DESC_FAILED);
	assert_int_equal(sproxy_owners(f->proxy)[6].leased, SP_LEASE_STOCK);
	sproxy_gate(f->proxy, 1, SP_GATE_OPEN, 0);
	assert_int_equal(send_one(f, NULL), A);
}

static void test_gate_ajar_lets_probes_pass(void **state)
{
	struct fixture *f = *state;
	uint8_t flags;

	sproxy_gate(f->proxy, 1, SP_GATE_AJAR, 3);
	sproxy_watch(f->proxy, A);
	for (int i = 0; i < 3; i++)
		assert_int_equal(send_one(f, NULL), A);
	assert_int_equal(send_one(f, &flags), 0);
	assert_int_equal(flags, SP_DESC_UNDELIVERABLE | SP_DESC_FAILED);
	assert_int_equal(events(f), 1);
	assert_int_equal(f->last_reason, SP_EVENT_WATCHED);
	assert_int_equal(f->last_slot, A);
	/* Without an instance it waits for one. */
	sproxy_disable(f->proxy, A);
	sproxy_gate(f->proxy, 1, SP_GATE_OPEN, 0);
	assert_int_equal(send_one(f, &flags), 0);
	assert_int_equal(flags, SP_DESC_UNDELIVERABLE);
}

static void test_watch_tells_of_the_next_failure_once(void **state)
{
	struct fixture *f = *state;
	uint64_t out;

	round_trip(f, 1, SP_DESC_FAILED);
	assert_int_equal(events(f), 0);
	sproxy_watch(f->proxy, B);
	round_trip(f, 1, 0);
	assert_int_equal(events(f), 0);
	round_trip(f, 1, SP_DESC_FAILED | SP_DESC_BLAMELESS);
	assert_int_equal(events(f), 0);
	round_trip(f, 1, SP_DESC_FAILED);
	round_trip(f, 1, SP_DESC_FAILED);
	assert_int_equal(sproxy_faults(f->proxy, 2, &out), 3);
	assert_int_equal(out, 5);
	assert_int_equal(events(f), 1);
	assert_int_equal(f->last_reason, SP_EVENT_WATCHED);
	assert_int_equal(f->last_slot, B);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_shares_are_exact),
		TEST(test_path_names_the_function_meant),
		TEST(test_revision_without_instance_gets_nothing),
		TEST(test_change_while_sending),
		TEST(test_calls_split_like_requests),
		TEST(test_shut_gate_sends_home_at_once),
		TEST(test_gate_ajar_lets_probes_pass),
		TEST(test_watch_tells_of_the_next_failure_once),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
