// SPDX-License-Identifier: Apache-2.0
/*
 * stock.c - buffers lent by the gateway, that carry nothing yet or any more.
 *
 * Of each class one refill may be unanswered at a time: the kernel counts a second one as a
 * violation. Who lacks one class does not wait for another to be lent first, whose buffers may
 * be held by those that wait for it. It is asked for before a class runs dry, and whoever finds
 * none waits in line; the gateway answers when it has something to lend, or denies when it is
 * about to end: then it is asked again a little later.
 */
#include <errno.h>

#include "functions/sdk/clock.h"
#include "functions/sdk/loop.h"
#include "functions/sdk/poison.h"

static uint32_t class_of(const struct sdk_loop *loop, uint32_t index)
{
	return (uint32_t)(shm_layout_class(loop->layout, index) - loop->layout->classes);
}

void sdk_stocks_init(struct sdk_loop *loop)
{
	for (uint32_t cls = 0; cls < loop->layout->class_count; cls++) {
		const struct shm_class *c = &loop->layout->classes[cls];
		struct sdk_stock *stock = &loop->stocks[cls];
		uint32_t share = c->count / SDK_STOCK_SHARE;

		if (c->size > SDK_STOCK_SMALL)
			continue; /* of these there are few: others need what nobody uses */
		share = share < SDK_STOCK_MAX ? share : SDK_STOCK_MAX;
		stock->max = share ? share : 1;
		stock->low = stock->max < 2 * SDK_STOCK_LOW ? stock->max / 2 : SDK_STOCK_LOW;
	}
}

/* A client's request is released to its home; everything else to whom we borrow from. */
static uint16_t release_home(const struct sdk_loop *loop, uint16_t home)
{
	return home > loop->gateway_count ? (uint16_t)loop->home : home;
}

static void release(struct sdk_loop *loop, const struct sp_desc *desc, uint32_t home)
{
	struct sp_desc d = {
		.buf = desc->buf, .gen = desc->gen, .edge = SP_EDGE_RELEASE, .home = (uint16_t)home
	};

	sdk_outbox_put(&loop->outbox, &d);
}

void sdk_buffer_release(struct sdk_loop *loop, const struct sp_desc *desc)
{
	release(loop, desc, loop->home);
}

void sdk_request_release(struct sdk_loop *loop, const struct sp_desc *desc)
{
	release(loop, desc, release_home(loop, desc->home));
}

/* ---- lines ---- */

static void line_join(struct sdk_line *line, struct sdk_task *task)
{
	task->next_waiting = NULL;
	if (line->first)
		line->last->next_waiting = task;
	else
		line->first = task;
	line->last = task;
}

static bool line_leave(struct sdk_line *line, struct sdk_task *task)
{
	struct sdk_task **at = &line->first, *before = NULL;

	while (*at && *at != task) {
		before = *at;
		at = &before->next_waiting;
	}
	if (!*at)
		return false;
	*at = task->next_waiting;
	if (line->last == task)
		line->last = before;
	return true;
}

/* ---- in and out ---- */

/* The first in line gets it. */
static void hand_over(struct sdk_loop *loop, struct sdk_stock *stock, const struct sp_desc *desc)
{
	struct sdk_task *task = stock->line.first;

	line_leave(&stock->line, task);
	stock->waiting--;
	task->granted = sdk_loop_slot(loop, desc);
	sdk_task_wake(task);
}

static void put(struct sdk_loop *loop, const struct sp_desc *desc)
{
	uint32_t cls = class_of(loop, desc->buf);
	struct sdk_stock *own = &loop->stocks[cls];

	/* A larger one than was asked for came because there was no other. */
	for (uint32_t i = cls + 1; i-- > 0;) {
		if (loop->stocks[i].line.first) {
			hand_over(loop, &loop->stocks[i], desc);
			return;
		}
	}
	if (own->count < own->max)
		own->grants[own->count++] = *desc;
	else
		sdk_buffer_release(loop, desc);
}

void sdk_stock_granted(struct sdk_loop *loop, const struct sp_desc *desc)
{
	uint32_t asked = 1U << (desc->flags & SP_DESC_ASKED_MASK);
	bool denied = desc->flags & SP_DESC_DENIED;

	/* The answer ends with its last descriptor, which may come by a later read than the first. */
	if (denied || desc->len == 0)
		loop->asking &= ~asked;
	if (denied)
		loop->short_of |= asked;
	if (denied || desc->buf >= loop->layout->buffer_count) {
		loop->ask_pause = loop->ask_pause ? 2 * loop->ask_pause : SDK_RETRY_MIN_NS;
		if (loop->ask_pause > SDK_RETRY_MAX_NS)
			loop->ask_pause = SDK_RETRY_MAX_NS;
		loop->ask_ns = sdk_now_ns() + loop->ask_pause;
		return;
	}
	loop->ask_pause = loop->ask_ns = 0;
	loop->tees.dry = false;
	put(loop, desc);
}

void sdk_stock_give_back(struct sdk_port *port, const struct sdk_slot *slot, bool reusable)
{
	struct sdk_loop *loop = sdk_loop_of(port);
	struct sp_desc d = { .buf = slot->index, .gen = slot->gen };

	sdk_poison(slot->at, slot->stride);
	if (reusable)
		put(loop, &d);
	else
		sdk_buffer_release(loop, &d);
}

int sdk_stock_take_now(struct sdk_loop *loop, uint32_t cls, struct sdk_slot *ret)
{
	struct sdk_stock *stock = &loop->stocks[cls];
	bool there = stock->count > 0 && !stock->line.first;

	if (there) {
		*ret = sdk_loop_slot(loop, &stock->grants[--stock->count]);
		sdk_unpoison(ret->at, ret->stride);
	}
	/* What ran dry was not enough: next time more are there. */
	if (!there && stock->low > 0 && 2 * stock->low <= stock->max / 2)
		stock->low *= 2;
	if (stock->count < stock->low || !there)
		loop->short_of |= 1U << cls;
	return there ? 0 : -ENOBUFS;
}

