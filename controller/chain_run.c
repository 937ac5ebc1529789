/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_run.c - see chain_run.h.
 */
#include "controller/chain_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/close_range.h>

struct run {
	pid_t pid;
	int pidfd;
	int out; /* read ends; -1 once at EOF */
	int err;
	int start; /* read end: gets errno when exec failed, else EOF */
	size_t complaint_len;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* In the child: only what is safe after fork. Does not return. */
__attribute__((noreturn)) static void child(char *const *argv, pid_t parent, int out, int err,
					    int start)
{
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;
	int code;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before the line above */
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		goto failed;
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	execv(argv[0], argv);
failed:
	code = errno;
	if (write(start, &code, sizeof(code)) < 0)
		_exit(126);
	_exit(127);
}

/* Starts the program. Returns 0 and *ret, or -errno. */
static int start(char *const *argv, struct run *ret)
{
	int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	pid_t parent = getpid();
	struct run run = { .pid = -1, .pidfd = -1 };
	int err = 0;

	for (int i = 0; i < 3 && !err; i++)
		err = pipe2(pipes[i], O_CLOEXEC) < 0 ? -errno : 0;
	if (!err) {
		run.pid = fork();
		err = run.pid < 0 ? -errno : 0;
	}
	if (run.pid == 0)
		child(argv, parent, pipes[0][1], pipes[1][1], pipes[2][1]);
	for (int i = 0; i < 3; i++) {
		close_fd(&pipes[i][1]);
		if (err)
			close_fd(&pipes[i][0]);
	}
	if (err)
		return err;
	setpgid(run.pid, run.pid); /* the child does it too; whoever is first */
	run.out = pipes[0][0];
	run.err = pipes[1][0];
	run.start = pipes[2][0];
	*ret = run;
	return 0;
}

/* Did exec work? Returns 0 or -errno. */
static int wait_for_exec(struct run *run)
{
	int code = 0;
	ssize_t got;

	do {
		got = read(run->start, &code, sizeof(code));
	} while (got < 0 && errno == EINTR);
	return got == (ssize_t)sizeof(code) ? -code : 0;
}

/* Reads what there is. Returns 0 or -EMSGSIZE. */
static int read_out(struct run *run, struct chain_output *output)
{
	size_t room = output->size - output->len;
	char spill;
	ssize_t got = read(run->out, room ? output->data + output->len : &spill, room ? room : 1);

	if (got > 0 && !room)
		return -EMSGSIZE;
	if (got > 0)
		output->len += (size_t)got;
	else if (got == 0 || (errno != EINTR && errno != EAGAIN))
		close_fd(&run->out);
	return 0;
}

static void read_err(struct run *run, struct chain_output *output)
{
	char block[512];
	ssize_t got = read(run->err, block, sizeof(block));

	if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
		close_fd(&run->err);
	for (ssize_t i = 0; i < got; i++) {
		if (run->complaint_len + 1 < sizeof(output->complaint))
			output->complaint[run->complaint_len++] = block[i];
	}
}

/* Collects output until the program has ended and its pipes are read, or the time is
 * over. A pipe that a grandchild keeps open is not waited for. */
static int collect(struct run *run, int limit_ms, struct chain_output *output)
{
	int64_t end_ms = now_ms() + limit_ms;
	bool ended = false;
	int err = 0;

	while (!err) {
		struct pollfd fds[] = { { .fd = run->out, .events = POLLIN },
					{ .fd = run->err, .events = POLLIN },
					{ .fd = ended ? -1 : run->pidfd, .events = POLLIN } };
		int64_t left_ms = end_ms - now_ms();
		int ready = poll(fds, 3, ended || left_ms < 0 ? 0 : (int)left_ms);

		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready == 0 || left_ms < 0)
			return ended ? 0 : -ETIMEDOUT;
		if (ready < 0)
			continue;
		ended |= fds[2].revents != 0;
		if (fds[0].revents)
			err = read_out(run, output);
		if (fds[1].revents)
			read_err(run, output);
	}
	return err;
}

int chain_run(char *const *argv, int limit_ms, struct chain_output *output)
{
	struct run run;
	int err = start(argv, &run);

	if (err)
		return err;
	output->len = 0;
	output->complaint[0] = '\0';
	run.complaint_len = 0;
	err = wait_for_exec(&run);
	if (!err) {
		run.pidfd = pidfd_open(run.pid, 0);
		err = run.pidfd < 0 ? -errno : collect(&run, limit_ms, output);
	}
	/* Before the program is waited for: until then its numbers are its own. It may have
	 * left its group, so it is killed by both. */
	kill(-run.pid, SIGKILL);
	kill(run.pid, SIGKILL);
	while (waitpid(run.pid, &output->status, 0) < 0 && errno == EINTR)
		;
	output->complaint[run.complaint_len] = '\0';
	output->complaint[strcspn(output->complaint, "\n")] = '\0';
	close_fd(&run.out);
	close_fd(&run.err);
	close_fd(&run.start);
	close_fd(&run.pidfd);
	return err;
}
