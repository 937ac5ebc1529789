// SPDX-License-Identifier: Apache-2.0
/* What the kernel counts and times, and what a tap sees. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/bpf/chain.h"

#define TAPS_MAX 8192

struct taps {
	uint32_t count;
	struct sp_tap first[4];
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* Works for at least that long. Returns when it ended. */
static uint64_t work(unsigned us)
{
	uint64_t end = now_ns() + us * 1000ULL, now;

	do
		now = now_ns();
	while (now < end);
	return now;
}

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

/* `count` requests by way of A and B home, all of them together at each hop. */
static void round_trip(struct fixture *f, uint32_t count, uint8_t flags)
{
	struct sp_desc descs[SP_BATCH_MAX];
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
	assert_int_equal(taps.first[1].gen, 7);
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
		CASE(test_counts),
		CASE(test_undeliverable_is_counted_for_the_one_meant),
		CASE(test_leases_are_not_counted),
		CASE(test_wait_and_run),
		CASE(test_batch_shares_its_time),
		CASE(test_end_to_end),
		CASE(test_tap_off_shows_nothing),
		CASE(test_tap_shows_the_way),
		CASE(test_tap_shows_what_is_refused),
		CASE(test_tap_counts_what_it_loses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
