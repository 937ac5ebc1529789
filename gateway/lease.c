// SPDX-License-Identifier: Apache-2.0
#include "gateway/lease.h"

#include "gateway/buffer.h"
#include "gateway/gateway.h"
#include "gateway/instance.h"
#include "gateway/request.h"
#include "gateway/tables.h"
#include "gateway/worker.h"

#define GRANTING_SHIFT 8 /* class behind the slot in what the next gateway reads */
_Static_assert(SP_INST_MAX == 1U << GRANTING_SHIFT, "a slot is below the class");
_Static_assert(SHM_CLASS_MAX == SP_DESC_ASKED_MASK + 1, "a class fits the flags of a grant");
_Static_assert(GW_LEASE_MAX <= SP_BATCH_MAX, "a grant is one send");

/* ---- who gets how much ---- */

static bool functions_call(const struct gw_worker *worker)
{
	return worker->tables->wiring.calls != 0;
}

/* False: the class's share is leased out. Workers that ask at once may pass it by one each. */
static bool share_left(const struct gw_worker *worker, uint32_t cls)
{
	const struct gateway *g = worker->gateway;
	uint32_t count = g->wiring.layout.classes[cls].count, limit = count / GW_LEASE_SHARE;

	if (functions_call(worker))
		limit = count - (limit ? limit : 1);
	return __atomic_load_n(&g->leased[cls], __ATOMIC_RELAXED) < (limit ? limit : 1);
}

bool gw_lease_spares(const struct gw_worker *worker, uint32_t cls)
{
	uint32_t count = worker->gateway->wiring.layout.classes[cls].count;

	return !functions_call(worker) ||
	       gw_buffer_requests(worker->gateway, cls) < count - count / 2;
}

void gw_lease_begun(struct gw_worker *worker, uint32_t index)
{
	struct gw_request *r = gw_request_of(worker->gateway, index);

	r->fn = 0;
	r->retried = r->waits = false;
	r->room_ns = 0;
	gw_buffer_use(worker, index, GW_USE_LEASE);
	__atomic_store_n(&r->state, GW_LEASED, __ATOMIC_RELEASE);
}

void gw_lease_return(struct gw_worker *worker, uint32_t index)
{
	struct gw_request *r = gw_request_of(worker->gateway, index);

	gw_instance_parts_free(worker, r);
	__atomic_store_n(&r->state, GW_FREE, __ATOMIC_RELEASE);
	gw_buffer_free(worker, index);
}

/* Takes a buffer of class `cls`, or of a larger one when it is empty. */
static bool lease_take(struct gw_worker *worker, uint32_t cls, uint32_t *ret)
{
	struct gateway *g = worker->gateway;

	for (; cls < g->wiring.layout.class_count && share_left(worker, cls); cls++) {
		if (shm_pool_take(g->pool, cls, worker->slot, ret) < 0)
			continue;
		g->owners[*ret].leased = SP_LEASE_STOCK;
		gw_lease_begun(worker, *ret);
		return true;
	}
	return false;
}

static uint32_t count_allowed(const struct gateway *g, uint32_t cls, uint32_t count)
{
	uint32_t limit;

	if (cls >= g->wiring.layout.class_count)
		return 0;
	limit = g->wiring.layout.classes[cls].size > GW_LEASE_LARGE ? 1 : GW_LEASE_MAX;
	return count < limit ? count : limit;
}

/* ---- answers ---- */

/* It may ask again as soon as it has got the answer, which is sent next. */
static void answer_begin(struct gw_worker *worker, uint32_t slot, uint32_t asked)
{
	struct gateway *g = worker->gateway;

	__atomic_store_n(&g->stats->granting[worker->index], slot | asked << GRANTING_SHIFT,
			 __ATOMIC_RELEASE);
	__atomic_fetch_and(&g->instances[slot].refill, ~(1U << asked), __ATOMIC_RELEASE);
}

static void answer_end(struct gw_worker *worker)
{
	__atomic_store_n(&worker->gateway->stats->granting[worker->index], 0, __ATOMIC_RELEASE);
}

