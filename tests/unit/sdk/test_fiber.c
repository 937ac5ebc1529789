// SPDX-License-Identifier: Apache-2.0
/* test_fiber.c - stacks of their own: what a change keeps, how many there may be, how they end. */
#include <errno.h>
#include <execinfo.h>
#include <fenv.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "functions/sdk/fiber_switch.h"
#include "tests/unit/sdk/fiber_rig.h"

#define MANY 10000
#define MANY_TSAN 500 /* it has 8128 threads and fibers at most, and starts each slowly */
#define FEW 16
#define THREADS 4
#define TURNS 1000

void *__tsan_get_current_fiber(void) __attribute__((weak));
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

/* ---- there and back ---- */

static void returns_at_once(void *arg)
{
	struct sdk_fiber *self = sdk_fiber_current(&pool);

	assert_non_null(self);
	assert_ptr_equal(sdk_fiber_arg(self), arg);
	*(const void **)arg = __builtin_frame_address(0);
}

static void parks_never(void **state)
{
	const void *first = NULL, *second = NULL;

	(void)state;
	assert_null(run(returns_at_once, &first));
	assert_non_null(first);
	assert_null(run(returns_at_once, &second));
	assert_ptr_equal(first, second); /* the stack that is still in the caches */
	assert_int_equal(pool.parked_count, 0);
}

struct steps {
	int done, until;
	int error;
	double sum;
};

static void counts(void *arg)
{
	struct steps *steps = arg;
	double kept = 0;
	/* More than there are registers for. */
	unsigned long a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8;

	for (; steps->done < steps->until; steps->done++) {
		errno = 1000 + steps->done;
		sdk_fiber_park(&pool);
		steps->error += errno != 1000 + steps->done;
		kept += 0.5;
		a += 1, b += a, c += b, d += c, e += d, f += e, g += f, h += g;
		steps->error += a != 2UL + (unsigned long)steps->done;
	}
	steps->sum = kept + (double)(h & 1) - (double)(h & 1);
}

static void goes_on_where_it_parked(void **state)
{
	struct steps steps = { .until = TURNS };
	struct sdk_fiber *fiber = run(counts, &steps);

	(void)state;
	assert_non_null(fiber);
	assert_int_equal(pool.parked_count, 1);
	for (int i = 1; i < TURNS; i++) {
		errno = -i;
		assert_false(sdk_fiber_resume(&pool, fiber));
		assert_int_equal(steps.done, i);
	}
	assert_true(sdk_fiber_resume(&pool, fiber));
	assert_int_equal(steps.error, 0);
	assert_true(steps.sum == TURNS * 0.5);
	assert_int_equal(pool.parked_count, 0);
	assert_null(pool.parked);
}

static void rounds_up(void *arg)
{
	int *rounding = arg;

	fesetround(FE_UPWARD);
	sdk_fiber_park(&pool);
	*rounding = fegetround();
}

static void looks_at_rounding(void *arg)
{
	*(int *)arg = fegetround();
}

static void rounding_stays_with_its_handler(void **state)
{
	int rounding = -1, other = -1;
	struct sdk_fiber *fiber = run(rounds_up, &rounding);

	(void)state;
	assert_int_equal(fegetround(), FE_TONEAREST);
	fesetround(FE_DOWNWARD); /* a thread's mode is that of the handlers it starts */
	assert_null(run(looks_at_rounding, &other));
	assert_int_equal(other, FE_DOWNWARD);
	assert_true(sdk_fiber_resume(&pool, fiber));
	assert_int_equal(rounding, FE_UPWARD);
	assert_int_equal(fegetround(), FE_DOWNWARD);
	fesetround(FE_TONEAREST);
}

/* ---- many ---- */

struct one {
	int number;
	int seen;
	struct sdk_fiber *fiber;
};

static void remembers(void *arg)
{
	struct one *one = arg;
	int kept[64];

	for (int i = 0; i < 64; i++)
		kept[i] = one->number + i;
	sdk_fiber_park(&pool);
	for (int i = 0; i < 64; i++)
		one->seen += kept[i] == one->number + i;
}

/* Mappings that look like a guard page; tools make mappings of their own, but few like it. */
static size_t guards(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	size_t count = 0, page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned long from, to;
	char line[512], mode[8];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		count += sscanf(line, "%lx-%lx %7s", &from, &to, mode) == 3 && to - from == page &&
			 mode[0] == '-';
	fclose(file);
	return count;
}

