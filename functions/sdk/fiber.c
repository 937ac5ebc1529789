// SPDX-License-Identifier: Apache-2.0
/*
 * fiber.c - see fiber.h.
 *
 * A stack's mapping, from below: the guard page, the usable bytes, and at the top the fiber
 * itself, in the page that its first frames touch anyway. Stacks are mapped several at a time,
 * and unmapped one by one.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "functions/sdk/fiber_private.h"
#include "functions/sdk/fiber_switch.h"
#include "functions/sdk/fiber_watch.h"
#include "functions/sdk/layout_gdb.h"

#define SLAB 16 /* stacks mapped at once */

struct sdk_fibers *sdk_fibers_all;
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;

/* What is wrong is wrong in the SDK, not in what it was given. */
static void fiber_require(bool holds, const char *what)
{
	if (__builtin_expect(holds, 1))
		return;
	fprintf(stderr, "sprocket: fiber: %s\n", what);
	abort();
}

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* ---- stacks ---- */

static void stack_put(struct sdk_fibers *fibers, struct sdk_fiber *fiber)
{
	fiber->next = fibers->idle;
	fibers->idle = fiber;
	fibers->idle_count++;
}

static void stack_unmap(struct sdk_fibers *fibers, struct sdk_fiber *fiber)
{
	size_t guard = page_size();
	char *at = (char *)(uintptr_t)fiber->side.bottom - guard;

	VALGRIND_STACK_DEREGISTER(fiber->valgrind_id);
	sdk_unpoison(fiber->side.bottom, fiber->side.size);
	munmap(at, guard + fibers->stack_size);
}