static void denial_send(struct gw_worker *worker, uint32_t slot, uint32_t asked)
{
	struct sp_desc d = { .edge = SP_EDGE_GRANT,
			     .flags = (uint8_t)(SP_DESC_DENIED | asked),
			     .home = (uint16_t)slot };

	gw_outbox_send(worker, &d, 1);
}

static void deny(struct gw_worker *worker, uint32_t slot, uint32_t asked)
{
	answer_begin(worker, slot, asked);
	denial_send(worker, slot, asked);
	answer_end(worker);
}

/* Gives up to `want` buffers. False: there is none. */
static bool grant(struct gw_worker *worker, uint32_t slot, uint32_t cls, uint32_t want)
{
	struct gateway *g = worker->gateway;
	struct sp_desc grants[GW_LEASE_MAX];
	uint32_t count = 0, index;

	while (count < want && lease_take(worker, cls, &index)) {
		grants[count++] = (struct sp_desc){
			.buf = index,
			.gen = (uint32_t)(gw_owner_word(g, index) >> 32),
			.edge = SP_EDGE_GRANT,
			.flags = (uint8_t)cls,
			.home = (uint16_t)slot,
		};
	}
	if (count == 0)
		return false;
	/* It may be read in two parts: who has the first one must not ask anew before the last. */
	for (uint32_t i = 0; i < count; i++)
		grants[i].len = count - 1 - i;
	answer_begin(worker, slot, cls);
	if (gw_outbox_send(worker, grants, count) < 0)
		while (count > 0)
			gw_lease_return(worker, grants[--count].buf);
	answer_end(worker);
	return true;
}

/* ---- those who wait ---- */

static void queue_put(struct gw_lease_queue *q, uint32_t slot, uint32_t cls, uint32_t want)
{
	struct gw_lease_row *row = &q->rows[cls];

	row->slots[slot].want = (uint8_t)want;
	row->slots[slot].next = 0;
	if (row->first)
		row->slots[row->last].next = (uint8_t)slot;
	else
		row->first = (uint8_t)slot;
	row->last = (uint8_t)slot;
	q->count++;
}

static bool queue_has(const struct gw_lease_queue *q, uint32_t slot, uint32_t cls)
{
	return q->rows[cls].slots[slot].want > 0;
}

static void queue_remove(struct gw_lease_queue *q, uint32_t slot, uint32_t cls)
{
	struct gw_lease_row *row = &q->rows[cls];
	uint32_t before = 0, at = row->first;

	if (!queue_has(q, slot, cls))
		return;
	while (at != slot) {
		before = at;
		at = row->slots[at].next;
	}
	if (before)
		row->slots[before].next = row->slots[slot].next;
	else
		row->first = row->slots[slot].next;
	if (row->last == slot)
		row->last = (uint8_t)before;
	row->slots[slot].want = 0;
	q->count--;
}

