// SPDX-License-Identifier: Apache-2.0
/* test_start.c - sp_main(): arguments, --describe, and what the controller hands over. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/sdk/rig.h"

static sp_verdict next(sp_request *req, void *state)
{
	(void)req;
	(void)state;
	return SP_NEXT;
}

static int refuse(sp_worker *worker, void **state)
{
	(void)state;
	sp_log(NULL, SP_ERROR, "table %.*s is empty", SP_ARG(sp_config(worker, "table")));
	return -ENOENT;
}

static const char *const edges[] = { "found", "quo\"te\\\n\x01\x7f", "\xc3\xa4\xff\xed\xa0\x80",
				     NULL };
static const char *const config[] = { "mode=a=b", "key!", "plain", NULL };
static const char *const calls[] = { "price", "q\"", NULL };
static const sp_function full = { .abi = SP_ABI,
				  .name = "full",
				  .version = "1.2",
				  .on_request = next,
				  .edges = edges,
				  .calls = calls,
				  .config = config };
static const sp_function least = { .abi = SP_ABI, .name = "least", .on_request = next };
static const sp_function failing = {
	.abi = SP_ABI, .name = "failing", .on_request = next, .init = refuse
};
static const sp_function foreign = { .abi = 1, .name = "foreign", .on_request = next };

/* ---- by hand ---- */

struct run {
	int code;
	char out[1024];
	char err[1024];
};

static void take(int fd, char text[1024])
{
	ssize_t n;

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	n = read(fd, text, 1023);
	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
}

static struct run run(const sp_function *f, const char *a, const char *b, const char *env)
{
	char self[] = "./fn", arg_a[32], arg_b[32];
	char *argv[] = { self, a ? arg_a : NULL, b ? arg_b : NULL, NULL };
	int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC);
	struct run r;
	int status;
	pid_t pid;

	snprintf(arg_a, sizeof(arg_a), "%s", a ? a : "");
	snprintf(arg_b, sizeof(arg_b), "%s", b ? b : "");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		if (env)
			setenv(WIRING_ENV, env, 1);
		_exit(sp_main(1 + !!a + !!b, argv, f));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	r.code = WEXITSTATUS(status);
	take(out, r.out);
	take(err, r.err);
	return r;
}

static void describe_is_json(void **state)
{
	struct run r = run(&full, "--describe", NULL, NULL);

	(void)state;
	assert_int_equal(r.code, 0);
	assert_string_equal(r.err, "");
	assert_string_equal(r.out,
			    "{\"abi\":2,\"name\":\"full\",\"version\":\"1.2\",\"edges\":[\"found\","
			    "\"quo\\\"te\\\\\\u000a\\u0001\\u007f\","
			    "\"\xc3\xa4\\ufffd\\ufffd\\ufffd\\ufffd\"],"
			    "\"calls\":[\"price\",\"q\\\"\"],"
			    "\"config\":[{\"key\":\"mode\",\"default\":\"a=b\"},"
			    "{\"key\":\"key\",\"required\":true},{\"key\":\"plain\"}]}\n");
	r = run(&least, "--describe", NULL, NULL);
	assert_string_equal(r.out, "{\"abi\":2,\"name\":\"least\",\"version\":\"\",\"edges\":[],"
				   "\"calls\":[],\"config\":[]}\n");
}

static void arguments(void **state)
{
	struct run r = run(&full, "--version", NULL, NULL);

	(void)state;
	assert_int_equal(r.code, 0);
	assert_string_equal(r.out, "full 1.2\n");
	r = run(&full, "--help", NULL, NULL);
	assert_int_equal(r.code, 0);
	assert_ptr_equal(strstr(r.out, "usage: ./fn "), r.out);
	r = run(&full, "--verison", NULL, NULL);
	assert_int_equal(r.code, 2);
	assert_string_equal(r.out, "");
	assert_ptr_equal(strstr(r.err, "usage: ./fn "), r.err);
	assert_int_equal(run(&full, "--describe", "more", NULL).code, 2);
	assert_int_equal(run(&full, "", NULL, NULL).code, 2);
}

static void by_hand_it_tells_what_to_do(void **state)
{
	struct run r = run(&full, NULL, NULL, NULL);

	(void)state;
	assert_int_equal(r.code, 2);
	assert_non_null(strstr(r.err, "sprocket run"));
	assert_non_null(strstr(r.err, "./fn --describe"));
	r = run(&full, NULL, NULL, "0x");
	assert_int_equal(r.code, 2);
	assert_non_null(strstr(r.err, WIRING_ENV));
	assert_int_equal(run(&full, NULL, NULL, "9999").code, 2);
	r = run(&foreign, "--describe", NULL, NULL);
	assert_int_equal(r.code, 1);
	assert_non_null(strstr(r.err, "build it again"));
}

/* ---- by a controller ---- */

static void expect_failed(struct rig *rig, const sp_function *f, const char *text)
{
	struct wiring_msg msg = rig_launch(rig, f);

	assert_int_equal(msg.type, WIRING_FAILED);
	assert_non_null(strstr(msg.text, text));
	assert_int_equal(rig_wait(rig), 1);
	assert_non_null(strstr(rig_log(rig), text));
}

static void a_start_that_fails_is_reported(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_config(&rig, "table", "plates");
	expect_failed(&rig, &failing, "init failed: No such file or directory");
	assert_non_null(strstr(rig_log(&rig), "error table plates is empty\n"));
	rig_init(&rig);
	rig_config(&rig, "mode", "x");
	expect_failed(&rig, &full, "config value \"key\" is missing");
	rig_init(&rig);
	rig_config(&rig, "key", "");
	assert_int_equal(rig_launch(&rig, &full).type, WIRING_READY);
	rig_eof(&rig);
	assert_int_equal(rig_wait(&rig), 0);
}

static void wiring_that_is_wrong_is_refused(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.table.abi = 9;
	expect_failed(&rig, &least, "controller speaks wiring 9, this libsprocket 4");
	rig_init(&rig);
	rig.table.size = 12;
	expect_failed(&rig, &least, "the controller's wiring");
	rig_init(&rig);
	rig.cut = 1;
	expect_failed(&rig, &least, "the controller's wiring");
	rig_init(&rig);
	rig.table.layout.classes[1].offset += 64;
	expect_failed(&rig, &least, "the controller's wiring");
	rig_init(&rig);
	rig.table.config_count = 65;
	expect_failed(&rig, &least, "the controller's wiring");
	rig_init(&rig);
	assert_int_equal(ftruncate(rig.memory_fd, 4096), 0);
	expect_failed(&rig, &least, "cannot map the pool");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(describe_is_json),
		cmocka_unit_test(arguments),
		cmocka_unit_test(by_hand_it_tells_what_to_do),
		cmocka_unit_test(a_start_that_fails_is_reported),
		cmocka_unit_test(wiring_that_is_wrong_is_refused),
	};

	return cmocka_run_group_tests_name("start", tests, NULL, NULL);
}
