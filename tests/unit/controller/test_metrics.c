// SPDX-License-Identifier: Apache-2.0
/* Metrics: text, JSON, and the time that many chains take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/metrics_text.h"
#include "tests/unit/controller/metrics_fixture.h"

#define CHAINS 50
#define LIMIT_MS 100

static void test_labels_are_escaped(void **state)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	metrics_text_count(out, "a_total", 7, "x", "q\"b\\n\n", "y", "", NULL);
	metrics_text_ns(out, "b_seconds", 1500000001, NULL);
	fclose(out);
	assert_string_equal(text,
			    "a_total{x=\"q\\\"b\\\\n\\n\",y=\"\"} 7\nb_seconds 1.500000001\n");
	free(text);
}

static void test_long_labels_are_cut(void **state)
{
	char name[2 * METRICS_TEXT_LABELS_MAX], *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	memset(name, '"', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	metrics_text_count(out, "a_total", 7, "x", name, "y", "z", NULL);
	fclose(out);
	assert_true(size < METRICS_TEXT_LABELS_MAX + 32);
	assert_string_equal(text + size - strlen("\\\"\"} 7\n"), "\\\"\"} 7\n");
	free(text);
}

static void test_bounds_are_powers_of_two(void **state)
{
	struct sp_histogram histogram = { .sum_us = 1500000 };
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	histogram.count[0] = 2; /* below 1 us */
	histogram.count[SP_HIST_BUCKETS - 1] = 3;
	metrics_text_histogram(out, "h_seconds", &histogram, "a", "b", NULL);
	fclose(out);
	assert_non_null(strstr(text, "h_seconds_bucket{a=\"b\",le=\"0.000001\"} 2\n"));
	assert_non_null(strstr(text, "h_seconds_bucket{a=\"b\",le=\"0.000002\"} 2\n"));
	assert_non_null(strstr(text, "h_seconds_bucket{a=\"b\",le=\"1.048576\"} 2\n"));
	assert_null(strstr(text, "le=\"0.000003\""));
	assert_non_null(strstr(text, "h_seconds_bucket{a=\"b\",le=\"+Inf\"} 5\n"
				     "h_seconds_sum{a=\"b\"} 1.500000\n"
				     "h_seconds_count{a=\"b\"} 5\n"));
	free(text);
}

static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void test_many_chains_are_fast(void **state)
{
	struct metrics_snapshot snapshot;
	double best = LIMIT_MS * 10;
	size_t size = 0;

	(void)state;
	fixture_snapshot(CHAINS, 1000, &snapshot);
	for (int i = 0; i < 3; i++) {
		char *text;
		FILE *out = open_memstream(&text, &size);
		double began = cpu_ms(), took;

		assert_int_equal(metrics_snapshot_write(&snapshot, out), 0);
		fclose(out);
		took = cpu_ms() - began;
		best = took < best ? took : best;
		free(text);
	}
	print_message("# %d chains: %zu bytes in %.1f ms\n", CHAINS, size, best);
	assert_true(best < LIMIT_MS);
	fixture_done(&snapshot);
}

static void test_full_disk_is_an_error(void **state)
{
	struct metrics_snapshot snapshot;
	FILE *out = fopen("/dev/full", "w");

	(void)state;
	fixture_snapshot(10, 1, &snapshot);
	assert_true(metrics_snapshot_write(&snapshot, out) < 0);
	fclose(out);
	fixture_done(&snapshot);
}

static void test_json_has_the_same_numbers(void **state)
{
	struct metrics_snapshot snapshot;
	const json_t *chain, *detect, *wait;
	json_t *json;

	(void)state;
	fixture_snapshot(2, 2, &snapshot);
	snapshot.chains[1]->functions[1].kernel.run.count[SP_HIST_BUCKETS - 1] = 4;
	json = metrics_snapshot_json(&snapshot);
	assert_int_equal(json_integer_value(json_object_get(json, "time_ns")), 3000000000);
	chain = json_array_get(json_object_get(json, "chains"), 1);
	assert_string_equal(json_string_value(json_object_get(chain, "name")), "shop-1");
	detect = json_array_get(json_object_get(chain, "functions"), 0);
	assert_int_equal(json_integer_value(json_object_get(detect, "in")), 200);
	wait = json_object_get(json_object_get(detect, "wait"), "buckets");
	assert_int_equal(json_array_size(wait), 2);
	assert_int_equal(json_integer_value(json_array_get(json_array_get(wait, 0), 1)), 180);
	wait = json_object_get(json_object_get(detect, "run"), "buckets");
	assert_true(json_integer_value(json_array_get(json_array_get(wait, 1), 0)) > 0);
	json_decref(json);
	fixture_done(&snapshot);
}

static void test_own_process(void **state)
{
	struct procstat stat;

	(void)state;
	assert_int_equal(procstat_read(getpid(), &stat), 0);
	assert_true(stat.rss_bytes > 100000 && stat.rss_bytes <= stat.virtual_bytes);
	assert_true(stat.started_ns > 0);
	assert_true(procstat_fd_count() >= 3);
	assert_int_equal(procstat_read(0x7ffffff0, &stat), -3 /* ESRCH */);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels_are_escaped),
		cmocka_unit_test(test_long_labels_are_cut),
		cmocka_unit_test(test_bounds_are_powers_of_two),
		cmocka_unit_test(test_many_chains_are_fast),
		cmocka_unit_test(test_full_disk_is_an_error),
		cmocka_unit_test(test_json_has_the_same_numbers),
		cmocka_unit_test(test_own_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