/* Whoever gives a buffer to the pool from now on, or from now on not, tells this worker. */
static void asking_set(struct gw_worker *worker)
{
	uint32_t bit = 1U << worker->index, *asking = &worker->gateway->asking;

	if (worker->asking.count > 0)
		__atomic_fetch_or(asking, bit, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(asking, ~bit, __ATOMIC_SEQ_CST);
}

void gw_lease_forget(struct gw_worker *worker, uint32_t slot)
{
	for (uint32_t cls = 0; cls < SHM_CLASS_MAX; cls++)
		queue_remove(&worker->asking, slot, cls);
	asking_set(worker);
}

static bool all_drained(const struct gateway *g)
{
	return __atomic_load_n(&g->undrained, __ATOMIC_ACQUIRE) == 0;
}

void gw_lease_serve(struct gw_worker *worker)
{
	struct gw_lease_queue *q = &worker->asking;
	bool end = all_drained(worker->gateway);

	if (q->count == 0)
		return;
	shm_pool_flush(worker->gateway->pool);
	for (uint32_t cls = 0; cls < worker->gateway->wiring.layout.class_count; cls++) {
		uint32_t slot;

		while ((slot = q->rows[cls].first)) {
			if (!grant(worker, slot, cls, q->rows[cls].slots[slot].want)) {
				if (!end)
					break;
				deny(worker, slot, cls);
			}
			queue_remove(q, slot, cls);
		}
	}
	asking_set(worker);
}

/* Those with a queue, all but `worker`. */
static void others_tell(struct gw_worker *worker)
{
	struct gateway *g = worker->gateway;
	uint32_t bits = __atomic_load_n(&g->asking, __ATOMIC_SEQ_CST) & ~(1U << worker->index);

	for (; bits; bits &= bits - 1)
		gw_worker_post_lease(&g->workers[__builtin_ctz(bits)]);
}

void gw_lease_flush(struct gw_worker *worker)
{
	if (shm_pool_flush(worker->gateway->pool) > 0)
		others_tell(worker);
}

void gw_lease_freed(struct gw_worker *worker)
{
	struct gateway *g = worker->gateway;

	/* Pairs with asking_set(): the buffer was put before this is read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&g->asking, __ATOMIC_RELAXED) == 0)
		return;
	shm_pool_flush(g->pool);
	others_tell(worker);
	if (worker->asking.count > 0)
		gw_worker_post_lease(worker);
}

/* Says that somebody waits, and looks again: what came free before is found. */
static void wait_begin(struct gw_worker *worker, uint32_t slot, uint32_t cls, uint32_t want)
{
	struct gateway *g = worker->gateway;

	queue_put(&worker->asking, slot, cls, want);
	asking_set(worker);
	gw_lease_serve(worker);
	if (!queue_has(&worker->asking, slot, cls))
		return;
	for (uint32_t i = 0; i < g->wiring.worker_count; i++)
		if (i != worker->index)
			gw_worker_post_flush(&g->workers[i]);
}

void gw_lease_refill(struct gw_worker *worker, const struct sp_desc *d)
{
	struct gateway *g = worker->gateway;
	uint32_t slot = d->gen, cls = d->buf, want = count_allowed(g, cls, d->len);
	uint32_t asked = cls & SP_DESC_ASKED_MASK;

	if (slot == SP_SLOT_NONE || slot >= SP_INST_MAX)
		return;
	__atomic_fetch_and(&g->unanswered[slot], (uint8_t) ~(1U << asked), __ATOMIC_RELAXED);
	/* One that was there before it asks anew. */
	queue_remove(&worker->asking, slot, asked);
	asking_set(worker);
	if (want == 0)
		/* Of what there never is. It may not ask so again: no buffer would limit the
		 * answers that it leaves unread. */
		denial_send(worker, slot, asked);
	else if (worker->asking.rows[cls].first || !grant(worker, slot, cls, want))
		wait_begin(worker, slot, cls, want);
}

/* ---- after a gateway that died ---- */

void gw_lease_find_unanswered(struct gateway *g)
{
	for (uint32_t slot = 1; slot < SP_INST_MAX; slot++)
		g->unanswered[slot] =
			(uint8_t)__atomic_load_n(&g->instances[slot].refill, __ATOMIC_ACQUIRE);
	for (uint32_t i = 0; i < WIRING_WORKER_MAX; i++) {
		uint32_t slot = g->stats->granting[i] & (SP_INST_MAX - 1);
		uint32_t asked = g->stats->granting[i] >> GRANTING_SHIFT & SP_DESC_ASKED_MASK;

		if (slot != SP_SLOT_NONE)
			g->unanswered[slot] |= (uint8_t)(1U << asked);
		g->stats->granting[i] = 0;
	}
}

void gw_lease_deny_unanswered(struct gw_worker *worker)
{
	struct gateway *g = worker->gateway;

	for (uint32_t slot = 1; slot < SP_INST_MAX; slot++) {
		uint32_t bits = __atomic_exchange_n(&g->unanswered[slot], 0, __ATOMIC_RELAXED);

		for (; bits; bits &= bits - 1)
			deny(worker, slot, (uint32_t)__builtin_ctz(bits));
	}
}
