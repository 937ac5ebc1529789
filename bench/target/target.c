// SPDX-License-Identifier: Apache-2.0
/* target.c - see target.h: starting what is measured, and stopping it cleanly. */
#include "bench/target/target.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/load/explain.h"
#include "bench/target/process.h"
#include "bench/target/target_names.h"

#define START_S 20
#define STOP_S 15
#define KILLED_MS 15000
#define LEAVE_MS 1000 /* for what ends with its parent: that takes a moment */
#define READY "ready "
#define LINE_MAX_BYTES 4096

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* ---- waiting for `ready URL` ---- */

struct ready {
	int output, pidfd;
	int64_t end_ns;
	size_t len;
	char line[LINE_MAX_BYTES];
};

/* Takes the lines that are whole. Returns 1 when one says that it is ready (the URL is in `line`
 * then), else 0. */
static int lines_take(struct ready *r)
{
	char *end;

	while ((end = memchr(r->line, '\n', r->len))) {
		*end = '\0';
		if (strncmp(r->line, READY, strlen(READY)) == 0) {
			memmove(r->line, r->line + strlen(READY),
				strlen(r->line + strlen(READY)) + 1);
			r->line[strcspn(r->line, " \r")] = '\0';
			return 1;
		}
		r->len -= (size_t)(end + 1 - r->line);
		memmove(r->line, end + 1, r->len);
	}
	if (r->len == sizeof(r->line))
		r->len = 0; /* too long a line to be that one */
	return 0;
}

/* Why there is nothing more to come, when there is not: 0, -EPIPE, -ECHILD, -ETIMEDOUT, -EINTR. */
static int ready_wait(struct ready *r)
{
	struct pollfd fds[] = { { .fd = r->output, .events = POLLIN },
				{ .fd = r->pidfd, .events = POLLIN } };
	int64_t left_ns;
	ssize_t n;

	for (;;) {
		left_ns = r->end_ns - now_ns();
		if (left_ns <= 0)
			return -ETIMEDOUT;
		if (poll(fds, 2, (int)(left_ns / 1000000) + 1) < 0)
			return -errno;
		if (fds[0].revents) {
			n = read(r->output, r->line + r->len, sizeof(r->line) - r->len);
			if (n == 0)
				return -EPIPE;
			if (n > 0)
				r->len += (size_t)n;
			if (lines_take(r))
				return 0;
		} else if (fds[1].revents) {
			return -ECHILD;
		}
	}
}

/* Whatever it prints from now on: read and forgotten, until the last who could write is gone. */
static void *drain(void *argument)
{
	int fd = (int)(intptr_t)argument;
	char text[LINE_MAX_BYTES];
	ssize_t n;

	do
		n = read(fd, text, sizeof(text));
	while (n > 0 || (n < 0 && errno == EINTR));
	close(fd);
	return NULL;
}

static int drain_start(int fd)
{
	pthread_attr_t attributes;
	sigset_t all, old;
	pthread_t thread;
	int r;

	sigfillset(&all);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	/* Signals are for who measures. */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&thread, &attributes, drain, (void *)(intptr_t)fd);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attributes);
	return r;
}

/* ---- ending it ---- */

/* Kills what is left of it. Returns how many that were, their names in `names`. */
static unsigned leftovers_kill(const struct bench_target *t, struct bench_processes *members,
			       char *names, size_t size)
{
	size_t len = 0;
	unsigned count;

	bench_processes_marked(t->pid, t->mark, members);
	bench_processes_wait(members, LEAVE_MS);
	count = members->count;
	names[0] = '\0';
	for (unsigned i = 0; i < count && len < size; i++)
		len += (size_t)snprintf(names + len, size - len, "%s%s (%d)", i ? ", " : "",
					members->all[i].name, (int)members->all[i].pid);
	bench_processes_kill(members);
	return count;
}

