// SPDX-License-Identifier: Apache-2.0
/* What a tap sees. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/bpf/chain.h"

#define TAPS_MAX 8192

struct taps {
	uint32_t count;
	struct sp_tap first[4];
};

static void on_tap(const struct sp_tap *tap, void *arg)
{
	struct taps *taps = arg;

	if (taps->count < 4)
		taps->first[taps->count] = *tap;
	taps->count++;
}

static void test_tap_off_shows_nothing(void **state)
{
	struct fixture *f = *state;
	struct taps taps = { 0 };

	round_trip(f, 2, 0);
	assert_int_equal(sproxy_tap_read(f->proxy, on_tap, &taps), 0);
	assert_int_equal(sproxy_tap(f->proxy, true), 0);
	round_trip(f, 2, 0);
	assert_int_equal(sproxy_tap(f->proxy, false), 0);
	/* What was not read is nobody's when it is on again. */
	assert_int_equal(sproxy_tap(f->proxy, true), 0);
	assert_int_equal(sproxy_tap_read(f->proxy, on_tap, &taps), 0);
	assert_int_equal(taps.count, 0);
	assert_int_equal(sproxy_tap_lost(f->proxy), 0);
}

static void test_tap_shows_the_way(void **state)
{
	struct fixture *f = *state;
	struct taps taps = { 0 };
	uint64_t before = now_ns();

	assert_int_equal(sproxy_tap(f->proxy, true), 0);
	assert_int_equal(put_one(f, GW, desc(5, 1)), 0);
	work(2000);
	assert_int_equal(put_one(f, A, desc(5, EDGE_NEXT)), 0);
	assert_int_equal(put_one(f, B, desc(5, SP_EDGE_REPLY)), 0);
	assert_int_equal(sproxy_tap_read(f->proxy, on_tap, &taps), 3);
	assert_in_range(taps.first[0].at_ns, before, now_ns());
	assert_int_equal(taps.first[0].from_fn, SP_GATEWAY_FN);
	assert_int_equal(taps.first[0].to_slot, A);
	assert_int_equal(taps.first[0].since_us, 0);
	assert_int_equal(taps.first[1].buf, 5);
	assert_int_equal(taps.first[1].gen, word(f, 5) >> 32);
	assert_int_equal(taps.first[1].len, 10);
	assert_int_equal(taps.first[1].verdict, SP_TAP_PASSED);
	assert_int_equal(taps.first[1].from_fn, 1);
	assert_int_equal(taps.first[1].from_slot, A);
	assert_int_equal(taps.first[1].to_fn, 2);
	assert_int_equal(taps.first[1].to_slot, B);
	assert_int_equal(taps.first[1].edge, EDGE_NEXT);
	assert_int_equal(taps.first[1].start_ns, taps.first[0].start_ns);
	assert_in_range(taps.first[1].since_us, 1999, (now_ns() - before) / 1000);
	assert_int_equal(taps.first[2].edge, SP_EDGE_REPLY);
	assert_int_equal(taps.first[2].to_fn, SP_GATEWAY_FN);
}

static void test_tap_shows_a_call_and_its_answer(void **state)
{
	struct fixture *f = *state;
	struct taps taps = { 0 };
	struct sp_desc d = call(5, A);

	assert_int_equal(sproxy_tap(f->proxy, true), 0);
	stock(f, 5, A);
	stock(f, 6, A);
	assert_int_equal(put_one(f, A, d), 0);
	d.edge = SP_EDGE_CANCEL; /* is not shown, as it hands nothing over */
	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(put_one(f, B, answer(call(5, A))), 0);
	d = call(6, A);
	d.edge = EDGE_CALL_NOBODY;
	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(sproxy_tap_read(f->proxy, on_tap, &taps), 3);
	assert_int_equal(taps.first[0].from_fn, 1);
	assert_int_equal(taps.first[0].to_fn, 2);
	assert_int_equal(taps.first[0].to_slot, B);
	assert_int_equal(taps.first[0].edge, EDGE_CALL);
	assert_int_equal(taps.first[0].since_us, 0);
	assert_int_equal(taps.first[1].from_fn, 2);
	assert_int_equal(taps.first[1].to_fn, 1);
	assert_int_equal(taps.first[1].to_slot, A);
	assert_int_equal(taps.first[1].edge, SP_EDGE_REPLY);
	assert_int_equal(taps.first[1].start_ns, taps.first[0].start_ns);
	assert_int_equal(taps.first[2].verdict, SP_TAP_UNDELIVERABLE);
	assert_int_equal(taps.first[2].to_fn, 3);
	assert_int_equal(taps.first[2].to_slot, A);
}

static void test_tap_shows_what_is_refused(void **state)
{
	struct fixture *f = *state;
	struct taps taps = { 0 };

	assert_int_equal(sproxy_tap(f->proxy, true), 0);
	give(f, 0, A);
	assert_int_equal(put_one(f, A, desc(0, EDGE_NOBODY)), 0);
	assert_int_equal(put_one(f, A, desc(1, EDGE_NEXT)), -EACCES);
	assert_int_equal(sproxy_tap_read(f->proxy, on_tap, &taps), 2);
	assert_int_equal(taps.first[0].verdict, SP_TAP_UNDELIVERABLE);
	assert_int_equal(taps.first[0].flags, SP_DESC_UNDELIVERABLE);
	assert_int_equal(taps.first[0].to_fn, 3);
	assert_int_equal(taps.first[1].verdict, SP_TAP_REFUSED + SP_VIOLATION_OWNER);
	assert_int_equal(taps.first[1].buf, 1);
	assert_int_equal(taps.first[1].from_slot, A);
}

static void test_tap_counts_what_it_loses(void **state)
{
	struct fixture *f = *state;
	struct taps taps = { 0 };

	assert_int_equal(sproxy_tap(f->proxy, true), 0);
	for (uint32_t i = 0; i < TAPS_MAX / (3 * SP_BATCH_MAX); i++)
		round_trip(f, SP_BATCH_MAX, 0);
	assert_true(sproxy_tap_lost(f->proxy) > 0);
	assert_true(sproxy_tap_read(f->proxy, on_tap, &taps) > 0);
	assert_int_equal(taps.count + sproxy_tap_lost(f->proxy),
			 TAPS_MAX / (3 * SP_BATCH_MAX) * 3 * SP_BATCH_MAX);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_tap_off_shows_nothing),           CASE(test_tap_shows_the_way),
		CASE(test_tap_shows_a_call_and_its_answer), CASE(test_tap_shows_what_is_refused),
		CASE(test_tap_counts_what_it_loses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
