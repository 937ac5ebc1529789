// SPDX-License-Identifier: Apache-2.0
/*
 * test_raised.c - what a daemon writes of the limit of hugepages, and what the next one reads,
 * wherever the first was killed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/daemon/raised.h"

static char path[64];

static void test_what_is_sure(void **state)
{
	(void)state;
	assert_int_equal(raised_read(path, 100), 0);
	raised_write(path, 7);
	assert_int_equal(raised_read(path, 100), 7);
	assert_int_equal(raised_read(path, 0), 7);
	raised_write(path, 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_killed_while_it_raised(void **state)
{
	(void)state;
	raised_ahead(path, 7, 3, 20);
	assert_int_equal(raised_read(path, 20), 7);  /* before */
	assert_int_equal(raised_read(path, 23), 10); /* after */
	raised_write(path, 10);
	assert_int_equal(raised_read(path, 20), 10);
}

static void test_killed_while_it_lowered(void **state)
{
	(void)state;
	raised_ahead(path, 7, -3, 20);
	assert_int_equal(raised_read(path, 20), 7);
	assert_int_equal(raised_read(path, 17), 4);
	raised_ahead(path, 2, -3, 20); /* by more than it knows of */
	assert_int_equal(raised_read(path, 17), 0);
}

static void test_garbage(void **state)
{
	static const char *const texts[] = { "", "x", "-4\n", "-4 3 2\n", "4 x\n", "4 -9 0\n" };
	static const long want[] = { 0, 0, 0, 0, 4, 4 };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		FILE *file = fopen(path, "we");

		assert_non_null(file);
		fputs(texts[i], file);
		fclose(file);
		assert_int_equal(raised_read(path, 100), want[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_sure),
		cmocka_unit_test(test_killed_while_it_raised),
		cmocka_unit_test(test_killed_while_it_lowered),
		cmocka_unit_test(test_garbage),
	};
	int failed;

	snprintf(path, sizeof(path), "/tmp/sprocket-test-raised-%d", (int)getpid());
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
