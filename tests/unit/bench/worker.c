// SPDX-License-Identifier: Apache-2.0
/* worker.c - see worker.h. */
#include "tests/unit/bench/worker.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

void say(int fd)
{
	if (write(fd, "!", 1) != 1)
		_exit(1);
}

bool hear(int fd)
{
	char c;

	return read(fd, &c, 1) == 1;
}

void worker_start(struct worker *w, void (*work)(void))
{
	int go[2], done[2];

	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(done, O_CLOEXEC), 0);
	w->pid = fork();
	if (w->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(go[1]);
		close(done[0]);
		while (hear(go[0])) {
			work();
			say(done[1]);
		}
		_exit(0);
	}
	assert_true(w->pid > 0);
	close(go[0]);
	close(done[1]);
	w->go = go[1];
	w->done = done[0];
}

void worker_work(const struct worker *w)
{
	say(w->go);
	assert_true(hear(w->done));
}

void worker_end(const struct worker *w)
{
	close(w->go);
	assert_int_equal(waitpid(w->pid, NULL, 0), w->pid);
	close(w->done);
}

void measure(void (*work)(void), struct bench_usage *ret)
{
	struct bench_usage before, after;
	struct bench_usage_probe *probe;
	struct worker w;

	worker_start(&w, work);
	probe = bench_usage_open(w.pid);
	assert_non_null(probe);
	bench_usage_count(probe, true);
	bench_usage_read(probe, &before);
	worker_work(&w);
	bench_usage_read(probe, &after);
	bench_usage_between(&before, &after, ret);
	bench_usage_close(probe);
	worker_end(&w);
	assert_int_equal(ret->count, 1);
}

static int64_t thread_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000 * MS + now.tv_nsec;
}

void burn(int64_t ns)
{
	int64_t end = thread_ns() + ns;
	volatile unsigned count = 0;

	while (thread_ns() < end)
		for (unsigned i = 0; i < 10000; i++)
			count = count + 1;
}

void work_burn(void)
{
	burn(200 * MS);
}

void work_sleep(void)
{
	struct timespec nap = { .tv_nsec = MS };

	for (int i = 0; i < SLEEPS; i++)
		nanosleep(&nap, NULL);
}

void work_syscalls(void)
{
	for (int i = 0; i < SYSCALLS; i++)
		syscall(SYS_getppid);
}
