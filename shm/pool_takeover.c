// SPDX-License-Identifier: Apache-2.0
/*
 * pool_takeover.c - the pool of a gateway that died, made anew from the ownership table.
 */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <time.h>

#include <rte_mempool.h>

#include "shm/pool_private.h"

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* The word of an entry that is not being moved. A move takes the kernel nanoseconds, unless
 * whoever sends is preempted in it. */
static int word_settled(const struct sp_owner *o, uint64_t until_ms, __u64 *ret)
{
	__u64 word;

	while ((uint32_t)(word = __atomic_load_n(&o->word, __ATOMIC_ACQUIRE)) == SP_HOLDER_MOVING) {
		if (now_ms() >= until_ms)
			return -EBUSY;
		sched_yield();
	}
	*ret = word;
	return 0;
}

static bool instance_holds(uint32_t holder, const uint32_t *slots, uint32_t slot_count)
{
	for (uint32_t i = 0; i < slot_count; i++)
		if (holder == slots[i])
			return false;
	return holder != SP_SLOT_NONE && holder < SP_INST_MAX;
}

/* Nobody reads on from here: the payload that the request in `o` read is read by one less. */
static void reference_end(struct shm_pool *pool, struct sp_owner *o)
{
	uint32_t ref = o->ref;

	o->ref = 0;
	if (ref > 0 && ref <= pool->layout.buffer_count)
		__atomic_fetch_sub(&pool->owners[ref - 1].refs, 1, __ATOMIC_ACQ_REL);
}

/* Takes an entry from the gateway that held it, or leaves it with the instance that does.
 * 1: taken; 0: free, or an instance's. */
static int owner_take_over(struct sp_owner *o, uint64_t until_ms, const uint32_t *slots,
			   uint32_t slot_count)
{
	__u64 word;
	int r;

	do {
		r = word_settled(o, until_ms, &word);
		if (r < 0)
			return r;
		if ((uint32_t)word == SP_HOLDER_FREE ||
		    instance_holds((uint32_t)word, slots, slot_count))
			return 0;
		/* The kernel takes back what it handed over in a send that it then refused. */
	} while (!__atomic_compare_exchange_n(&o->word, &word,
					      SP_OWNER_WORD((word >> 32) + 1, slots[0]), false,
					      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	return 1;
}

/* What the dead gateway held is ours, and reads nobody's payload any more. */
static int class_take_over(struct shm_pool *pool, uint32_t cls, const uint32_t *slots,
			   uint32_t slot_count, uint8_t *kept)
{
	const struct shm_class *c = &pool->layout.classes[cls];
	uint64_t until_ms = now_ms() + SHM_MOVING_MAX_MS;

	for (uint32_t i = c->first; i < c->first + c->count; i++) {
		int r;

		/* The gateway may have died before it had set all of them. */
		pool->owners[i].cap = c->size;
		r = owner_take_over(&pool->owners[i], until_ms, slots, slot_count);
		if (r < 0)
			return r;
		kept[i] = r > 0;
		if (r > 0)
			reference_end(pool, &pool->owners[i]);
	}
	return 0;
}

/* Empties the free list of a class and puts in what is free: what was, and what was taken and
 * nobody reads. Only somebody who reads a payload can have it read by more. */
static void class_refill(struct shm_pool *pool, uint32_t cls, uint8_t *kept)
{
	const struct shm_class *c = &pool->layout.classes[cls];
	struct rte_mempool *mempool = pool->classes[cls].pool;
	void *object;

	while (rte_mempool_generic_get(mempool, &object, 1, NULL) == 0)
		;
	for (uint32_t i = c->first; i < c->first + c->count; i++) {
		struct sp_owner *o = &pool->owners[i];

		if (kept[i] && __atomic_load_n(&o->refs, __ATOMIC_ACQUIRE) == 0) {
			kept[i] = 0;
			__atomic_store_n(&o->word, SP_OWNER_WORD(o->word >> 32, SP_HOLDER_FREE),
					 __ATOMIC_RELEASE);
		}
		if ((uint32_t)__atomic_load_n(&o->word, __ATOMIC_ACQUIRE) == SP_HOLDER_FREE)
			rte_mempool_generic_put(mempool, (void **)&pool->controls[i], 1, NULL);
	}
}

int shm_pool_take_over(const struct shm_layout *layout, struct sp_owner *owners,
		       const uint32_t *slots, uint32_t slot_count, uint8_t *kept,
		       struct shm_pool **ret)
{
	struct shm_pool *pool;
	int r = shm_pool_make(layout, owners, &pool);

	if (r < 0)
		return r;
	for (uint32_t i = 0; r == 0 && i < layout->class_count; i++)
		r = class_take_over(pool, i, slots, slot_count, kept);
	if (r < 0) {
		shm_pool_free(pool);
		return r;
	}
	for (uint32_t i = 0; i < layout->class_count; i++)
		class_refill(pool, i, kept);
	*ret = pool;
	return 0;
}
