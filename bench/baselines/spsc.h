/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spsc.h - a ring in shared memory with one producer and one consumer that may sleep.
 *
 * For: peer-ring, the floor that a data plane with checks is compared with.
 * How: items are pushed, then published together. Whoever publishes learns whether the consumer
 * sleeps, and only then pays for waking it. No item is lost to a sleeper: the consumer says that it
 * will sleep and then looks once more; the producer publishes and then looks whether it sleeps.
 * All four are in one order for both (sequentially consistent), so one of them sees the other.
 * Thread-safety: one producer, one consumer. Nothing protects one from the other.
 * Failure modes: there is no "full": who pushes sees to it that never more than SPSC_SIZE items are
 * under way (here: as many as there are slots).
 */
#ifndef SPROCKET_BENCH_SPSC_H
#define SPROCKET_BENCH_SPSC_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/baselines/peer.h"

#define SPSC_SIZE PEER_SLOTS_MAX
_Static_assert((SPSC_SIZE & (SPSC_SIZE - 1)) == 0, "a mask finds the place");

struct spsc {
	_Alignas(64) uint32_t tail;   /* published; the producer writes, the consumer reads */
	uint32_t sleeping;            /* set by the consumer, cleared by who wakes it */
	_Alignas(64) uint32_t pushed; /* the producer's own */
	_Alignas(64) uint32_t head;   /* the consumer's own */
	_Alignas(64) struct peer_item items[SPSC_SIZE];
};

/* ---- producer ---- */

static inline void spsc_push(struct spsc *r, struct peer_item item)
{
	r->items[r->pushed++ & (SPSC_SIZE - 1)] = item;
}

/* Shows the consumer what was pushed. True: it sleeps, and the caller must wake it. */
static inline bool spsc_publish(struct spsc *r)
{
	if (r->pushed == r->tail)
		return false;
	/* The items before the tail that names them; and the tail before `sleeping` is read, while
	 * spsc_sleep() writes `sleeping` before it reads the tail. */
	__atomic_store_n(&r->tail, r->pushed, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&r->sleeping, __ATOMIC_SEQ_CST) &&
	       __atomic_exchange_n(&r->sleeping, 0, __ATOMIC_SEQ_CST);
}

/* ---- consumer ---- */

/* How many items can be popped. */
static inline uint32_t spsc_ready(const struct spsc *r)
{
	return __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE) - r->head;
}

static inline struct peer_item spsc_pop(struct spsc *r)
{
	return r->items[r->head++ & (SPSC_SIZE - 1)];
}

/* True: the ring is empty, and whoever fills it wakes us. False: there is something. The producer
 * may have seen us sleep all the same; then a later sleep ends at once, which does no harm. */
static inline bool spsc_sleep(struct spsc *r)
{
	__atomic_store_n(&r->sleeping, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&r->tail, __ATOMIC_SEQ_CST) == r->head)
		return true;
	__atomic_store_n(&r->sleeping, 0, __ATOMIC_RELAXED);
	return false;
}

#endif
