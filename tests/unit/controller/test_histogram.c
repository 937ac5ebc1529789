// SPDX-License-Identifier: Apache-2.0
/* Quantiles of distributions whose quantiles are known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "controller/histogram.h"

/* In the bucket of a value, as the kernel counts it. */
static void count_value(struct sp_histogram *histogram, uint64_t us)
{
	unsigned b = 0;

	while (b < SP_HIST_BUCKETS - 1 && sp_histogram_upper_us(b) <= us)
		b++;
	histogram->count[b]++;
	histogram->sum_us += us;
}

static void assert_near(double value, double expected, double part)
{
	if (fabs(value - expected) > expected * part)
		fail_msg("%f is not near %f", value, expected);
}

static void test_uniform(void **state)
{
	struct sp_histogram h = { 0 };

	(void)state;
	for (uint64_t us = 0; us < 100000; us++)
		count_value(&h, us);
	assert_int_equal(histogram_count(&h), 100000);
	for (int percent = 1; percent < 100; percent++)
		assert_near(histogram_quantile_us(&h, percent / 100.0), percent * 1000, 0.1);
}

static void test_exponential(void **state)
{
	struct sp_histogram h = { 0 };
	const double mean = 5000;

	(void)state;
	for (int i = 0; i < 100000; i++)
		count_value(&h, (uint64_t)(-mean * log(1 - (i + 0.5) / 100000)));
	assert_near(histogram_quantile_us(&h, 0.5), mean * log(2), 0.05);
	assert_near(histogram_quantile_us(&h, 0.99), mean * log(100), 0.05);
	assert_near(histogram_quantile_us(&h, 0.999), mean * log(1000), 0.1);
}

static void test_two_values(void **state)
{
	struct sp_histogram h = { 0 };

	(void)state;
	for (int i = 0; i < 99; i++)
		count_value(&h, 10);
	count_value(&h, 1000000);
	assert_near(histogram_quantile_us(&h, 0.5), 10, 0.25);
	assert_near(histogram_quantile_us(&h, 0.98), 10, 0.25);
	assert_near(histogram_quantile_us(&h, 0.999), 1000000, 0.25);
}

static void test_empty_and_open_end(void **state)
{
	struct sp_histogram h = { 0 };

	(void)state;
	assert_true(histogram_quantile_us(&h, 0.99) == 0);
	h.count[SP_HIST_BUCKETS - 1] = 1;
	assert_true(histogram_quantile_us(&h, 0.99) ==
		    (double)sp_histogram_upper_us(SP_HIST_BUCKETS - 2));
}

static void test_difference_and_merge(void **state)
{
	struct sp_histogram a = { .sum_us = 5 }, b = { .sum_us = 9 }, d;

	(void)state;
	a.count[3] = 4;
	b.count[3] = 6;
	a.count[4] = 1; /* went back: the chain was started anew */
	histogram_difference(&a, &b, &d);
	assert_int_equal(d.count[3], 2);
	assert_int_equal(d.count[4], 0);
	assert_int_equal(d.sum_us, 4);
	histogram_merge(&a, &d);
	assert_int_equal(d.count[3], 6);
	assert_int_equal(d.sum_us, 9);
}

static void test_bounds_find_their_bucket(void **state)
{
	(void)state;
	for (unsigned b = 0; b < SP_HIST_BUCKETS; b++) {
		struct sp_histogram h = { 0 };

		histogram_add(&h, sp_histogram_upper_us(b), 3);
		assert_int_equal(h.count[b], 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uniform),
		cmocka_unit_test(test_exponential),
		cmocka_unit_test(test_two_values),
		cmocka_unit_test(test_empty_and_open_end),
		cmocka_unit_test(test_difference_and_merge),
		cmocka_unit_test(test_bounds_find_their_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
