// SPDX-License-Identifier: Apache-2.0
/* Arrivals: the number of them until any time is the rate's integral; random ones have the moments
 * of their distribution. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/load/mix.h"
#include "bench/load/schedule.h"

#define SECOND UINT64_C(1000000000)
#define MS UINT64_C(1000000)

static struct bench_schedule make(const char *spec, double rate, uint64_t duration_ns,
				  uint64_t seed)
{
	char error[BENCH_ERROR_TEXT] = "";
	struct bench_schedule s;

	if (bench_schedule_make(spec, rate, duration_ns, seed, NULL, &s, error))
		fail_msg("%s: %s", spec, error);
	assert_int_equal(s.duration_ns, duration_ns);
	for (size_t i = 0; i < s.count; i++) {
		assert_true(s.arrivals[i].at_ns < duration_ns);
		assert_true(i == 0 || s.arrivals[i].at_ns >= s.arrivals[i - 1].at_ns);
		assert_true(s.arrivals[i].request == BENCH_ANY_REQUEST);
	}
	return s;
}

/* How many are due in [from, to). */
static size_t due(const struct bench_schedule *s, uint64_t from, uint64_t to)
{
	size_t count = 0;

	for (size_t i = 0; i < s->count; i++)
		count += s->arrivals[i].at_ns >= from && s->arrivals[i].at_ns < to;
	return count;
}

static void test_constant(void **state)
{
	struct bench_schedule s = make("constant", 3000, 2 * SECOND, 1);

	(void)state;
	assert_int_equal(s.count, 6000);
	for (uint64_t i = 0; i < s.count; i++) /* i / 3000 s, rounded */
		assert_int_equal(s.arrivals[i].at_ns, (i * SECOND * 2 / 3000 + 1) / 2);
	bench_schedule_done(&s);
	s = make("constant", 0.5, 3 * SECOND, 1);
	assert_int_equal(s.count, 2);
	assert_int_equal(s.arrivals[1].at_ns, 2 * SECOND);
	bench_schedule_done(&s);
}

static void test_step(void **state)
{
	struct bench_schedule s = make("step:100,0,1k,400", 0, 4 * SECOND, 1);

	(void)state;
	assert_int_equal(due(&s, 0, SECOND), 100);
	assert_int_equal(due(&s, SECOND, 2 * SECOND), 0);
	assert_int_equal(due(&s, 2 * SECOND, 3 * SECOND), 1000);
	assert_int_equal(due(&s, 3 * SECOND, 4 * SECOND), 400);
	bench_schedule_done(&s);
}

/* From 1000/s to 3000/s in 10 s: until t 1000 t + 100 t^2. */
static void test_ramp(void **state)
{
	struct bench_schedule s = make("ramp:1k,3k", 0, 10 * SECOND, 1);

	(void)state;
	assert_int_equal(s.count, 20000);
	for (uint64_t t = 1; t < 10; t++)
		assert_int_equal(due(&s, 0, t * SECOND), 1000 * t + 100 * t * t);
	bench_schedule_done(&s);
	s = make("ramp:2k,0", 0, 10 * SECOND, 1);
	assert_int_equal(s.count, 10000);
	assert_int_equal(due(&s, 0, 5 * SECOND), 7500);
	bench_schedule_done(&s);
}

static void test_spike(void **state)
{
	struct bench_schedule s = make("spike:10,2s,500ms", 1000, 5 * SECOND, 1);

	(void)state;
	assert_int_equal(due(&s, 0, 2 * SECOND), 2000);
	assert_int_equal(due(&s, 2 * SECOND, 2500 * MS), 5000);
	assert_int_equal(due(&s, 2500 * MS, 5 * SECOND), 2500);
	bench_schedule_done(&s);
	s = make("spike:10,0,10s", 1000, SECOND, 1); /* from the begin until after the end */
	assert_int_equal(s.count, 10000);
	bench_schedule_done(&s);
}

static void test_onoff(void **state)
{
	struct bench_schedule s = make("onoff:200ms,50ms", 1000, 1100 * MS, 1);

	(void)state;
	for (uint64_t i = 0; i < 4; i++) {
		assert_int_equal(due(&s, 250 * i * MS, (250 * i + 200) * MS), 200);
		assert_int_equal(due(&s, (250 * i + 200) * MS, 250 * (i + 1) * MS), 0);
	}
	assert_int_equal(due(&s, SECOND, 1100 * MS), 100);
	bench_schedule_done(&s);
}

/* Mean and coefficient of variation of the gaps, in seconds. */
static void gaps(const struct bench_schedule *s, double *ret_mean, double *ret_cv)
{
	double sum = 0, squares = 0, n = (double)s->count - 1;

	for (size_t i = 1; i < s->count; i++) {
		double gap = (double)(s->arrivals[i].at_ns - s->arrivals[i - 1].at_ns) / 1e9;

		sum += gap;
		squares += gap * gap;
	}
	*ret_mean = sum / n;
	*ret_cv = sqrt(squares / n - *ret_mean * *ret_mean) / *ret_mean;
}

static void test_random(void **state)
{
	static const struct {
		const char *spec;
		double cv;
	} cases[] = {
		{ "poisson", 1 }, { "gamma:0.25", 0.25 }, { "gamma:1", 1 }, { "gamma:4", 4 }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct bench_schedule s = make(cases[i].spec, 20000, 20 * SECOND, seed);
			double mean, cv;

			gaps(&s, &mean, &cv);
			/* 400,000 of them: five standard errors of the mean. */
			assert_true(fabs(mean * 20000 - 1) < 5 * cases[i].cv / sqrt(400000));
			assert_true(fabs(cv / cases[i].cv - 1) < 0.04);
			bench_schedule_done(&s);
		}
	}
}

