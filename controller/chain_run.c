/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_run.c - see chain_run.h.
 */
#include "controller/chain_run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/close_range.h>

#include "controller/chain_confine.h"
#include "controller/clock.h"

static int64_t now_ms(void)
{
	return (int64_t)(clock_ns(CLOCK_MONOTONIC) / 1000000);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Closes one of the run's fds. It leaves the epoll first: a child that is between fork and
 * exec holds a copy, which would keep it there. */
static void drop(struct chain_run *run, int which)
{
	if (run->fds[which] >= 0 && run->epoll >= 0)
		epoll_ctl(run->epoll, EPOLL_CTL_DEL, run->fds[which], NULL);
	close_fd(&run->fds[which]);
}

/* With close-on-exec a program does not inherit its own file. A script's interpreter opens it once
 * more, and the kernel says that it could not: ENOENT. */
void chain_run_file(int fd, char *const *argv)
{
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	execveat(fd, "", argv, environ, AT_EMPTY_PATH);
	if (errno != ENOENT)
		return;
	fcntl(fd, F_SETFD, 0);
	execveat(fd, "", argv, environ, AT_EMPTY_PATH);
}

/* By its path, and where its user cannot get there, as a file that is open: so the functions are
 * started, too. */
static void execute(char *const *argv, int exec_fd)
{
	execv(argv[0], argv);
	if (errno != EACCES || exec_fd < 0)
		return;
	chain_run_file(exec_fd, argv);
}

/* In the child: only what is safe after fork. Does not return. */
__attribute__((noreturn)) static void child(char *const *argv, pid_t parent,
					    const struct chain_confinement *confinement, int out,
					    int err, int start)
{
	int null = open("/dev/null", O_RDONLY), exec_fd = open(argv[0], O_PATH | O_CLOEXEC);
	sigset_t none;
	int code;

	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		goto failed;
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	code = chain_confine_enter(confinement);
	if (code < 0) {
		errno = -code;
		goto failed;
	}
	/* Who becomes another user has to say so again. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before the line above */
		_exit(127);
	execute(argv, exec_fd);
failed:
	code = errno;
	if (write(start, &code, sizeof(code)) < 0)
		_exit(126);
	_exit(127);
}

/* Watches everything that tells of the program. Returns 0 or -errno. */
static int watch(struct chain_run *run)
{
	run->fds[CHAIN_RUN_EXIT] = pidfd_open(run->pid, 0);
	run->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (uint32_t i = 0; i < CHAIN_RUN_FDS; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };

		if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, run->fds[i], &event) < 0)
			return -errno;
	}
	return 0;
}

int chain_run_start(char *const *argv, struct chain_run *ret)
{
	int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	pid_t parent = getpid();
	struct chain_run run = { .pid = -1, .epoll = -1, .fds = { -1, -1, -1, -1 } };
	struct chain_output ignored = { 0 };
	int err = chain_confine_make(&run.confinement);

	if (err)
		return err;
	for (int i = 0; i < 3 && !err; i++)
		err = pipe2(pipes[i], O_CLOEXEC) < 0 ? -errno : 0;
	if (!err) {
		run.pid = fork();
		err = run.pid < 0 ? -errno : 0;
	}
	if (run.pid == 0)
		child(argv, parent, &run.confinement, pipes[0][1], pipes[1][1], pipes[2][1]);
	chain_confine_done(&run.confinement);
	for (int i = 0; i < 3; i++) {
		close_fd(&pipes[i][1]);
		if (err)
			close_fd(&pipes[i][0]);
		run.fds[i] = pipes[i][0];
	}
	if (err) {
		chain_confine_end(&run.confinement);
		return err;
	}
	setpgid(run.pid, run.pid); /* the child does it too; whoever is first */
	err = watch(&run);
	if (err)
		chain_run_end(&run, &ignored);
	else
		*ret = run;
	return err;
}

/* Did exec work? Returns 0 or -errno. */
static int read_start(struct chain_run *run)
{
	int code = 0;
	ssize_t got = read(run->fds[CHAIN_RUN_START], &code, sizeof(code));

	if (got < 0 && errno == EINTR)
		return 0;
	drop(run, CHAIN_RUN_START);
	return got == (ssize_t)sizeof(code) ? -code : 0;
}

/* Reads what there is. Returns 0 or -EMSGSIZE. */
static int read_out(struct chain_run *run, struct chain_output *output)
{
	size_t room = output->size - output->len;
	char spill;
	ssize_t got = read(run->fds[CHAIN_RUN_OUT], room ? output->data + output->len : &spill,
			   room ? room : 1);

	if (got > 0 && !room)
		return -EMSGSIZE;
	if (got > 0)
		output->len += (size_t)got;
	else if (got == 0 || errno != EINTR)
		drop(run, CHAIN_RUN_OUT);
	return 0;
}

static int read_err(struct chain_run *run, struct chain_output *output)
{
	char block[512];
	ssize_t got = read(run->fds[CHAIN_RUN_ERR], block, sizeof(block));

	if (got == 0 || (got < 0 && errno != EINTR))
		drop(run, CHAIN_RUN_ERR);
	for (ssize_t i = 0; i < got; i++) {
		if (run->complaint_len + 1 < sizeof(output->complaint))
			output->complaint[run->complaint_len++] = block[i];
	}
	return 0;
}

static int read_ready(struct chain_run *run, uint32_t which, struct chain_output *output)
{
	switch (which) {
	case CHAIN_RUN_OUT:
		return read_out(run, output);
	case CHAIN_RUN_ERR:
		return read_err(run, output);
	case CHAIN_RUN_START:
		return read_start(run);
	default:
		run->ended = true;
		drop(run, CHAIN_RUN_EXIT);
		return 0;
	}
}

/* A pipe that a grandchild keeps open is not waited for. */
int chain_run_turn(struct chain_run *run, int limit_ms, struct chain_output *output)
{
	int64_t end_ms = now_ms() + limit_ms;
	int err = 0;

	while (!err) {
		struct epoll_event event;
		int64_t left_ms = end_ms - now_ms();
		int ready = epoll_wait(run->epoll, &event, 1,
				       run->ended || left_ms < 0 ? 0 : (int)left_ms);

		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready == 0)
			return run->ended;
		if (ready == 1)
			err = read_ready(run, event.data.u32, output);
		if (!err && left_ms < 0 && !run->ended)
			return 0;
	}
	return err;
}

void chain_run_end(struct chain_run *run, struct chain_output *output)
{
	/* Before the program is waited for: until then its numbers are its own. It may have
	 * left its group, so it is killed by both. */
	kill(-run->pid, SIGKILL);
	kill(run->pid, SIGKILL);
	while (waitpid(run->pid, &output->status, 0) < 0 && errno == EINTR)
		;
	chain_confine_end(&run->confinement);
	output->complaint[run->complaint_len] = '\0';
	output->complaint[strcspn(output->complaint, "\n")] = '\0';
	for (int i = 0; i < CHAIN_RUN_FDS; i++)
		drop(run, i);
	close_fd(&run->epoll);
}

int chain_run(char *const *argv, int limit_ms, struct chain_output *output)
{
	struct chain_run run;
	int r = chain_run_start(argv, &run);

	if (r < 0)
		return r;
	output->len = 0;
	r = chain_run_turn(&run, limit_ms, output);
	chain_run_end(&run, output);
	return r < 0 ? r : r ? 0 : -ETIMEDOUT;
}
