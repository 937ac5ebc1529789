// SPDX-License-Identifier: Apache-2.0
/* The layout, quantiles and texts of HdrHistogram. Its own output is tests/data/bench/
 * histogram.hgrm: that of Histogram(3600000000000, 3).outputPercentileDistribution(out, 5, 1000)
 * of HdrHistogram 2.1.11 (Java) with the values of fill_squares(). */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/numbers/histogram.h"
#include "bench/numbers/histogram_layout.h"

#define SQUARES 100000U

static const char *reference; /* tests/data/bench/histogram.hgrm */

static struct bench_histogram new_histogram(void)
{
	struct bench_histogram h;

	assert_int_equal(bench_histogram_init(&h), 0);
	return h;
}

/* From 1 µs to 200 ms, and the longest there is. */
static void fill_squares(struct bench_histogram *h)
{
	for (uint64_t i = 0; i < SQUARES; i++)
		bench_histogram_add(h, 1000 + i * i / 50);
	bench_histogram_add(h, BENCH_VALUE_MAX_NS);
}

/* Every counter begins where the one before ends, and is no wider than 0.1 % of its values. */
static void test_layout(void **state)
{
	(void)state;
	assert_int_equal(bench_counter_low(0), 0);
	for (uint32_t i = 0; i < BENCH_COUNTERS; i++) {
		uint64_t low = bench_counter_low(i), high = bench_counter_high(i);

		assert_int_equal(bench_counter_of(low), i);
		assert_int_equal(bench_counter_of(high), i);
		if (i + 1 < BENCH_COUNTERS)
			assert_int_equal(bench_counter_low(i + 1), high + 1);
		assert_true(high == low || (high - low + 1) * 1000 <= low);
	}
	assert_int_equal(bench_counter_high(2047), 2047); /* of one value each until here */
	assert_int_equal(bench_counter_high(2048), 2049);
	assert_true(bench_counter_of(BENCH_VALUE_MAX_NS) < BENCH_COUNTERS);
}

static void test_empty(void **state)
{
	struct bench_histogram h = new_histogram(), other = new_histogram();

	(void)state;
	assert_int_equal(bench_histogram_at(&h, 0.5), 0);
	assert_true(bench_histogram_mean(&h) == 0);
	assert_false(bench_histogram_allows(&h, 0.5));
	bench_histogram_add(&other, 5000);
	bench_histogram_merge(&other, &h);
	assert_int_equal(other.n, 1);
	assert_int_equal(other.min, 5000);
	bench_histogram_merge(&h, &other);
	assert_int_equal(h.min, 5000);
	assert_int_equal(h.max, 5000);
	bench_histogram_done(&h);
	bench_histogram_done(&other);
}

/* As getValueAtPercentile of the same values says; 0.999 of 1000 is the 999th, not the 1000th. */
static void test_quantiles(void **state)
{
	struct bench_histogram h = new_histogram();

	(void)state;
	fill_squares(&h);
	assert_int_equal(bench_histogram_at(&h, 0), 1000);
	assert_int_equal(bench_histogram_at(&h, 0.1), 2001919);
	assert_int_equal(bench_histogram_at(&h, 0.5), 50003967);
	assert_int_equal(bench_histogram_at(&h, 0.99), 196083711);
	assert_int_equal(bench_histogram_at(&h, 0.999), 199622655);
	assert_int_equal(bench_histogram_at(&h, 0.9999), 200015871);
	assert_int_equal(bench_histogram_at(&h, 1), 3601330077695);
	assert_int_equal(h.min, 1000);
	assert_int_equal(h.max, BENCH_VALUE_MAX_NS);
	bench_histogram_clear(&h);
	for (uint64_t i = 1; i <= 1000; i++)
		bench_histogram_add(&h, i);
	assert_int_equal(bench_histogram_at(&h, 0.999), 999);
	assert_int_equal(bench_histogram_at(&h, 0.9), 900);
	assert_int_equal(bench_histogram_at(&h, 0.5), 500);
	assert_true(bench_histogram_mean(&h) == 500.5);
	bench_histogram_done(&h);
}

