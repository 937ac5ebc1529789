// SPDX-License-Identifier: Apache-2.0
/* Whose usage is whose: threads and processes that come and go, and what they are called. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/target/process.h"
#include "tests/unit/bench/worker.h"

#define THREADS 8

static void *thread_burn(void *argument)
{
	(void)argument;
	burn(20 * MS);
	work_syscalls();
	work_sleep();
	return NULL;
}

/* They come and go between two readings. */
static void work_threads(void)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, thread_burn, NULL) != 0)
			_exit(1);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void test_threads_that_end(void **state)
{
	struct bench_usage u;
	const struct bench_component *c = &u.components[0];

	(void)state;
	measure(work_threads, &u);
	assert_true(c->threads < THREADS);
	assert_true(c->cpu_ns >= THREADS * 20 * MS);
	assert_true(c->cpu_ns < THREADS * 60 * MS);
	if (c->syscalls >= 0)
		assert_true(c->syscalls >= THREADS * SYSCALLS);
}

static pthread_barrier_t barrier;

static void *thread_stay(void *argument)
{
	thread_burn(argument);
	pthread_barrier_wait(&barrier);
	pause();
	return NULL;
}

static void work_threads_stay(void)
{
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, thread_stay, NULL) != 0)
			_exit(1);
	pthread_barrier_wait(&barrier);
}

static void test_threads_that_stay(void **state)
{
	struct bench_usage u;

	(void)state;
	measure(work_threads_stay, &u);
	assert_true(u.components[0].threads >= THREADS + 1);
	assert_true(u.components[0].cpu_ns >= THREADS * 20 * MS);
	assert_true(u.components[0].switches_voluntary >= THREADS * SLEEPS);
}

/* ---- several processes ---- */

static pid_t grandchild;

/* The first time a grandchild is born and works, the second time it dies. */
static void work_family(void)
{
	int ready[2];

	if (grandchild) {
		kill(grandchild, SIGKILL);
		waitpid(grandchild, NULL, 0);
		return;
	}
	if (pipe(ready) < 0)
		_exit(1);
	grandchild = fork();
	if (grandchild == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		burn(100 * MS);
		say(ready[1]);
		for (;;)
			pause();
	}
	hear(ready[0]);
}

static void test_grandchild(void **state)
{
	struct bench_usage before, born, dead, between;
	struct bench_usage_probe *probe;
	struct worker w;

	(void)state;
	worker_start(&w, work_family);
	probe = bench_usage_open(w.pid);
	assert_non_null(probe);
	bench_usage_read(probe, &before);
	assert_int_equal(before.components[0].processes, 1);
	worker_work(&w);
	bench_usage_read(probe, &born);
	assert_int_equal(born.components[0].processes, 2);
	assert_int_equal(born.gone, 0);
	worker_work(&w);
	bench_usage_read(probe, &dead);
	assert_int_equal(dead.components[0].processes, 1);
	assert_int_equal(dead.gone, 1);
	assert_true(dead.components[0].rss_bytes < born.components[0].rss_bytes);
	bench_usage_between(&before, &dead, &between);
	assert_int_equal(between.gone, 1);
	assert_true(between.components[0].cpu_ns >= 100 * MS); /* it is not forgotten */
	bench_usage_between(&before, &born, &between);
	assert_true(between.components[0].cpu_ns < 160 * MS);
	bench_usage_close(probe);
	worker_end(&w);
}

static void test_gone(void **state)
{
	struct bench_usage before, after;
	struct bench_usage_probe *probe;
	struct worker w;

	(void)state;
	worker_start(&w, work_burn);
	probe = bench_usage_open(w.pid);
	assert_non_null(probe);
	worker_work(&w);
	bench_usage_read(probe, &before);
	kill(w.pid, SIGKILL);
	worker_end(&w);
	bench_usage_read(probe, &after);
	assert_int_equal(after.gone, 1);
	assert_int_equal(after.count, 1);
	assert_int_equal(after.components[0].processes, 0);
	assert_int_equal(after.components[0].cpu_ns, before.components[0].cpu_ns);
	bench_usage_close(probe);
	probe = bench_usage_open(w.pid); /* of what there never was, nothing */
	assert_non_null(probe);
	bench_usage_read(probe, &after);
	assert_int_equal(after.count, 0);
	bench_usage_close(probe);
}

/* ---- names ---- */

static char folder[] = "/tmp/test-usage-XXXXXX";

/* A copy of sleep under that name. Returns the pid of one that runs. */
static pid_t run_as(const char *name)
{
	char path[128], command[256], error[BENCH_ERROR_TEXT];
	const char *const argv[] = { path, "1000", NULL };
	struct bench_child child = { .argv = argv };
	int output, messages;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	snprintf(command, sizeof(command), "cp /bin/sleep '%s'", path);
	assert_int_equal(system(command), 0);
	pid = bench_child_start(&child, &output, &messages, error);
	assert_true(pid > 0);
	close(output);
	close(messages);
	return pid;
}

static void component_is(const char *program, const char *component)
{
	pid_t pid = run_as(program);
	struct bench_usage_probe *probe = bench_usage_open(pid);
	struct bench_usage u;

	assert_non_null(probe);
	bench_usage_read(probe, &u);
	assert_int_equal(u.count, 1);
	assert_string_equal(u.components[0].name, component);
	bench_usage_close(probe);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_names(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	component_is("sprocket-gateway", "gateway");
	component_is("sprocket", "controller");
	component_is("sprocketd", "controller");
	component_is("nginx", "nginx");
	component_is("a) S 1 (b) 2", "a) S 1 (b) 2");
	component_is(") R 0 0 0", ") R 0 0 0");
	component_is("((", "((");
	component_is("a name longer than there is room for in a component",
		     "a name longer than there is roo");
}

static int remove_folder(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads_that_end),
		cmocka_unit_test(test_threads_that_stay),
		cmocka_unit_test(test_grandchild),
		cmocka_unit_test(test_gone),
		cmocka_unit_test_teardown(test_names, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
