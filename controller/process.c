// SPDX-License-Identifier: Apache-2.0
#include "controller/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sproxy/wiring.h"

static void child_pin(const struct process_spec *spec)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (uint32_t i = 0; i < spec->cpu_count; i++)
		CPU_SET(spec->cpus[i], &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void child_environment(const struct process_spec *spec, int wiring)
{
	char number[16];

	for (size_t i = 0; spec->env && i < spec->env->count; i++)
		setenv(spec->env->items[i].key, spec->env->items[i].value, 1);
	snprintf(number, sizeof(number), "%d", wiring);
	setenv(WIRING_ENV, number, 1);
}

static void child_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
}

/* No child needs a right: the kernel's objects come to it as fds. Root keeps its way to
 * files (a user's home may be closed to others, also to a root without that right). */
static void child_rights_drop(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (cap != CAP_DAC_OVERRIDE && cap != CAP_DAC_READ_SEARCH)
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

static _Noreturn void child_run(const struct process_spec *spec, int wiring, int log, pid_t parent)
{
	char *argv[] = { (char *)(uintptr_t)spec->name, NULL };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	child_signals();
	child_pin(spec);
	dup2(null, STDIN_FILENO);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	fcntl(wiring, F_SETFD, 0);
	child_environment(spec, wiring);
	child_rights_drop();
	execv(spec->path, argv);
	fprintf(stderr, "cannot execute %s: %s\n", spec->path, strerror(errno));
	_exit(127);
}

static void pair_close(int pair[2])
{
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
}

int process_start(const struct process_spec *spec, struct process *ret)
{
	int wiring[2] = { -1, -1 }, log[2] = { -1, -1 }, pidfd = -1, r;
	pid_t parent = getpid(), pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, wiring) < 0 ||
	    pipe2(log, O_CLOEXEC) < 0 || fcntl(log[0], F_SETFL, O_NONBLOCK) < 0)
		goto fail;
	wiring_refuse_fds(wiring[0]);
	pid = fork();
	if (pid == 0)
		child_run(spec, wiring[1], log[1], parent);
	if (pid < 0)
		goto fail;
	setpgid(pid, pid); /* by both: whoever comes first */
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		r = -errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		errno = -r;
		goto fail;
	}
	fcntl(pidfd, F_SETFD, FD_CLOEXEC);
	close(wiring[1]);
	close(log[1]);
	*ret = (struct process){ .pid = pid, .pidfd = pidfd, .wiring = wiring[0], .log = log[0] };
	return 0;
fail:
	r = -errno;
	pair_close(wiring);
	pair_close(log);
	return r;
}

void process_kill(const struct process *process)
{
	if (process->pid <= 0)
		return;
	kill(-process->pid, SIGKILL);
	kill(process->pid, SIGKILL);
}

int process_reap(const struct process *process, char *text, size_t size)
{
	int status = 0;

	while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
		;
	/* What it forked may still hold its sockets. */
	kill(-process->pid, SIGKILL);
	if (WIFSIGNALED(status))
		snprintf(text, size, "signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(text, size, "exit code %d", WEXITSTATUS(status));
	return status;
}

void process_adopt_orphans(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static FILE *children_open(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	return fopen(path, "re");
}

void process_reap_adopted(bool (*known)(pid_t pid, void *arg), void *arg)
{
	FILE *children = children_open();
	int pid;

	while (children && fscanf(children, "%d", &pid) == 1)
		if (!known(pid, arg))
			waitpid(pid, NULL, WNOHANG);
	if (children)
		fclose(children);
}

void process_kill_all(void)
{
	int pid, killed;

	do { /* again: what a killed one leaves behind comes to us as well */
		FILE *children = children_open();

		killed = 0;
		while (children && fscanf(children, "%d", &pid) == 1) {
			kill(pid, SIGKILL);
			killed++;
		}
		if (children)
			fclose(children);
		while (killed > 0 && waitpid(-1, NULL, 0) > 0)
			;
	} while (killed > 0);
}

void process_done(struct process *process)
{
	int *fds[] = { &process->pidfd, &process->wiring, &process->log };

	for (size_t i = 0; i < 3; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
	process->pid = 0;
}
