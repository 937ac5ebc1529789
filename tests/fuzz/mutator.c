// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/mutator.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool there, busy;
	uint32_t on; /* atomic */
	volatile uint8_t *at;
	size_t size;
	uint32_t random;
} m = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

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
	pthread_mutex_lock(&m.lock);
	for (;;) {
		while (!__atomic_load_n(&m.on, __ATOMIC_RELAXED))
			pthread_cond_wait(&m.changed, &m.lock);
		m.busy = true;
		pthread_cond_broadcast(&m.changed);
		pthread_mutex_unlock(&m.lock);
		write_some();
		pthread_mutex_lock(&m.lock);
		m.busy = false;
		pthread_cond_broadcast(&m.changed);
	}
	return arg;
}

void mutator_begin(void *at, size_t size, uint32_t seed)
{
	pthread_mutex_lock(&m.lock);
	m.at = at;
	m.size = size;
	m.random = seed;
	if (!m.there && pthread_create(&m.thread, NULL, mutator_main, NULL) != 0)
		abort();
	if (!m.there)
		pthread_detach(m.thread);
	m.there = true;
	__atomic_store_n(&m.on, 1, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&m.changed);
	while (!m.busy)
		pthread_cond_wait(&m.changed, &m.lock);
	pthread_mutex_unlock(&m.lock);
}

void mutator_end(void)
{
	__atomic_store_n(&m.on, 0, __ATOMIC_RELAXED);
	pthread_mutex_lock(&m.lock);
	while (m.busy)
		pthread_cond_wait(&m.changed, &m.lock);
	pthread_mutex_unlock(&m.lock);
}
