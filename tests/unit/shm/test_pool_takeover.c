// SPDX-License-Identifier: Apache-2.0
/*
 * test_pool_takeover.c - the allocator made again from what a dead gateway's table says.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/pool.h"

#define CLASSES 3
#define WORKER 5
#define BUFFERS 4096

static const uint32_t sizes[CLASSES] = { 256, 2048, 16384 };
static struct shm_layout layout;
static struct sp_owner owners[BUFFERS];
static uint8_t kept[BUFFERS];

static int start_dpdk(void **state)
{
	(void)state;
	return shm_dpdk_init();
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(shm_layout_compute(sizes, CLASSES, 4 << 20, 8, &layout, NULL), 0);
	assert_in_range(layout.buffer_count, 16, BUFFERS);
	memset(kept, 0, sizeof(kept));
	for (uint32_t i = 0; i < layout.buffer_count; i++)
		owners[i] = (struct sp_owner){ .word = SP_OWNER_WORD(7, SP_HOLDER_FREE) };
	return 0;
}

static void hold(uint32_t index, uint32_t generation, uint32_t holder)
{
	owners[index].word = SP_OWNER_WORD(generation, holder);
	owners[index].cap = 0;
}

static void test_take_over(void **state)
{
	static const uint32_t slots[] = { 1, WORKER };
	uint32_t count = layout.buffer_count, index;
	bool seen[BUFFERS] = { false };
	struct shm_pool *pool;

	(void)state;
	hold(0, 7, 1);               /* a worker's */
	hold(1, UINT32_MAX, WORKER); /* another's; its generation wraps */
	hold(2, 7, 40);              /* an instance's */
	hold(3, 7, SP_INST_MAX - 1);
	hold(4, 0, SP_SLOT_NONE); /* the table was not yet made */
	hold(5, 7, SP_INST_MAX);  /* no holder there is */
	hold(count - 1, 7, 40);
	assert_int_equal(shm_pool_take_over(&layout, owners, slots, 2, kept, &pool), 0);
	for (uint32_t i = 0; i < count; i++) {
		bool out = i == 2 || i == 3 || i == count - 1;
		uint32_t generation = i == 1 ? 0 : i == 4 ? 1 : i == 0 || i == 5 ? 8 : 7;

		assert_int_equal((uint32_t)owners[i].word,
				 out ? (i == 3 ? SP_INST_MAX - 1 : 40) : SP_HOLDER_FREE);
		assert_int_equal(owners[i].word >> 32, generation);
		assert_int_equal(owners[i].cap, shm_layout_class(&layout, i)->size);
	}
	/* What is out comes back by a put, and then there is each of them once. */
	for (uint32_t i = 0; i + 3 < count; i++) {
		assert_int_equal(shm_pool_get(pool, 1, WORKER, &index), 0);
		assert_false(seen[index]);
		seen[index] = true;
	}
	assert_int_equal(shm_pool_get(pool, 1, WORKER, &index), -ENOBUFS);
	assert_false(seen[2] || seen[3] || seen[count - 1]);
	shm_pool_put(pool, 2);
	assert_int_equal(shm_pool_get(pool, 1, WORKER, &index), 0);
	assert_int_equal(index, 2);
	for (uint32_t i = 0; i < count; i++)
		shm_pool_put(pool, i);
	for (uint32_t c = 0; c < CLASSES; c++)
		assert_int_equal(shm_pool_available(pool, c), layout.classes[c].count);
	shm_pool_free(pool);
}

/* Who reads whose payload: 0 <- 1 (an instance's), 2 <- 3 and 4 (the gateway's), 5 <- 6 (an
 * instance's) and 7 (the gateway's); 8 <- 9, both an instance's. */
static void test_take_over_keeps_what_is_read(void **state)
{
	static const uint32_t slots[] = { 1, WORKER };
	static const struct {
		uint32_t holder, refs, ref;
	} was[] = {
		{ 1, 1, 0 },      { 40, 0, 1 }, { WORKER, 2, 0 }, { WORKER, 0, 3 }, { 1, 0, 3 },
		{ WORKER, 2, 0 }, { 40, 0, 6 }, { WORKER, 0, 6 }, { 40, 1, 0 },     { 40, 0, 9 }
	};
	static const uint32_t refs_then[] = { 1, 0, 0, 0, 0, 1, 0, 0, 1, 0 };
	struct shm_pool *pool;
	uint32_t index;

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		hold(i, 7, was[i].holder);
		owners[i].refs = was[i].refs;
		owners[i].ref = was[i].ref;
	}
	assert_int_equal(shm_pool_take_over(&layout, owners, slots, 2, kept, &pool), 0);
	for (uint32_t i = 0; i < 10; i++) {
		bool keep = i == 0 || i == 5, out = was[i].holder == 40;

		assert_int_equal(kept[i], keep);
		assert_int_equal(owners[i].word, out  ? SP_OWNER_WORD(7, 40) :
						 keep ? SP_OWNER_WORD(8, 1) :
							SP_OWNER_WORD(8, SP_HOLDER_FREE));
		assert_int_equal(owners[i].refs, refs_then[i]);
		assert_int_equal(owners[i].ref, out ? was[i].ref : 0);
	}
	for (uint32_t i = 10; i < layout.buffer_count; i++)
		assert_false(kept[i]);
	/* Neither is what is kept given out, nor does what is given out read anything. */
	for (uint32_t i = 0; i + 6 < layout.buffer_count; i++) {
		assert_int_equal(shm_pool_get(pool, 1, WORKER, &index), 0);
		assert_false(kept[index]);
		assert_int_equal(owners[index].refs | owners[index].ref, 0);
	}
	assert_int_equal(shm_pool_get(pool, 1, WORKER, &index), -ENOBUFS);
	shm_pool_put(pool, 5);
	assert_int_equal(shm_pool_get(pool, 1, WORKER, &index), 0);
	assert_int_equal(index, 5);
	shm_pool_free(pool);
}

static void *settle_late(void *arg)
{
	struct sp_owner *o = arg;

	usleep(SHM_MOVING_MAX_MS * 1000 / 10);
	__atomic_store_n(&o->word, SP_OWNER_WORD(9, 40), __ATOMIC_RELEASE);
	return NULL;
}

static void test_take_over_waits_for_the_kernel(void **state)
{
	static const uint32_t slots[] = { WORKER };
	struct shm_pool *pool = NULL;
	pthread_t thread;

	(void)state;
	hold(1, 9, SP_HOLDER_MOVING);
	assert_int_equal(shm_pool_take_over(&layout, owners, slots, 1, kept, &pool), -EBUSY);
	assert_null(pool);
	assert_int_equal(pthread_create(&thread, NULL, settle_late, &owners[1]), 0);
	assert_int_equal(shm_pool_take_over(&layout, owners, slots, 1, kept, &pool), 0);
	pthread_join(thread, NULL);
	assert_int_equal(shm_pool_available(pool, 0), layout.classes[0].count - 1);
	shm_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_take_over, setup),
		cmocka_unit_test_setup(test_take_over_keeps_what_is_read, setup),
		cmocka_unit_test_setup(test_take_over_waits_for_the_kernel, setup),
	};

	return cmocka_run_group_tests(tests, start_dpdk, NULL);
}
