/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_chain_describe.c - asking executables that answer, and those that misbehave; the
 * sentences about the latter are in tests/data/chains/describe.yaml.expected.
 *
 * Argument: the path of describe_fixture.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/chain_describe.h"
#include "tests/unit/controller/chain_files.h"

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_declaration(void **state)
{
	struct chain_description description;
	char why[CHAIN_WHY_MAX];
	unsigned fds = count_fds();

	(void)state;
	assert_int_equal(chain_describe("./search", &description, why), 0);
	assert_int_equal(description.edge_count, 1);
	assert_string_equal(description.edges[0], "unknown_plate");
	assert_int_equal(description.config_count, 2);
	assert_string_equal(description.config[0].name, "table");
	assert_false(description.config[0].required);
	chain_description_done(&description);
	assert_int_equal(chain_describe("./rated", &description, why), 0);
	assert_true(description.config[0].required);
	chain_description_done(&description);
	assert_int_equal(count_fds(), fds);
}

static void test_failure_leaves_nothing(void **state)
{
	static const char *const names[] = { "./garbage",    "./fails",     "./dies",
					     "./floods",     "./silent",    "./missing",
					     "./no-program", "./many-edges" };
	struct chain_description description = { .edge_count = 42 };
	unsigned fds = count_fds();
	char why[CHAIN_WHY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		why[0] = '\0';
		assert_true(chain_describe(names[i], &description, why) < 0);
		assert_true(why[0]);
		assert_int_equal(description.edge_count, 42);
	}
	assert_int_equal(count_fds(), fds);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void test_hanging_is_ended_in_time(void **state)
{
	struct chain_description description;
	char why[CHAIN_WHY_MAX];
	double start = now_s(), took;

	(void)state;
	assert_int_equal(chain_describe("./hangs", &description, why), -ETIMEDOUT);
	took = now_s() - start;
	assert_true(took >= 1.9 && took < 10);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* State letter of a process, or 0 when it is gone. */
static char process_state(int pid)
{
	char path[64], letter = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%*d (%*[^)]) %c", &letter) != 1)
		letter = 0;
	fclose(file);
	return letter;
}

/* Its answer is complete when it ends; the child it left must not delay it, nor stay. */
static void left_behind(const char *name, const char *exec)
{
	struct chain_description description;
	char why[CHAIN_WHY_MAX];
	double start = now_s();
	char *text, letter;
	size_t len;
	int pid;

	chain_files_link(name);
	assert_int_equal(chain_describe(exec, &description, why), 0);
	chain_description_done(&description);
	assert_true(now_s() - start < CHAIN_DESCRIBE_MS / 1000.0);
	text = chain_files_read("orphan.pid", &len);
	assert_non_null(text);
	pid = atoi(text);
	free(text);
	assert_true(pid > 1);
	do { /* killed already; until the kernel has taken it down */
		letter = process_state(pid);
		assert_true(now_s() - start < 10);
	} while (letter && letter != 'Z' && letter != 'X');
}

static void test_a_child_left_behind_is_ended(void **state)
{
	(void)state;
	left_behind("orphan", "./orphan");
}

static void test_a_child_that_left_its_group_is_ended(void **state)
{
	(void)state;
	if (geteuid() != 0) /* it has no user of its own */
		skip();
	remove("orphan.pid");
	left_behind("runaway", "./runaway");
}

/* Root asks, but not as root, and not without a limit. */
static void refused(const char *name, const char *exec)
{
	struct chain_description description;
	char why[CHAIN_WHY_MAX];

	if (geteuid() != 0)
		skip();
	chain_files_link(name);
	assert_int_equal(chain_describe(exec, &description, why), 0);
	assert_string_equal(description.edges[0], "refused");
	chain_description_done(&description);
}

static void test_files_of_root_are_not_its_own(void **state)
{
	(void)state;
	refused("nosy", "./nosy");
}

static void test_processes_are_limited(void **state)
{
	(void)state;
	refused("bomb", "./bomb");
}

/* Where its user cannot go: its functions would run all the same. */
static void test_a_program_in_a_closed_folder(void **state)
{
	struct chain_description description;
	char why[CHAIN_WHY_MAX];

	(void)state;
	assert_int_equal(mkdir("closed", 0700), 0);
	assert_int_equal(symlink("../search", "closed/search"), 0);
	assert_int_equal(chain_describe("closed/search", &description, why), 0);
	chain_description_done(&description);
}

static void test_hostile_json(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"{\"abi\":2",
		"{\"abi\":\"1\"}",
		"{\"abi\":2.0}",
		"{\"abi\":2,\"abi\":1}",
		"{\"abi\":99999999999999999999}",
		"{\"abi\":2,\"edges\":[1]}",
		"{\"abi\":2,\"edges\":[\"\"]}",
		"{\"abi\":2,\"edges\":[\"a\\u0000b\"]}",
		"{\"abi\":2,\"calls\":[1]}",
		"{\"abi\":2,\"calls\":[\"a b\"]}",
		"{\"abi\":2,\"config\":[3]}",
		"{\"abi\":2,\"config\":[{\"key\":\"\"}]}",
		"{\"abi\":2} x",
		"\xff\xfe",
	};
	struct chain_description description;
	char why[CHAIN_WHY_MAX];
	char *deep = malloc(60000);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int err = chain_describe_parse(texts[i], strlen(texts[i]), &description, why);

		if (err != -EBADMSG)
			print_message("# text %zu\n", i);
		assert_int_equal(err, -EBADMSG);
	}
	assert_non_null(deep);
	memset(deep, '[', 60000);
	assert_int_equal(chain_describe_parse(deep, 60000, &description, why), -EBADMSG);
	free(deep);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_declaration),
		cmocka_unit_test(test_failure_leaves_nothing),
		cmocka_unit_test(test_hanging_is_ended_in_time),
		cmocka_unit_test(test_a_child_left_behind_is_ended),
		cmocka_unit_test(test_a_child_that_left_its_group_is_ended),
		cmocka_unit_test(test_files_of_root_are_not_its_own),
		cmocka_unit_test(test_processes_are_limited),
		cmocka_unit_test(test_a_program_in_a_closed_folder),
		cmocka_unit_test(test_hostile_json),
	};
	int failed;

	if (argc != 2) {
		fprintf(stderr, "usage: test_chain_describe DESCRIBE_FIXTURE\n");
		return 2;
	}
	chain_files_enter(argv[1]);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	chain_files_leave();
	return failed;
}
