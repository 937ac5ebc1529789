// SPDX-License-Identifier: Apache-2.0
/* What a target has of who started it, and how it ends with it. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/target/process.h"
#include "tests/unit/bench/server.h"

static void on_alarm(int number)
{
	(void)number;
}

static void test_interrupted(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct bench_target_options options = { 0 };
	char error[BENCH_ERROR_TEXT];
	struct bench_target t;
	time_t began = time(NULL);

	(void)state;
	sigaction(SIGALRM, &action, NULL);
	alarm(1);
	assert_int_equal(server_start("exec sleep 1000\n", &options, &t, error), -EINTR);
	assert_non_null(strstr(error, "interrupted"));
	assert_true(time(NULL) - began < 10);
	assert_int_equal(server_left(), 0);
}

/* 32 and 33: the C library keeps them from its callers, and they pass to children as they are. */
#define LIBRARY_SIGNALS (UINT64_C(3) << 31)

/* Signals that we ignore or block are its own again; what we have open is nothing to it. */
static void test_inherits_nothing(void **state)
{
	struct bench_target t;
	uint64_t blocked, ignored;
	sigset_t set, old;
	char text[256];

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(dup2(STDERR_FILENO, 200), 200);
	server_start_good(
		"grep -h -e SigBlk -e SigIgn /proc/self/status | tr -d '\\n' >\"$F/signals\"\n"
		"ls /proc/self/fd | tr '\\n' ' ' >\"$F/fds\"\n" GOOD,
		&t);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGPIPE, SIG_DFL);
	close(200);
	server_read("signals", text);
	assert_int_equal(sscanf(text, "SigBlk:\t%" SCNx64 "SigIgn:\t%" SCNx64, &blocked, &ignored),
			 2);
	assert_int_equal(blocked & ~LIBRARY_SIGNALS, 0);
	assert_int_equal(ignored & ~LIBRARY_SIGNALS, 0);
	server_read("fds", text);
	assert_null(strstr(text, "200"));
	server_stop_good(&t);
}

/* When we are killed the server ends, too. */
static void test_dies_with_us(void **state)
{
	struct timespec nap = { .tv_nsec = 10000000 };
	struct bench_target_options options = { 0 };
	char error[BENCH_ERROR_TEXT], mark[64];
	struct bench_processes *found = calloc(1, sizeof(*found));
	struct bench_target t;
	int pipe_fds[2];
	pid_t child;

	(void)state;
	assert_non_null(found);
	assert_int_equal(pipe(pipe_fds), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed assertion must not leave us */
		if (server_start(GOOD, &options, &t, error) < 0)
			_exit(1);
		if (write(pipe_fds[1], t.mark, sizeof(t.mark)) < 0)
			_exit(1);
		pause();
		_exit(1);
	}
	assert_int_equal(read(pipe_fds[0], mark, sizeof(mark)), sizeof(mark));
	bench_processes_marked(-1, mark, found);
	assert_true(found->count > 0);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	for (int i = 0; i < POLL_S * 100 && found->count > 0; i++) {
		nanosleep(&nap, NULL);
		found->count = 0;
		bench_processes_marked(-1, mark, found);
	}
	assert_int_equal(found->count, 0);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	free(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_inherits_nothing),
		cmocka_unit_test(test_dies_with_us),
	};

	return cmocka_run_group_tests(tests, server_setup, server_teardown);
}
