/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poison.h - makes AddressSanitizer report a touch of a buffer that was handed over.
 *
 * How: the sanitizer's functions are referred to weakly: they are there when the program
 * was built with -fsanitize=address, whether the SDK was or not. Shadow memory belongs to
 * each process, so a sender's poison does not disturb the receiver. Without the sanitizer
 * each call is one test of an address.
 * Thread-safety: any thread.
 */
#ifndef SPROCKET_SDK_POISON_H
#define SPROCKET_SDK_POISON_H

#include <stddef.h>

void __asan_poison_memory_region(void const volatile *at, size_t len) __attribute__((weak));
void __asan_unpoison_memory_region(void const volatile *at, size_t len) __attribute__((weak));

static inline void sdk_poison(const void *at, size_t len)
{
	if (__asan_poison_memory_region)
		__asan_poison_memory_region(at, len);
}

static inline void sdk_unpoison(const void *at, size_t len)
{
	if (__asan_unpoison_memory_region)
		__asan_unpoison_memory_region(at, len);
}

#endif
