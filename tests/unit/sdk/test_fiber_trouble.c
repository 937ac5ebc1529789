// SPDX-License-Identifier: Apache-2.0
/* test_fiber_trouble.c - fibers without memory, over their end, and used wrongly. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/sdk/fiber_rig.h"

static void sizes_out_of_range(void **state)
{
	struct sdk_fibers other;

	(void)state;
	assert_int_equal(sdk_fibers_init(&other, SDK_FIBER_STACK_MIN - 1), -EINVAL);
	assert_int_equal(sdk_fibers_init(&other, (size_t)SDK_FIBER_STACK_MAX + 1), -EINVAL);
	assert_ptr_equal(sdk_fibers_all, &pool);
	assert_int_equal(sdk_fibers_init(&other, SDK_FIBER_STACK_MIN + 1), 0);
	assert_true(other.stack_size > SDK_FIBER_STACK_MIN);
	assert_int_equal(other.stack_size % (size_t)sysconf(_SC_PAGESIZE), 0);
	sdk_fibers_done(&other);
}

/* Runs `child` in a process of its own; returns how that ended, for WIFSIGNALED and so on. */
static int in_child(void (*child)(void))
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		child();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void is_called(void *arg)
{
	*(bool *)arg = true;
}

static void has_no_memory(void)
{
	const struct rlimit none = { 0, 0 };
	struct sdk_fiber *fiber = (struct sdk_fiber *)&pool;
	bool called = false;

	setrlimit(RLIMIT_AS, &none);
	if (sdk_fiber_run(&pool, is_called, &called, &fiber) != -ENOMEM)
		_exit(1);
	if (fiber != (struct sdk_fiber *)&pool || called || sdk_fiber_current(&pool))
		_exit(2);
}

static void without_memory_it_does_not_start(void **state)
{
	(void)state;
	assert_null(pool.idle);
	assert_int_equal(in_child(has_no_memory), 0);
}

static char other_stack[65536];

static void on_overflow(int number, siginfo_t *info, void *context)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t at = (uintptr_t)info->si_addr;
	/* The fiber lies at the end of its stack, in its last page. */
	uintptr_t end = ((uintptr_t)pool.current / page + 1) * page;
	uintptr_t guard = end - pool.stack_size - page;

	(void)number;
	(void)context;
	_exit(at >= guard && at < guard + page ? 42 : 43);
}

static int sinks(int depth)
{
	volatile char room[256];

	room[0] = (char)depth;
	return depth < 0 ? room[0] : sinks(depth + 1) + room[0];
}

static void runs_over(void *arg)
{
	*(int *)arg = sinks(1);
}

static void overflows(void)
{
	struct sigaction action = { .sa_sigaction = on_overflow,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_sp = other_stack, .ss_size = sizeof(other_stack) };
	struct sdk_fiber *fiber;
	int result;

	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sdk_fiber_run(&pool, runs_over, &result, &fiber);
}

static void overflow_stops_at_the_guard(void **state)
{
	int status = in_child(overflows);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
}

static void parks_once(void *arg)
{
	sdk_fiber_park(arg);
}

static void parks_outside(void)
{
	sdk_fiber_park(&pool);
}

static void runs_another(void *arg)
{
	struct sdk_fiber *fiber;

	sdk_fiber_run(&pool, runs_another, arg, &fiber);
}

static void runs_inside(void)
{
	runs_another(NULL);
}

static void ends_too_early(void)
{
	struct sdk_fiber *fiber;

	sdk_fiber_run(&pool, parks_once, &pool, &fiber);
	sdk_fibers_done(&pool);
}

static void misuse_aborts(void **state)
{
	void (*const misuses[])(void) = { parks_outside, runs_inside, ends_too_early };

	(void)state;
	for (int i = 0; i < 3; i++) {
		int status = in_child(misuses[i]);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGABRT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIBER_TEST(sizes_out_of_range),
		FIBER_TEST(without_memory_it_does_not_start),
		FIBER_TEST(overflow_stops_at_the_guard),
		FIBER_TEST(misuse_aborts),
	};

	return cmocka_run_group_tests_name("fiber_trouble", tests, NULL, NULL);
}
