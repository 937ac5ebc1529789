// SPDX-License-Identifier: Apache-2.0
/* What the kernel counts and times. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/bpf/chain.h"

static struct sp_function_stats stats_of(struct fixture *f, uint32_t fn)
{
	struct sp_function_stats stats;

	assert_int_equal(sproxy_function_stats(f->proxy, fn, &stats), 0);
	return stats;
}

static uint64_t histogram_count(const struct sp_histogram *h)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < SP_HIST_BUCKETS; i++)
		sum += h->count[i];
	return sum;
}

/* Every count of `h` must lie in buckets that hold times from `low` to `high`. */
static void assert_between(const struct sp_histogram *h, uint64_t low_us, uint64_t high_us)
{
	for (uint32_t i = sp_histogram_bucket((uint32_t)high_us) + 1; i < SP_HIST_BUCKETS; i++)
		assert_int_equal(h->count[i], 0);
	for (uint32_t i = 0; i < sp_histogram_bucket((uint32_t)low_us); i++)
		assert_int_equal(h->count[i], 0);
}

static void test_counts(void **state)
{
	struct fixture *f = *state;
	uint64_t edges[SP_EDGE_MAX + 1];

	round_trip(f, 5, 0);
	round_trip(f, 3, SP_DESC_FAILED);
	round_trip(f, 2, SP_DESC_DROPPED);
	for (uint32_t fn = 0; fn <= 2; fn++) {
		struct sp_function_stats s = stats_of(f, fn);

		assert_int_equal(s.in, 10);
		assert_int_equal(s.out, 10);
		assert_int_equal(s.failed, fn == 2 ? 3 : 0);
		assert_int_equal(s.dropped, fn == 2 ? 2 : 0);
		assert_int_equal(s.undeliverable, 0);
		assert_int_equal(histogram_count(&s.run), 10);
		assert_int_equal(histogram_count(&s.wait), fn == SP_GATEWAY_FN ? 0 : 10);
	}
	assert_int_equal(sproxy_edge_counts(f->proxy, 0, edges), 0);
	assert_int_equal(edges[1], 10);
	assert_int_equal(edges[SP_EDGE_MAX], 0);
	assert_int_equal(sproxy_edge_counts(f->proxy, 1, edges), 0);
	assert_int_equal(edges[EDGE_NEXT], 10);
	assert_int_equal(edges[EDGE_REPLY], 0);
	assert_int_equal(sproxy_edge_counts(f->proxy, 2, edges), 0);
	assert_int_equal(edges[SP_EDGE_MAX], 10);
	assert_int_equal(sproxy_edge_counts(f->proxy, 4, edges), -EINVAL);
}

static void test_undeliverable_is_counted_for_the_one_meant(void **state)
{
	struct fixture *f = *state;
	struct sp_function_stats gateway;
	struct sp_desc d;

	give(f, 0, A);
	assert_int_equal(put_one(f, A, desc(0, EDGE_NOBODY)), 0);
	assert_int_equal(take(f, GW, &d, 1), 1);
	gateway = stats_of(f, SP_GATEWAY_FN);
	assert_int_equal(stats_of(f, 3).undeliverable, 1);
	assert_int_equal(stats_of(f, 3).in, 0);
	assert_int_equal(stats_of(f, 1).out, 1);
	assert_int_equal(gateway.in, 0);
	assert_int_equal(histogram_count(&gateway.run), 0);
}

static void test_leases_are_not_counted(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(9, SP_EDGE_GRANT);

	sproxy_owners(f->proxy)[9].leased = 1;
	d.home = A;
	assert_int_equal(put_one(f, GW, d), 0);
	assert_int_equal(take(f, A, &d, 1), 1);
	assert_int_equal(put_one(f, A, desc(9, SP_EDGE_RELEASE)), 0);
	assert_int_equal(stats_of(f, 0).out, 0);
	assert_int_equal(stats_of(f, 0).in, 0);
	assert_int_equal(stats_of(f, 1).in, 0);
	assert_int_equal(stats_of(f, 1).out, 0);
	assert_int_equal(sproxy_instances(f->proxy)[A].last_out_ns, 0);
}

/* A call is the callee's work; the caller's is the request that it makes the call for. */
static void test_calls_count_for_the_callee(void **state)
{
	struct fixture *f = *state;
	struct sp_function_stats caller, callee, gateway;
	uint64_t edges[SP_EDGE_MAX + 1];
	struct sp_desc d;

	assert_int_equal(put_one(f, GW, desc(0, 1)), 0);
	taken(f, A);
	work(2000);
	stock(f, 1, A);
	assert_int_equal(put_one(f, A, call(1, A)), 0);
	assert_int_equal(sproxy_instances(f->proxy)[A].last_out_ns, 0);
	d = taken(f, B);
	work(2000);
	d.edge = SP_EDGE_REPLY;
	d.flags = SP_DESC_FAILED;
	assert_int_equal(put_one(f, B, d), 0);
	taken(f, A);
	assert_int_equal(put_one(f, A, desc(0, EDGE_REPLY)), 0);
	caller = stats_of(f, 1);
	callee = stats_of(f, 2);
	gateway = stats_of(f, SP_GATEWAY_FN);
	assert_int_equal(caller.in, 1);
	assert_int_equal(caller.out, 1);
	assert_int_equal(caller.failed, 0);
	assert_int_equal(histogram_count(&caller.run), 1);
	assert_between(&caller.run, 4000, 1000000);
	assert_int_equal(callee.in, 1);
	assert_int_equal(callee.out, 1);
	assert_int_equal(callee.failed, 1);
	assert_int_equal(histogram_count(&callee.run), 1);
	assert_between(&callee.run, 2000, 1000000);
	assert_int_equal(gateway.in, 1);
	assert_int_equal(histogram_count(&gateway.run), 1);
	assert_int_equal(sproxy_edge_counts(f->proxy, 1, edges), 0);
	assert_int_equal(edges[EDGE_CALL], 1);
	assert_int_equal(edges[EDGE_REPLY], 1);
	assert_int_equal(sproxy_edge_counts(f->proxy, 2, edges), 0);
	assert_int_equal(edges[SP_EDGE_MAX], 1);
}

