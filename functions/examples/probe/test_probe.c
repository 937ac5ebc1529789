/* SPDX-License-Identifier: Apache-2.0 */
/* test_probe.c - each command of the probe does what it says. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <sprocket_test.h>

extern const sp_function sp_function_registered;

static sp_test *test;

static int setup(void **state)
{
	(void)state;
	test = sp_test_new(&sp_function_registered, NULL);
	return test ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	test = sp_test_free(test);
	return 0;
}

/* Runs commands, given by header, on the body "abc". */
static const sp_test_result *run(const char *commands)
{
	const char *headers[] = { "X-Probe", commands, NULL };

	return SP_TEST(test, .headers = headers, .body = SP_S("abc"));
}

static void assert_body(const sp_test_result *r, const char *text)
{
	if (!sp_test_equals(r->body, text))
		fail_msg("body is \"%.*s\", not \"%s\"", SP_ARG(r->body), text);
}

static double seconds_of(const char *commands, int64_t remaining_ns)
{
	const char *headers[] = { "x-probe", commands, NULL };
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(SP_TEST(test, .headers = headers, .remaining_ns = remaining_ns)->verdict,
			 SP_NEXT);
	clock_gettime(CLOCK_MONOTONIC, &to);
	return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

static void test_verdicts(void **state)
{
	const sp_test_result *r;

	(void)state;
	assert_int_equal(run("")->verdict, SP_NEXT);
	assert_int_equal(SP_TEST(test, .body = SP_S("abc"))->verdict, SP_NEXT);
	r = run("echo");
	assert_int_equal(r->verdict, SP_REPLY);
	assert_body(r, "abc");
	assert_int_equal(run("drop")->verdict, SP_DROP);
	assert_string_equal(run("edge=left")->edge, "left");
	assert_string_equal(run("edge=right")->edge, "right");
	assert_int_equal(run("edge=up")->error, SP_EINPUT);
	assert_true(sp_test_equals(run("topic=short")->topic, "short"));
}

static void test_fail(void **state)
{
	(void)state;
	assert_int_equal(run("fail=SP_ECONFLICT")->status, 409);
	assert_int_equal(run("fail=SP_EINPUT")->status, 400);
	assert_int_equal(run("fail=SP_ELOOP")->status, 508);
	assert_int_equal(run("fail=SP_OK")->error, SP_EINPUT);
	assert_int_equal(run("fail")->error, SP_EINPUT);
}

static void test_words(void **state)
{
	const sp_test_result *r;

	(void)state;
	assert_body(run(" upper;; echo"), "ABC");
	assert_body(run("probe.upper;other.crash;echo"), "ABC");
	assert_body(run("echo;upper"), "abc");
	r = SP_TEST(test, .path = "/?upper&echo", .body = SP_S("abc"));
	assert_body(r, "ABC");
	r = run("fly");
	assert_int_equal(r->error, SP_EINPUT);
	assert_non_null(memmem(r->error_text.data, r->error_text.len, " echo drop edge", 15));
}

static void test_too_long(void **state)
{
	char *commands = malloc(4096);

	(void)state;
	assert_non_null(commands);
	memset(commands, ';', 4096);
	commands[2048] = '\0';
	assert_int_equal(run(commands)->verdict, SP_NEXT);
	commands[2048] = ';';
	commands[2049] = '\0';
	assert_int_equal(run(commands)->error, SP_EINPUT);
	free(commands);
}

static void test_body(void **state)
{
	const sp_test_result *r;

	(void)state;
	assert_body(run("grow=6"), "abcdef");
	assert_body(run("shrink=1"), "a");
	assert_body(run("shrink=0"), "");
	r = run("grow=100000");
	assert_int_equal(r->body.len, 100000);
	assert_int_equal(r->moves, 1);
	for (size_t i = 0; i < r->body.len; i++)
		assert_int_equal(r->body.data[i], 'a' + i % 26);
	assert_int_equal(run("grow=2000000")->error, SP_ETOOBIG);
	assert_int_equal(run("grow=-1")->error, SP_EINPUT);
	assert_int_equal(run("grow=x")->error, SP_EINPUT);
}

static void test_head(void **state)
{
	const sp_test_result *r = run("shrink=0;status=201;set=X-A:b c;set=Connection:close;"
				      "set=a b:c;status=199");

	(void)state;
	assert_body(r, "status 201: ok\nset X-A: ok\nset Connection: EPERM\nset a b: EINVAL\n"
		       "status 199: EINVAL\n");
	assert_int_equal(r->status, 201);
	assert_true(sp_test_equals(sp_test_header(test, "x-a"), "b c"));
	assert_int_equal(run("set=novalue")->error, SP_EINPUT);
}

static void test_reports(void **state)
{
	const char *headers[] = { "x-probe", "shrink=0;meta;config=start;who", NULL };
	const sp_test_result *r;
	char expected[512];

	(void)state;
	r = SP_TEST(test, .method = "PUT", .path = "/p?q", .id = "i", .topic = "t",
		    .headers = headers, .hop = 3);
	snprintf(expected, sizeof(expected),
		 "meta id=i chain=test method=PUT path=/p query=q topic=t type= trace=%032d "
		 "deadline=no\nconfig start: ok\nwho probe hop 3 pid %d\n",
		 0, (int)getpid());
	assert_body(r, expected);
}

/* Their order is not promised. */
static void test_headers(void **state)
{
	const char *headers[] = { "x-probe", "headers", "X-B", "c d", NULL };
	const sp_test_result *r = SP_TEST(test, .headers = headers);

	(void)state;
	assert_int_equal(r->body.len, strlen("header x-probe: headers\nheader x-b: c d\n"));
	assert_non_null(memmem(r->body.data, r->body.len, "header x-probe: headers\n", 24));
	assert_non_null(memmem(r->body.data, r->body.len, "header x-b: c d\n", 16));
}

static void test_time(void **state)
{
	double seconds;

	(void)state;
	assert_true(seconds_of("sleep=30", 0) >= 0.03);
	seconds = seconds_of("spin", 20000000);
	assert_true(seconds >= 0.019);
	assert_int_equal(run("spin")->error, SP_EINPUT);
	assert_int_equal(run("sleep=60001")->error, SP_EINPUT);
}

static void test_operator(void **state)
{
	const char *log;

	(void)state;
	run("log=2;count=5");
	log = sp_test_log(test);
	assert_non_null(strstr(log, "probe line 1 of 2"));
	assert_non_null(strstr(log, "probe line 2 of 2"));
	assert_null(strstr(log, "probe line 3"));
	run("count=2");
	assert_int_equal(sp_test_counter(test, "probe_counted"), 7);
	assert_int_equal(sp_test_counter(test, "probe_requests"), 2);
}

/* Runs commands in a child. Returns its wait status. */
static int status_of(const char *commands)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		run(commands);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_death(void **state)
{
	int status = status_of("crash");

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	status = status_of("exit=7");
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void test_start(void **state)
{
	static const char *const config[] = { "start", "fail", NULL };

	(void)state;
	assert_null(sp_test_new(&sp_function_registered, config));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_verdicts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_body, setup, teardown),
		cmocka_unit_test_setup_teardown(test_head, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_headers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_operator, setup, teardown),
		cmocka_unit_test_setup_teardown(test_death, setup, teardown),
		cmocka_unit_test(test_start),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