/* All of it, at once; for what cannot be stopped in order. Returns its wait status, or 0. */
static int target_kill(const struct bench_target *t)
{
	struct bench_processes *members = calloc(1, sizeof(*members));
	int status = 0;

	if (members && bench_processes_below(t->pid, members) == 0)
		bench_processes_kill(members);
	kill(t->pid, SIGKILL);
	bench_child_wait(t->pid, KILLED_MS, &status);
	if (members) {
		bench_processes_marked(t->pid, t->mark, members);
		bench_processes_kill(members);
	}
	free(members);
	return status;
}

/* ---- starting it ---- */

/* It did not come up: says why, and lets nothing of it run. */
static int start_failed(struct bench_target *t, int why, unsigned timeout_s,
			char error[BENCH_ERROR_TEXT])
{
	char words[BENCH_ERROR_TEXT], end[64], what[128];
	struct pollfd ended = { .fd = pidfd_open(t->pid, 0), .events = POLLIN };
	/* Its output ends a moment before itself. */
	bool gone =
		why == -ECHILD || (why == -EPIPE && ended.fd >= 0 && poll(&ended, 1, LEAVE_MS) > 0);
	int status = target_kill(t);

	if (ended.fd >= 0)
		close(ended.fd);
	if (gone)
		snprintf(what, sizeof(what), "ended with %s before it was ready",
			 bench_child_end_text(status, end));
	else if (why == -EPIPE)
		snprintf(what, sizeof(what), "closed its output before it printed `ready URL`");
	else if (why == -ETIMEDOUT)
		snprintf(what, sizeof(what), "did not print `ready URL` within %u s", timeout_s);
	else
		snprintf(what, sizeof(what), "not started: %s",
			 why == -EINTR ? "interrupted" : strerror(-why));
	bench_child_words(t->messages, words);
	bench_explain(error, 0, "%.60s: %s%.150s", t->name, what, words);
	close(t->messages);
	return gone ? -ECHILD : why;
}

static int start_wait(struct bench_target *t, int output, unsigned timeout_s, int64_t began_ns,
		      char error[BENCH_ERROR_TEXT])
{
	struct ready ready = { .output = output,
			       .pidfd = pidfd_open(t->pid, 0),
			       .end_ns = began_ns + timeout_s * INT64_C(1000000000) };
	int r = ready.pidfd < 0 ? -errno : ready_wait(&ready);

	t->ready_s = (double)(now_ns() - began_ns) / 1e9;
	if (ready.pidfd >= 0)
		close(ready.pidfd);
	if (r < 0) {
		close(output);
		return start_failed(t, r, timeout_s, error);
	}
	r = bench_target_url(t, ready.line, error);
	if (r == 0)
		r = drain_start(output);
	if (r < 0) {
		close(output);
		target_kill(t);
		close(t->messages);
	}
	return r;
}

static int start_command(struct bench_target *t, const struct bench_target_options *options,
			 char error[BENCH_ERROR_TEXT])
{
	static unsigned number;
	unsigned timeout_s = options->start_timeout_s ? options->start_timeout_s : START_S;
	struct bench_command command;
	struct bench_child child = { .argv = command.argv,
				     .cpus = options->cpus,
				     .cpu_count = options->cpu_count,
				     .mark = t->mark };
	int64_t began_ns = now_ns();
	int output, r = bench_target_command(t->name, options, &command, error);

	if (r < 0)
		return r;
	snprintf(t->mark, sizeof(t->mark), "%d-%u-%" PRId64, (int)getpid(), number++, began_ns);
	if (access(command.argv[0], F_OK) < 0)
		t->pid = bench_explain(error, -ENOENT, "not built: no %.160s: run `%s`",
				       command.argv[0], command.make);
	else
		t->pid = bench_child_start(&child, &output, &t->messages, error);
	r = t->pid < 0 ? t->pid : start_wait(t, output, timeout_s, began_ns, error);
	if (command.file >= 0)
		close(command.file);
	t->started = true;
	return r;
}

