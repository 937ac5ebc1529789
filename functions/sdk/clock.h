/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - the one clock of the SDK: CLOCK_MONOTONIC, as in deadlines. Any thread. */
#ifndef SPROCKET_SDK_CLOCK_H
#define SPROCKET_SDK_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t sdk_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

#endif
