// SPDX-License-Identifier: Apache-2.0
#include "gateway/instance.h"

#include "gateway/call.h"
#include "gateway/control.h"
#include "gateway/inbox.h"
#include "gateway/lease.h"
#include "gateway/overload.h"
#include "gateway/request.h"
#include "gateway/retry.h"
#include "gateway/worker.h"

/* The function that an undeliverable request was meant for: its last stamp says so. */
static uint32_t function_meant(const struct gateway *g, uint32_t index)
{
	const struct sp_owner *o = &g->owners[index];

	return o->hops > 0 && o->hops <= SP_HOPS_MAX ? o->hop[o->hops - 1].fn : 0;
}

static struct gw_request *part_of(const struct gateway *g, uint32_t part)
{
	return part ? gw_request_of(g, part - 1) : NULL;
}

void gw_instance_parts_free(struct gw_worker *worker, struct gw_request *r)
{
	struct gw_request *part = part_of(worker->gateway, r->parts), *next;

	r->parts = r->parts_last = 0;
	for (; part; part = next) {
		next = part_of(worker->gateway, part->parts_next);
		part->parts_next = 0;
		gw_lease_return(worker, part->buf);
	}
}

static void part_add(struct gw_worker *worker, const struct sp_desc *d)
{
	struct gw_request *part = gw_request_of(worker->gateway, d->buf), *r = worker->joining;

	if (gw_request_state(part) != GW_LEASED)
		return;
	if (!r) { /* what it goes with has ended */
		gw_lease_return(worker, d->buf);
		return;
	}
	part->len = d->len;
	part->flags = (d->flags & GW_FLAGS_KEPT) | SP_DESC_PART;
	part->parts_next = 0;
	if (r->parts)
		part_of(worker->gateway, r->parts_last)->parts_next = d->buf + 1;
	else
		r->parts = d->buf + 1;
	r->parts_last = d->buf + 1;
}

/* Whatever worker gets a leased buffer next sees what was done to its struct here. */
static void handed_on(struct gw_request *r)
{
	__atomic_store_n(&r->state, r->state, __ATOMIC_RELEASE);
}

uint32_t gw_instance_parts_count(const struct gw_worker *worker, const struct gw_request *r)
{
	const struct gw_request *part = part_of(worker->gateway, r->parts);
	uint32_t count = 0;

	for (; part; part = part_of(worker->gateway, part->parts_next))
		count++;
	return count;
}

/* One send: a row of the outbox is sent before it would be cut between them. */
void gw_instance_send_on(struct gw_worker *worker, struct gw_request *r)
{
	struct gateway *g = worker->gateway;
	struct gw_request *part = part_of(g, r->parts), *next;

	gw_overload_leave(r);
	h2o_linklist_unlink(&r->held);
	if (r->state == GW_HELD)
		gw_request_set_state(r, GW_IN_CHAIN);
	else
		h2o_timeout_unlink(&r->deadline);
	gw_outbox_room(worker, r->fn, gw_instance_parts_count(worker, r) + 1);
	r->parts = r->parts_last = 0;
	handed_on(r);
	gw_outbox_put(worker, r->fn, r->buf, r->len, r->flags);
	for (; part; part = next) {
		next = part_of(g, part->parts_next);
		part->parts_next = 0;
		handed_on(part);
		gw_outbox_put(worker, r->fn, part->buf, part->len, part->flags);
	}
}

void gw_instance_message_lose(struct gw_worker *worker, uint32_t index)
{
	GW_COUNT(worker, lost, 1);
	GW_COUNT(worker, messages_lost, 1);
	gw_lease_return(worker, index);
}

static void on_message_deadline(h2o_timeout_entry_t *entry)
{
	struct gw_request *r = H2O_STRUCT_FROM_MEMBER(struct gw_request, deadline, entry);
	struct gw_worker *worker = r->worker;

	if (__atomic_load_n(&worker->gateway->frozen, __ATOMIC_RELAXED)) {
		h2o_timeout_link(worker->loop, &worker->deadline, &r->deadline);
		return;
	}
	gw_overload_leave(r);
	h2o_linklist_unlink(&r->held);
	gw_instance_message_lose(worker, r->buf);
}

