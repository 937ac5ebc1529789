// SPDX-License-Identifier: Apache-2.0
/*
 * test_runstate.c - a killed run's left-overs are found and given back; a live one's are not.
 *
 * How: real processes, killed with SIGKILL; records in a folder of the test's own. The test
 * of the hugepage limit needs root and must not run beside others that change it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/runstate.h"
#include "controller/runstate_file.h"
#include "shm/memory.h"
#include "tests/unit/shm/hugepages.h"

#define NOBODY 65534
#define CHILD_LIFE_S 20 /* a failed assertion must not leave processes behind */

static char elsewhere[64];
static char folder[80]; /* of the records; made on demand */

/* What a run tells the test about itself. */
struct told {
	pid_t run;
	pid_t child;
};

static bool alive(pid_t pid)
{
	uint64_t start;

	return runstate_process_start(pid, &start) == 0;
}

/* Runs runstate_clean() and returns its value; the report is the caller's to free. */
static int clean(bool dry_run, char **ret_report)
{
	size_t size = 0;
	FILE *report = open_memstream(ret_report, &size);
	int r;

	assert_non_null(report);
	r = runstate_clean(report, dry_run);
	fclose(report);
	return r;
}

/* As a run would: a record with one child, `path` and `pages`; tells, and waits for its end. */
static void run_body(int fd, const char *path, long pages)
{
	struct runstate *state;
	struct told told = { .run = getpid() };

	told.child = fork();
	if (told.child == 0) {
		alarm(CHILD_LIFE_S);
		for (;;)
			pause();
	}
	alarm(CHILD_LIFE_S);
	if (told.child < 0 || runstate_open(&state) < 0 ||
	    runstate_add_child(state, told.child) < 0 ||
	    (path && runstate_add_path(state, path) < 0) ||
	    (pages && runstate_set_overcommit(state, pages) < 0))
		_exit(1);
	if (write(fd, &told, sizeof(told)) != (ssize_t)sizeof(told))
		_exit(1);
	for (;;)
		pause();
}

static struct told run_start(const char *path, long pages)
{
	struct told told = { 0 };
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		run_body(fds[1], path, pages);
	close(fds[1]);
	assert_int_equal(read(fds[0], &told, sizeof(told)), sizeof(told));
	close(fds[0]);
	return told;
}

static void run_kill(struct told told)
{
	kill(told.run, SIGKILL);
	assert_int_equal(waitpid(told.run, NULL, 0), told.run);
}

/* The test is the subreaper: children of killed runs become its own. */
static void reap(pid_t pid)
{
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_nothing_left_by_an_orderly_run(void **state)
{
	struct runstate *run, *second = NULL;
	char path[128], *report;

	(void)state;
	snprintf(path, sizeof(path), "%s/%d.run", folder, (int)getpid());
	assert_int_equal(runstate_open(&run), 0);
	assert_int_equal(access(path, R_OK), 0);
	assert_int_equal(runstate_open(&second), -EEXIST);
	assert_null(second);
	assert_int_equal(clean(false, &report), 0); /* it runs: nothing to clean */
	assert_string_equal(report, "");
	assert_int_equal(access(path, R_OK), 0);
	assert_null(runstate_close(run));
	assert_null(runstate_close(NULL));
	assert_int_equal(access(folder, F_OK), -1);
	free(report);
}

static void test_killed_run_is_cleaned(void **state)
{
	char path[96], *report;
	struct told told;

	(void)state;
	snprintf(path, sizeof(path), "%s/socket", elsewhere);
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	told = run_start(path, 0);
	assert_int_equal(clean(false, &report), 0);
	free(report);
	assert_true(alive(told.child));
	run_kill(told);
	assert_true(alive(told.child));

	assert_int_equal(clean(true, &report), 1);
	assert_non_null(strstr(report, "still runs"));
	assert_non_null(strstr(report, path));
	free(report);
	assert_true(alive(told.child));
	assert_int_equal(access(path, F_OK), 0);

	assert_int_equal(clean(false, &report), 0);
	assert_non_null(strstr(report, "killed process"));
	free(report);
	assert_false(alive(told.child));
	reap(told.child);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access(folder, F_OK), -1);
	assert_int_equal(clean(false, &report), 0);
	assert_string_equal(report, "");
	free(report);
}

static void test_unreaped_run_counts_as_gone(void **state)
{
	struct told told = run_start(NULL, 0);
	siginfo_t info;
	char *report;

	(void)state;
	kill(told.run, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)told.run, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(clean(false, &report), 0);
	assert_non_null(strstr(report, "killed process"));
	free(report);
	reap(told.child);
	reap(told.run);
}

/* Overwrites line `number` of the record of `run`. */
static void line_change(pid_t run, size_t number, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%d.run", folder, (int)run);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, text, strlen(text), (off_t)(number * RECORD_WIDTH)),
			 strlen(text));
	close(fd);
}

/* Makes our record one of a process that had our pid earlier. */
static void record_make_old(void)
{
	char line[RECORD_WIDTH], boot[BOOT_ID_SIZE];

	boot_id_read(boot);
	snprintf(line, sizeof(line), "run %d 1 %s          ", (int)getpid(), boot);
	line_change(getpid(), RECORD_RUN, line);
}