static bool may_wait(struct sp_request *req, uint64_t until)
{
	return !sp_canceled(req) && !(until && sdk_now_ns() >= until);
}

/* A place among those who collect. False: not in time. */
static bool collector_become(struct sdk_task *task, uint64_t until)
{
	struct sdk_loop *loop = task->loop;

	if (!loop->collector)
		loop->collector = task;
	if (loop->collector == task)
		return true;
	line_join(&loop->collectors, task);
	while (loop->collector != task && may_wait(&task->req, until))
		sdk_task_wait(task, until, "a buffer");
	if (loop->collector != task)
		line_leave(&loop->collectors, task);
	return loop->collector == task;
}

void sdk_stock_collected(struct sdk_task *task)
{
	struct sdk_loop *loop = task->loop;

	if (loop->collector != task)
		return;
	loop->collector = loop->collectors.first;
	if (!loop->collector)
		return;
	line_leave(&loop->collectors, loop->collector);
	sdk_task_wake(loop->collector);
}

/* In line, behind those who came before. */
static int wait_for_one(struct sdk_task *task, struct sdk_stock *stock, uint64_t until)
{
	task->granted.at = NULL;
	line_join(&stock->line, task);
	stock->waiting++;
	while (!task->granted.at && may_wait(&task->req, until))
		sdk_task_wait(task, until, "a buffer");
	if (!task->granted.at)
		stock->waiting -= line_leave(&stock->line, task);
	return task->granted.at ? 0 : -ENOBUFS;
}

int sdk_stock_take(struct sdk_port *port, struct sp_request *req, uint32_t cls,
		   struct sdk_slot *ret)
{
	struct sdk_loop *loop = sdk_loop_of(port);
	struct sdk_task *task = sdk_task_of(req);
	uint64_t until = req->take_until_ns ? req->take_until_ns : req->header.deadline_ns;
	bool others;

	if (loop->worker.read_only)
		return -EROFS;
	others = req->collects > 0 && loop->collector && loop->collector != task;

	if (!others && sdk_stock_take_now(loop, cls, ret) == 0)
		return 0;
	if (!sdk_fiber_current(&loop->fibers))
		return -ENOBUFS;
	if (req->collects > 0 && !collector_become(task, until))
		return -ENOBUFS;
	if (others && sdk_stock_take_now(loop, cls, ret) == 0)
		return 0;
	if (wait_for_one(task, &loop->stocks[cls], until) < 0)
		return -ENOBUFS;
	*ret = task->granted;
	sdk_unpoison(ret->at, ret->stride);
	return 0;
}

/* Is it to be asked for? Somebody waits for it, or it runs low. */
static bool is_short(struct sdk_loop *loop, uint32_t cls)
{
	const struct sdk_stock *stock = &loop->stocks[cls];

	if (stock->waiting > 0)
		return true;
	if (stock->count >= stock->low)
		loop->short_of &= ~(1U << cls);
	return loop->short_of & 1U << cls;
}

static void ask(struct sdk_loop *loop, uint32_t cls)
{
	const struct sdk_stock *stock = &loop->stocks[cls];
	uint32_t want = stock->waiting + 2 * stock->low;
	struct sp_desc d = { .buf = cls, .edge = SP_EDGE_REFILL, .home = (uint16_t)loop->home };

	if (stock->waiting > 0 && loop->collector) /* it is one of them, most likely */
		want += loop->collector->req.collects - 1;
	want = want < SDK_REFILL_MAX ? want : SDK_REFILL_MAX;
	d.len = want ? want : 1;
	loop->short_of &= ~(1U << cls);
	if (sdk_outbox_send(&loop->outbox, &d, 1) == 0)
		loop->asking |= 1U << cls;
}

void sdk_stocks_refill(struct sdk_loop *loop, uint64_t now)
{
	uint32_t wanted = 0;

	if (loop->inbox.eof)
		return;
	for (uint32_t cls = 0; cls < loop->layout->class_count; cls++)
		if (!(loop->asking & 1U << cls) && is_short(loop, cls))
			wanted |= 1U << cls;
	if (wanted == 0)
		loop->ask_ns = 0; /* there is nothing to wake up for */
	if (wanted == 0 || now < loop->ask_ns)
		return;
	loop->ask_ns = 0;
	for (; wanted; wanted &= wanted - 1)
		ask(loop, (uint32_t)__builtin_ctz(wanted));
}

void sdk_stocks_return(struct sdk_loop *loop)
{
	for (uint32_t cls = 0; cls < loop->layout->class_count; cls++)
		while (loop->stocks[cls].count > 0)
			sdk_buffer_release(loop,
					   &loop->stocks[cls].grants[--loop->stocks[cls].count]);
}

void sdk_request_moved(struct sdk_port *port, const struct sp_request *req,
		       const struct sdk_slot *from, const struct sdk_slot *to)
{
	struct sdk_loop *loop = sdk_loop_of(port);
	struct sp_desc d = { .buf = from->index,
			     .gen = from->gen,
			     .len = to->index,
			     .edge = SP_EDGE_RELEASE,
			     .flags = req->flags | SP_DESC_MOVED,
			     .home = release_home(loop, req->home) };

	/* Who refers to its payload must be known before it is released. */
	if (loop->outbox.refers)
		sdk_outbox_flush(&loop->outbox);
	sdk_poison(from->at, from->stride);
	sdk_outbox_put(&loop->outbox, &d);
}
