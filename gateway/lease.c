// SPDX-License-Identifier: Apache-2.0
#include "gateway/lease.h"

#include <stdbool.h>

#include "gateway/gateway.h"
#include "gateway/worker.h"

static uint32_t class_of(const struct gateway *g, uint32_t index)
{
	return (uint32_t)(shm_layout_class(&g->wiring.layout, index) - g->wiring.layout.classes);
}

/* Counts one more lease of a class. False: its share is leased out. */
static bool share_take(struct gateway *g, uint32_t cls)
{
	uint32_t limit = g->wiring.layout.classes[cls].count / GW_LEASE_SHARE;

	if (limit == 0)
		limit = 1;
	if (__atomic_fetch_add(&g->leased[cls], 1, __ATOMIC_RELAXED) < limit)
		return true;
	__atomic_fetch_sub(&g->leased[cls], 1, __ATOMIC_RELAXED);
	return false;
}

/* Takes a buffer of class `cls`, or of a larger one when it is empty. */
static bool lease_take(struct gw_worker *worker, uint32_t cls, uint32_t *ret)
{
	struct gateway *g = worker->gateway;
	uint32_t index;

	if (shm_pool_get(g->pool, g->wiring.layout.classes[cls].size, worker->slot, &index) < 0)
		return false;
	if (!share_take(g, class_of(g, index))) {
		shm_pool_put(g->pool, index);
		return false;
	}
	g->owners[index].leased = 1;
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

void gw_lease_refill(struct gw_worker *worker, const struct sp_desc *d)
{
	struct gateway *g = worker->gateway;
	uint32_t slot = d->gen, want = count_allowed(g, d->buf, d->len), count = 0, index;
	struct sp_desc grants[GW_LEASE_MAX];

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
	/* The answer may be asked for again as soon as it is sent. */
	__atomic_store_n(&g->instances[slot].refill, 0, __ATOMIC_RELEASE);
	if (count == 0) {
		grants[0] = (struct sp_desc){ .edge = SP_EDGE_GRANT,
					      .flags = SP_DESC_DENIED,
					      .home = (uint16_t)slot };
		gw_outbox_send(worker, grants, 1);
		return;
	}
	if (gw_outbox_send(worker, grants, count) < 0) {
		while (count > 0)
			gw_lease_return(g, grants[--count].buf);
	}
}

void gw_lease_ended(struct gateway *g, uint32_t index)
{
	__atomic_fetch_sub(&g->leased[class_of(g, index)], 1, __ATOMIC_RELAXED);
}

void gw_lease_return(struct gateway *g, uint32_t index)
{
	gw_lease_ended(g, index);
	shm_pool_put(g->pool, index);
}
