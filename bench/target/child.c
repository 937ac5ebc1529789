// SPDX-License-Identifier: Apache-2.0
/* child.c - see process.h: starting a program, waiting for it, and what it said. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/load/explain.h"
#include "bench/target/process.h"

#define WORDS_MAX 4096 /* of what it said last */
#define WORDS_LINES 3
#define COLLECT_END_MS 10000

/* What the new process needs; made before the fork, since between fork and exec a program with
 * threads may call little more than the kernel. */
struct start {
	char *const *argv;
	char **environment;
	cpu_set_t cpus;
	bool pinned;
	pid_t parent;
	int input, output, messages, failure;
};

static _Noreturn void start_child(const struct start *s)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	sigset_t none;
	int failed;

	sigemptyset(&none);
	for (int number = 1; number < NSIG; number++)
		sigaction(number, &plain, NULL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == s->parent &&
	    (!s->pinned || sched_setaffinity(0, sizeof(s->cpus), &s->cpus) == 0) &&
	    dup2(s->input, STDIN_FILENO) >= 0 && dup2(s->output, STDOUT_FILENO) >= 0 &&
	    dup2(s->messages, STDERR_FILENO) >= 0 &&
	    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		execve(s->argv[0], s->argv, s->environment);
	failed = errno;
	if (write(s->failure, &failed, sizeof(failed)) < 0)
		_exit(126);
	_exit(127);
}

/* Ours, and the mark. NULL without memory. */
static char **environment_make(const char *mark, char *text, size_t size)
{
	size_t count = 0;
	char **copy;

	while (environ[count])
		count++;
	copy = calloc(count + 2, sizeof(*copy));
	if (!copy)
		return NULL;
	memcpy(copy, environ, count * sizeof(*copy));
	if (mark) {
		snprintf(text, size, BENCH_MARK "=%s", mark);
		copy[count] = text;
	}
	return copy;
}

static void cpus_make(const struct bench_child *child, struct start *s)
{
	CPU_ZERO(&s->cpus);
	for (unsigned i = 0; i < child->cpu_count; i++)
		if (child->cpus[i] >= 0 && child->cpus[i] < CPU_SETSIZE) {
			CPU_SET((size_t)child->cpus[i], &s->cpus);
			s->pinned = true;
		}
}

static const char *start_advice(int failed)
{
	switch (failed) {
	case ENOENT:
		return ": is it built (`make build`) or installed?";
	case EINVAL:
		return ": may it run on the CPUs given (--server-cpu)?";
	default:
		return "";
	}
}

/* Forks. Returns the pid once the program runs, or -errno. */
static pid_t start_fork(struct start *s, char error[BENCH_ERROR_TEXT])
{
	int failure[2], failed = 0;
	ssize_t got;
	pid_t pid;

	if (pipe2(failure, O_CLOEXEC) < 0)
		return -errno;
	s->failure = failure[1];
	s->parent = getpid();
	pid = fork();
	if (pid == 0)
		start_child(s);
	if (pid < 0)
		failed = errno;
	close(failure[1]);
	/* Closed by the exec, or told why there was none. */
	while (pid > 0 && (got = read(failure[0], &failed, sizeof(failed))) < 0 && errno == EINTR)
		;
	close(failure[0]);
	if (failed) {
		if (pid > 0)
			waitpid(pid, NULL, 0);
		return bench_explain(error, -failed, "%.160s: %s%s", s->argv[0], strerror(failed),
				     start_advice(failed));
	}
	return pid;
}

static int no_descriptors(char error[BENCH_ERROR_TEXT])
{
	int failed = errno;

	return bench_explain(error, -failed, "cannot start a program: %s", strerror(failed));
}

pid_t bench_child_start(const struct bench_child *child, int *ret_output, int *ret_messages,
			char error[BENCH_ERROR_TEXT])
{
	struct start s = { .input = -1, .messages = -1 };
	char mark[128];
	int out[2];
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		return no_descriptors(error);
	/* execve(2) writes to none of them, though its type does not say so. */
	memcpy(&s.argv, &child->argv, sizeof(s.argv));
	s.output = out[1];
	s.input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	s.messages = memfd_create("messages", MFD_CLOEXEC);
	s.environment = environment_make(child->mark, mark, sizeof(mark));
	cpus_make(child, &s);
	if (s.input < 0 || s.messages < 0 || fcntl(s.messages, F_SETFL, O_APPEND) < 0 ||
	    !s.environment)
		pid = no_descriptors(error);
	else
		pid = start_fork(&s, error);
	free(s.environment);
	close(out[1]);
	if (s.input >= 0)
		close(s.input);
	if (pid > 0) {
		*ret_output = out[0];
		*ret_messages = s.messages;
		return pid;
	}
	close(out[0]);
	if (s.messages >= 0)
		close(s.messages);
	return pid;
}

