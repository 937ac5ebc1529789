// SPDX-License-Identifier: Apache-2.0
/*
 * test_pool_reuse.c - what was used last comes first: a load goes on using the buffers that are in
 * the CPU's caches, and does not go round all there are.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shm/pool.h"

#define BUFFERS 8192
#define LOAD 128 /* buffers that a load has at once */
#define KEPT 128 /* and that its thread may keep, at the most */
#define THREADS 4
#define ROUNDS (4 * BUFFERS / LOAD)

struct fixture {
	struct shm_layout layout;
	struct sp_owner *owners;
	struct shm_pool *pool;
	unsigned char *used; /* by buffer */
};

/* A worker; it gives back in the order in which it took, and the other way round. */
struct worker {
	struct fixture *f;
	uint32_t slot;
	const char *wrong;
};

static int start_dpdk(void **state)
{
	(void)state;
	return shm_dpdk_init();
}

static int setup(void **state)
{
	static const uint32_t sizes[] = { 256 };
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(shm_layout_compute(sizes, 1, 64 << 20, BUFFERS, &f->layout, NULL), 0);
	assert_true(f->layout.buffer_count >= BUFFERS);
	f->owners = calloc(f->layout.buffer_count, sizeof(*f->owners));
	f->used = calloc(f->layout.buffer_count, 1);
	assert_true(f->owners && f->used);
	assert_int_equal(shm_pool_new(&f->layout, f->owners, &f->pool), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shm_pool_available(f->pool, 0), f->layout.buffer_count);
	assert_null(shm_pool_free(f->pool));
	free(f->owners);
	free(f->used);
	free(f);
	return 0;
}

static uint32_t used(const struct fixture *f)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < f->layout.buffer_count; i++)
		sum += f->used[i];
	return sum;
}

static void work(struct worker *w)
{
	struct fixture *f = w->f;
	uint32_t held[LOAD];

	for (uint32_t round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < LOAD; i++) {
			if (shm_pool_get(f->pool, 1, w->slot, &held[i]) < 0) {
				w->wrong = "no buffer";
				return;
			}
			__atomic_store_n(&f->used[held[i]], 1, __ATOMIC_RELAXED);
		}
		for (uint32_t i = 0; i < LOAD; i++)
			shm_pool_put(f->pool, held[round % 2 ? LOAD - 1 - i : i]);
	}
}

static void test_one_worker(void **state)
{
	struct worker w = { .f = *state, .slot = 1 };

	work(&w);
	assert_null(w.wrong);
	assert_in_range(used(w.f), LOAD, LOAD + KEPT);
}

static void *thread(void *arg)
{
	struct worker *w = arg;

	if (shm_pool_thread_init() < 0) {
		w->wrong = "shm_pool_thread_init failed";
		return NULL;
	}
	work(w);
	shm_pool_flush(w->f->pool);
	shm_pool_thread_done();
	return NULL;
}

static void test_several_workers(void **state)
{
	struct worker workers[THREADS];
	pthread_t threads[THREADS];

	for (uint32_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .f = *state, .slot = 1 + i };
		assert_int_equal(pthread_create(&threads[i], NULL, thread, &workers[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (uint32_t i = 0; i < THREADS; i++)
		if (workers[i].wrong)
			fail_msg("worker %u: %s", i, workers[i].wrong);
	assert_in_range(used(*state), LOAD, THREADS * (LOAD + KEPT));
}

/* The lease of a function takes past the thread's cache; what comes back there is next. */
static void test_past_the_cache(void **state)
{
	struct fixture *f = *state;
	uint32_t index, again;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		assert_int_equal(shm_pool_take(f->pool, 0, 1, &index), 0);
		shm_pool_put(f->pool, index);
		shm_pool_flush(f->pool);
		assert_int_equal(shm_pool_take(f->pool, 0, 1, &again), 0);
		assert_int_equal(again, index);
		shm_pool_put(f->pool, again);
		shm_pool_flush(f->pool);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_worker, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several_workers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_past_the_cache, setup, teardown),
	};

	return cmocka_run_group_tests(tests, start_dpdk, NULL);
}
