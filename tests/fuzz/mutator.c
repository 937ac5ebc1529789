// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/mutator.h"

#include <pthread.h>
#include <stdlib.h>

static struct {
	pthread_t thread;
	uint32_t on; /* atomic */
	volatile uint8_t *at;
	size_t size;
	uint32_t random;
} m;

#if defined(__clang__)
__attribute__((no_sanitize("address", "undefined", "coverage")))
#endif
static void
write_some(void)
{
	uint32_t r = m.random;

	while (__atomic_load_n(&m.on, __ATOMIC_RELAXED)) {
		r = r * 1664525U + 1013904223U;
		m.at[(uint64_t)(r >> 4) * m.size >> 28] = (uint8_t)(r >> 24 & (r >> 16));
	}
	m.random = r;
}

static void *mutator_main(void *arg)
{
	write_some();
	return arg;
}

void mutator_begin(void *at, size_t size, uint32_t seed)
{
	m.at = at;
	m.size = size;
	m.random = seed;
	__atomic_store_n(&m.on, 1, __ATOMIC_RELAXED);
	if (pthread_create(&m.thread, NULL, mutator_main, NULL) != 0)
		abort();
}

void mutator_end(void)
{
	__atomic_store_n(&m.on, 0, __ATOMIC_RELAXED);
	pthread_join(m.thread, NULL);
}