/* A message that waits for a function from now on, for as long as a request may. */
static bool message_hold(struct gw_worker *worker, struct gw_request *r)
{
	const struct gateway *g = worker->gateway;
	/* Below 0 when it was made after this turn had begun. */
	int64_t age = (int64_t)(gw_worker_now(worker) - g->owners[r->buf].start_ns);

	if (!__atomic_load_n(&g->frozen, __ATOMIC_RELAXED) && age >= (int64_t)g->wiring.timeout_ns)
		return false;
	r->worker = worker;
	r->held = (h2o_linklist_t){ NULL, NULL };
	r->deadline = (h2o_timeout_entry_t){ .cb = on_message_deadline };
	h2o_timeout_link(worker->loop, &worker->deadline, &r->deadline);
	return true;
}

bool gw_instance_is_message(const struct gw_worker *worker, uint32_t index)
{
	const struct sp_owner *o = &worker->gateway->owners[index];

	return o->leased == SP_LEASE_OUT && o->home == worker->slot;
}

/* Begins to hold a request or message. False: it ended instead. */
static bool hold_begin(struct gw_worker *worker, struct gw_request *r, uint32_t fn)
{
	bool known = fn > 0 && fn <= worker->gateway->wiring.fn_count;

	if (gw_request_state(r) == GW_LEASED) {
		if (gw_instance_is_message(worker, r->buf) && known && message_hold(worker, r))
			return true;
		if (gw_instance_is_message(worker, r->buf))
			gw_instance_message_lose(worker, r->buf);
		else /* stock, or an answer whose caller is gone */
			gw_lease_return(worker, r->buf);
		return false;
	}
	if (known) {
		gw_request_set_state(r, GW_HELD);
		return true;
	}
	GW_COUNT(worker, lost, 1);
	gw_request_refuse(r, &(struct gw_problem){ .kind = GW_PROBLEM_NO_INSTANCE });
	gw_request_free(r);
	return false;
}

void gw_instance_hold(struct gw_worker *worker, const struct sp_desc *d)
{
	struct gateway *g = worker->gateway;
	struct gw_request *r = gw_request_of(g, d->buf);
	uint32_t fn = function_meant(g, d->buf), state = gw_request_state(r);
	bool full = d->flags & SP_DESC_FULL;

	if (d->edge < SP_EDGE_MAX && d->flags & SP_DESC_PART) {
		part_add(worker, d);
		return;
	}
	if (state == GW_ORPHAN) {
		gw_request_free(r);
		return;
	}
	if ((state != GW_IN_CHAIN && state != GW_LEASED) || !hold_begin(worker, r, fn))
		return;
	if (r->fn != fn) {
		r->retried = false;
		r->room_ns = 0;
	}
	r->len = d->len;
	r->flags = d->flags & GW_FLAGS_KEPT;
	r->fn = (uint8_t)fn;
	r->parts = r->parts_last = 0;
	h2o_linklist_insert(&worker->held[fn], &r->held);
	worker->joining = r;
	if (full && !gw_overload_hold(worker, r)) {
		worker->joining = NULL;
		gw_overload_shed(worker, r);
	}
}

void gw_instance_wait(struct gw_worker *worker, struct gw_request *r, uint32_t fn, uint32_t len)
{
	gw_request_set_state(r, GW_HELD);
	r->len = len;
	r->flags = 0;
	r->fn = (uint8_t)fn;
	r->parts = r->parts_last = 0;
	r->held = (h2o_linklist_t){ NULL, NULL };
	h2o_linklist_insert(&worker->held[fn], &r->held);
	if (!gw_overload_hold(worker, r))
		gw_overload_shed(worker, r);
}

void gw_instance_joined(struct gw_worker *worker)
{
	struct gw_request *r = worker->joining;

	worker->joining = NULL;
	if (!r)
		return;
	if (r->waits) /* until there is room, or its time is over */
		return;
	/* An instance may have come up while the descriptor was on its way back. */
	if (gw_function_up(worker->gateway, r->fn) && !r->retried) {
		r->retried = true;
		gw_instance_send_on(worker, r);
	} else {
		GW_COUNT(worker, held, 1);
	}
}

void gw_instance_up(struct gw_worker *worker, uint32_t fn)
{
	h2o_linklist_t *queue = &worker->held[fn];

	gw_inbox_drain(worker);
	/* Else the turn ends with it. */
	while (!h2o_linklist_is_empty(queue) && !gw_overload_behind(&worker->overload, fn)) {
		struct gw_request *r = H2O_STRUCT_FROM_MEMBER(struct gw_request, held, queue->next);

		r->retried = false;
		gw_instance_send_on(worker, r);
	}
}

