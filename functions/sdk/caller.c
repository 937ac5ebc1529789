// SPDX-License-Identifier: Apache-2.0
/*
 * caller.c - calls under way: each has a tag, which its reply brings back, whatever buffer the
 * reply lies in by then. One that is given up keeps its tag until the reply has come.
 */
#include <errno.h>

#include "functions/sdk/clock.h"
#include "functions/sdk/loop.h"
#include "functions/sdk/poison.h"

enum sdk_call_state {
	SDK_CALL_IDLE, /* not made, or ended */
	SDK_CALL_SENT,
	SDK_CALL_RETURNED, /* nobody was there; to be sent again */
	SDK_CALL_DONE,     /* its reply is in the slot */
};

/* ---- tags ---- */

static int tag_take(struct sdk_loop *loop, struct sdk_call *c)
{
	uint32_t tag = loop->tag_free ? loop->tag_free - 1 : loop->tag_count;

	if (tag >= SDK_TAGS)
		return -EAGAIN;
	if (loop->tag_free)
		loop->tag_free = loop->tags[tag].next_free;
	else
		loop->tag_count++;
	loop->tags[tag] = (struct sdk_tag){
		.call = c, .index = c->slot.index, .used = true, .by_reference = c->by_reference
	};
	c->tag = (uint16_t)tag;
	return 0;
}

static void tag_free(struct sdk_loop *loop, uint16_t tag)
{
	loop->tags[tag].used = false;
	loop->tags[tag].next_free = loop->tag_free;
	loop->tag_free = tag + 1U;
}

/* ---- out ---- */

static void call_end(struct sdk_call *c, sp_error error)
{
	c->state = SDK_CALL_IDLE;
	c->error = (uint8_t)error;
	c->slot.at = NULL;
}

static void call_send(struct sdk_task *task, struct sdk_call *c)
{
	struct sdk_loop *loop = task->loop;
	struct sp_desc d = { .buf = c->slot.index,
			     .gen = c->slot.gen,
			     .len = c->len,
			     .edge = c->edge,
			     .flags = task->req.flags };

	if (tag_take(loop, c) < 0) {
		sdk_stock_give_back(&loop->port, &c->slot, true);
		call_end(c, SP_EUNAVAILABLE);
		return;
	}
	d.home = c->tag;
	if (c->by_reference) {
		d.flags |= SP_DESC_SHARES;
		d.len = task->req.slot.index; /* what that one refers to the kernel knows */
	}
	sdk_poison(c->slot.at, c->slot.stride);
	sdk_outbox_put_call(&loop->outbox, &d);
	c->state = SDK_CALL_SENT;
	task->open++;
}

/* Nobody waits for it any more. */
static void call_cancel(struct sdk_loop *loop, const struct sdk_call *c)
{
	struct sp_desc d = { .buf = c->slot.index,
			     .gen = c->slot.gen,
			     .edge = SP_EDGE_CANCEL,
			     .home = (uint16_t)loop->slot };

	sdk_outbox_send(&loop->outbox, &d, 1);
}

static void call_give_up(struct sdk_task *task, struct sdk_call *c, sp_error error)
{
	struct sdk_loop *loop = task->loop;

	if (c->state == SDK_CALL_SENT) {
		loop->tags[c->tag].call = NULL;
		call_cancel(loop, c);
	} else {
		sdk_stock_give_back(&loop->port, &c->slot, true);
	}
	task->open--;
	call_end(c, error);
}

/* ---- waiting ---- */

