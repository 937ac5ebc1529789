/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - the kernel's clocks in nanoseconds, and a time of day as text.
 *
 * Thread-safety: all functions may be called from any thread.
 */
#ifndef SPROCKET_CONTROLLER_CLOCK_H
#define SPROCKET_CONTROLLER_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_NS_PER_S UINT64_C(1000000000)
#define CLOCK_TEXT_LEN 27 /* 2026-01-02T03:04:05.678901Z */
#define CLOCK_TEXT_MAX (CLOCK_TEXT_LEN + 1)

uint64_t clock_ns(clockid_t clock);

/* A time of CLOCK_REALTIME as RFC 3339 text of UTC. Returns `ret`. */
const char *clock_text(uint64_t realtime_ns, char ret[CLOCK_TEXT_MAX]);

#endif
