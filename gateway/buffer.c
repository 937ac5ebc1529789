// SPDX-License-Identifier: Apache-2.0
#include "gateway/buffer.h"

#include <string.h>

#include "gateway/gateway.h"
#include "gateway/lease.h"
#include "gateway/tables.h"
#include "gateway/worker.h"

/* All of the slot: what a function wrote beyond the length that it told is there as well. */
static void buffer_wipe(struct gateway *g, uint32_t index)
{
	memset(gw_slot(g, index), 0, shm_layout_class(&g->wiring.layout, index)->stride);
}

void gw_buffers_wipe(struct gateway *g)
{
	for (uint32_t i = 0; i < g->wiring.layout.buffer_count; i++)
		if ((uint32_t)gw_owner_word(g, i) == SP_HOLDER_FREE)
			buffer_wipe(g, i);
}

uint32_t gw_buffer_class(const struct gateway *g, uint32_t index)
{
	return (uint32_t)(shm_layout_class(&g->wiring.layout, index) - g->wiring.layout.classes);
}

/* Its requests, as one worker sees it: what another began and this one ended is below 0. */
static void requests_add(struct gw_worker *worker, uint32_t cls, int32_t n)
{
	__atomic_store_n(&worker->requests[cls], worker->requests[cls] + n, __ATOMIC_RELAXED);
}

static void leased_add(struct gateway *g, uint32_t cls, int32_t n)
{
	__atomic_fetch_add(&g->leased[cls], (uint32_t)n, __ATOMIC_RELAXED);
	__atomic_fetch_add(&g->stats->worker[0].leased, (uint64_t)n, __ATOMIC_RELAXED);
}

static void use_add(struct gw_worker *worker, uint32_t cls, enum gw_use use, int32_t n)
{
	if (use == GW_USE_REQUEST)
		requests_add(worker, cls, n);
	else if (use == GW_USE_LEASE)
		leased_add(worker->gateway, cls, n);
}

void gw_buffer_use(struct gw_worker *worker, uint32_t index, enum gw_use use)
{
	struct gateway *g = worker->gateway;
	uint32_t cls = gw_buffer_class(g, index);

	use_add(worker, cls, g->uses[index], -1);
	use_add(worker, cls, use, 1);
	g->uses[index] = (uint8_t)use;
}

uint32_t gw_buffer_requests(const struct gateway *g, uint32_t cls)
{
	int32_t sum = 0;

	for (uint32_t i = 0; i < g->wiring.worker_count; i++)
		sum += __atomic_load_n(&g->workers[i].requests[cls], __ATOMIC_RELAXED);
	return sum > 0 ? (uint32_t)sum : 0;
}

static void buffer_put(struct gw_worker *worker, uint32_t index)
{
	if (worker->tables->wiring.wipe_on_free)
		buffer_wipe(worker->gateway, index);
	gw_buffer_use(worker, index, GW_USE_NONE);
	shm_pool_put(worker->gateway->pool, index);
	worker->overload.dry_ns = 0;
	gw_lease_freed(worker);
}

/* True for one caller: the buffer was kept, and nobody reads it any more. */
static bool kept_end(struct gateway *g, uint32_t index)
{
	return __atomic_exchange_n(&g->kept[index], 0, __ATOMIC_SEQ_CST) != 0;
}

/* The request in the buffer, if it was one, reads nobody's payload any more. Told in this
 * order: a gateway that dies between the two keeps a buffer for ever, but never gives out one
 * that is read. */
static void reference_end(struct gw_worker *worker, uint32_t index)
{
	struct gateway *g = worker->gateway;
	uint32_t ref = g->owners[index].ref, root = ref - 1;

	if (ref == 0)
		return;
	g->owners[index].ref = 0;
	/* Who sent it to be read along sees there that it has been. */
	__atomic_store_n(&gw_slot(g, index)->alone, 0, __ATOMIC_RELAXED);
	if (root < g->wiring.layout.buffer_count &&
	    __atomic_sub_fetch(&g->owners[root].refs, 1, __ATOMIC_SEQ_CST) == 0 &&
	    kept_end(g, root))
		buffer_put(worker, root);
}

void gw_buffer_free(struct gw_worker *worker, uint32_t index)
{
	struct gateway *g = worker->gateway;

	reference_end(worker, index);
	if (__atomic_load_n(&g->owners[index].refs, __ATOMIC_ACQUIRE) > 0) {
		/* Functions have it: it is of their share, not of the clients'. */
		gw_buffer_use(worker, index, GW_USE_LEASE);
		__atomic_store_n(&g->kept[index], 1, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&g->owners[index].refs, __ATOMIC_SEQ_CST) > 0 ||
		    !kept_end(g, index))
			return;
	}
	buffer_put(worker, index);
}
