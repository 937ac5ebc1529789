/* SPDX-License-Identifier: Apache-2.0 */
/* test_table.c - columns, ages, and times as `sprocket get` prints them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/cli/table.h"

#define DAY INT64_C(86400)

static void test_ages(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{ -5, "0s" },
		{ 0, "0s" },
		{ 5, "5s" },
		{ 119, "119s" },
		{ 120, "2m" },
		{ 200, "3m20s" },
		{ 600, "10m" },
		{ 3 * 3600 - 1, "179m" },
		{ 3 * 3600, "3h" },
		{ 3 * 3600 + 120, "3h2m" },
		{ 9 * 3600 + 120, "9h" },
		{ 2 * DAY, "2d" },
		{ 2 * DAY + 3700, "2d1h" },
		{ 9 * DAY + 3700, "9d" },
		{ 3 * 365 * DAY + DAY, "3y1d" },
		{ 9 * 365 * DAY + DAY, "9y" },
		{ INT64_MAX, "292471208677y" },
	};
	char buf[TABLE_AGE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(table_age(cases[i].seconds, buf), cases[i].text);
}

static void test_times(void **state)
{
	char buf[TABLE_AGE_MAX];

	(void)state;
	assert_string_equal(table_age_since("1970-01-01T00:00:10Z", 15, buf), "5s");
	assert_string_equal(table_age_since("1970-01-01T00:00:10.678901Z", 15, buf), "5s");
	assert_null(table_age_since(NULL, 15, buf));
	assert_null(table_age_since("", 15, buf));
	assert_null(table_age_since("1970-01-01T00:00:10", 15, buf));
	assert_null(table_age_since("1970-01-01T00:00:10+01:00", 15, buf));
	assert_null(table_age_since("yesterday", 15, buf));
}

static char *flushed(struct table *table)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	table_flush(table, out);
	fclose(out);
	return text;
}

static void test_columns(void **state)
{
	const char *const headers[] = { "A", "LONG", "Z" };
	const char *const row[] = { "wide cell", "x", "" };
	const char *const short_row[] = { "w", NULL, "end" };
	struct table table;
	char *text;

	(void)state;
	table_init(&table, headers, 3);
	table_row(&table, row);
	text = flushed(&table);
	assert_string_equal(text, "A           LONG   Z\n"
				  "wide cell   x      <none>\n");
	free(text);
	/* later rows keep to the widths, and the header is not repeated */
	table_row(&table, short_row);
	text = flushed(&table);
	assert_string_equal(text, "w           <unknown>   end\n");
	free(text);
	table_done(&table);
}

static void test_many_rows(void **state)
{
	const char *const cells[] = { "x" };
	struct table table;
	char *text;

	(void)state;
	table_init(&table, cells, 1);
	for (int i = 0; i < 99; i++)
		table_row(&table, cells);
	text = flushed(&table);
	assert_int_equal(strlen(text), 200);
	free(text);
	table_done(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ages),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_many_rows),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