static int attach(struct bench_target *t, const struct bench_target_options *options,
		  char error[BENCH_ERROR_TEXT])
{
	if (options->pid > 0 && kill(options->pid, 0) < 0 && errno == ESRCH)
		return bench_explain(error, -ESRCH, "there is no process %d: check --pid",
				     (int)options->pid);
	t->pid = options->pid;
	return bench_target_url(t, t->name, error);
}

int bench_target_start(const char *name, const struct bench_target_options *options,
		       struct bench_target *ret, char error[BENCH_ERROR_TEXT])
{
	struct bench_target t = { .messages = -1 };
	unsigned number;
	int r;

	if (strlen(name) >= sizeof(t.name))
		return bench_explain(error, -ENAMETOOLONG, "%.80s...: longer than %zu bytes", name,
				     sizeof(t.name) - 1);
	strcpy(t.name, name);
	t.stop_timeout_s = options->stop_timeout_s ? options->stop_timeout_s : STOP_S;
	error[0] = '\0';
	r = bench_target_parse(name, &number, error);
	if (r >= 0)
		r = r == BENCH_TARGET_URL ? attach(&t, options, error) :
					    start_command(&t, options, error);
	if (r < 0)
		return r;
	*ret = t;
	return 0;
}

/* ---- stopping it ---- */

/* SIGINT, and its status. Returns 0, -ECHILD when it had ended before, -ETIMEDOUT when it does
 * not end (it is killed then). */
static int interrupt(struct bench_target *t, int *ret_status)
{
	if (bench_child_wait(t->pid, 0, ret_status) == 0)
		return -ECHILD;
	kill(t->pid, SIGINT);
	if (bench_child_wait(t->pid, 1000 * (int)t->stop_timeout_s, ret_status) == 0)
		return 0;
	*ret_status = target_kill(t);
	return -ETIMEDOUT;
}

static bool status_good(int status)
{
	return WIFSIGNALED(status) ? WTERMSIG(status) == SIGINT :
				     WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 130;
}

static int stop_judge(const struct bench_target *t, int r, int status, unsigned left,
		      const char *names, char error[BENCH_ERROR_TEXT])
{
	char words[BENCH_ERROR_TEXT], end[64];

	bench_child_words(t->messages, words);
	bench_child_end_text(status, end);
	if (r == -ECHILD)
		bench_explain(error, 0, "%.40s: ended by itself with %s%.150s", t->name, end,
			      words);
	else if (r == -ETIMEDOUT)
		bench_explain(error, 0, "%.40s: still running %u s after SIGINT, was killed%.150s",
			      t->name, t->stop_timeout_s, words);
	else if (left > 0) {
		bench_explain(error, 0, "%.40s: left behind, and killed now: %.150s", t->name,
			      names);
		r = -EBUSY;
	} else if (!status_good(status)) {
		bench_explain(error, 0, "%.40s: %s after SIGINT, expected status 0%.130s", t->name,
			      end, words);
		r = -EPROTO;
	}
	return r;
}

int bench_target_stop(struct bench_target *t, char error[BENCH_ERROR_TEXT])
{
	struct bench_processes *members;
	char names[BENCH_ERROR_TEXT];
	int status = 0, r;
	unsigned left;

	if (!t->started)
		return 0;
	members = calloc(1, sizeof(*members));
	if (!members) {
		target_kill(t);
		bench_explain(error, 0, "%.60s: no memory", t->name);
		r = -ENOMEM;
	} else {
		if (bench_processes_below(t->pid, members) < 0)
			members->count = 0;
		r = interrupt(t, &status);
		left = leftovers_kill(t, members, names, sizeof(names));
		r = stop_judge(t, r, status, left, names, error);
	}
	free(members);
	close(t->messages);
	t->messages = -1;
	t->started = false;
	t->pid = 0;
	return r;
}
