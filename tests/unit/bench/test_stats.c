// SPDX-License-Identifier: Apache-2.0
/* Medians, and whether 95 of 100 intervals hold the true one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bench/load/random.h"
#include "bench/numbers/stats.h"

#define TRIALS 400U

static void test_median(void **state)
{
	double samples[BENCH_SAMPLES_MAX + 1] = { 5, 1, 3 };

	(void)state;
	assert_true(bench_median(samples, 0) == 0);
	assert_true(bench_median(samples, 1) == 5);
	assert_true(bench_median(samples, 2) == 3);
	assert_true(bench_median(samples, 3) == 3);
	assert_true(samples[0] == 5); /* not sorted in place */
	samples[3] = 100;
	assert_true(bench_median(samples, 4) == 4);
	for (unsigned i = 0; i < BENCH_SAMPLES_MAX; i++)
		samples[i] = i;
	samples[BENCH_SAMPLES_MAX] = 1e9;
	assert_true(bench_median(samples, BENCH_SAMPLES_MAX + 1) == 511.5);
}

static void test_few(void **state)
{
	static const double samples[] = { 4, 2, 8, 6 };
	struct bench_interval i = bench_bootstrap(samples, 0, 1);

	(void)state;
	assert_true(i.median == 0 && i.low == 0 && i.high == 0);
	i = bench_bootstrap(samples, 1, 1);
	assert_true(i.median == 4 && i.low == 4 && i.high == 4);
	i = bench_bootstrap(samples, 4, 1);
	assert_true(i.median == 5 && i.low == 2 && i.high == 8);
}

/* The chance that the median of 5 draws is the smallest one: 3 or more of 5 draws hit it, which is
 * 0.05792; the ends of the interval (2.5 %) are therefore the smallest and the largest. Of 9 it is
 * 0.0058 for the first, 0.0582 for the first two: the ends are the second and the eighth. */
static void test_known(void **state)
{
	static const double samples[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	struct bench_interval i;

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		i = bench_bootstrap(samples, 5, seed);
		assert_true(i.median == 3 && i.low == 1 && i.high == 5);
		i = bench_bootstrap(samples, 9, seed);
		assert_true(i.median == 5 && i.low == 2 && i.high == 8);
	}
}

/* Of samples of a distribution whose median is known, 95 % of the intervals hold it. */
static void test_coverage(void **state)
{
	double samples[41];
	struct bench_random r;
	unsigned held = 0;

	(void)state;
	bench_random_seed(&r, 11);
	for (unsigned trial = 0; trial < TRIALS; trial++) {
		struct bench_interval i;

		for (unsigned k = 0; k < 41; k++)
			samples[k] = bench_random_exponential(&r);
		i = bench_bootstrap(samples, 41, trial);
		held += i.low <= log(2) && log(2) <= i.high;
	}
	/* Four standard errors; an interval of 41 values has steps of a few percent. */
	assert_true(fabs(held / (double)TRIALS - 0.95) < 4 * sqrt(0.95 * 0.05 / TRIALS));
}

/* Two things that are the same: what is said to differ is chance, at most 5 % (of 5 samples 6.25 %). */
static void test_same(void **state)
{
	(void)state;
	for (size_t count = 5; count <= 11; count += 2) {
		struct bench_random r;
		unsigned wrong = 0;

		bench_random_seed(&r, count);
		for (unsigned trial = 0; trial < TRIALS; trial++) {
			double ratios[11];
			struct bench_interval i;

			for (size_t k = 0; k < count; k++)
				ratios[k] = exp(bench_random_exponential(&r) -
						bench_random_exponential(&r));
			i = bench_bootstrap(ratios, count, trial);
			wrong += bench_compare(&i) != BENCH_NO_DIFFERENCE;
		}
		assert_true(wrong <= TRIALS * 0.0625 + 3 * sqrt(TRIALS * 0.0625));
	}
}

static void test_most(void **state)
{
	double samples[BENCH_SAMPLES_MAX];
	struct bench_interval i;

	(void)state;
	for (unsigned k = 0; k < BENCH_SAMPLES_MAX; k++)
		samples[k] = k;
	i = bench_bootstrap(samples, BENCH_SAMPLES_MAX, 1);
	/* 1.96 / 2 / sqrt(n) of all values beside the middle. */
	assert_true(fabs(i.low - (511.5 - 31.4)) < 4 && fabs(i.high - (511.5 + 31.4)) < 4);
}

static void test_compare(void **state)
{
	static const struct {
		struct bench_interval ratio;
		enum bench_verdict verdict;
	} cases[] = {
		{ { 1.1, 1.01, 1.2 }, BENCH_MORE },
		{ { 0.9, 0.8, 0.99 }, BENCH_LESS },
		{ { 1.1, 0.99, 1.2 }, BENCH_NO_DIFFERENCE },
		{ { 1, 1, 1 }, BENCH_NO_DIFFERENCE },
		{ { 1.1, 1, 1.2 }, BENCH_NO_DIFFERENCE },
		{ { 0.9, 0.8, 1 }, BENCH_NO_DIFFERENCE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(bench_compare(&cases[i].ratio), cases[i].verdict);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_median),  cmocka_unit_test(test_few),
		cmocka_unit_test(test_known),   cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_same),    cmocka_unit_test(test_most),
		cmocka_unit_test(test_compare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
