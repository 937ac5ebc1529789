// SPDX-License-Identifier: Apache-2.0
/*
 * test_runstate_change.c - a run that is killed while it changes the limit of hugepages: whether it
 * had is seen by the limit.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/runstate.h"
#include "tests/unit/shm/hugepages.h"

#define CHANGE 3 /* pages */

static char folder[] = "/tmp/sprocket-test-change-XXXXXX";

static void killed_about_to_change(long change, long limit)
{
	struct runstate *state;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (runstate_open(&state) < 0)
			_exit(1);
		runstate_change_overcommit(state, change, limit);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

/* `raised`: that the limit is above the first number of the record when it is cleaned. */
static void assert_cleaned(long before, long raised)
{
	char *text;
	size_t size;
	FILE *report = open_memstream(&text, &size);

	limit_set(before + raised);
	assert_int_equal(runstate_clean(report, false), 0);
	fclose(report);
	assert_int_equal(strstr(text, "lowered") != NULL, raised > 0);
	assert_int_equal(counter_read("nr_overcommit_hugepages"), before);
	free(text);
}

static void test_killed_while_it_raised(void **state)
{
	long before = counter_read("nr_overcommit_hugepages");

	(void)state;
	need_hugepages();
	killed_about_to_change(CHANGE, before);
	assert_cleaned(before, 0);
	killed_about_to_change(CHANGE, before);
	assert_cleaned(before, CHANGE);
}

static void test_killed_while_it_lowered(void **state)
{
	long before = counter_read("nr_overcommit_hugepages");

	(void)state;
	need_hugepages();
	killed_about_to_change(-CHANGE, before + CHANGE);
	assert_cleaned(before, 0);
	killed_about_to_change(-CHANGE, before + CHANGE);
	assert_cleaned(before, CHANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_while_it_raised),
		cmocka_unit_test(test_killed_while_it_lowered),
	};
	int failed;

	if (!mkdtemp(folder) || setenv("SPROCKET_RUN_FOLDER", folder, 1) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed;
}