static void test_reused_pid_is_spared(void **state)
{
	struct told told = run_start(NULL, 0);
	char line[RECORD_WIDTH], *report;

	(void)state;
	run_kill(told);
	snprintf(line, sizeof(line), "child %d 1     ", (int)told.child);
	line_change(told.run, RECORD_ENTRIES, line);
	assert_int_equal(clean(false, &report), 0);
	assert_null(strstr(report, "killed process"));
	free(report);
	assert_true(alive(told.child));
	kill(told.child, SIGKILL);
	reap(told.child);
}

static void test_record_of_reused_pid_is_taken_over(void **state)
{
	struct runstate *run, *again;

	(void)state;
	assert_int_equal(runstate_open(&run), 0);
	record_make_old();
	assert_int_equal(runstate_open(&again), 0);
	runstate_close(again);
	runstate_close(run);
}

static void test_removed_child_is_spared(void **state)
{
	struct runstate *run;
	pid_t pid = fork();
	char *report;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(CHILD_LIFE_S);
		for (;;)
			pause();
	}
	assert_int_equal(runstate_open(&run), 0);
	assert_int_equal(runstate_add_child(run, 0x3fffffff), -ESRCH);
	assert_int_equal(runstate_add_child(run, pid), 0);
	runstate_remove_child(run, pid);
	record_make_old();
	assert_int_equal(clean(false, &report), 0);
	assert_non_null(strstr(report, "removed its record"));
	assert_null(strstr(report, "killed process"));
	free(report);
	assert_true(alive(pid));
	kill(pid, SIGKILL);
	reap(pid);
	runstate_close(run);
}

static void test_limits(void **state)
{
	char path[RUNSTATE_PATH_MAX + 1];
	struct runstate *run;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[RUNSTATE_PATH_MAX] = '\0';
	assert_int_equal(runstate_open(&run), 0);
	assert_int_equal(runstate_add_path(run, path), -ENAMETOOLONG);
	assert_int_equal(runstate_add_path(run, "relative"), -EINVAL);
	assert_int_equal(runstate_add_path(run, "/a\nchild 1 1"), -EINVAL);
	for (int i = 0; i < RUNSTATE_ENTRY_MAX; i++)
		assert_int_equal(runstate_add_child(run, getpid()), 0);
	assert_int_equal(runstate_add_child(run, getpid()), -ENOSPC);
	runstate_remove_child(run, getpid());
	path[RUNSTATE_PATH_MAX - 1] = '\0';
	assert_int_equal(runstate_add_path(run, path), 0);
	runstate_close(run);
}

static void test_garbage_is_left_alone(void **state)
{
	char path[128], *report;
	int fd;

	(void)state;
	assert_int_equal(mkdir(folder, 0755), 0);
	snprintf(path, sizeof(path), "%s/123.run", folder);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "child 1 1\n", 10), 10);
	close(fd);
	assert_int_equal(clean(false, &report), 1);
	assert_non_null(strstr(report, "not a record"));
	free(report);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(clean(false, &report), 0);
	free(report);
}

static void test_overcommit_is_lowered_once(void **state)
{
	long before = counter_read("nr_overcommit_hugepages");
	struct told told;
	char *report;

	(void)state;
	need_hugepages();
	told = run_start(NULL, 5);
	limit_set(before + 5);
	run_kill(told);
	assert_int_equal(clean(true, &report), 1);
	assert_non_null(strstr(report, "raised by 5"));
	free(report);
	assert_int_equal(counter_read("nr_overcommit_hugepages"), before + 5);
	assert_int_equal(clean(false, &report), 0);
	assert_non_null(strstr(report, "lowered"));
	free(report);
	assert_int_equal(counter_read("nr_overcommit_hugepages"), before);
	assert_int_equal(clean(false, &report), 0);
	free(report);
	assert_int_equal(counter_read("nr_overcommit_hugepages"), before);
	reap(told.child);
}

/* What root's run left is seen by others, who are told what to do, and not touched. */
static void test_unprivileged_cleaner(void **state)
{
	struct told told;
	char *report;
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: needs root to have a second user\n");
		skip();
	}
	told = run_start(NULL, 0);
	run_kill(told);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
		    setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(99);
		_exit(clean(false, &report) != 1 || !strstr(report, "as root"));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(alive(told.child));
	assert_int_equal(clean(false, &report), 0);
	free(report);
	reap(told.child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_left_by_an_orderly_run),
		cmocka_unit_test(test_killed_run_is_cleaned),
		cmocka_unit_test(test_unreaped_run_counts_as_gone),
		cmocka_unit_test(test_reused_pid_is_spared),
		cmocka_unit_test(test_record_of_reused_pid_is_taken_over),
		cmocka_unit_test(test_removed_child_is_spared),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_garbage_is_left_alone),
		cmocka_unit_test(test_overcommit_is_lowered_once),
		cmocka_unit_test(test_unprivileged_cleaner),
	};
	int failed;

	snprintf(elsewhere, sizeof(elsewhere), "/tmp/sprocket-test-XXXXXX");
	if (!mkdtemp(elsewhere) || chmod(elsewhere, 0755) < 0)
		return 1;
	snprintf(folder, sizeof(folder), "%s/run", elsewhere);
	setenv("SPROCKET_RUN_FOLDER", folder, 1);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(elsewhere);
	return failed;
}
