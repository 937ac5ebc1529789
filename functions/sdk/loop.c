// SPDX-License-Identifier: Apache-2.0
#include "functions/sdk/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "functions/sdk/clock.h"
#include "functions/sdk/log.h"

/* Zeroed memory of which pages that are never used cost nothing. */
static void *table_make(size_t count, size_t size)
{
	void *p = mmap(NULL, count * size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void table_free(void *table, size_t count, size_t size)
{
	if (table)
		munmap(table, count * size);
}

static const struct sdk_port loop_port = {
	.take = sdk_stock_take,
	.give_back = sdk_stock_give_back,
	.moved = sdk_request_moved,
	.keep = sdk_kept_add,
	.unkeep = sdk_kept_take,
	.give_back_kept = sdk_kept_give_back,
	.view = sdk_loop_view,
	.call = sdk_calls_make,
	.emit = sdk_emit,
	.await = sdk_task_await,
	.complete = sdk_task_complete,
};

int sdk_loop_init(struct sdk_loop *loop, int receive, int send)
{
	uint32_t buffers = loop->layout->buffer_count;
	int r = sdk_fibers_init(&loop->fibers, loop->worker.function->stack_size);

	if (r < 0)
		return r;
	loop->port = loop_port;
	loop->worker.port = &loop->port;
	loop->worker.layout = loop->layout;
	sdk_inbox_init(&loop->inbox, receive);
	sdk_outbox_init(&loop->outbox, send);
	sdk_stocks_init(loop);
	loop->backlog.size = loop->calls.size = buffers;
	loop->backlog.ring = table_make(buffers, sizeof(struct sp_desc));
	loop->calls.ring = table_make(buffers, sizeof(struct sp_desc));
	loop->backlog_last = &loop->backlog;
	loop->places = table_make(buffers, sizeof(*loop->places));
	loop->tags = table_make(SDK_TAGS, sizeof(*loop->tags));
	return loop->backlog.ring && loop->calls.ring && loop->places && loop->tags ?
		       sdk_tees_init(loop) :
		       -ENOMEM;
}

void sdk_loop_done(struct sdk_loop *loop)
{
	sdk_tasks_free(loop);
	sdk_fibers_done(&loop->fibers);
	table_free(loop->backlog.ring, loop->backlog.size, sizeof(struct sp_desc));
	table_free(loop->calls.ring, loop->calls.size, sizeof(struct sp_desc));
	table_free(loop->places, loop->layout->buffer_count, sizeof(*loop->places));
	table_free(loop->tags, SDK_TAGS, sizeof(*loop->tags));
	sdk_tees_done(loop);
}

struct sdk_slot sdk_loop_slot(const struct sdk_loop *loop, const struct sp_desc *desc)
{
	const struct shm_class *c = shm_layout_class(loop->layout, desc->buf);
	uint64_t offset = c->offset + (uint64_t)(desc->buf - c->first) * c->stride;

	return (struct sdk_slot){ .at = (struct shm_header *)(void *)(loop->memory + offset),
				  .index = desc->buf,
				  .gen = desc->gen,
				  .size = c->size,
				  .stride = c->stride };
}

/* Reading the clock takes as long as a short handler and its whole way: while handlers are
 * short, it is read before every fourth. */
uint64_t sdk_loop_tick(struct sdk_loop *loop)
{
	uint64_t now = loop->now;

	if (loop->ticks > 0) {
		loop->ticks--;
	} else {
		now = sdk_now_ns();
		loop->ticks = now - loop->now < SDK_SHORT_NS ? SDK_SHORT_TICKS - 1 : 0;
		loop->now = now;
	}
	if (loop->outbox.used > 0 && now - loop->outbox.since_ns >= SDK_FLUSH_NS)
		sdk_outbox_flush(&loop->outbox);
	if (loop->outbox.used == 0)
		loop->outbox.since_ns = now;
	return now;
}

/* ---- in ---- */

/* Calls wait apart: who waits for one may hold the place that others wait for. Parts follow
 * their request. */
static void backlog_put(struct sdk_loop *loop, const struct sp_desc *d)
{
	struct sdk_backlog *b = loop->backlog_last;

	if (!(d->flags & SP_DESC_PART))
		b = d->home > loop->gateway_count ? &loop->calls : &loop->backlog;
	loop->backlog_last = b;
	if (b == &loop->calls && !(d->flags & SP_DESC_PART)) {
		loop->places[d->buf].kind = SDK_PLACE_QUEUED;
		loop->places[d->buf].gen = d->gen;
	}
	if (b->count < b->size)
		b->ring[(b->start + b->count++) % b->size] = *d;
}

bool sdk_backlog_pop(struct sdk_backlog *b, struct sp_desc *ret)
{
	if (b->count == 0)
		return false;
	*ret = b->ring[b->start];
	/* Empty, it begins at its begin again: there its memory is warm. */
	b->start = --b->count > 0 ? (b->start + 1) % b->size : 0;
	return true;
}

static void sort_in(struct sdk_loop *loop, const struct sp_desc *d)
{
	if (d->edge == SP_EDGE_GRANT)
		sdk_stock_granted(loop, d);
	else if (d->edge == SP_EDGE_WAKE)
		sdk_tasks_completed(loop, d);
	else if (d->buf >= loop->layout->buffer_count)
		sp_log(NULL, SP_ERROR, "descriptor names buffer %u of %u: ignored", d->buf,
		       loop->layout->buffer_count);
	else if (d->edge < SP_EDGE_MAX && d->flags & SP_DESC_UNDELIVERABLE &&
		 d->flags & SP_DESC_PART) /* of a call that somebody sent on to nobody */
		sdk_buffer_release(loop, d);
	else if (d->edge == SP_EDGE_REPLY && d->flags & SP_DESC_UNDELIVERABLE)
		sdk_buffer_release(loop, d); /* called by who had the slot before */
	else if (d->edge == SP_EDGE_CANCEL && !(d->flags & SP_DESC_UNDELIVERABLE))
		sdk_task_cancel(loop, d);
	else if (d->edge == SP_EDGE_REPLY ||
		 (d->edge < SP_EDGE_MAX && d->flags & SP_DESC_UNDELIVERABLE))
		sdk_call_returned(loop, d);
	else if (d->edge < SP_EDGE_MAX)
		backlog_put(loop, d);
}

static void inbox_sort(struct sdk_loop *loop)
{
	struct sp_desc d;

	while (sdk_inbox_pop(&loop->inbox, &d))
		sort_in(loop, &d);
}

bool sdk_loop_fetch(struct sdk_loop *loop)
{
	if (!loop->inbox.more || loop->inbox.eof ||
	    sdk_inbox_fill(&loop->inbox, MSG_DONTWAIT) < 0 || loop->inbox.used == 0)
		return false;
	inbox_sort(loop);
	return true;
}

static bool backlog_begin(struct sdk_loop *loop)
{
	struct sdk_backlog *b = &loop->calls;
	struct sp_desc d;

	if (b->count == 0 && loop->live < loop->concurrency)
		b = &loop->backlog;
	if (loop->outbox.error || !sdk_backlog_pop(b, &d))
		return false;
	if (d.flags & SP_DESC_PART) /* of no request: it is nothing to us */
		sdk_buffer_release(loop, &d);
	else
		sdk_task_begin(loop, &d, b);
	return true;
}

/* ---- the turn ---- */

static uint64_t sleep_limit(const struct sdk_loop *loop)
{
	uint64_t at = loop->heap_count > 0 ? loop->heap[0]->wake_ns : 0, now;

	if (loop->ask_ns && (at == 0 || loop->ask_ns < at))
		at = loop->ask_ns;
	if (at == 0)
		return 0;
	now = sdk_now_ns();
	return at > now ? at - now : 1;
}

/* Asked one thing at a time, a function has nothing to sort: each table that is not touched is a
 * cache line and a page less that it finds cold. */
static bool begin_lone(struct sdk_loop *loop)
{
	struct sdk_inbox *inbox = &loop->inbox;
	struct sp_desc d;

	if (inbox->used != sizeof(d) || inbox->more || loop->backlog.count > 0 ||
	    loop->calls.count > 0 || loop->ready || loop->live >= loop->concurrency)
		return false;
	memcpy(&d, (char *)inbox->descs + inbox->start, sizeof(d));
	if (d.edge >= SP_EDGE_MAX || d.flags & (SP_DESC_UNDELIVERABLE | SP_DESC_PART) ||
	    d.home > loop->gateway_count || d.buf >= loop->layout->buffer_count)
		return false;
	inbox->used = 0;
	loop->backlog_last = &loop->backlog;
	sdk_task_begin(loop, &d, &loop->backlog);
	return true;
}

static void turn(struct sdk_loop *loop)
{
	loop->ticks = 0; /* it has slept */
	if (!begin_lone(loop))
		inbox_sort(loop);
	if (loop->heap_count > 0) {
		loop->now = sdk_now_ns();
		sdk_timers_run(loop, loop->now);
	}
	do /* whoever ends makes room for one that has not begun */
		sdk_tasks_go_on(loop);
	while (backlog_begin(loop) || loop->ready);
	sdk_stocks_refill(loop, loop->ask_ns ? sdk_now_ns() : 0);
}

/* A function that sends messages of its own begins with some buffers in stock. */
static void stock_up(struct sdk_loop *loop)
{
	const struct rule_table *rules = &loop->page->rules[loop->page->active & 1];
	bool needs = rules->call_count > 0 || rules->group_count > 0;

	for (uint32_t i = 0; i < rules->count && i < RULE_MAX; i++)
		needs = needs || rules->rules[i].tee_count > 0;
	if (needs)
		loop->short_of |= 1;
}

int sdk_loop_run(struct sdk_loop *loop)
{
	int r = 0;

	stock_up(loop);
	while (r == 0) {
		turn(loop);
		r = sdk_outbox_flush(&loop->outbox);
		if (r < 0 || loop->inbox.eof)
			break;
		r = sdk_inbox_wait_at_most(&loop->inbox, sleep_limit(loop));
		if (r == 0)
			r = sdk_inbox_fill(&loop->inbox, 0);
	}
	if (r == 0) {
		sdk_stocks_return(loop);
		r = sdk_outbox_flush(&loop->outbox);
	}
	return r;
}