static void test_allows(void **state)
{
	struct bench_histogram h = new_histogram();

	(void)state;
	for (unsigned i = 1; i <= 10000; i++) {
		bench_histogram_add(&h, 100);
		assert_int_equal(!bench_histogram_allows(&h, 0.5), i < 20);
		assert_int_equal(!bench_histogram_allows(&h, 0.9), i < 100);
		assert_int_equal(!bench_histogram_allows(&h, 0.99), i < 1000);
		assert_int_equal(!bench_histogram_allows(&h, 0.999), i < 10000);
		assert_false(bench_histogram_allows(&h, 0.9999));
		assert_false(bench_histogram_allows(&h, 1));
	}
	bench_histogram_done(&h);
}

static void test_clipped(void **state)
{
	struct bench_histogram h = new_histogram();

	(void)state;
	bench_histogram_add(&h, BENCH_VALUE_MAX_NS);
	assert_int_equal(h.clipped, 0);
	bench_histogram_add(&h, BENCH_VALUE_MAX_NS + 1);
	bench_histogram_add(&h, UINT64_MAX);
	assert_int_equal(h.clipped, 2);
	assert_int_equal(h.n, 3);
	assert_int_equal(h.max, BENCH_VALUE_MAX_NS);
	assert_int_equal(h.counts[bench_counter_of(BENCH_VALUE_MAX_NS)], 3);
	bench_histogram_done(&h);
}

static void assert_same(const struct bench_histogram *a, const struct bench_histogram *b)
{
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->min, b->min);
	assert_int_equal(a->max, b->max);
	assert_int_equal(a->clipped, b->clipped);
	assert_true(fabs(a->sum - b->sum) <= a->sum * 1e-12);
	assert_memory_equal(a->counts, b->counts, BENCH_COUNTERS * sizeof(*a->counts));
}

/* Values counted in two and merged are those counted in one. */
static void test_merge(void **state)
{
	struct bench_histogram all = new_histogram(), odd = new_histogram(), even = new_histogram();

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t value = i == 7 ? UINT64_MAX : 50 + i * i * i * 31;

		bench_histogram_add(&all, value);
		bench_histogram_add(i % 2 ? &odd : &even, value);
	}
	bench_histogram_merge(&even, &odd);
	assert_same(&even, &all);
	bench_histogram_done(&all);
	bench_histogram_done(&odd);
	bench_histogram_done(&even);
}

static char *hgrm(const struct bench_histogram *h)
{
	char *text;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	assert_int_equal(bench_histogram_hgrm(h, to), 0);
	fclose(to);
	return text;
}

static char *read_reference(void)
{
	FILE *file = fopen(reference, "r");
	char *text = NULL;
	size_t size = 0;

	assert_non_null(file);
	assert_true(getdelim(&text, &size, 0, file) > 0);
	fclose(file);
	return text;
}

static void test_hgrm(void **state)
{
	struct bench_histogram h = new_histogram();
	char *text, *expected = read_reference();
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	fill_squares(&h);
	text = hgrm(&h);
	assert_string_equal(text, expected);
	free(text);
	free(expected);
	assert_non_null(full);
	assert_int_equal(bench_histogram_hgrm(&h, full), -EIO);
	fclose(full);
	bench_histogram_clear(&h);
	text = hgrm(&h);
	assert_string_equal(text, "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
				  "#[Mean    =        0.000, StdDeviation   =        0.000]\n"
				  "#[Max     =        0.000, Total count    =            0]\n"
				  "#[Buckets =           32, SubBuckets     =         2048]\n");
	free(text);
	bench_histogram_done(&h);
}

