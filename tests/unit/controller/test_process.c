/* SPDX-License-Identifier: Apache-2.0 */
/* Children: which file is executed, what they outlive, who may adopt them, how they ended. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/runstate_file.h"
#include "sproxy/wiring.h"
#include "tests/unit/controller/process_rig.h"
#include "tests/unit/fds.h"

/* ---- what is executed ---- */

static void test_ends_are_told(void **state)
{
	struct process_spec s = child_spec();
	struct process p;
	int fds = fds_count();

	(void)state;
	child_write("#!/bin/sh\nexit 3\n");
	assert_int_equal(process_start(&s, &p), 0);
	child_expect(&p, "exit code 3");
	child_write("#!/bin/sh\nkill -TERM $$\n");
	assert_int_equal(process_start(&s, &p), 0);
	child_expect(&p, "signal 15 (Terminated)");
	s.path = "/nonexistent/child";
	assert_int_equal(process_start(&s, &p), 0);
	assert_string_equal(child_line(p.log),
			    "cannot execute /nonexistent/child: No such file or directory");
	child_expect(&p, "exit code 127");
	assert_int_equal(fds_count(), fds);
}

static void test_exec_fd_is_the_old_script(void **state)
{
	struct process_spec s = child_spec();
	struct process p;

	(void)state;
	child_write("#!/bin/sh\necho old\n");
	s.exec_fd = open(child_file, O_RDONLY | O_CLOEXEC);
	assert_true(s.exec_fd >= 0);
	child_write("#!/bin/sh\necho new\n");
	assert_int_equal(process_start(&s, &p), 0);
	assert_string_equal(child_line(p.log), "old");
	child_expect(&p, "exit code 0");
	close(s.exec_fd);
	s.exec_fd = -1;
	assert_int_equal(process_start(&s, &p), 0);
	assert_string_equal(child_line(p.log), "new");
	child_expect(&p, "exit code 0");
}

static void test_exec_fd_is_the_old_binary(void **state)
{
	struct process_spec s = child_spec();
	char command[128];
	struct process p;

	(void)state;
	snprintf(command, sizeof(command), "cp /bin/false %s", child_file);
	unlink(child_file);
	assert_int_equal(system(command), 0);
	s.exec_fd = open(child_file, O_RDONLY | O_CLOEXEC);
	assert_true(s.exec_fd >= 0);
	child_write("#!/bin/sh\nexit 9\n");
	assert_int_equal(process_start(&s, &p), 0);
	child_expect(&p, "exit code 1");
	close(s.exec_fd);
}

static void test_stopped_waits_for_cont(void **state)
{
	struct process_spec s = child_spec();
	siginfo_t info = { 0 };
	struct process p;
	char byte;

	(void)state;
	s.stopped = true;
	child_write("#!/bin/sh\necho on\n");
	assert_int_equal(process_start(&s, &p), 0);
	assert_int_equal(waitid(P_PID, (id_t)p.pid, &info, WSTOPPED), 0);
	assert_int_equal(info.si_code, CLD_STOPPED);
	assert_int_equal(read(p.log, &byte, 1), -1);
	assert_int_equal(kill(p.pid, SIGCONT), 0);
	assert_string_equal(child_line(p.log), "on");
	child_expect(&p, "exit code 0");
}

/* ---- detached ---- */

static void test_detached_has_its_own_session(void **state)
{
	struct process_spec s = child_spec();
	struct process p;

	(void)state;
	s.detached = true;
	child_write("#!/bin/sh\necho on\nsleep 1000\n");
	assert_int_equal(process_start(&s, &p), 0);
	assert_string_equal(child_line(p.log), "on");
	assert_int_equal(getsid(p.pid), p.pid);
	process_kill(&p);
	child_expect(&p, "signal 9 (Killed)");
}

/* Nobody reads: it must end all the same. */
static void test_detached_never_waits_for_its_log(void **state)
{
	struct process_spec s = child_spec();
	struct process p;

	(void)state;
	s.detached = true;
	child_write("#!/bin/sh\nhead -c 8000000 /dev/zero\nexit 7\n");
	assert_int_equal(process_start(&s, &p), 0);
	child_expect(&p, "exit code 7");
}

/* ---- adopted ---- */

struct orphan {
	pid_t reaper; /* its parent, once the one that started it is dead */
	pid_t pid;
	uint64_t start;
	int fds[2]; /* wiring, log */
};

static _Noreturn void middle_man(int sock)
{
	struct process_spec s = child_spec();
	struct orphan o = { 0 };
	struct process p;

	s.detached = true;
	if (process_start(&s, &p) < 0 || runstate_process_start(p.pid, &o.start) < 0)
		_exit(1);
	o.pid = p.pid;
	_exit(wiring_send(sock, &o, sizeof(o), (int[]){ p.wiring, p.log }, 2) < 0);
}

/* A process that a dead one has started, in the care of another that reaps. */
static struct orphan orphan_make(const char *script)
{
	struct orphan o;
	size_t count;
	int sock[2], fds[2];
	pid_t reaper;