void gw_instance_end(struct gw_worker *worker)
{
	for (uint32_t fn = 0; fn < SP_FN_MAX; fn++) {
		h2o_linklist_t *queue = &worker->held[fn], *at, *next;

		for (at = queue->next; at != queue; at = next) {
			struct gw_request *r = H2O_STRUCT_FROM_MEMBER(struct gw_request, held, at);

			next = at->next;
			if (gw_request_state(r) != GW_LEASED)
				continue;
			h2o_timeout_unlink(&r->deadline);
			gw_overload_leave(r);
			h2o_linklist_unlink(&r->held);
			gw_instance_message_lose(worker, r->buf);
		}
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
	uint32_t state = gw_request_state(r);
	uint32_t fn = __atomic_load_n(&g->losses[slot].fn, __ATOMIC_RELAXED);

	if (state == GW_IN_CHAIN && gw_retry(worker, r))
		return;
	if (state == GW_IN_CHAIN) {
		struct gw_problem problem = { .kind = GW_PROBLEM_FUNCTION_DIED,
					      .function = gw_function_name(g, fn) };

		GW_COUNT(worker, lost, 1);
		gw_request_refuse(r, &problem);
		gw_request_free(r);
	} else if (state == GW_ORPHAN) {
		gw_request_free(r);
	} else if (gw_call_is(g, index)) {
		gw_call_fail(worker, index, fn, "died",
			     gw_retry_idempotent(worker, fn) ? SP_DESC_AGAIN : 0);
	} else if (gw_instance_is_message(worker, index)) {
		gw_instance_message_lose(worker, index);
	} else {
		gw_lease_return(worker, index);
	}
}

/* True when this worker is to take back the buffer: it is home, or the first one, and home is
 * an instance. */
static bool is_ours(const struct gw_worker *worker, uint32_t index)
{
	uint32_t home = worker->gateway->owners[index].home;

	return home == worker->slot || (worker->index == 0 && !gw_is_worker(worker->gateway, home));
}

void gw_instance_lost(struct gw_worker *worker, uint32_t slot)
{
	struct gateway *g = worker->gateway;
	struct gw_loss *loss = &g->losses[slot];
	uint32_t found = 0;

	/* What it handed over before it died is not lost, and moves are made known here. */
	gw_inbox_drain(worker);
	gw_lease_forget(worker, slot);
	for (uint32_t i = 0; i < g->wiring.layout.buffer_count; i++) {
		if ((uint32_t)gw_owner_word(g, i) != slot || !is_ours(worker, i) ||
		    !buffer_take_back(g, i, slot, worker->slot))
			continue;
		buffer_end(worker, i, slot);
		found++;
	}
	/* What came back because it was still thought to be there: others can take it. */
	if (gw_function_up(g, __atomic_load_n(&loss->fn, __ATOMIC_RELAXED)))
		gw_instance_up(worker, __atomic_load_n(&loss->fn, __ATOMIC_RELAXED));
	__atomic_fetch_add(&loss->count, found, __ATOMIC_RELAXED);
	if (__atomic_sub_fetch(&loss->waiting, 1, __ATOMIC_ACQ_REL) == 0)
		gw_control_tell(g,
				&(struct wiring_msg){
					.type = WIRING_RECLAIMED,
					.slot = slot,
					.fn = __atomic_load_n(&loss->fn, __ATOMIC_RELAXED),
					.count = __atomic_load_n(&loss->count, __ATOMIC_RELAXED),
					.token = __atomic_load_n(&loss->token, __ATOMIC_RELAXED) });
}

void gw_instance_announce_up(struct gateway *g, uint32_t fn)
{
	if (fn == 0 || fn > g->wiring.fn_count)
		return;
	__atomic_fetch_or(&g->up, 1ULL << fn, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < g->wiring.worker_count; i++)
		gw_worker_post_up(&g->workers[i], fn);
}

void gw_instance_announce_lost(struct gateway *g, const struct wiring_msg *lost)
{
	struct gw_loss *loss;

	if (lost->slot >= SP_INST_MAX || lost->fn >= SP_FN_MAX)
		return;
	loss = &g->losses[lost->slot];
	if (lost->count == 0)
		__atomic_fetch_and(&g->up, ~(1ULL << lost->fn), __ATOMIC_RELAXED);
	__atomic_store_n(&loss->fn, lost->fn, __ATOMIC_RELAXED);
	__atomic_store_n(&loss->token, lost->token, __ATOMIC_RELAXED);
	__atomic_store_n(&loss->count, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&loss->waiting, g->wiring.worker_count, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < g->wiring.worker_count; i++)
		gw_worker_post_lost(&g->workers[i], lost->slot);
}
