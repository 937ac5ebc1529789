// SPDX-License-Identifier: Apache-2.0
/* Known numbers, and the moments of what is made of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "bench/load/random.h"

#define SAMPLES 200000

/* Of the authors' xoshiro256starstar.c with the state 1, 2, 3, 4. */
static void test_xoshiro(void **state)
{
	static const uint64_t expected[] = { 11520U,
					     0U,
					     1509978240U,
					     1215971899390074240U,
					     1216172134540287360U,
					     607988272756665600U,
					     16172922978634559625U,
					     8476171486693032832U,
					     10595114339597558777U,
					     2904607092377533576U };
	struct bench_random r = { { 1, 2, 3, 4 } };

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_true(bench_random_next(&r) == expected[i]);
}

/* Of the authors' splitmix64.c with the state 1234567. */
static void test_seed(void **state)
{
	static const uint64_t expected[4] = { 6457827717110365317U, 3203168211198807973U,
					      9817491932198370423U, 4593380528125082431U };
	struct bench_random r, other;

	(void)state;
	bench_random_seed(&r, 1234567);
	assert_memory_equal(r.s, expected, sizeof(expected));
	bench_random_seed(&r, 0);
	bench_random_seed(&other, 1);
	assert_true(bench_random_next(&r) != bench_random_next(&other));
}

static void test_below(void **state)
{
	unsigned counts[7] = { 0 };
	struct bench_random r;

	(void)state;
	bench_random_seed(&r, 1);
	for (unsigned i = 0; i < SAMPLES; i++)
		counts[bench_random_below(&r, 7)]++;
	for (unsigned i = 0; i < 7; i++) /* five standard deviations */
		assert_true(fabs(counts[i] - SAMPLES / 7.0) < 5 * sqrt(SAMPLES / 7.0 * 6 / 7));
	for (unsigned i = 0; i < 100; i++)
		assert_true(bench_random_below(&r, UINT64_MAX) < UINT64_MAX &&
			    bench_random_below(&r, 1) == 0);
}

struct moments {
	double mean, deviation, min;
};

static struct moments moments(double (*sample)(struct bench_random *, double), double argument)
{
	struct moments m = { .min = INFINITY };
	double sum = 0, squares = 0;
	struct bench_random r;

	bench_random_seed(&r, 42);
	for (unsigned i = 0; i < SAMPLES; i++) {
		double value = sample(&r, argument);

		sum += value;
		squares += value * value;
		m.min = fmin(m.min, value);
	}
	m.mean = sum / SAMPLES;
	m.deviation = sqrt(squares / SAMPLES - m.mean * m.mean);
	return m;
}

static double unit(struct bench_random *r, double unused)
{
	(void)unused;
	return bench_random_unit(r);
}

static double exponential(struct bench_random *r, double unused)
{
	(void)unused;
	return bench_random_exponential(r);
}

static void assert_near(double value, double expected, double part)
{
	if (!(fabs(value - expected) <= expected * part))
		fail_msg("%.9f is not near %.9f", value, expected);
}

static void test_unit(void **state)
{
	struct moments m = moments(unit, 0);

	(void)state;
	assert_near(m.mean, 0.5, 0.01);
	assert_near(m.deviation, sqrt(1 / 12.0), 0.01);
	assert_true(m.min > 0);
}

static void test_exponential(void **state)
{
	struct moments m = moments(exponential, 0);

	(void)state;
	assert_near(m.mean, 1, 0.01);
	assert_near(m.deviation, 1, 0.02);
	assert_true(m.min > 0);
}

/* Mean and variance of gamma are its shape; the part of its samples below the mean is known. */
static void test_gamma(void **state)
{
	static const double shapes[] = { 1 / 16.0, 0.25, 0.9, 1, 4, 400 };

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct moments m = moments(bench_random_gamma, shapes[i]);

		/* Bounds: five standard errors, the deviation's own is larger for small shapes. */
		assert_near(m.mean, shapes[i], 5 / sqrt(shapes[i] * SAMPLES));
		assert_near(m.deviation, sqrt(shapes[i]),
			    5 * sqrt((2 + 6 / shapes[i]) / SAMPLES) / 2);
		assert_true(m.min >= 0);
	}
}

/* -ln(unit) with a logarithm that is known to be right to 1e-14. */
static void test_log(void **state)
{
	struct bench_random r, twin;

	(void)state;
	bench_random_seed(&r, 5);
	twin = r;
	for (unsigned i = 0; i < SAMPLES; i++)
		assert_near(bench_random_exponential(&r), -log(bench_random_unit(&twin)), 1e-14);
}

/* To the bit, so that a schedule is the same on every machine and with every compiler. The sum was
 * made by the same arithmetic in another language. */
static void test_same_everywhere(void **state)
{
	static const double shapes[] = { 0.25, 4 };
	uint64_t sum = 0;
	struct bench_random r;

	(void)state;
	bench_random_seed(&r, 7);
	for (unsigned i = 0; i < 10000; i++) {
		double value = bench_random_exponential(&r);
		uint64_t bits;

		value += bench_random_gamma(&r, shapes[i % 2]);
		memcpy(&bits, &value, sizeof(bits));
		sum = sum * 31 + bits;
	}
	assert_true(sum == UINT64_C(0x7f47c23c7c0a4ee4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xoshiro),     cmocka_unit_test(test_seed),
		cmocka_unit_test(test_below),       cmocka_unit_test(test_unit),
		cmocka_unit_test(test_exponential), cmocka_unit_test(test_gamma),
		cmocka_unit_test(test_log),         cmocka_unit_test(test_same_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
