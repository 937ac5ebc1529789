/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover.h - tells ThreadSanitizer in which order threads of one process have a buffer.
 *
 * How: a buffer that one thread sends and another one receives goes by way of the kernel, and
 * of other processes; the sanitizer sees two sockets that have nothing to do with each other.
 * Each send is before each receive, to it. Its functions are referred to weakly, as in poison.h.
 * Thread-safety: any thread.
 */
#ifndef SPROCKET_SDK_HANDOVER_H
#define SPROCKET_SDK_HANDOVER_H

void __tsan_acquire(void *at) __attribute__((weak));
void __tsan_release(void *at) __attribute__((weak));

extern char sdk_handover; /* outbox.c: stands for all buffers */

static inline void sdk_handover_sends(void)
{
	if (__tsan_release)
		__tsan_release(&sdk_handover);
}

static inline void sdk_handover_received(void)
{
	if (__tsan_acquire)
		__tsan_acquire(&sdk_handover);
}

#endif
