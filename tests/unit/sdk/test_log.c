// SPDX-License-Identifier: Apache-2.0
/* test_log.c - a log that nobody reads, and one that is read again. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "functions/sdk/counter.h"
#include "functions/sdk/log.h"

static char text[1 << 20];

/* Stderr is a pipe that takes one page and never makes anybody wait. */
static int setup(void **state)
{
	static int fds[3];

	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0 || fcntl(fds[1], F_SETPIPE_SZ, 4096) < 0)
		return -1;
	fds[2] = dup(STDERR_FILENO);
	*state = fds;
	sdk_log_to(NULL, NULL);
	return dup2(fds[1], STDERR_FILENO) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	int *fds = *state;

	dup2(fds[2], STDERR_FILENO);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	return 0;
}

static const char *read_all(int fd)
{
	ssize_t n = read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static unsigned count_lines(const char *part)
{
	unsigned count = 0;

	for (const char *at = text; (at = strstr(at, part)); at++)
		count++;
	return count;
}

static void test_full_log_loses_lines_and_says_so(void **state)
{
	const int *fds = *state;
	uint64_t before = sdk_counter_value("log_dropped");
	char expected[64], line[200];
	unsigned kept, lost;

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	for (int i = 0; i < SDK_LOG_RATE - 1; i++)
		sp_log(NULL, SP_INFO, "%s", line);
	read_all(fds[0]);
	kept = count_lines("info ");
	lost = SDK_LOG_RATE - 1 - kept;
	assert_in_range(kept, 1, 4096 / sizeof(line));
	assert_int_equal(text[strlen(text) - 1], '\n'); /* whole lines */
	assert_int_equal(sdk_counter_value("log_dropped") - before, lost);
	sp_log(NULL, SP_INFO, "again");
	snprintf(expected, sizeof(expected), "warn  %u log lines lost: ", lost);
	assert_non_null(strstr(read_all(fds[0]), expected));
	assert_non_null(strstr(text, "in time\ninfo  again\n"));
	sdk_log_flush();
	assert_string_equal(read_all(fds[0]), "");
}

static void test_what_was_lost_is_said_at_the_end(void **state)
{
	const int *fds = *state;

	while (write(fds[1], "x", 1) == 1)
		;
	sp_log(NULL, SP_INFO, "lost");
	sdk_log_flush();
	read_all(fds[0]);
	assert_int_equal(count_lines("lost"), 0);
	sdk_log_flush();
	assert_string_equal(read_all(fds[0]),
			    "warn  1 log lines lost: they were not read in time\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_full_log_loses_lines_and_says_so, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_what_was_lost_is_said_at_the_end, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
