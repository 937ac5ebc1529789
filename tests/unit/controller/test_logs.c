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
	struct logs_sink sink;
	FILE *out;
	char *text;
	size_t size;
	unsigned lines;
};

static void take(void *arg, const char *source, const char *text, size_t len)
{
	struct fixture *f = arg;

	f->lines++;
	fprintf(f->out, "%s: %.*s\n", source, (int)len, text);
	fflush(f->out);
}

static int setup(void **state)
{
	static struct fixture f;

	if (pipe2(f.pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	f.sink = (struct logs_sink){ .line = take, .arg = &f };
	f.lines = 0;
	logs_init(&f.logs, "child", &f.sink);
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
	assert_int_equal(logs_read(&f->logs, f->pipe[0]), 0);
	assert_string_equal(f->text, "child: one\nchild: \n");
	say(f, "o\nlast");
	close(f->pipe[1]);
	assert_int_equal(logs_read(&f->logs, f->pipe[0]), 1);
	assert_string_equal(f->text, "child: one\nchild: \nchild: two\nchild: last\n");
}

static void test_long_line_is_cut(void **state)
{
	struct fixture *f = *state;
	char block[LOGS_LINE_MAX + 1];

	memset(block, 'x', sizeof(block));
	assert_int_equal(write(f->pipe[1], block, sizeof(block)), sizeof(block));
	assert_int_equal(logs_read(&f->logs, f->pipe[0]), 0);
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
	assert_int_equal(logs_read(&f->logs, f->pipe[0]), 0);
	assert_int_equal(ioctl(f->pipe[0], FIONREAD, &left), 0);
	assert_in_range((1 << 20) - left, LOGS_TURN_MAX, LOGS_TURN_MAX + LOGS_LINE_MAX);
}

static void fill(struct fixture *f, unsigned lines)
{
	for (unsigned i = 0; i < lines; i++) {
		char line[32];

		snprintf(line, sizeof(line), "line %u\n", i);
		say(f, line);
		assert_int_equal(logs_read(&f->logs, f->pipe[0]), 0);
	}
}

static void test_flood_is_limited_and_told(void **state)
{
	struct fixture *f = *state;
	unsigned told = 0, got = 0, n;
	char *line, *rest;

	fill(f, 3 * LOGS_BURST);
	assert_in_range(f->lines, LOGS_BURST, 2 * LOGS_BURST);
	assert_true(f->logs.dropped_ever > 0);
	close(f->pipe[1]);
	assert_int_equal(logs_read(&f->logs, f->pipe[0]), 1);
	for (line = strtok_r(f->text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (sscanf(line, "child: %u lines dropped: more than 1000 a second", &n) == 1)
			told += n;
		else
			got++;
	}
	assert_int_equal(told, f->logs.dropped_ever);
	assert_int_equal(told + got, 3 * LOGS_BURST);
}

/* Time brings credit again: what is written slowly enough is never dropped. */
static void test_credit_comes_back(void **state)
{
	struct fixture *f = *state;

	fill(f, LOGS_BURST);
	f->logs.credit_ns = 0;
	f->logs.counted_ns -= 5 * 1000000000ULL;
	f->lines = 0;
	f->logs.dropped_ever = 0;
	fill(f, 5 * LOGS_RATE);
	assert_int_equal(f->logs.dropped_ever, 0);
	assert_int_equal(f->lines, 5 * LOGS_RATE);
}

/* A dead child's pipe is read to the end, though somebody else may have it open. */
static void test_drain_takes_all(void **state)
{
	struct fixture *f = *state;
	char block[LOGS_LINE_MAX];
	unsigned lines = 0;

	if (fcntl(f->pipe[1], F_SETPIPE_SZ, 1 << 20) < 1 << 20)
		skip();
	memset(block, 'x', sizeof(block));
	block[sizeof(block) - 1] = '\n';
	while (write(f->pipe[1], block, sizeof(block)) == sizeof(block))
		lines++;
	assert_int_equal(logs_read(&f->logs, f->pipe[0]), 0);
	assert_in_range(f->lines, 1, lines - 1);
	say(f, "unfinished");
	logs_drain(&f->logs, f->pipe[0]);
	assert_int_equal(f->lines, lines + 1);
}

/* To a terminal, as `sprocket run` has one: no control character of a function reaches it. */
static void test_stderr_is_harmless(void **state)
{
	struct fixture *f = *state;
	char got[256] = "";
	int kept = dup(STDERR_FILENO), out[2];

	assert_int_equal(pipe(out), 0);
	logs_init(&f->logs, "child", NULL);
	assert_int_equal(write(f->pipe[1], "\033[2J\r\0ok \xc3\xa9\n", 12), 12);
	dup2(out[1], STDERR_FILENO);
	logs_read(&f->logs, f->pipe[0]);
	dup2(kept, STDERR_FILENO);
	assert_true(read(out[0], got, sizeof(got) - 1) > 0);
	assert_string_equal(got, "child: \\x1b[2J\\x0d\\x00ok \xc3\xa9\n");
	close(kept);
	close(out[0]);
	close(out[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines_wait_for_their_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_line_is_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flood_ends_the_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flood_is_limited_and_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_credit_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drain_takes_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stderr_is_harmless, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
