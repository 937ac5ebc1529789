// SPDX-License-Identifier: Apache-2.0
#include "gateway/instance.h"

#include "gateway/control.h"
#include "gateway/inbox.h"
#include "gateway/lease.h"
#include "gateway/request.h"
#include "gateway/worker.h"

/* The function that an undeliverable request was meant for: its last stamp says so. */
static uint32_t function_meant(const struct gateway *g, uint32_t index)
{
	const struct sp_owner *o = &g->owners[index];

	return o->hops > 0 && o->hops <= SP_HOPS_MAX ? o->hop[o->hops - 1].fn : 0;
}

void gw_instance_hold(struct gw_worker *worker, const struct sp_desc *d)
{
	struct gateway *g = worker->gateway;
	struct gw_request *r = gw_request_of(g, d->buf);
	uint32_t fn = function_meant(g, d->buf);

	if (r->state == GW_ORPHAN) {
		gw_request_free(r);
		return;
	}
	if (r->state == GW_LEASED) {
		gw_lease_return(g, d->buf);
		return;
	}
	if (r->state != GW_IN_CHAIN)
		return;
	if (fn == 0 || fn > g->wiring.fn_count) {
		gw_request_refuse(r, &(struct gw_problem){ .kind = GW_PROBLEM_NO_INSTANCE });
		gw_request_free(r);
		return;
	}
	if (r->fn != fn)
		r->retried = false;
	r->len = d->len;
	r->flags = d->flags & (uint8_t)~SP_DESC_UNDELIVERABLE;
	r->fn = (uint8_t)fn;
	/* An instance may have come up while this descriptor was on its way back. */
	if (gw_function_up(g, fn) && !r->retried) {
		r->retried = true;
		gw_outbox_put(worker, fn, r->buf, r->len, r->flags);
		return;
	}
	gw_request_set_state(r, GW_HELD);
	h2o_linklist_insert(&worker->held[fn], &r->held);
	GW_COUNT(worker, held, 1);
}

void gw_instance_up(struct gw_worker *worker, uint32_t fn)
{
	h2o_linklist_t *queue = &worker->held[fn];

	gw_inbox_drain(worker);
	while (!h2o_linklist_is_empty(queue)) {
		struct gw_request *r = H2O_STRUCT_FROM_MEMBER(struct gw_request, held, queue->next);

		h2o_linklist_unlink(&r->held);
		gw_request_set_state(r, GW_IN_CHAIN);
		r->retried = false;
		gw_outbox_put(worker, fn, r->buf, r->len, r->flags);
	}
}

/* Takes a buffer from a holder that is gone. False: it is not (any more) held by it. */
static bool buffer_take_back(struct gateway *g, uint32_t index, uint32_t slot, uint32_t to)
{
	__u64 word = gw_owner_word(g, index);

	return (uint32_t)word == slot &&
	       __atomic_compare_exchange_n(&g->owners[index].word, &word,
					   SP_OWNER_WORD(word >> 32, to), false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

/* Ends what was in a buffer that was taken back. */
static void buffer_end(struct gw_worker *worker, uint32_t index, uint32_t slot)
{
	struct gateway *g = worker->gateway;
	struct gw_request *r = gw_request_of(g, index);
	uint32_t fn = __atomic_load_n(&g->losses[slot].fn, __ATOMIC_RELAXED);

	if (r->state == GW_IN_CHAIN) {
		struct gw_problem problem = { .kind = GW_PROBLEM_FUNCTION_DIED,
					      .function = gw_function_name(g, fn) };

		GW_COUNT(worker, lost, 1);
		gw_request_refuse(r, &problem);
		gw_request_free(r);
	} else if (r->state == GW_ORPHAN) {
		gw_request_free(r);
	} else {
		gw_lease_return(g, index);
	}
}

void gw_instance_lost(struct gw_worker *worker, uint32_t slot)
{
	struct gateway *g = worker->gateway;
	struct gw_loss *loss = &g->losses[slot];
	uint32_t found = 0;

	/* What it handed over before it died is not lost, and moves are made known here. */
	gw_inbox_drain(worker);
	for (uint32_t i = 0; i < g->wiring.layout.buffer_count; i++) {
		if ((uint32_t)gw_owner_word(g, i) != slot || g->owners[i].home != worker->slot ||
		    !buffer_take_back(g, i, slot, worker->slot))
			continue;
		buffer_end(worker, i, slot);
		found++;
	}
	__atomic_fetch_add(&loss->count, found, __ATOMIC_RELAXED);
	if (__atomic_sub_fetch(&loss->waiting, 1, __ATOMIC_ACQ_REL) == 0)
		gw_control_tell(g, WIRING_RECLAIMED, slot,
				__atomic_load_n(&loss->fn, __ATOMIC_RELAXED),
				__atomic_load_n(&loss->count, __ATOMIC_RELAXED));
}

void gw_instance_announce_up(struct gateway *g, uint32_t fn)
{
	if (fn == 0 || fn > g->wiring.fn_count)
		return;
	__atomic_fetch_or(&g->up, 1ULL << fn, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < g->wiring.worker_count; i++)
		gw_worker_post_up(&g->workers[i], fn);
}

void gw_instance_announce_lost(struct gateway *g, uint32_t slot, uint32_t fn, uint32_t left)
{
	struct gw_loss *loss;

	if (slot >= SP_INST_MAX || fn >= SP_FN_MAX)
		return;
	loss = &g->losses[slot];
	if (left == 0)
		__atomic_fetch_and(&g->up, ~(1ULL << fn), __ATOMIC_RELAXED);
	__atomic_store_n(&loss->fn, fn, __ATOMIC_RELAXED);
	__atomic_store_n(&loss->count, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&loss->waiting, g->wiring.worker_count, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < g->wiring.worker_count; i++)
		gw_worker_post_lost(&g->workers[i], slot);
}