/* Of a poisson process the counts of equal times have variance = mean; here of a ramp's. */
static void test_random_shape(void **state)
{
	struct bench_schedule s = make("ramp:10k,30k/poisson", 0, 10 * SECOND, 3);
	double chi = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		double expected = 1000 + 20 * (i + 0.5),
		       found = (double)due(&s, i * 100 * MS, (i + 1) * 100 * MS);

		chi += (found - expected) * (found - expected) / expected;
	}
	assert_true(chi > 100 - 4 * sqrt(200) && chi < 100 + 4 * sqrt(200));
	bench_schedule_done(&s);
}

static void test_seed(void **state)
{
	struct bench_schedule a = make("gamma:2", 1000, SECOND, 1);
	struct bench_schedule b = make("gamma:2", 1000, SECOND, 1);
	struct bench_schedule c = make("gamma:2", 1000, SECOND, 2);

	(void)state;
	assert_int_equal(a.count, b.count);
	for (size_t i = 0; i < a.count; i++)
		assert_int_equal(a.arrivals[i].at_ns, b.arrivals[i].at_ns);
	assert_true(a.arrivals[0].at_ns != c.arrivals[0].at_ns);
	bench_schedule_done(&a);
	bench_schedule_done(&b);
	bench_schedule_done(&c);
}

static void test_share(void **state)
{
	struct bench_schedule s = make("constant", 10, SECOND, 1), part;
	size_t sum = 0;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(bench_schedule_share(&s, i, 3, &part), 0);
		for (size_t k = 0; k < part.count; k++)
			assert_int_equal(part.arrivals[k].at_ns, (i + 3 * k) * 100 * MS);
		assert_int_equal(part.duration_ns, SECOND);
		sum += part.count;
		bench_schedule_done(&part);
	}
	assert_int_equal(sum, 10);
	assert_int_equal(bench_schedule_share(&s, 11, 12, &part), 0);
	assert_int_equal(part.count, 0);
	bench_schedule_done(&part);
	bench_schedule_done(&s);
}

static void test_wrong(void **state)
{
	static const struct {
		const char *spec;
		double rate;
		uint64_t duration_ns;
		int code;
		const char *told; /* part of the error */
	} cases[] = {
		{ "constant", 0, SECOND, -EINVAL, "constant needs a rate" },
		{ "poisson", NAN, SECOND, -EINVAL, "--rate 5k" },
		{ "constant", 1e10, SECOND, -EINVAL, "at most 1000M" },
		{ "constant", 10, 0, -EINVAL, "duration" },
		{ "constant", 1e6, 3600 * SECOND, -E2BIG, "lower the rate" },
		{ "poisson", 0.001, 1000, -EINVAL, "raise the rate" },
		{ "uniform", 10, SECOND, -EINVAL, "'uniform'; there are constant, poisson" },
		{ "constant:5", 10, SECOND, -EINVAL, "there are" },
		{ "", 10, SECOND, -EINVAL, "there are" },
		{ "gamma", 10, SECOND, -EINVAL, "gamma:4" },
		{ "gamma:0", 10, SECOND, -EINVAL, "above 0" },
		{ "gamma:-1", 10, SECOND, -EINVAL, "above 0" },
		{ "gamma:101", 10, SECOND, -EINVAL, "at most 100" },
		{ "step:1k/gamma:x", 10, SECOND, -EINVAL, "behind /" },
		{ "onoff", 10, SECOND, -EINVAL, "onoff:200ms,50ms" },
		{ "onoff:1s", 10, SECOND, -EINVAL, "onoff:200ms,50ms" },
		{ "onoff:1s,5", 10, SECOND, -EINVAL, "onoff:200ms,50ms" },
		{ "onoff:1ns,1ns", 10, SECOND, -EINVAL, "100us or more" },
		{ "step", 10, SECOND, -EINVAL, "step:1k,2k,4k" },
		{ "step:", 10, SECOND, -EINVAL, "step:1k,2k,4k" },
		{ "step:1,,2", 10, SECOND, -EINVAL, "step:1k,2k,4k" },
		{ "ramp:1k", 10, SECOND, -EINVAL, "ramp:1k,20k" },
		{ "ramp:1k,2k,3k", 10, SECOND, -EINVAL, "ramp:1k,20k" },
		{ "ramp:0,0", 10, SECOND, -EINVAL, "raise the rate" },
		{ "spike:10,1s", 10, SECOND, -EINVAL, "spike:10,5s,500ms" },
		{ "spike:10,1s,1s", 10, SECOND, -EINVAL, "make the duration longer" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench_schedule s = { .count = 77 };
		char error[BENCH_ERROR_TEXT] = "";

		assert_int_equal(bench_schedule_make(cases[i].spec, cases[i].rate,
						     cases[i].duration_ns, 1, NULL, &s, error),
				 cases[i].code);
		if (!strstr(error, cases[i].told))
			fail_msg("%s: told \"%s\"", cases[i].spec, error);
		assert_int_equal(s.count, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_constant),     cmocka_unit_test(test_step),
		cmocka_unit_test(test_ramp),         cmocka_unit_test(test_spike),
		cmocka_unit_test(test_onoff),        cmocka_unit_test(test_random),
		cmocka_unit_test(test_random_shape), cmocka_unit_test(test_seed),
		cmocka_unit_test(test_share),        cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
