// SPDX-License-Identifier: Apache-2.0
/* Targets that behave and that do not. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/bench/server.h"

static void test_good(void **state)
{
	char error[BENCH_ERROR_TEXT], args[256];
	struct bench_target_options options = { .cpu_count = 1,
						.trace = true,
						.sprocket_args = "  --workers 2 --verbose " };
	struct bench_target t;
	cpu_set_t cpus, mine;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(mine), &mine), 0);
	while (!CPU_ISSET((size_t)options.cpus[0], &mine))
		options.cpus[0]++;
	assert_int_equal(server_start("echo \"$*\" >\"$F/args\"\n" GOOD, &options, &t, error), 0);
	assert_string_equal(t.url, "http://127.0.0.1:8080/in");
	assert_string_equal(t.host, "127.0.0.1:8080");
	assert_string_equal(t.path, "/in");
	assert_true(t.started);
	assert_true(t.ready_s > 0 && t.ready_s < 10);
	assert_int_equal(getpgid(t.pid), t.pid);
	assert_int_equal(sched_getaffinity(t.pid, sizeof(cpus), &cpus), 0);
	assert_int_equal(CPU_COUNT(&cpus), 1);
	assert_true(CPU_ISSET((size_t)options.cpus[0], &cpus));
	assert_true(server_left() >= 1); /* so it finds them when they are there */
	server_read("args", args);
	snprintf(error, sizeof(error),
		 "run %s --listen 127.0.0.1:0 --workers 1 --cpus %d --trace --workers 2 --verbose",
		 server_chain, options.cpus[0]);
	assert_string_equal(args, error);
	server_stop_good(&t);
	assert_int_equal(bench_target_stop(&t, error), 0); /* once more: nothing to do */
}

static void test_two_at_once(void **state)
{
	struct bench_target one, two;

	(void)state;
	server_start_good(GOOD, &one);
	server_start_good(GOOD, &two);
	assert_true(one.pid != two.pid);
	assert_string_not_equal(one.mark, two.mark);
	assert_int_equal(bench_target_stop(&one, one.url), 0);
	assert_int_equal(kill(two.pid, 0), 0); /* the other's end is nothing to it */
	server_stop_good(&two);
}

static void test_end_by_the_signal(void **state)
{
	struct bench_target t;

	(void)state;
	server_start_good(READY "exec sleep 1000\n", &t);
	server_stop_good(&t);
	server_start_good("trap 'kill $!; exit 130' INT\nsleep 1000 &\n" READY "wait\n", &t);
	server_stop_good(&t);
}

/* Lines before, a long one too, in pieces, none at the end. */
static void test_what_is_printed_before(void **state)
{
	struct bench_target t;

	(void)state;
	server_start_good(
		"echo readily; head -c 100000 /dev/zero | tr '\\0' x; echo\n"
		"printf 're'; sleep 0.05; printf 'ady http://[::1]:81/a?b=c and more\\r\\n'\n"
		"exec sleep 1000\n",
		&t);
	assert_string_equal(t.url, "http://[::1]:81/a?b=c");
	assert_string_equal(t.path, "/a?b=c");
	server_stop_good(&t);
}

/* Nobody reads what it prints, and still it is never held up. */
static void test_chatty(void **state)
{
	struct timespec nap = { .tv_nsec = 10000000 };
	struct bench_target t;

	(void)state;
	server_start_good("trap 'exit 0' INT\n" READY
			  "head -c 30000000 /dev/zero\nhead -c 3000000 /dev/zero >&2\n"
			  "touch \"$F/printed\"\nwhile :; do sleep 0.01; done\n",
			  &t);
	for (int i = 0; i < POLL_S * 100 && !server_has("printed"); i++)
		nanosleep(&nap, NULL);
	assert_true(server_has("printed"));
	server_stop_good(&t);
}

static void test_not_ready(void **state)
{
	(void)state;
	server_start_bad(
		"echo no pool of 64Mi: free some memory >&2; exit 3\n", -ECHILD,
		"ended with status 3 before it was ready; its last words: no pool of 64Mi");
	server_start_bad("kill -9 $$\n", -ECHILD, "signal 9 (Killed)");
	server_start_bad("echo one >&2; echo two >&2; exec sleep 1000\n", -ETIMEDOUT,
			 "did not print `ready URL` within 1 s; its last words: one|two");
	server_start_bad("sleep 1000 & exec sleep 1001\n", -ETIMEDOUT, "within 1 s");
	server_start_bad("exec >&-; exec sleep 1000\n", -EPIPE, "closed its output");
	server_start_bad("echo ready soon; exec sleep 1000\n", -EINVAL,
			 "soon: only http is spoken");
	server_start_bad("printf 'ready http://127.0.0.1:1/'; exec sleep 1000\n", -ETIMEDOUT,
			 "within");
	/* A child that has gone its own way is found by its mark. */
	server_start_bad(
		"setsid sh -c 'sleep 1000' </dev/null >/dev/null 2>&1 &\nsleep 0.2; exit 4\n",
		-ECHILD, "status 4");
}

