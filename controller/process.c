// SPDX-License-Identifier: Apache-2.0
#include "controller/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/process_child.h"
#include "controller/runstate_file.h"
#include "sproxy/wiring.h"

#define LOG_PIPE_SIZE (1 << 20)

#ifndef PIDFD_SIGNAL_PROCESS_GROUP
#define PIDFD_SIGNAL_PROCESS_GROUP (1U << 2) /* since Linux 6.9 */
#endif

/* The first version of struct pidfd_info of linux/pidfd.h (Linux 6.15). */
struct pidfd_info_v0 {
	uint64_t mask;
	uint64_t cgroupid;
	uint32_t pid, tgid, ppid;
	uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code; /* a wait status */
};
_Static_assert(sizeof(struct pidfd_info_v0) == 64, "PIDFD_INFO_SIZE_VER0");
#define PIDFD_INFO_EXIT_BIT (1ULL << 3)
#define PIDFD_GET_INFO_V0 _IOWR(0xFF, 11, struct pidfd_info_v0)

static void pair_close(int pair[2])
{
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
}

/* A detached child's pipe holds much, and a write to a full one fails instead of waiting:
 * there may be no controller to read it for a while. */
static int log_pipe(bool detached, int log[2])
{
	if (pipe2(log, O_CLOEXEC) < 0 || fcntl(log[0], F_SETFL, O_NONBLOCK) < 0)
		return -1;
	if (!detached)
		return 0;
	fcntl(log[1], F_SETPIPE_SZ, LOG_PIPE_SIZE); /* less than asked for works, too */
	return fcntl(log[1], F_SETFL, O_NONBLOCK);
}

/* A fork into a control group, where there is one to begin in: moving there later waits for
 * an RCU grace period. */
static pid_t child_fork(int cgroup)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP,
				   .exit_signal = SIGCHLD,
				   .cgroup = (uint64_t)cgroup };

	if (cgroup <= 0)
		return fork();
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

int process_start(const struct process_spec *spec, struct process *ret)
{
	int wiring[2] = { -1, -1 }, log[2] = { -1, -1 }, pidfd = -1, r;
	pid_t parent = getpid(), pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, wiring) < 0 ||
	    log_pipe(spec->detached, log) < 0)
		goto fail;
	wiring_refuse_fds(wiring[0]);
	pid = child_fork(spec->cgroup_into);
	if (pid == 0)
		process_child_run(spec, wiring[1], log[1], parent);
	if (pid < 0)
		goto fail;
	if (!spec->detached)
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

int process_adopt(pid_t pid, uint64_t start_time, int wiring, int log, struct process *ret)
{
	int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	uint64_t start;

	if (pidfd < 0)
		return pid > 0 ? -errno : -ESRCH;
	/* By now the number cannot go to another one without the start telling. */
	if (runstate_process_start(pid, &start) < 0 || start != start_time) {
		close(pidfd);
		return -ESRCH;
	}
	fcntl(pidfd, F_SETFD, FD_CLOEXEC);
	*ret = (struct process){
		.pid = pid, .pidfd = pidfd, .wiring = wiring, .log = log, .adopted = true
	};
	return 0;
}

/* By the pidfd: whoever reaps an adopted one frees its number for others. */
static void group_kill(const struct process *process)
{
	if (syscall(SYS_pidfd_send_signal, process->pidfd, SIGKILL, NULL,
		    PIDFD_SIGNAL_PROCESS_GROUP) < 0 &&
	    errno == EINVAL)
		kill(-process->pid, SIGKILL);
}

void process_kill(const struct process *process)
{
	if (process->pid <= 0)
		return;
	group_kill(process);
	syscall(SYS_pidfd_send_signal, process->pidfd, SIGKILL, NULL, 0);
}

/* The wait status of a process in *ret; -ENODATA while its parent has not reaped it, or -errno. */
static int exit_status(int pidfd, int *ret)
{
	struct pidfd_info_v0 info = { .mask = PIDFD_INFO_EXIT_BIT };

	if (ioctl(pidfd, PIDFD_GET_INFO_V0, &info) < 0)
		return -errno;
	if (!(info.mask & PIDFD_INFO_EXIT_BIT))
		return -ENODATA;
	*ret = info.exit_code;
	return 0;
}

/* The wait status in the last field of /proc/PID/stat but for those that nobody may read; 0 also
 * for who may not know it, and without such a process. */
static int zombie_status(pid_t pid)
{
	char path[64], text[1024];
	const char *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	end = strrchr(text, ' ');
	return end ? atoi(end + 1) : 0;
}

/* How a process ended that we are not the parent of, or -1. Nobody waits here for its parent to
 * reap it: one that takes its time, or never does, would hold up all chains. */
static int adopted_status(const struct process *process)
{
	int seen = zombie_status(process->pid), status = -1;
	int r = exit_status(process->pidfd, &status);

	if (r == 0)
		return status;
	/* Not reaped, so the number was still its own. */
	return r == -ENODATA && seen != 0 ? seen : -1;
}

int process_reap(const struct process *process, char *text, size_t size)
{
	int status = 0;
	pid_t pid;

	do
		pid = waitpid(process->pid, &status, 0);
	while (pid < 0 && errno == EINTR);
	if (pid < 0) /* not our child */
		status = adopted_status(process);
	/* What it forked may still hold its sockets. */
	group_kill(process);
	if (status == -1)
		snprintf(text, size, "ended (how is not known: it was adopted)");
	else if (WIFSIGNALED(status))
		snprintf(text, size, "signal %d (%s%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)), WCOREDUMP(status) ? ", core dumped" : "");
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