static bool is_open(const struct sdk_call *c)
{
	return c->state == SDK_CALL_SENT || c->state == SDK_CALL_RETURNED;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

static uint64_t wake_at(const struct sdk_call *calls, size_t count, uint64_t limit_ns)
{
	uint64_t at = limit_ns;

	for (size_t i = 0; i < count; i++) {
		if (!is_open(&calls[i]))
			continue;
		at = earlier(at, calls[i].deadline_ns);
		if (calls[i].state == SDK_CALL_RETURNED)
			at = earlier(at, calls[i].retry_ns);
	}
	return at;
}

/* In a send of its own: of those that came back together, one may find room where all do not. */
static void call_retry(struct sdk_task *task, struct sdk_call *c)
{
	sdk_outbox_flush(&task->loop->outbox);
	task->open--;
	call_send(task, c);
	sdk_outbox_flush(&task->loop->outbox);
}

static void calls_look(struct sdk_task *task, struct sdk_call *calls, size_t count)
{
	uint64_t now = task->loop->now; /* it has just been woken, by a timer perhaps */

	for (size_t i = 0; i < count; i++) {
		struct sdk_call *c = &calls[i];

		if (!is_open(c))
			continue;
		if (c->deadline_ns && now >= c->deadline_ns) {
			call_give_up(task, c,
				     c->state == SDK_CALL_RETURNED ? SP_EUNAVAILABLE : SP_ETIMEOUT);
		} else if (c->state == SDK_CALL_RETURNED && now >= c->retry_ns) {
			call_retry(task, c);
		}
	}
}

/* Have enough succeeded, or can they not any more? A join that takes what comes waits for the
 * others all the same: one that refuses at once does not cut them off. */
static bool settled(const struct sdk_call *calls, size_t count, const struct rule_group *group)
{
	uint32_t good = 0, open = 0;

	for (size_t i = 0; i < count; i++) {
		good += calls[i].state == SDK_CALL_DONE && !(calls[i].flags & SP_DESC_FAILED);
		open += is_open(&calls[i]);
	}
	return good >= group->need || (!group->partial && good + open < group->need);
}

void sdk_calls_run(struct sdk_task *task, struct sdk_call *calls, size_t count,
		   const struct rule_group *group, uint64_t limit_ns)
{
	struct sp_request *req = &task->req;
	sp_error rest = SP_ETIMEOUT;

	sdk_stock_collected(task);
	task->open = 0;
	task->wake_each = group != NULL;
	for (size_t i = 0; i < count; i++) {
		if (!calls[i].slot.at)
			continue;
		if (sdk_request_canceled(req)) {
			sdk_stock_give_back(&task->loop->port, &calls[i].slot, true);
			call_end(&calls[i], SP_ECANCELED);
		} else {
			call_send(task, &calls[i]);
		}
	}
	while (task->open > 0 && !(group && settled(calls, count, group))) {
		sdk_task_wait(task, wake_at(calls, count, limit_ns), "replies");
		calls_look(task, calls, count);
		if (sdk_request_canceled(req)) {
			rest = SP_ECANCELED;
			break;
		}
		if (limit_ns && task->loop->now >= limit_ns)
			break;
	}
	for (size_t i = 0; i < count; i++)
		if (is_open(&calls[i]))
			call_give_up(task, &calls[i], rest);
}

void sdk_calls_make(struct sdk_port *port, struct sp_request *req, struct sdk_call *calls,
		    size_t count)
{
	struct sdk_loop *loop = sdk_loop_of(port);

	for (size_t i = 0; i < count; i++) {
		struct sdk_call *c = &calls[i];
		struct rule_call to;

		if (!c->slot.at)
			continue;
		if (wiring_page_call(loop->page, c->fn, &to) == 0) {
			c->edge = to.edge;
			c->to_fn = to.fn;
			continue;
		}
		sp_log(req, SP_ERROR, "the chain file declares no call %s of %s",
		       loop->worker.function->calls[c->fn], loop->worker.name);
		sdk_stock_give_back(port, &c->slot, true);
		call_end(c, SP_EINTERNAL);
	}
	sdk_calls_run(sdk_task_of(req), calls, count, NULL, 0);
}

/* ---- back ---- */

/* Nobody took it: it is tried again, unless a function on the way had it already. Each at a time
 * of its own: together they would find what they found before. */
static bool returned(struct sdk_loop *loop, struct sdk_call *c, bool was_taken, bool reusable)
{
	uint64_t pause;

	if (was_taken) {
		sdk_stock_give_back(&loop->port, &c->slot, reusable);
		call_end(c, SP_EUNAVAILABLE);
		return false;
	}
	c->state = SDK_CALL_RETURNED;
	pause = SDK_RETRY_MIN_NS << (c->retries < 6 ? c->retries : 6);
	c->retry_ns = sdk_now_ns() + pause / 2 + pause / 32 * (c->slot.index % 32);
	c->retries++;
	return true;
}

/* The callee could not write: the header says nothing of it. */
static void failure_put(struct sdk_call *c)
{
	c->slot.at->error = c->len < SP_ERROR_COUNT ? (uint8_t)c->len : SP_EINTERNAL;
	c->slot.at->body_buf = 0;
	c->len = 0;
}

void sdk_call_returned(struct sdk_loop *loop, const struct sp_desc *d)
{
	struct sdk_tag *tag = &loop->tags[d->home];
	struct sdk_slot slot = sdk_loop_slot(loop, d);
	bool refers = tag->by_reference && d->buf == tag->index;
	bool reusable = !refers && !(d->flags & SP_DESC_SHARED);
	struct sdk_call *c = tag->call;
	struct sdk_task *task;

	if (!tag->used) {
		sdk_buffer_release(loop, d);
		return;
	}
	tag_free(loop, d->home);
	if (!c) {
		sdk_stock_give_back(&loop->port, &slot, reusable);
		return;
	}
	sdk_unpoison(slot.at, slot.stride);
	task = sdk_task_of(c->req);
	c->slot = slot;
	if (d->flags & SP_DESC_UNDELIVERABLE &&
	    returned(loop, c, d->flags & SP_DESC_FAILED, reusable)) {
		sdk_task_wake(task); /* to wait until it is tried again */
		return;
	}
	if (c->state == SDK_CALL_SENT) {
		c->state = SDK_CALL_DONE;
		c->by_reference = refers;
		c->len = d->len;
		c->flags = d->flags;
		if (d->flags & SP_DESC_FAILED && d->flags & SP_DESC_DROPPED)
			failure_put(c);
	}
	task->open--;
	if (task->open == 0 || task->wake_each)
		sdk_task_wake(task);
}