/* Maps `count` stacks into the pool. Returns false when that is not possible. */
static bool slab_map(struct sdk_fibers *fibers, size_t count)
{
	size_t guard = page_size(), stride = guard + fibers->stack_size;
	char *at = mmap(NULL, count * stride, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (at == MAP_FAILED)
		return false;
	for (size_t i = 0; i < count; i++)
		if (mprotect(at + i * stride, guard, PROT_NONE) < 0) {
			munmap(at, count * stride);
			return false;
		}
	for (size_t i = count; i-- > 0;) {
		char *bottom = at + i * stride + guard, *end = bottom + fibers->stack_size;
		struct sdk_fiber *fiber = (struct sdk_fiber *)(uintptr_t)end - 1;

		fiber->fibers = fibers;
		fiber->side.bottom = bottom;
		fiber->side.size = fibers->stack_size;
		fiber->valgrind_id = VALGRIND_STACK_REGISTER(bottom, end);
		stack_put(fibers, fiber);
	}
	return true;
}

static struct sdk_fiber *stack_get(struct sdk_fibers *fibers)
{
	struct sdk_fiber *fiber;

	if (!fibers->idle && !slab_map(fibers, SLAB) && !slab_map(fibers, 1))
		return NULL;
	fiber = fibers->idle;
	fibers->idle = fiber->next;
	fibers->idle_count--;
	return fiber;
}

/* ---- the pool ---- */

int sdk_fibers_init(struct sdk_fibers *fibers, size_t stack_size)
{
	size_t page = page_size();

	if (stack_size == 0)
		stack_size = SDK_FIBER_STACK;
	if (stack_size < SDK_FIBER_STACK_MIN || stack_size > SDK_FIBER_STACK_MAX)
		return -EINVAL;
	*fibers =
		(struct sdk_fibers){ .tid = gettid(), .watched = fiber_watched(), .gdb = &sp_gdb };
	fibers->stack_size = (stack_size + sizeof(struct sdk_fiber) + page - 1) / page * page;
	pthread_mutex_lock(&all_lock);
	fibers->next = sdk_fibers_all;
	if (fibers->next)
		fibers->next->prev = fibers;
	sdk_fibers_all = fibers;
	pthread_mutex_unlock(&all_lock);
	return 0;
}

void sdk_fibers_done(struct sdk_fibers *fibers)
{
	fiber_require(!fibers->current && !fibers->parked, "done while one has not returned");
	while (fibers->idle)
		stack_unmap(fibers, stack_get(fibers));
	pthread_mutex_lock(&all_lock);
	if (fibers->next)
		fibers->next->prev = fibers->prev;
	if (fibers->prev)
		fibers->prev->next = fibers->next;
	else
		sdk_fibers_all = fibers->next;
	pthread_mutex_unlock(&all_lock);
}

/* ---- running ---- */

/*
 * Whoever leaves does what is left to do, so that the change of stacks can be the last that a
 * function does: it becomes a jump, and goes on in the caller of the one that left before. With
 * work after it there would be a return there that the processor predicts wrongly each time,
 * as it remembers the calls of the other stack. Only with watchers there is such work.
 */

static void fiber_link(struct sdk_fibers *fibers, struct sdk_fiber *fiber)
{
	fiber->listed = true;
	fiber->prev = NULL;
	fiber->next = fibers->parked;
	if (fiber->next)
		fiber->next->prev = fiber;
	fibers->parked = fiber;
	fibers->parked_count++;
}

static void fiber_unlink(struct sdk_fibers *fibers, struct sdk_fiber *fiber)
{
	if (fiber->next)
		fiber->next->prev = fiber->prev;
	if (fiber->prev)
		fiber->prev->next = fiber->next;
	else
		fibers->parked = fiber->next;
	fibers->parked_count--;
}

void sdk_fiber_drop(struct sdk_fibers *fibers, struct sdk_fiber *fiber)
{
	fiber_require(fiber != fibers->current, "dropped by itself");
	fiber_unlink(fibers, fiber);
	stack_unmap(fibers, fiber);
}

/* Still on its stack: that may be in the pool already, but nobody takes it from there yet. */
static void fiber_return(struct sdk_fibers *fibers, struct sdk_fiber *fiber)
{
	fiber->returned = true;
	fibers->current = NULL;
	if (fiber->listed)
		fiber_unlink(fibers, fiber);
	else
		*fiber->ret = NULL;
	if (fibers->idle_count == SDK_FIBER_IDLE_MAX)
		stack_unmap(fibers, stack_get(fibers));
	stack_put(fibers, fiber);
}

/* The first function of each stack. */
static void fiber_main(void *arg)
{
	struct sdk_fiber *fiber = arg;
	struct sdk_fibers *fibers = fiber->fibers;

	if (fibers->watched)
		fiber_watch_arrive(&fiber->side, &fibers->side);
	fiber->fn(fiber->arg);
	fiber_return(fibers, fiber);
	if (fibers->watched)
		fiber_watch_leave(&fiber->side, &fibers->side, true);
	sdk_fiber_switch(&fiber->sp, fibers->sp, fiber->listed);
	__builtin_unreachable();
}

/* Back on the thread's stack, with watchers. */
static void watched_back(struct sdk_fibers *fibers, struct sdk_fiber *fiber)
{
	fiber_watch_arrive(&fibers->side, NULL);
	if (fiber->returned)
		fiber_watch_end(&fiber->side);
}

int sdk_fiber_run(struct sdk_fibers *fibers, sdk_fiber_fn *fn, void *arg, struct sdk_fiber **ret)
{
	struct sdk_fiber *fiber;

	fiber_require(!fibers->current, "run from inside a fiber");
	fiber = stack_get(fibers);
	if (!fiber)
		return -ENOMEM;
	fiber->fn = fn;
	fiber->arg = arg;
	fiber->ret = ret;
	fiber->listed = false;
	fiber->returned = false;
	fibers->current = fiber;
	if (!fibers->watched)
		return sdk_fiber_start(&fibers->sp, fiber, fiber_main, fiber);
	fiber_watch_begin(&fibers->side, &fiber->side);
	fiber_watch_leave(&fibers->side, &fiber->side, false);
	sdk_fiber_start(&fibers->sp, fiber, fiber_main, fiber);
	watched_back(fibers, fiber);
	return 0;
}

bool sdk_fiber_resume(struct sdk_fibers *fibers, struct sdk_fiber *fiber)
{
	fiber_require(!fibers->current, "resumed from inside a fiber");
	fibers->current = fiber;
	errno = fiber->error;
	if (!fibers->watched)
		return sdk_fiber_switch(&fibers->sp, fiber->sp, 0);
	fiber_watch_leave(&fibers->side, &fiber->side, false);
	sdk_fiber_switch(&fibers->sp, fiber->sp, 0);
	watched_back(fibers, fiber);
	return fiber->returned;
}

void sdk_fiber_park(struct sdk_fibers *fibers)
{
	struct sdk_fiber *fiber = fibers->current;

	fiber_require(fiber, "parked outside of a fiber");
	fiber->error = errno;
	fibers->current = NULL;
	if (!fiber->listed) {
		*fiber->ret = fiber;
		fiber_link(fibers, fiber);
	}
	if (!fibers->watched) {
		sdk_fiber_switch(&fiber->sp, fibers->sp, 0);
		return;
	}
	fiber_watch_leave(&fiber->side, &fibers->side, false);
	sdk_fiber_switch(&fiber->sp, fibers->sp, 0);
	fiber_watch_arrive(&fiber->side, NULL);
}

struct sdk_fiber *sdk_fiber_current(const struct sdk_fibers *fibers)
{
	return fibers->current;
}

void *sdk_fiber_arg(const struct sdk_fiber *fiber)
{
	return fiber->arg;
}
