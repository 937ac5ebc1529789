// SPDX-License-Identifier: Apache-2.0
/* Calls whose caller, or whose callee, is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "tests/bpf/chain.h"

static void test_answer_to_a_dead_caller_goes_to_its_lender(void **state)
{
	struct fixture *f = *state;
	struct sp_function_stats stats;
	struct sp_desc d = called(f, 0);

	detach(f, A);
	assert_int_equal(put_one(f, B, answer(d)), 0);
	d = taken(f, GW);
	assert_int_equal(d.flags, SP_DESC_UNDELIVERABLE);
	assert_int_equal(d.home, A);
	assert_int_equal(holder(f, 0), GW);
	assert_int_equal(owner(f, 0)->leased, SP_LEASE_OUT);
	assert_int_equal(in_flight(f, B), 0);
	assert_int_equal(sproxy_function_stats(f->proxy, 1, &stats), 0);
	assert_int_equal(stats.undeliverable, 1);
}

/* Its tags begin anew: what was called from the slot before is no answer to it. */
static void test_answer_when_another_has_the_slot(void **state)
{
	const struct sproxy_place place = { .fn = 1, .cpu = 0, .lender = GW };
	struct fixture *f = *state;
	struct sp_desc d[2], again;

	d[0] = called(f, 0);
	stock(f, 1, A);
	assert_int_equal(put_one(f, A, call(1, A)), 0);
	d[1] = taken(f, B);
	detach(f, A);
	assert_int_equal(sproxy_attach(f->proxy, A, &place, &f->ends[A]), 0);
	stock(f, 2, A);
	assert_int_equal(put_one(f, A, call(2, A)), 0);
	again = taken(f, B);
	assert_int_equal(put_one(f, B, answer(d[0])), 0);
	d[0] = taken(f, A);
	assert_int_equal(d[0].edge, SP_EDGE_REPLY);
	assert_int_equal(d[0].flags, SP_DESC_UNDELIVERABLE);
	assert_int_equal(word(f, 0), SP_OWNER_WORD(d[0].gen, A));
	assert_int_equal(owner(f, 0)->leased, SP_LEASE_STOCK);
	d[1].edge = EDGE_NOBODY;
	assert_int_equal(put_one(f, B, d[1]), 0);
	d[1] = taken(f, A);
	assert_int_equal(d[1].edge, SP_EDGE_REPLY);
	assert_true(d[1].flags & SP_DESC_UNDELIVERABLE);
	assert_int_equal(put_one(f, B, answer(again)), 0);
	assert_int_equal(taken(f, A).flags, 0);
	assert_int_equal(in_flight(f, A), 0);
	assert_int_equal(in_flight(f, B), 0);
}

static void test_answer_when_the_lender_is_gone_too(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = called(f, 0);

	detach(f, A);
	detach(f, GW);
	assert_int_equal(put_one(f, B, answer(d)), 0);
	assert_int_equal(holder(f, 0), GW); /* for whoever takes the slot over */
	assert_int_equal(owner(f, 0)->leased, SP_LEASE_OUT);
}

/* What the gateway does for a callee that died. */
static void test_gateway_answers_for_the_dead(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = called(f, 0);

	detach(f, B);
	give(f, 0, GW);
	d = answer(d);
	d.gen = 7;
	d.flags = SP_DESC_FAILED;
	assert_int_equal(put_one(f, GW, d), 0);
	assert_int_equal(taken(f, A).flags, SP_DESC_FAILED);
	assert_int_equal(owner(f, 0)->leased, SP_LEASE_STOCK);
	assert_int_equal(in_flight(f, A), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_answer_to_a_dead_caller_goes_to_its_lender),
		CASE(test_answer_when_another_has_the_slot),
		CASE(test_answer_when_the_lender_is_gone_too),
		CASE(test_gateway_answers_for_the_dead),
	};

	return cmocka_run_group_tests_name("call_gone", tests, NULL, NULL);
}
