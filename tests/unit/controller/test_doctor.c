// SPDX-License-Identifier: Apache-2.0
/*
 * test_doctor.c - what `sprocket doctor` says and returns, with and without rights.
 *
 * How: the real checks on the real kernel, in a child whose output is read; records of
 * killed runs in a folder of the test's own.
 */
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "controller/cli/cli.h"
#include "controller/runstate.h"

#define NOBODY 65534
#define OUTPUT_MAX (64U << 10)

enum where {
	AS_WE_ARE,
	UNPRIVILEGED,
	WITHOUT_LOOPBACK,
	WITHOUT_BPFFS,
	WITHOUT_CGROUPS,
	ON_FULL_DISK
};

static char folder[64];
static char output[OUTPUT_MAX];

/* Something small and ordinary, for this process alone. */
static void mount_over(const char *path)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", path, "tmpfs", 0, "size=1m") < 0)
		_exit(97);
}

static void move_to(enum where where)
{
	if (where == WITHOUT_LOOPBACK && unshare(CLONE_NEWNET) < 0)
		_exit(98);
	if (where == WITHOUT_BPFFS)
		mount_over("/sys/fs/bpf");
	if (where == WITHOUT_CGROUPS)
		mount_over("/sys/fs/cgroup");
	if (where == ON_FULL_DISK)
		mount_over("/var/lib");
	if (where == UNPRIVILEGED && geteuid() == 0 &&
	    (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	     setresuid(NOBODY, NOBODY, NOBODY) < 0))
		_exit(99);
}

/* Runs the command; its output goes to `output`. Returns its exit code. */
static int doctor_run(enum where where, const char *option)
{
	char *argv[] = { strdup("doctor"), option ? strdup(option) : NULL, NULL };
	size_t used = 0;
	ssize_t n;
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		move_to(where);
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		status = cli_doctor(option ? 2 : 1, argv);
		fflush(NULL);
		_exit(status);
	}
	close(fds[1]);
	while ((n = read(fds[0], output + used, sizeof(output) - 1 - used)) > 0)
		used += (size_t)n;
	output[used] = '\0';
	close(fds[0]);
	free(argv[0]);
	free(argv[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void need_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("skipped: needs root\n");
	skip();
}

static void test_usage(void **state)
{
	(void)state;
	assert_int_equal(doctor_run(AS_WE_ARE, "--claen"), 2);
	assert_non_null(strstr(output, "--claen"));
	assert_non_null(strstr(output, "usage:"));
	assert_int_equal(doctor_run(AS_WE_ARE, "--help"), 0);
}

static void test_healthy_machine(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(doctor_run(AS_WE_ARE, NULL), 0);
	assert_non_null(strstr(output, "a checked hop takes"));
	assert_non_null(strstr(output, "buffer is not held by the sender"));
	assert_non_null(strstr(output, "\n0 failed"));
}

static void test_json(void **state)
{
	json_error_t error;
	json_t *root, *check;
	bool redirect = false;
	size_t i;

	(void)state;
	need_root();
	assert_int_equal(doctor_run(AS_WE_ARE, "--json"), 0);
	root = json_loads(output, 0, &error);
	assert_non_null(root);
	assert_true(json_is_true(json_object_get(root, "ok")));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "limits"),
							    "descriptors_per_send")),
			 64);
	json_array_foreach(json_object_get(root, "checks"), i, check) {
		assert_non_null(json_string_value(json_object_get(check, "fix")));
		if (strcmp(json_string_value(json_object_get(check, "check")), "redirect") == 0)
			redirect = strcmp(json_string_value(json_object_get(check, "level")),
					  "ok") == 0;
	}
	assert_true(redirect);
	json_decref(root);
}

static void test_unprivileged(void **state)
{
	(void)state;
	assert_int_equal(doctor_run(UNPRIVILEGED, NULL), 1);
	assert_non_null(strstr(output, "FAIL  capabilities"));
	assert_non_null(strstr(output, "setcap"));
	assert_non_null(strstr(output, "FAIL  redirect"));
	assert_non_null(strstr(output, "ok    loopback")); /* what needs no rights still runs */
}

static void test_without_loopback(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(doctor_run(WITHOUT_LOOPBACK, NULL), 1);
	assert_non_null(strstr(output, "FAIL  loopback"));
	assert_non_null(strstr(output, "ip link set lo up"));
}

/* What only the daemon needs is no failure: `sprocket run` works. */
static void test_daemon(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(doctor_run(WITHOUT_BPFFS, NULL), 0);
	assert_non_null(strstr(output, "warn  bpffs"));
	assert_non_null(strstr(output, "mount -t bpf bpf /sys/fs/bpf"));
	assert_int_equal(doctor_run(ON_FULL_DISK, NULL), 0);
	assert_non_null(strstr(output, "warn  folders"));
	assert_non_null(strstr(output, "/var/lib/sprocket has 1024 KiB left"));
	assert_int_equal(doctor_run(UNPRIVILEGED, NULL), 1);
	assert_non_null(strstr(output, "/var/lib/sprocket cannot be written"));
	assert_non_null(strstr(output, "ok    programs"));
	setenv("SPROCKET_SOCKET", "/tmp/sprocket-no-such.sock", 1);
	assert_int_equal(doctor_run(AS_WE_ARE, NULL), 0);
	unsetenv("SPROCKET_SOCKET");
	assert_non_null(strstr(output, "does not run (nobody listens at /tmp/sprocket-no-such"));
	assert_non_null(strstr(output, "fdstore_entry_fds"));
}

/* Without the control groups of others: only the records are the test's own. */
static void test_left_overs(void **state)
{
	struct runstate *run;
	int fds[2], status;
	char byte;
	pid_t pid;

	(void)state;
	need_root();
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed assertion must not leave us */
		if (runstate_open(&run) < 0 || write(fds[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	assert_int_equal(doctor_run(WITHOUT_CGROUPS, NULL), 0);
	assert_non_null(strstr(output, "none of killed runs"));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(doctor_run(WITHOUT_CGROUPS, NULL), 0);
	assert_non_null(strstr(output, "warn  left-overs"));
	assert_int_equal(doctor_run(WITHOUT_CGROUPS, "--clean"), 0);
	assert_non_null(strstr(output, "removed its record"));
	assert_int_equal(doctor_run(WITHOUT_CGROUPS, NULL), 0);
	assert_non_null(strstr(output, "none of killed runs"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_healthy_machine),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_unprivileged),
		cmocka_unit_test(test_without_loopback),
		cmocka_unit_test(test_daemon),
		cmocka_unit_test(test_left_overs),
	};
	int failed;

	snprintf(folder, sizeof(folder), "/tmp/sprocket-doctor-XXXXXX");
	if (!mkdtemp(folder) || chmod(folder, 0755) < 0)
		return 1;
	setenv("SPROCKET_RUN_FOLDER", folder, 1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed;
}
