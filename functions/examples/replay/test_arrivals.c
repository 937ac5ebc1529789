/* SPDX-License-Identifier: Apache-2.0 */
/* test_arrivals.c - what a file of arrivals may say, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arrivals.h"

static struct arrivals arrivals;

static int read_text(const char *text, const char *folder)
{
	FILE *file = fmemopen((char *)(uintptr_t)text, strlen(text), "r");
	int r;

	assert_non_null(file);
	r = arrivals_read(file, folder, &arrivals);
	fclose(file);
	return r;
}

static int teardown(void **state)
{
	(void)state;
	arrivals_done(&arrivals);
	return 0;
}

static void assert_body(size_t i, const char *text)
{
	const struct arrival_body *body = &arrivals.bodies[arrivals.list[i].body];

	assert_int_equal(body->len, strlen(text));
	assert_memory_equal(body->data, text, body->len);
}

static void test_lines(void **state)
{
	(void)state;
	assert_int_equal(read_text("# a comment\n\n"
				   "0.5 POST /motion 17 1000\n"
				   "  0.5\tGET /lights?at=7\r\n"
				   "240.000000001 POST /x   two words ",
				   "."),
			 0);
	assert_int_equal(arrivals.count, 3);
	assert_int_equal(arrivals.list[0].due_ns, 500000000);
	assert_string_equal(arrivals.list[0].method, "POST");
	assert_string_equal(arrivals.list[0].path, "/motion");
	assert_body(0, "17 1000");
	assert_string_equal(arrivals.list[1].method, "GET");
	assert_string_equal(arrivals.list[1].path, "/lights?at=7");
	assert_body(1, "");
	assert_int_equal(arrivals.list[2].due_ns, 240000000001);
	assert_body(2, "two words ");
}

/* A file that is named twice is read once. */
static void test_files(void **state)
{
	char folder[] = "/tmp/test_arrivals.XXXXXX", path[64];
	FILE *file;
	int r;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.bin", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite("a\0b", 1, 3, file), 3);
	fclose(file);
	r = read_text("0 POST /a @a.bin\n1 POST /a @a.bin\n2 POST /a text\n", folder);
	unlink(path);
	rmdir(folder);
	assert_int_equal(r, 0);
	assert_int_equal(arrivals.count, 3);
	assert_int_equal(arrivals.body_count, 2);
	assert_int_equal(arrivals.list[0].body, arrivals.list[1].body);
	assert_int_equal(arrivals.bodies[0].len, 3);
	assert_memory_equal(arrivals.bodies[0].data, "a\0b", 3);
}

static void refused(const char *text, int error, const char *reason)
{
	assert_int_equal(read_text(text, "/nowhere"), error);
	if (!strstr(arrivals.reason, reason))
		fail_msg("\"%s\" is not in \"%s\"", reason, arrivals.reason);
	arrivals_done(&arrivals);
}

static void test_refused(void **state)
{
	char *long_line = malloc(ARRIVAL_LINE_MAX + 8);

	(void)state;
	refused("", -EINVAL, "no request");
	refused("# nothing\n", -EINVAL, "no request");
	refused("soon POST /a\n", -EINVAL, "line 1: expected: SECONDS");
	refused("1 POST\n", -EINVAL, "line 1: expected");
	refused("1 post /a\n", -EINVAL, "line 1: expected");
	refused("1 POST a\n", -EINVAL, "line 1: expected");
	refused("-1 POST /a\n", -EINVAL, "from 0");
	refused("nan POST /a\n", -EINVAL, "from 0");
	refused("1e9 POST /a\n", -EINVAL, "from 0");
	refused("2 POST /a\n1 POST /a\n", -EINVAL, "line 2: it is before");
	refused("1 POST /a @none.jpg\n", -ENOENT, "/nowhere/none.jpg");
	assert_non_null(long_line);
	memset(long_line, 'x', ARRIVAL_LINE_MAX + 7);
	memcpy(long_line, "1 POST /a ", 10);
	long_line[ARRIVAL_LINE_MAX + 7] = '\0';
	refused(long_line, -EINVAL, "longer than");
	free(long_line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_lines, teardown),
		cmocka_unit_test_teardown(test_files, teardown),
		cmocka_unit_test_teardown(test_refused, teardown),
	};

	return cmocka_run_group_tests_name("arrivals", tests, NULL, NULL);
}
