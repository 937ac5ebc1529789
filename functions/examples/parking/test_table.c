/* SPDX-License-Identifier: Apache-2.0 */
/* test_table.c - the table of registered plates, good and bad. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "table.h"

static struct table table;

static int read_text(const char *text, unsigned *ret_line)
{
	FILE *file = tmpfile();
	int r;

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	rewind(file);
	r = table_read(file, &table, ret_line);
	fclose(file);
	return r;
}

static void test_find(void **state)
{
	const struct table_entry *entry;
	unsigned line;

	(void)state;
	assert_int_equal(read_text("# comment\n\nZZ-9 5 Zoe\nAB-1234  95  Ada Lovelace\n", &line),
			 0);
	assert_int_equal(table.count, 2);
	entry = table_find(&table, "AB-1234");
	assert_non_null(entry);
	assert_string_equal(entry->holder, "Ada Lovelace");
	assert_int_equal(entry->minutes, 95);
	assert_non_null(table_find(&table, "ZZ-9"));
	assert_null(table_find(&table, "AB-123"));
	assert_null(table_find(&table, "AB-12345"));
	assert_int_equal(read_text("", &line), 0);
	assert_null(table_find(&table, "AB-1234"));
}

static void test_bad_lines(void **state)
{
	static const char *const bad[] = {
		"AB-1234\n",
		"AB-1234 95\n",
		"AB-1234 x Ada\n",
		"ab-1234 95 Ada\n",
		"AB-1234 -5 Ada\n",
		"AB-1234 95Ada\n",
		"AB-123495 Ada\n",
		"AB-1234 100000 Ada\n",
		"AB-1234 95 A\"da\n",
		"AB-1234 95 A\\da\n",
		"AB-1234 95 Ada\r\n",
		"-B1234 95 Ada\n",
		"AB-12345678 95 Ada\n",
		"AB-1234 95 A name of more than the forty-eight bytes there are\n",
	};
	char text[128];
	unsigned line;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "GH-4711 1 Grace\n# two\n%s", bad[i]);
		line = 0;
		if (read_text(text, &line) != -EINVAL || line != 3)
			fail_msg("not refused: %s (line %u)", bad[i], line);
	}
}

static void test_twice(void **state)
{
	unsigned line;

	(void)state;
	assert_int_equal(read_text("AB-1234 1 Ada\nGH-4711 1 Grace\nAB-1234 2 Bob\n", &line),
			 -EEXIST);
}

static void test_bound(void **state)
{
	char *text = calloc(TABLE_ENTRY_MAX + 1, 16), *at = text;
	unsigned line;

	(void)state;
	assert_non_null(text);
	for (unsigned i = 0; i < TABLE_ENTRY_MAX; i++)
		at += sprintf(at, "P%04u 1 X\n", i);
	assert_int_equal(read_text(text, &line), 0);
	assert_int_equal(table.count, TABLE_ENTRY_MAX);
	strcpy(at, "Q0000 1 X\n");
	assert_int_equal(read_text(text, &line), -E2BIG);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
