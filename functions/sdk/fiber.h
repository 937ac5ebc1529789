/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fiber.h - handlers run on stacks of their own, so that one can wait while its thread goes on.
 *
 * For: the loop, which starts each handler on a fiber; calls, which park it until the answer.
 * How: a fiber is a stack from a pool. Running, resuming and parking swap the stack pointer
 * and the registers that a call keeps; no system call. A guard page lies below each stack:
 * a handler that runs over its end dies of SIGSEGV there, and harms no other.
 * What belongs to the thread is as each side left it: errno, the rounding mode and exception
 * masks of floating point, C++ exceptions being handled.
 * Told of the change of stacks, where they watch: AddressSanitizer, LeakSanitizer,
 * ThreadSanitizer, valgrind; gdb finds the parked ones by sdk_fibers_all.
 * Thread-safety: a pool and its fibers belong to the one thread that called sdk_fibers_init.
 */
#ifndef SPROCKET_SDK_FIBER_H
#define SPROCKET_SDK_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SDK_FIBER_STACK 262144        /* usable bytes, unless told otherwise */
#define SDK_FIBER_STACK_MIN 16384     /* below: room for a signal handler's frame is not sure */
#define SDK_FIBER_STACK_MAX (1 << 30) /* above: a mistake */
#define SDK_FIBER_IDLE_MAX 256        /* stacks kept for the next to run */

struct sdk_fiber; /* its first member is the saved stack pointer */

typedef void sdk_fiber_fn(void *arg);

/* What the tools that watch stacks know of one: a fiber's, or that of the thread itself. */
struct sdk_fiber_side {
	const void *bottom; /* lowest usable address */
	size_t size;
	void *fake_stack;    /* AddressSanitizer */
	void *tsan;          /* ThreadSanitizer */
	void *exceptions[2]; /* struct __cxa_eh_globals of the C++ ABI */
};

/* Of one thread: the pool of stacks, and who runs. */
struct sdk_fibers {
	void *sp;                  /* of the thread, while a fiber runs */
	struct sdk_fiber *current; /* NULL: none runs */
	struct sdk_fiber *parked;  /* those that have parked and not returned yet */
	struct sdk_fiber *idle;    /* last in, first out */
	uint32_t idle_count;
	uint32_t parked_count;
	size_t stack_size; /* usable bytes of each, whole pages */
	pid_t tid;
	bool watched; /* some tool, or C++, must be told of each change of stacks */
	struct sdk_fiber_side side;
	const struct sdk_gdb *gdb;      /* so that it is in every program that has fibers */
	struct sdk_fibers *next, *prev; /* in sdk_fibers_all */
};

/* Every pool of the process, for gdb. Changed under a lock; nobody else reads it. */
extern struct sdk_fibers *sdk_fibers_all;

/*
 * stack_size: usable bytes of each stack, rounded up to pages (0: SDK_FIBER_STACK); one guard
 * page lies below each. To be called by the thread that will run them. Allocates no stack yet.
 * Returns 0, or -EINVAL: stack_size is neither 0 nor from SDK_FIBER_STACK_MIN to _MAX.
 */
int sdk_fibers_init(struct sdk_fibers *fibers, size_t stack_size);
/* Gives all stacks back. None may be parked or running. */
void sdk_fibers_done(struct sdk_fibers *fibers);

/*
 * Runs fn(arg) on a stack from the pool until it returns or parks. Not from inside a fiber.
 * Returns 0 and *ret: NULL when it has returned, else the parked fiber, which belongs to the
 * caller until sdk_fiber_resume says that it has returned. Returns -ENOMEM when there is no
 * stack (memory, or vm.max_map_count: two for each): fn was not called, *ret is as it was.
 */
int sdk_fiber_run(struct sdk_fibers *fibers, sdk_fiber_fn *fn, void *arg, struct sdk_fiber **ret);
/* Continues a parked one. Returns true when it has returned (its stack is in the pool again),
 * false when it has parked again. Not from inside a fiber. */
bool sdk_fiber_resume(struct sdk_fibers *fibers, struct sdk_fiber *fiber);
/* Ends a parked one where it stands: its stack goes, whatever is on it. */
void sdk_fiber_drop(struct sdk_fibers *fibers, struct sdk_fiber *fiber);
/* From inside a fiber: back to who ran or resumed it. Returns when resumed; errno is kept. */
void sdk_fiber_park(struct sdk_fibers *fibers);

/* The one that runs, NULL outside. */
struct sdk_fiber *sdk_fiber_current(const struct sdk_fibers *fibers);
void *sdk_fiber_arg(const struct sdk_fiber *fiber);

#endif