int bench_child_wait(pid_t pid, int timeout_ms, int *ret_status)
{
	struct timespec now;
	struct pollfd ended = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	int64_t end_ms, left_ms = timeout_ms;
	int r = 0;

	if (ended.fd < 0)
		return -errno;
	clock_gettime(CLOCK_MONOTONIC, &now);
	end_ms = now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000 + timeout_ms;
	do {
		r = poll(&ended, 1, (int)left_ms);
		clock_gettime(CLOCK_MONOTONIC, &now);
		left_ms = end_ms - now.tv_sec * INT64_C(1000) - now.tv_nsec / 1000000;
	} while (r < 0 && errno == EINTR && left_ms > 0);
	close(ended.fd);
	if (r <= 0)
		return -ETIMEDOUT;
	return waitpid(pid, ret_status, 0) == pid ? 0 : -errno;
}

const char *bench_child_end_text(int status, char text[64])
{
	if (WIFSIGNALED(status))
		snprintf(text, 64, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(text, 64, "status %d", WEXITSTATUS(status));
	return text;
}

const char *bench_child_words(int messages, char text[BENCH_ERROR_TEXT])
{
	char last[WORDS_MAX + 1], *at;
	off_t end = messages < 0 ? 0 : lseek(messages, 0, SEEK_END);
	off_t from = end > WORDS_MAX ? end - WORDS_MAX : 0;
	ssize_t len = end > 0 ? pread(messages, last, WORDS_MAX, from) : 0;
	unsigned lines = 0;

	while (len > 0 && (last[len - 1] == '\n' || last[len - 1] == ' '))
		len--;
	text[0] = '\0';
	if (len <= 0)
		return text;
	last[len] = '\0';
	for (at = last + len; at > last; at--)
		if (at[-1] == '\n' && ++lines == WORDS_LINES)
			break;
	for (char *c = at; *c; c++)
		if (*c == '\n')
			*c = '|';
		else if ((unsigned char)*c < ' ')
			*c = ' ';
	/* Of long lines the end is kept: what went wrong stands there. */
	if (strlen(at) > BENCH_ERROR_TEXT / 2)
		at += strlen(at) - BENCH_ERROR_TEXT / 2;
	snprintf(text, BENCH_ERROR_TEXT, "; its last words: %s", at);
	return text;
}

/* All that it prints. Returns 0, -ENOMEM, -E2BIG or -errno of reading. */
static int output_read(int fd, size_t limit, char **ret, size_t *ret_len)
{
	size_t len = 0, room = 0;
	char *data = NULL, *more;
	ssize_t n = 1;

	while (n > 0) {
		if (room - len < 4096) {
			room = room ? 2 * room : 16384;
			more = realloc(data, room);
			if (!more)
				n = -ENOMEM;
			else
				data = more;
		}
		if (n > 0)
			n = read(fd, data + len, room - len - 1);
		if (n > 0)
			len += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
		if (len > limit)
			n = -E2BIG;
	}
	if (n < 0) {
		free(data);
		return n == -1 ? -errno : (int)n;
	}
	data[len] = '\0';
	*ret = data;
	*ret_len = len;
	return 0;
}

int bench_child_collect(const char *const *argv, size_t limit, char **ret, size_t *ret_len,
			char error[BENCH_ERROR_TEXT])
{
	struct bench_child child = { .argv = argv };
	char words[BENCH_ERROR_TEXT], end[64], *data = NULL;
	int output, messages, status = 0, r;
	size_t len = 0;
	pid_t pid = bench_child_start(&child, &output, &messages, error);

	if (pid < 0)
		return pid;
	r = output_read(output, limit, &data, &len);
	close(output);
	if (r < 0 || bench_child_wait(pid, COLLECT_END_MS, &status) < 0) {
		kill(pid, SIGKILL);
		bench_child_wait(pid, COLLECT_END_MS, &status);
	}
	if (r == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		r = -ECHILD;
	if (r < 0) {
		bench_child_words(messages, words);
		bench_explain(error, 0, "%.80s: %s%.140s", argv[0],
			      r == -ECHILD ? bench_child_end_text(status, end) : strerror(-r),
			      words);
		free(data);
	} else {
		*ret = data;
		*ret_len = len;
	}
	close(messages);
	return r;
}