/* Forks, and is gone: then nobody can be told to end. */
static void test_daemon(void **state)
{
	(void)state;
	server_start_bad("sh -c 'sleep 0.3; "
			 "echo ready http://127.0.0.1:8080/; exec sleep 1000' &\n"
			 "exit 0\n",
			 -ECHILD, "ended with status 0 before it was ready");
}

static void test_no_program(void **state)
{
	struct bench_target_options options = { 0 }, nowhere = { .cpus = { 1023 }, .cpu_count = 1 };
	char error[BENCH_ERROR_TEXT];
	struct bench_target t;

	(void)state;
	server_write("controller/sprocket", "#!/no/such/shell\n", 0755);
	assert_int_equal(bench_target_start(server_chain, &options, &t, error), -ENOENT);
	assert_non_null(strstr(error, "is it built"));
	server_write("controller/sprocket", "", 0644);
	assert_int_equal(bench_target_start(server_chain, &options, &t, error), -EACCES);
	assert_int_equal(server_start(GOOD, &nowhere, &t, error), -EINVAL);
	assert_non_null(strstr(error, "--server-cpu"));
	assert_int_equal(bench_target_start("ring-6", &options, &t, error), -ENOENT);
	assert_non_null(strstr(error, "peer-ring: run `make build`"));
	assert_int_equal(bench_target_start("grpc-6", &options, &t, error), -ENOENT);
	assert_non_null(strstr(error, "run `make peers`"));
	assert_int_equal(server_left(), 0);
}

static void test_stops_badly(void **state)
{
	struct bench_target t;
	int status;

	(void)state;
	server_start_good("trap '' INT\n" READY "while :; do sleep 0.01; done\n", &t);
	server_stop_bad(&t, -ETIMEDOUT, "still running 1 s after SIGINT");
	server_start_good(
		"trap 'kill $!; echo the pool is damaged >&2; exit 3' INT\nsleep 1000 &\n" READY
		"wait\n",
		&t);
	server_stop_bad(&t, -EPROTO,
			"status 3 after SIGINT, expected status 0; its last words: the pool");
	server_start_good("trap 'exit 0' INT\nsleep 1000 &\n" READY "wait\n", &t);
	/* Or the shell, when it has not become sleep yet. */
	server_stop_bad(&t, -EBUSY, "left behind, and killed now: ");
	server_start_good("trap 'exit 0' INT\nsetsid sh -c 'sleep 1000; :' &\n" READY
			  "while :; do sleep 0.01; done\n",
			  &t);
	server_stop_bad(&t, -EBUSY, "left behind");
	server_start_good(READY "echo out of memory >&2\nexit 7\n", &t);
	assert_int_equal(waitid(P_PID, (id_t)t.pid, NULL, WEXITED | WNOWAIT), 0);
	server_stop_bad(&t, -ECHILD,
			"ended by itself with status 7; its last words: out of memory");
	server_start_good(READY "kill -11 $$\n", &t);
	assert_int_equal(waitid(P_PID, (id_t)t.pid, NULL, WEXITED | WNOWAIT), 0);
	server_stop_bad(&t, -ECHILD, "ended by itself with signal 11");
	assert_int_equal(waitpid(-1, &status, WNOHANG), -1); /* no zombie either */
	assert_int_equal(errno, ECHILD);
}

/* What is killed ends with its parent: that is no process left behind. */
static void test_ends_with_its_parent(void **state)
{
	struct bench_target t;

	(void)state;
	server_start_good(
		"mkfifo \"$F/life\"\nsh -c 'read end' <\"$F/life\" &\nexec 3>\"$F/life\"\n"
		"trap 'exit 0' INT\n" READY "while :; do sleep 0.01; done\n",
		&t);
	server_stop_good(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_end_by_the_signal),
		cmocka_unit_test(test_what_is_printed_before),
		cmocka_unit_test(test_chatty),
		cmocka_unit_test(test_not_ready),
		cmocka_unit_test(test_daemon),
		cmocka_unit_test(test_no_program),
		cmocka_unit_test(test_stops_badly),
		cmocka_unit_test(test_ends_with_its_parent),
	};

	return cmocka_run_group_tests(tests, server_setup, server_teardown);
}
