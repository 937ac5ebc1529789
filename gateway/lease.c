// SPDX-License-Identifier: Apache-2.0
#include "gateway/lease.h"

#include <stdbool.h>

#include "gateway/gateway.h"
#include "gateway/request.h"
#include "gateway/worker.h"

static uint32_t class_of(const struct gateway *g, uint32_t index)
{
	return (uint32_t)(shm_layout_class(&g->wiring.layout, index) - g->wiring.layout.classes);
}

/* False: the class's share is leased out. Workers that ask at once may pass it by one each. */
static bool share_left(const struct gateway *g, uint32_t cls)
{
	uint32_t limit = g->wiring.layout.classes[cls].count / GW_LEASE_SHARE;

	return __atomic_load_n(&g->leased[cls], __ATOMIC_RELAXED) < (limit ? limit : 1);
}

void gw_lease_begun(struct gateway *g, uint32_t index)
{
	__atomic_store_n(&gw_request_of(g, index)->state, GW_LEASED, __ATOMIC_RELEASE);
	__atomic_fetch_add(&g->leased[class_of(g, index)], 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&g->stats->worker[0].leased, 1, __ATOMIC_RELAXED);
}

void gw_lease_ended(struct gateway *g, uint32_t index)
{
	struct gw_request *r = gw_request_of(g, index);

	if (__atomic_load_n(&r->state, __ATOMIC_ACQUIRE) != GW_LEASED)
		return;
	__atomic_store_n(&r->state, GW_FREE, __ATOMIC_RELEASE);
	__atomic_fetch_sub(&g->leased[class_of(g, index)], 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&g->stats->worker[0].leased, 1, __ATOMIC_RELAXED);
}

void gw_lease_return(struct gateway *g, uint32_t index)
{
	gw_lease_ended(g, index);
	shm_pool_put(g->pool, index);
}

/* Takes a buffer of class `cls`, or of a larger one when it is empty. */
static bool lease_take(struct gw_worker *worker, uint32_t cls, uint32_t *ret)
{
	struct gateway *g = worker->gateway;
	uint32_t index;

	if (shm_pool_get(g->pool, g->wiring.layout.classes[cls].size, worker->slot, &index) < 0)
		return false;
	if (!share_left(g, class_of(g, index))) {
		shm_pool_put(g->pool, index);
		return false;
	}
	g->owners[index].leased = 1;
	gw_lease_begun(g, index);
	*ret = index;
	return true;
}

static uint32_t count_allowed(const struct gateway *g, uint32_t cls, uint32_t count)
{
	uint32_t limit;

	if (cls >= g->wiring.layout.class_count)
		return 0;
	limit = g->wiring.layout.classes[cls].size > GW_LEASE_LARGE ? 1 : GW_LEASE_MAX;
	return count < limit ? count : limit;
}

/* Nothing to give. */
static void deny(struct gw_worker *worker, uint32_t slot)
{
	struct sp_desc d = { .edge = SP_EDGE_GRANT,
			     .flags = SP_DESC_DENIED,
			     .home = (uint16_t)slot };

	gw_outbox_send(worker, &d, 1);
}

void gw_lease_refill(struct gw_worker *worker, const struct sp_desc *d)
{
	struct gateway *g = worker->gateway;
	uint32_t slot = d->gen, want = count_allowed(g, d->buf, d->len), count = 0, index;
	struct sp_desc grants[GW_LEASE_MAX];
	uint32_t *granting;

	if (slot >= SP_INST_MAX)
		return;
	while (count < want && lease_take(worker, d->buf, &index)) {
		grants[count++] = (struct sp_desc){
			.buf = index,
			.gen = (uint32_t)(gw_owner_word(g, index) >> 32),
			.edge = SP_EDGE_GRANT,
			.home = (uint16_t)slot,
		};
	}
	granting = &g->stats->granting[worker->index];
	__atomic_store_n(granting, slot, __ATOMIC_RELEASE);
	/* It may ask again as soon as the answer is sent. */
	__atomic_store_n(&g->instances[slot].refill, 0, __ATOMIC_RELEASE);
	__atomic_fetch_and(&g->unanswered[slot / 64], ~(1ULL << slot % 64), __ATOMIC_RELAXED);
	if (count == 0)
		deny(worker, slot);
	else if (gw_outbox_send(worker, grants, count) < 0)
		while (count > 0)
			gw_lease_return(g, grants[--count].buf);
	__atomic_store_n(granting, 0, __ATOMIC_RELEASE);
}

/* ---- after a gateway that died ---- */

void gw_lease_find_unanswered(struct gateway *g)
{
	for (uint32_t slot = 1; slot < SP_INST_MAX; slot++)
		if (__atomic_load_n(&g->instances[slot].refill, __ATOMIC_ACQUIRE))
			g->unanswered[slot / 64] |= 1ULL << slot % 64;
	for (uint32_t i = 0; i < WIRING_WORKER_MAX; i++) {
		uint32_t slot = g->stats->granting[i];

		if (slot < SP_INST_MAX && slot != SP_SLOT_NONE)
			g->unanswered[slot / 64] |= 1ULL << slot % 64;
		g->stats->granting[i] = 0;
	}
}

void gw_lease_deny_unanswered(struct gw_worker *worker)
{
	struct gateway *g = worker->gateway;

	for (uint32_t row = 0; row < SP_INST_MAX / 64; row++) {
		uint64_t bits = __atomic_exchange_n(&g->unanswered[row], 0, __ATOMIC_RELAXED);

		for (; bits; bits &= bits - 1) {
			uint32_t slot = row * 64 + (uint32_t)__builtin_ctzll(bits);

			__atomic_store_n(&g->instances[slot].refill, 0, __ATOMIC_RELEASE);
			deny(worker, slot);
		}
	}
}