static void many_are_parked_at_once(void **state)
{
	int many = __tsan_get_current_fiber ? MANY_TSAN : MANY;
	struct one *all = calloc((size_t)many, sizeof(*all));
	size_t before = guards();

	(void)state;
	assert_non_null(all);
	for (int i = 0; i < many; i++) {
		all[i].number = i;
		all[i].fiber = run(remembers, &all[i]);
		assert_non_null(all[i].fiber);
	}
	assert_int_equal(pool.parked_count, many);
	assert_true(guards() >= before + (size_t)many);
	for (int i = 0; i < many; i++) { /* neither first to last nor last to first */
		struct one *one = &all[(i * 7919) % many];

		assert_true(sdk_fiber_resume(&pool, one->fiber));
		assert_int_equal(one->seen, 64);
	}
	assert_int_equal(pool.parked_count, 0);
	assert_int_equal(pool.idle_count, SDK_FIBER_IDLE_MAX);
	assert_in_range(guards(), before + SDK_FIBER_IDLE_MAX, before + SDK_FIBER_IDLE_MAX + FEW);
	free(all);
}

static void parks_once(void *arg)
{
	sdk_fiber_park(arg);
}

static void *thread(void *arg)
{
	struct sdk_fibers *fibers = arg;
	struct sdk_fiber *fiber;
	int failed = sdk_fibers_init(fibers, SDK_FIBER_STACK_MIN) != 0;

	for (int i = 0; i < TURNS && !failed; i++) {
		failed |= sdk_fiber_run(fibers, parks_once, fibers, &fiber) || !fiber ||
			  fibers->parked_count != 1;
		failed |= !sdk_fiber_resume(fibers, fiber) || fibers->parked;
	}
	sdk_fibers_done(fibers);
	return failed ? arg : NULL;
}

static void threads_have_their_own(void **state)
{
	struct sdk_fibers fibers[THREADS];
	pthread_t threads[THREADS];
	void *failed;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread, &fibers[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_ptr_equal(sdk_fibers_all, &pool);
}

/* ---- what else happens on a stack ---- */

static void *volatile handled_at;

static void on_signal(int number)
{
	(void)number;
	handled_at = __builtin_frame_address(0);
}

static void raises(void *arg)
{
	char *here = __builtin_frame_address(0), *there;

	raise(SIGUSR1);
	there = handled_at;
	*(bool *)arg = there < here && there > here - SDK_FIBER_STACK;
}

static void signals_are_handled_on_its_stack(void **state)
{
	struct sigaction action = { .sa_handler = on_signal }, old;
	bool there = false;

	(void)state;
	sigaction(SIGUSR1, &action, &old);
	assert_null(run(raises, &there));
	sigaction(SIGUSR1, &old, NULL);
	assert_true(there);
}

static void looks_back(void *arg)
{
	void *frames[64];
	int count = backtrace(frames, 64);
	uintptr_t last = (uintptr_t)frames[count - 1], start = (uintptr_t)sdk_fiber_start;

	*(int *)arg = last > start && last < start + 256 ? count : -count;
}

static void unwinding_ends_at_its_start(void **state)
{
	int count = 0;

	(void)state;
	assert_null(run(looks_back, &count));
	assert_in_range(count, 3, 6);
}

/* Its locals lie on the stack, not where AddressSanitizer may put them to watch them. */
__attribute__((no_sanitize("address"))) static void holds_memory(void *arg)
{
	char *volatile only[64]; /* some may linger elsewhere too, not all */

	for (int i = 0; i < 64; i++) {
		only[i] = malloc(100);
		assert_non_null(only[i]);
		only[i][99] = 1;
	}
	sdk_fiber_park(&pool);
	for (int i = 0; i < 64; i++) {
		*(int *)arg += only[i][99];
		free(only[i]);
	}
}

static void what_a_parked_one_holds_is_no_leak(void **state)
{
	int seen = 0;
	struct sdk_fiber *fiber;

	(void)state;
	fiber = run(holds_memory, &seen);
	assert_int_equal(__lsan_do_recoverable_leak_check(), 0);
	assert_true(sdk_fiber_resume(&pool, fiber));
	assert_int_equal(seen, 64);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		FIBER_TEST(parks_never),
		FIBER_TEST(goes_on_where_it_parked),
		FIBER_TEST(rounding_stays_with_its_handler),
		FIBER_TEST(many_are_parked_at_once),
		FIBER_TEST(threads_have_their_own),
		FIBER_TEST(signals_are_handled_on_its_stack),
		FIBER_TEST(unwinding_ends_at_its_start),
		{ 0 }, /* for what only LeakSanitizer can tell; a skipped case would count as failed */
	};
	const size_t count = sizeof(tests) / sizeof(tests[0]) - 1;
	const struct CMUnitTest leak = FIBER_TEST(what_a_parked_one_holds_is_no_leak);

	tests[count] = leak;
	return _cmocka_run_group_tests("fiber", tests, count + !!__lsan_do_recoverable_leak_check,
				       NULL, NULL);
}
