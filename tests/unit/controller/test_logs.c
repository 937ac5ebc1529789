/* SPDX-License-Identifier: Apache-2.0 */
/* A child's output: whole lines, cut lines, and a child that writes without end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/logs.h"

struct fixture {
	int pipe[2];
	struct logs logs;
	FILE *out;
	char *text;
	size_t size;
};

static int setup(void **state)
{
	static struct fixture f;

	if (pipe2(f.pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	logs_init(&f.logs, "child");
	f.out = open_memstream(&f.text, &f.size);
	*state = &f;
	return f.out ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->pipe[0]);
	close(f->pipe[1]);
	fclose(f->out);
	free(f->text);
	return 0;
}

static void say(struct fixture *f, const char *text)
{
	assert_int_equal(write(f->pipe[1], text, strlen(text)), strlen(text));
}

static void test_lines_wait_for_their_end(void **state)
{
	struct fixture *f = *state;

	say(f, "one\n\ntw");
	assert_int_equal(logs_read(&f->logs, f->pipe[0], f->out), 0);
	assert_string_equal(f->text, "child: one\nchild: \n");
	say(f, "o\nlast");
	close(f->pipe[1]);
	assert_int_equal(logs_read(&f->logs, f->pipe[0], f->out), 1);
	assert_string_equal(f->text, "child: one\nchild: \nchild: two\nchild: last\n");
}

static void test_long_line_is_cut(void **state)
{
	struct fixture *f = *state;
	char block[LOGS_LINE_MAX + 1];

	memset(block, 'x', sizeof(block));
	assert_int_equal(write(f->pipe[1], block, sizeof(block)), sizeof(block));
	assert_int_equal(logs_read(&f->logs, f->pipe[0], f->out), 0);
	assert_int_equal(f->size, strlen("child: ") + LOGS_LINE_MAX + 1);
}

/* Of a pipe that is never empty one call takes a bounded part. */
static void test_flood_ends_the_turn(void **state)
{
	struct fixture *f = *state;
	char block[LOGS_LINE_MAX];
	int left = 0;

	if (fcntl(f->pipe[1], F_SETPIPE_SZ, 1 << 20) < 1 << 20)
		skip();
	memset(block, '\n', sizeof(block));
	while (write(f->pipe[1], block, sizeof(block)) > 0)
		;
	assert_int_equal(logs_read(&f->logs, f->pipe[0], f->out), 0);
	assert_int_equal(ioctl(f->pipe[0], FIONREAD, &left), 0);
	assert_in_range((1 << 20) - left, LOGS_TURN_MAX, LOGS_TURN_MAX + LOGS_LINE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines_wait_for_their_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_line_is_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flood_ends_the_turn, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
