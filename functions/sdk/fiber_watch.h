/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fiber_watch.h - tells who watches a thread's stack that it is another one now.
 *
 * How: the sanitizers' functions and the C++ runtime's are referred to weakly, as in poison.h:
 * they are there when the program has them, whether the SDK was built with them or not. Whether
 * there are any is looked up once (fiber_watched), so that the change costs one test without.
 * valgrind is told when a stack comes and goes; such a request is a few instructions that do
 * nothing outside of it.
 * Thread-safety: as fiber.h.
 */
#ifndef SPROCKET_SDK_FIBER_WATCH_H
#define SPROCKET_SDK_FIBER_WATCH_H

#include <string.h>

#include "functions/sdk/fiber.h"
#include "functions/sdk/poison.h"

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

#define FIBER_WATCHER __attribute__((weak))
#define FIBER_INLINE __attribute__((always_inline))

void __sanitizer_start_switch_fiber(void **fake_stack_save, const void *bottom,
				    size_t size) FIBER_WATCHER;
void __sanitizer_finish_switch_fiber(void *fake_stack_save, const void **bottom_old,
				     size_t *size_old) FIBER_WATCHER;
void __lsan_register_root_region(const void *at, size_t len) FIBER_WATCHER;
void __lsan_unregister_root_region(const void *at, size_t len) FIBER_WATCHER;
void *__tsan_get_current_fiber(void) FIBER_WATCHER;
void *__tsan_create_fiber(unsigned flags) FIBER_WATCHER;
void __tsan_destroy_fiber(void *fiber) FIBER_WATCHER;
void __tsan_switch_to_fiber(void *fiber, unsigned flags) FIBER_WATCHER;
/* The thread's exceptions: those being handled, the number of those on their way. */
void *__cxa_get_globals(void) FIBER_WATCHER;

static inline bool fiber_watched(void)
{
	return __sanitizer_start_switch_fiber || __lsan_register_root_region ||
	       __tsan_switch_to_fiber || __cxa_get_globals;
}

/* A fiber begins, on the thread whose side is `thread`. */
static inline void fiber_watch_begin(struct sdk_fiber_side *thread, struct sdk_fiber_side *fiber)
{
	fiber->fake_stack = NULL;
	memset(fiber->exceptions, 0, sizeof(fiber->exceptions));
	sdk_unpoison(fiber->bottom, fiber->size); /* what the last one left in its frames */
	/* What only a parked handler refers to is no leak. */
	if (__lsan_register_root_region)
		__lsan_register_root_region(fiber->bottom, fiber->size);
	if (__tsan_create_fiber) {
		thread->tsan = __tsan_get_current_fiber();
		fiber->tsan = __tsan_create_fiber(0);
	}
}

/* It has returned. */
static inline void fiber_watch_end(struct sdk_fiber_side *fiber)
{
	if (__lsan_unregister_root_region)
		__lsan_unregister_root_region(fiber->bottom, fiber->size);
	if (__tsan_destroy_fiber)
		__tsan_destroy_fiber(fiber->tsan);
}

/* Right before the change; `last`: nobody will come back to `from`. Inlined, because for
 * ThreadSanitizer the frame that we are in belongs to the other side from here on. */
static inline FIBER_INLINE void fiber_watch_leave(struct sdk_fiber_side *from,
						  struct sdk_fiber_side *to, bool last)
{
	if (__cxa_get_globals) {
		void *globals = __cxa_get_globals();

		memcpy(from->exceptions, globals, sizeof(from->exceptions));
		memcpy(globals, to->exceptions, sizeof(to->exceptions));
	}
	if (__sanitizer_start_switch_fiber)
		__sanitizer_start_switch_fiber(last ? NULL : &from->fake_stack, to->bottom,
					       to->size);
	if (__tsan_switch_to_fiber)
		__tsan_switch_to_fiber(to->tsan, 0);
}

/* Right after it, on the stack of `side`. `from`: whose bounds are to be learnt, or NULL. */
static inline void fiber_watch_arrive(struct sdk_fiber_side *side, struct sdk_fiber_side *from)
{
	if (__sanitizer_finish_switch_fiber)
		__sanitizer_finish_switch_fiber(side->fake_stack, from ? &from->bottom : NULL,
						from ? &from->size : NULL);
}

#endif
