/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counter.h - the page that sp_count() counts in.
 *
 * How: one page per process, private until the controller's is mapped. A counter looks for
 * its name there when it is first used and keeps the address.
 * Thread-safety: sdk_counters_use() before the function's first line runs; the rest any
 * thread. The page's reader may be another process, at any time.
 */
#ifndef SPROCKET_SDK_COUNTER_H
#define SPROCKET_SDK_COUNTER_H

#include "functions/sdk/sprocket.h"
#include "shm/counters.h"

/* Counts in `page` from now on; it stays mapped for the process's life. */
void sdk_counters_use(struct shm_counters *shared);
/* Value of a counter by name, now or in a copy of the page; 0 for one that never counted. */
uint64_t sdk_counter_value(const char *name);
uint64_t sdk_counter_value_in(const struct shm_counters *copy, const char *name);
void sdk_counters_snapshot(struct shm_counters *ret);
/* Counts one request that failed with `error`, as `error_input` and the like. */
void sdk_count_error(sp_error error);

#endif