/* What nobody waits for has no way from end to end. */
static void test_messages_are_not_timed_to_their_end(void **state)
{
	struct fixture *f = *state;
	struct sp_function_stats gateway;
	struct sp_desc d;

	stock(f, 0, A);
	assert_int_equal(put_one(f, A, desc(0, EDGE_NEXT)), 0);
	d = taken(f, B);
	d.edge = SP_EDGE_REPLY;
	assert_int_equal(put_one(f, B, d), 0);
	assert_int_equal(stats_of(f, 1).out, 0);
	assert_int_equal(stats_of(f, 2).in, 1);
	assert_int_equal(stats_of(f, 2).out, 1);
	gateway = stats_of(f, SP_GATEWAY_FN);
	assert_int_equal(histogram_count(&gateway.run), 0);
}

/* The time of a join's send is its request's, not the parts'. */
static void test_parts_take_no_share(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d[4] = { desc(0, EDGE_NEXT), desc(1, EDGE_NEXT), desc(2, EDGE_NEXT),
				desc(3, EDGE_NEXT) };
	struct sp_function_stats s;

	assert_int_equal(put_one(f, GW, desc(0, 1)), 0);
	taken(f, A);
	d[0] = desc(0, EDGE_NEXT);
	for (uint32_t i = 1; i < 4; i++) {
		stock(f, i, A);
		d[i].flags = SP_DESC_PART;
	}
	work(4000);
	assert_int_equal(put(f, A, d, sizeof(d)), sizeof(d));
	s = stats_of(f, 1);
	assert_int_equal(s.out, 1);
	assert_int_equal(histogram_count(&s.run), 1);
	assert_int_equal(histogram_count(&s.wait), 1);
	assert_between(&s.run, 4000, 1000000);
	assert_true(s.run.sum_us >= 3999);
}

/* Two requests arrive together and are handed on one after the other: the second waits while
 * the first runs. The bounds are those measured here. */
static void test_wait_and_run(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d[2] = { desc(0, 1), desc(1, 1) };
	uint64_t before = now_ns(), arrived, first, second;
	struct sp_function_stats s;

	assert_int_equal(put(f, GW, d, sizeof(d)), sizeof(d));
	arrived = now_ns();
	assert_int_equal(take(f, A, d, 2), 2);
	work(2000);
	assert_int_equal(put_one(f, A, desc(0, EDGE_NEXT)), 0);
	first = now_ns();
	s = stats_of(f, 1);
	assert_int_equal(histogram_count(&s.run), 1);
	assert_between(&s.run, 2000, (first - before) / 1000);
	assert_between(&s.wait, 0, (arrived - before) / 1000);
	work(9000);
	assert_int_equal(put_one(f, A, desc(1, EDGE_NEXT)), 0);
	second = now_ns();
	s = stats_of(f, 1);
	assert_int_equal(histogram_count(&s.run), 2);
	assert_between(&s.run, 2000, (second - first) / 1000 + 1000);
	assert_in_range(s.run.sum_us, 11000 - 2, (second - before) / 1000 + 2);
	/* The first did not wait at all, the second as long as the first ran. */
	assert_in_range(s.wait.sum_us, 2000 - 2, (first - before) / 1000 + 2);
	assert_int_equal(s.wait.count[0], 1);
}

static void test_batch_shares_its_time(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d[4] = { desc(0, 1), desc(1, 1), desc(2, 1), desc(3, 1) };
	uint64_t before = now_ns(), end;
	struct sp_function_stats s;

	assert_int_equal(put(f, GW, d, sizeof(d)), sizeof(d));
	assert_int_equal(take(f, A, d, 4), 4);
	work(8000);
	for (uint32_t i = 0; i < 4; i++)
		d[i].edge = EDGE_NEXT;
	assert_int_equal(put(f, A, d, sizeof(d)), sizeof(d));
	end = now_ns();
	s = stats_of(f, 1);
	assert_int_equal(histogram_count(&s.run), 4);
	assert_between(&s.run, 2000, (end - before) / 4000);
	/* 0, 1, 2 and 3 shares */
	assert_in_range(s.wait.sum_us, 12000 - 4, 6 * (end - before) / 4000 + 4);
}

static void test_end_to_end(void **state)
{
	struct fixture *f = *state;
	uint64_t before = now_ns(), end;
	struct sp_function_stats s;

	assert_int_equal(put_one(f, GW, desc(0, 1)), 0);
	work(3000);
	assert_int_equal(put_one(f, A, desc(0, EDGE_REPLY)), 0);
	end = now_ns();
	s = stats_of(f, SP_GATEWAY_FN);
	assert_int_equal(histogram_count(&s.run), 1);
	assert_between(&s.run, 3000, (end - before) / 1000);
	assert_in_range(s.run.sum_us, 3000 - 1, (end - before) / 1000 + 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_counts),
		CASE(test_undeliverable_is_counted_for_the_one_meant),
		CASE(test_leases_are_not_counted),
		CASE(test_calls_count_for_the_callee),
		CASE(test_messages_are_not_timed_to_their_end),
		CASE(test_parts_take_no_share),
		CASE(test_wait_and_run),
		CASE(test_batch_shares_its_time),
		CASE(test_end_to_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
