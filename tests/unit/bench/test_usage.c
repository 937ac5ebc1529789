// SPDX-License-Identifier: Apache-2.0
/* What a process uses: a real one, that does a known amount of something while it is watched. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/bench/worker.h"

#define PAGES 2000

static void test_cpu(void **state)
{
	struct bench_usage u;
	const struct bench_component *c = &u.components[0];

	(void)state;
	measure(work_burn, &u);
	assert_string_equal(c->name, program_invocation_short_name);
	assert_int_equal(c->processes, 1);
	assert_in_range(c->threads, 1, 2); /* a sanitizer may have one */
	assert_true(c->cpu_ns >= 200 * MS);
	assert_true(c->cpu_ns < 260 * MS);
	assert_int_equal(c->user_ns + c->system_ns, c->cpu_ns);
	assert_true(c->user_ns > c->system_ns);
}

static void test_sleep(void **state)
{
	struct bench_usage u;
	const struct bench_component *c = &u.components[0];

	(void)state;
	measure(work_sleep, &u);
	assert_true(c->cpu_ns < 50 * MS);
	assert_true(c->switches_voluntary >= SLEEPS);
	assert_true(c->switches_voluntary <= SLEEPS + 10); /* it also waits to be told */
}

static void work_yield(void)
{
	for (int i = 0; i < 100; i++) {
		burn(MS);
		sched_yield();
	}
}

/* Two on one CPU: each takes it from the other. */
static void test_involuntary(void **state)
{
	struct bench_usage u;
	struct worker rival;
	cpu_set_t cpus, old;
	size_t cpu = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(old), &old), 0);
	while (!CPU_ISSET(cpu, &old))
		cpu++;
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	assert_int_equal(sched_setaffinity(0, sizeof(cpus), &cpus), 0);
	worker_start(&rival, work_yield);
	say(rival.go);
	measure(work_yield, &u);
	assert_true(hear(rival.done));
	worker_end(&rival);
	assert_int_equal(sched_setaffinity(0, sizeof(old), &old), 0);
	assert_true(u.components[0].switches_involuntary > 0);
}

static void test_syscalls(void **state)
{
	struct bench_usage u;
	const struct bench_component *c = &u.components[0];

	(void)state;
	measure(work_syscalls, &u);
	if (c->syscalls < 0)
		skip(); /* perf is not allowed here */
	assert_true(c->syscalls >= SYSCALLS);
	assert_true(c->syscalls < SYSCALLS + 20);
}

/* Off, on, off: only what was done while it was on is counted, and it is kept. */
static void test_counted_when_on(void **state)
{
	struct bench_usage_probe *probe;
	struct bench_usage u;
	struct worker w;

	(void)state;
	worker_start(&w, work_syscalls);
	probe = bench_usage_open(w.pid);
	assert_non_null(probe);
	worker_work(&w);
	bench_usage_read(probe, &u);
	assert_int_equal(u.components[0].syscalls, -1);
	for (int i = 1; i <= 2; i++) {
		bench_usage_count(probe, true);
		worker_work(&w);
		bench_usage_count(probe, false);
		worker_work(&w);
		bench_usage_read(probe, &u);
		if (u.components[0].syscalls >= 0)
			assert_in_range(u.components[0].syscalls, i * SYSCALLS, i * SYSCALLS + 50);
	}
	bench_usage_close(probe);
	worker_end(&w);
}

static void work_memory(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	if (memory == MAP_FAILED)
		_exit(1);
	madvise(memory, PAGES * page, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < PAGES; i++)
		memory[i * page] = 1;
}

static void work_shared(void)
{
	size_t len = PAGES * (size_t)sysconf(_SC_PAGESIZE);
	int fd = memfd_create("pool", MFD_CLOEXEC);
	char *memory;

	if (fd < 0 || ftruncate(fd, (off_t)len) < 0)
		_exit(1);
	memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (memory == MAP_FAILED)
		_exit(1);
	close(fd);
}

static void test_memory(void **state)
{
	int64_t page = sysconf(_SC_PAGESIZE), rss;
	struct bench_usage u;

	(void)state;
	measure(work_sleep, &u);
	rss = u.components[0].rss_bytes;
	assert_true(rss > 0);
	assert_true(u.components[0].pool_bytes < PAGES * page);
	measure(work_memory, &u);
	assert_true(u.components[0].page_faults >= PAGES);
	assert_true(u.components[0].rss_bytes >= rss + PAGES * page * 9 / 10);
	assert_true(u.components[0].pool_bytes < PAGES * page);
	measure(work_shared, &u);
	assert_true(u.components[0].rss_bytes < rss + PAGES * page / 2);
	assert_true(u.components[0].pool_bytes >= PAGES * page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpu),
		cmocka_unit_test(test_sleep),
		cmocka_unit_test(test_involuntary),
		cmocka_unit_test(test_syscalls),
		cmocka_unit_test(test_counted_when_on),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