	child_write(script);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock), 0);
	reaper = fork();
	if (reaper == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		if (fork() == 0)
			middle_man(sock[1]);
		while (wait(NULL) > 0)
			;
		_exit(0);
	}
	assert_true(reaper > 0);
	child_wait(sock[0]);
	assert_int_equal(wiring_receive(sock[0], &o, sizeof(o), fds, 2, &count), sizeof(o));
	assert_int_equal(count, 2);
	memcpy(o.fds, fds, sizeof(fds));
	o.reaper = reaper;
	close(sock[0]);
	close(sock[1]);
	return o;
}

static void orphan_done(const struct orphan *o)
{
	int status;

	/* It ends when nobody is left to be reaped. */
	assert_int_equal(waitpid(o->reaper, &status, 0), o->reaper);
	assert_int_equal(status, 0);
}

static void test_adopted_is_reaped_with_its_code(void **state)
{
	struct orphan o = orphan_make("#!/bin/sh\necho on\n"
				      "eval \"head -c 1 <&$SPROCKET_WIRING\" >/dev/null\nexit 5\n");
	int status, fds = fds_count() - 2;
	struct process p;
	char how[96];

	(void)state;
	assert_int_equal(process_adopt(o.pid, o.start + 1, o.fds[0], o.fds[1], &p), -ESRCH);
	assert_int_equal(process_adopt(0, 0, o.fds[0], o.fds[1], &p), -ESRCH);
	assert_int_equal(process_adopt(o.pid, o.start, o.fds[0], o.fds[1], &p), 0);
	assert_string_equal(child_line(p.log), "on");
	assert_int_equal(send(p.wiring, "x", 1, MSG_NOSIGNAL), 1);
	status = child_reap(&p, how);
	if (status == -1) {
		assert_string_equal(how, "ended (how is not known: it was adopted)");
	} else {
		assert_int_equal(WEXITSTATUS(status), 5);
		assert_string_equal(how, "exit code 5");
	}
	orphan_done(&o);
	assert_int_equal(process_adopt(o.pid, o.start, -1, -1, &p), -ESRCH);
	assert_int_equal(fds_count(), fds);
}

static void test_adopted_is_killed_with_its_group(void **state)
{
	struct orphan o = orphan_make("#!/bin/sh\nsleep 1000 &\necho $!\nwait\n");
	struct process p;
	char how[96];
	int status;

	(void)state;
	assert_int_equal(process_adopt(o.pid, o.start, o.fds[0], o.fds[1], &p), 0);
	assert_true(atoi(child_line(p.log)) > 0);
	process_kill(&p);
	status = child_reap(&p, how);
	assert_true(status == -1 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
	orphan_done(&o); /* which waits for the one in the background, too */
}

/* Its parent may take its time, or never reap: nobody waits for that. */
static void test_adopted_is_told_before_it_is_reaped(void **state)
{
	struct orphan o = orphan_make("#!/bin/sh\necho on\nexec sleep 1000\n");
	struct timespec began, ended;
	struct pollfd dead;
	struct process p;
	char how[96];
	int status;

	(void)state;
	assert_int_equal(process_adopt(o.pid, o.start, o.fds[0], o.fds[1], &p), 0);
	assert_string_equal(child_line(p.log), "on");
	assert_int_equal(kill(o.reaper, SIGSTOP), 0);
	process_kill(&p);
	dead = (struct pollfd){ .fd = p.pidfd, .events = POLLIN };
	assert_int_equal(poll(&dead, 1, 5000), 1);
	clock_gettime(CLOCK_MONOTONIC, &began);
	status = child_reap(&p, how);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_string_equal(how, "signal 9 (Killed)");
	assert_true((ended.tv_sec - began.tv_sec) * 1000 +
			    (ended.tv_nsec - began.tv_nsec) / 1000000 <
		    100);
	assert_int_equal(kill(o.reaper, SIGCONT), 0);
	orphan_done(&o);
}

/* What a dead process left in its group goes when it is reaped. */
static void test_reap_kills_the_rest_of_the_group(void **state)
{
	struct orphan o = orphan_make("#!/bin/sh\nsleep 1000 &\n"
				      "eval \"head -c 1 <&$SPROCKET_WIRING\" >/dev/null\n");
	struct process p;
	char how[96];

	(void)state;
	assert_int_equal(process_adopt(o.pid, o.start, o.fds[0], o.fds[1], &p), 0);
	assert_int_equal(send(p.wiring, "x", 1, MSG_NOSIGNAL), 1);
	child_reap(&p, how);
	orphan_done(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends_are_told),
		cmocka_unit_test(test_exec_fd_is_the_old_script),
		cmocka_unit_test(test_exec_fd_is_the_old_binary),
		cmocka_unit_test(test_stopped_waits_for_cont),
		cmocka_unit_test(test_detached_has_its_own_session),
		cmocka_unit_test(test_detached_never_waits_for_its_log),
		cmocka_unit_test(test_adopted_is_reaped_with_its_code),
		cmocka_unit_test(test_adopted_is_killed_with_its_group),
		cmocka_unit_test(test_adopted_is_told_before_it_is_reaped),
		cmocka_unit_test(test_reap_kills_the_rest_of_the_group),
	};

	return cmocka_run_group_tests(tests, child_setup, child_teardown);
}
