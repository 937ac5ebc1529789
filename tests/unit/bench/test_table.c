// SPDX-License-Identifier: Apache-2.0
/* Tables and numbers as people read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bench/result/table.h"

static void test_numbers_for_people(void **state)
{
	static const struct {
		double us;
		const char *text;
	} times[] = { { 0.5, "500 ns" },    { 1, "1.00 µs" },     { 61.24, "61.2 µs" },
		      { 999.4, "999 µs" },  { 999.6, "1.00 ms" }, { 12345, "12.3 ms" },
		      { 999600, "1.00 s" }, { 61e6, "61.0 s" } };
	char made[BENCH_CELL_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		assert_string_equal(bench_text_time(made, times[i].us), times[i].text);
	assert_string_equal(bench_text_count(made, 0), "0");
	assert_string_equal(bench_text_count(made, 999), "999");
	assert_string_equal(bench_text_count(made, 1234567), "1,234,567");
	assert_string_equal(bench_text_bytes(made, 1023), "1023 B");
	assert_string_equal(bench_text_bytes(made, 1536), "1.50 KiB");
}

static void test_table(void **state)
{
	struct bench_table t;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	(void)state;
	bench_table_init(&t);
	bench_table_row(&t, "name");
	bench_table_cell(&t, "time");
	bench_table_row(&t, "a");
	bench_table_cell(&t, "1 µs");
	bench_table_cell(&t, "%d", 5);
	bench_table_print(&t, to);
	for (unsigned i = 0; i < BENCH_TABLE_ROWS + 5; i++) /* more than there is room for */
		bench_table_row(&t, "x");
	assert_int_equal(t.rows, BENCH_TABLE_ROWS);
	fclose(to);
	assert_string_equal(text, "name  time\na     1 µs  5\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_for_people),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
