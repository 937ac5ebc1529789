/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counters.h - named counts of one function instance, in a page of its own.
 *
 * For: the SDK, which counts; the controller, which reads.
 * How: a memfd of one page, made by the controller and mapped by both. An entry is taken
 * by raising `used` after its name is written.
 * Trust: the function may write anything; the reader clamps `used` and ends names itself.
 * Thread-safety: values are added to atomically, any thread; one writer process.
 */
#ifndef SPROCKET_SHM_COUNTERS_H
#define SPROCKET_SHM_COUNTERS_H

#include <stdint.h>

#define SHM_COUNTER_MAX 63
#define SHM_COUNTER_NAME_MAX 56 /* with the NUL */

struct shm_counter {
	char name[SHM_COUNTER_NAME_MAX];
	uint64_t value;
};

struct shm_counters {
	uint32_t used;
	uint32_t reserved[15];
	struct shm_counter counters[SHM_COUNTER_MAX];
};
_Static_assert(sizeof(struct shm_counters) == 4096, "one page");

#endif
