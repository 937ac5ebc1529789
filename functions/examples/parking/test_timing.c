/* SPDX-License-Identifier: Apache-2.0 */
/* test_timing.c - the path in a Server-Timing header is read as it was written. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "timing.h"

static void test_path(void **state)
{
	struct timing timing;
	char line[256];

	(void)state;
	assert_int_equal(timing_parse("detect;dur=0.8125;desc=\"slot 3\", search;dur=0.0040;"
				      "desc=\"slot 4\", charge;dur=0.0120;desc=\"slot 5\", "
				      "total;dur=0.8285, buffer;desc=\"64Ki/1234\"",
				      &timing),
			 0);
	assert_int_equal(timing.count, 3);
	assert_string_equal(timing.buffer, "64Ki/1234");
	timing_print(&timing, line, sizeof(line));
	assert_string_equal(line, "detect 812.5 > search 4.0 > charge 12.0 us  total 828.5 us  "
				  "buffer 64Ki/1234");
	timing_path(&timing, line, sizeof(line));
	assert_string_equal(line, "detect search charge");
}

static void test_sparse(void **state)
{
	struct timing timing;
	char line[64];

	(void)state;
	assert_int_equal(timing_parse(" a ; x=1 ; dur=2 ,b;desc=\"a \\\"b\\\", c\"", &timing), 0);
	assert_int_equal(timing.count, 2);
	timing_print(&timing, line, sizeof(line));
	assert_string_equal(line, "a 2000.0 > b us");
	timing_print(&timing, line, 8);
	assert_string_equal(line, "a 2000.");
}

static void test_refused(void **state)
{
	static const char *const bad[] = { "a;",  "a;dur=", "a;desc=\"x", ";dur=1",
					   "a b", "a,,b",   "=",          "a;dur=1 2" };
	struct timing timing;
	char many[8 * TIMING_HOP_MAX] = "", name[TIMING_NAME_MAX + 8];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (timing_parse(bad[i], &timing) != -EBADMSG)
			fail_msg("\"%s\" was taken", bad[i]);
	assert_int_equal(timing_parse("", &timing), -ENOENT);
	assert_int_equal(timing_parse("total;dur=1", &timing), -ENOENT);
	memset(name, 'n', sizeof(name));
	name[TIMING_NAME_MAX - 1] = '\0';
	assert_int_equal(timing_parse(name, &timing), 0);
	name[TIMING_NAME_MAX - 1] = 'n';
	name[TIMING_NAME_MAX] = '\0';
	assert_int_equal(timing_parse(name, &timing), -EBADMSG);
	for (size_t i = 0; i < TIMING_HOP_MAX; i++)
		strcat(many, i ? ",a" : "a");
	assert_int_equal(timing_parse(many, &timing), 0);
	strcat(many, ",a");
	assert_int_equal(timing_parse(many, &timing), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_sparse),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("timing", tests, NULL, NULL);
}