static void test_json(void **state)
{
	struct bench_histogram h = new_histogram(), back = new_histogram();
	json_t *json;

	(void)state;
	for (unsigned i = 1; i <= 100; i++)
		bench_histogram_add(&h, 1000 * i);
	bench_histogram_add(&h, UINT64_MAX);
	json = bench_histogram_json(&h);
	assert_non_null(json);
	assert_int_equal(json_integer_value(json_object_get(json, "n")), 101);
	assert_true(json_real_value(json_object_get(json, "min_us")) == 1);
	assert_true(json_real_value(json_object_get(json, "max_us")) == 3.6e9);
	assert_true(json_real_value(json_object_get(json, "p50_us")) == 51.007);
	assert_non_null(json_object_get(json, "p90_us"));
	assert_null(json_object_get(json, "p99_us")); /* one value above it is no percentile */
	assert_int_equal(json_integer_value(json_object_get(json, "clipped")), 1);
	assert_int_equal(json_array_size(json_object_get(json, "counts")), 101);
	assert_int_equal(bench_histogram_read(&back, json), 0);
	assert_same(&h, &back);
	json_decref(json);
	bench_histogram_clear(&h);
	json = bench_histogram_json(&h);
	assert_int_equal(bench_histogram_read(&back, json), 0);
	assert_int_equal(back.n, 0);
	json_decref(json);
	bench_histogram_done(&h);
	bench_histogram_done(&back);
}

static void test_json_wrong(void **state)
{
	static const char *const cases[] = {
		"{}",
		"[]",
		"{\"n\":1,\"min_us\":1,\"max_us\":1,\"mean_us\":1,\"counts\":3}",
		"{\"n\":2,\"min_us\":1,\"max_us\":1,\"mean_us\":1,\"counts\":[[1000,1]]}",
		"{\"n\":1,\"min_us\":1,\"max_us\":1,\"mean_us\":1,\"counts\":[[1000]]}",
		"{\"n\":1,\"min_us\":1,\"max_us\":1,\"mean_us\":1,\"counts\":[[\"a\",1]]}",
		"{\"n\":0,\"min_us\":1,\"max_us\":1,\"mean_us\":1,\"counts\":[[1000,0]]}",
		"{\"n\":1,\"min_us\":1,\"max_us\":1,\"mean_us\":1,\"counts\":[[-1,1]]}",
		"{\"n\":1,\"min_us\":1,\"max_us\":1,\"mean_us\":1,\"counts\":[[3600000000001,1]]}",
		"{\"n\":2,\"min_us\":1,\"max_us\":1,\"mean_us\":1,\"counts\":[[1000,1],[1000,1]]}",
		"{\"n\":2,\"min_us\":1,\"max_us\":1,\"mean_us\":1,\"counts\":[[1000,1],[2000,1]]}",
		"{\"n\":2,\"min_us\":2,\"max_us\":1,\"mean_us\":1,\"counts\":[[1000,1],[2000,1]]}",
		"{\"n\":1,\"min_us\":-1,\"max_us\":1,\"mean_us\":1,\"counts\":[[1000,1]]}",
		"{\"n\":1,\"min_us\":1,\"max_us\":1e99,\"mean_us\":1,\"counts\":[[1000,1]]}",
		"{\"n\":1,\"min_us\":1,\"max_us\":1,\"counts\":[[1000,1]]}",
	};
	struct bench_histogram h = new_histogram();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *json = json_loads(cases[i], 0, NULL);

		assert_non_null(json);
		if (bench_histogram_read(&h, json) != -EINVAL || h.n || h.counts[1000])
			fail_msg("taken: %s", cases[i]);
		json_decref(json);
	}
	bench_histogram_done(&h);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),     cmocka_unit_test(test_empty),
		cmocka_unit_test(test_quantiles),  cmocka_unit_test(test_allows),
		cmocka_unit_test(test_clipped),    cmocka_unit_test(test_merge),
		cmocka_unit_test(test_hgrm),       cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_wrong),
	};

	if (argc != 2)
		return 2;
	reference = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
