// SPDX-License-Identifier: Apache-2.0
/*
 * tee.c - copies of a request by reference, which others read along and nobody waits for.
 *
 * Each holds a small buffer, and with it the request's own payload, until it has been read. A
 * reader that is slow or stopped must not come to hold the pool: of the payloads of a class one
 * part is out at most, above that copies are left out. What is out is seen in its header, whose
 * `alone` the gateway clears when the buffer has come back; that is a hint, for others may
 * write there, but who lies about it changes only how many copies there are.
 */
#include <errno.h>
#include <stdlib.h>

#include "functions/sdk/clock.h"
#include "functions/sdk/loop.h"

#define TEE_WAIT_NS 2000000U /* for a buffer, at most: then there is none to be had */
#define TEE_LOOK_MAX 16U     /* of those that are out, looked at before one more is left out */

/* ---- those that are out ---- */

/* Whoever has the buffer now: the sanitizer, which would mind, does not look. */
__attribute__((no_sanitize("address"))) static bool ended(const struct sdk_loop *loop,
							  const struct sdk_tee *tee)
{
	struct sp_desc d = { .buf = tee->index };
	const struct shm_header *h = sdk_loop_slot(loop, &d).at;

	return __atomic_load_n(&h->alone, __ATOMIC_RELAXED) == 0 ||
	       __atomic_load_n(&h->number, __ATOMIC_RELAXED) != tee->number;
}

static void out_put(struct sdk_tees *tees, const struct sdk_tee *tee)
{
	tees->ring[(tees->start + tees->count++) % tees->size] = *tee;
	tees->out[tee->cls]++;
}

/* Takes the eldest; those that are still out go behind the others. */
static void out_look(struct sdk_loop *loop)
{
	struct sdk_tees *tees = &loop->tees;

	for (uint32_t i = 0; i < TEE_LOOK_MAX && tees->count > 0; i++) {
		struct sdk_tee tee = tees->ring[tees->start];

		tees->start = (tees->start + 1) % tees->size;
		tees->count--;
		tees->out[tee.cls]--;
		if (!ended(loop, &tee))
			out_put(tees, &tee);
	}
}

/* May one more payload of the class be out, in a buffer of class `own`? */
static bool out_allowed(struct sdk_loop *loop, uint32_t cls, uint32_t own)
{
	const struct shm_class *c = loop->layout->classes;
	uint32_t limit =
		(c[cls].count < c[own].count ? c[cls].count : c[own].count) / SDK_TEE_SHARE;
	struct sdk_tees *tees = &loop->tees;

	limit = limit ? limit : 1;
	if (tees->out[cls] >= limit || tees->count == tees->size)
		out_look(loop);
	return tees->out[cls] < limit && tees->count < tees->size;
}

int sdk_tees_init(struct sdk_loop *loop)
{
	loop->tees.size = loop->layout->buffer_count / SDK_TEE_SHARE + SHM_CLASS_MAX;
	loop->tees.ring = calloc(loop->tees.size, sizeof(*loop->tees.ring));
	return loop->tees.ring ? 0 : -ENOMEM;
}

void sdk_tees_done(struct sdk_loop *loop)
{
	free(loop->tees.ring);
	loop->tees.ring = NULL;
}

/* ---- sending ---- */

/* A buffer from the stock, or the next to come: who lends answers in less than the wait, as
 * long as there is something to lend. */
static int slot_take(struct sdk_task *task, uint32_t cls, struct sdk_slot *ret)
{
	struct sdk_loop *loop = task->loop;
	struct sp_request *req = &task->req;
	uint64_t until = sdk_now_ns() + TEE_WAIT_NS;
	int r;

	if (loop->tees.dry)
		return sdk_stock_take_now(loop, cls, ret);
	if (req->header.deadline_ns && req->header.deadline_ns < until)
		until = req->header.deadline_ns;
	req->take_until_ns = until;
	r = sdk_stock_take(&loop->port, req, cls, ret);
	req->take_until_ns = 0;
	if (r < 0)
		loop->tees.dry = true; /* until something is lent again */
	return r;
}

static bool tee_send(struct sdk_task *task, uint32_t cls, uint8_t edge)
{
	struct sdk_loop *loop = task->loop;
	struct sp_request *req = &task->req;
	uint32_t root = req->body ? req->header.body_buf - 1 : req->slot.index;
	struct sdk_slot slot;
	struct sdk_tee tee;

	tee.cls = (uint32_t)(shm_layout_class(loop->layout, root) - loop->layout->classes);
	if (!out_allowed(loop, tee.cls, cls) || slot_take(task, cls, &slot) < 0)
		return false;
	if (!out_allowed(loop, tee.cls, cls)) { /* others were quicker */
		sdk_stock_give_back(&loop->port, &slot, true);
		return false;
	}
	tee.index = slot.index;
	tee.number = req->header.number;
	sdk_message_like(req, &slot, 0);
	sdk_message_refer(req, &slot);
	slot.at->alone = 1;
	out_put(&loop->tees, &tee);
	sdk_message_send(loop, req, edge, &slot, 0, true);
	sdk_body_lent(req);
	return true;
}

void sdk_tees_send(struct sdk_task *task, const struct rule_way *way)
{
	SP_COUNTER(tee_dropped);
	const struct shm_layout *layout = task->loop->layout;
	uint32_t cls = sdk_class_for(layout, 0, sdk_meta_size(&task->req));

	for (uint32_t i = 0; i < way->tee_count; i++)
		if (cls == layout->class_count || !tee_send(task, cls, way->tees[i]))
			sp_count(&tee_dropped, 1);
}
