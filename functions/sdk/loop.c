// SPDX-License-Identifier: Apache-2.0
#include "functions/sdk/loop.h"

#include "functions/sdk/clock.h"
#include "functions/sdk/log.h"
#include "functions/sdk/poison.h"

#define FLAGS_KEPT (SP_DESC_QOS_MASK | SP_DESC_ELEPHANT)

int sdk_loop_init(struct sdk_loop *loop, int receive, int send)
{
	sdk_lease_init(loop);
	loop->worker.source = &loop->source;
	loop->worker.layout = loop->layout;
	sdk_outbox_init(&loop->outbox, send);
	/* Nothing is ours yet: a touch of any buffer is a report under AddressSanitizer. */
	sdk_poison(loop->memory, loop->layout->size);
	return sdk_inbox_init(&loop->inbox, receive, loop->layout->buffer_count);
}

void sdk_loop_done(struct sdk_loop *loop)
{
	sdk_unpoison(loop->memory, loop->layout->size);
	sdk_inbox_done(&loop->inbox);
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

/* The edge a verdict leads to. Without a route the request fails and is answered. */
static uint8_t edge_of(struct sdk_loop *loop, sp_verdict *verdict)
{
	struct sp_request *req = &loop->req;
	struct rule_way way;

	if (*verdict < SP_NEXT)
		return SP_EDGE_REPLY;
	if (wiring_page_find(loop->page, *verdict == SP_NEXT ? 0 : 1 + (uint32_t)*verdict,
			     &req->header, req->slot.at, &way) == 0)
		return way.edge;
	*verdict = sp_fail(req, SP_EINTERNAL, "no route for edge %s of %s",
			   *verdict == SP_NEXT ? "next" : loop->worker.function->edges[*verdict],
			   loop->worker.name);
	return SP_EDGE_REPLY;
}

static void send_on(struct sdk_loop *loop, sp_verdict verdict)
{
	struct sp_request *req = &loop->req;
	struct sp_desc d = { .edge = edge_of(loop, &verdict),
			     .home = req->home,
			     .flags = req->flags };

	sdk_request_end(req, verdict);
	d.buf = req->slot.index;
	d.gen = req->slot.gen;
	d.len = req->len;
	if (verdict == SP_FAILED)
		d.flags |= SP_DESC_FAILED;
	else if (verdict == SP_DROP)
		d.flags |= SP_DESC_DROPPED;
	sdk_poison(req->slot.at, req->slot.stride);
	sdk_outbox_put(&loop->outbox, &d);
}

static void take_up(struct sdk_loop *loop, const struct sp_desc *d)
{
	struct sp_request *req = &loop->req;
	struct sdk_slot slot = sdk_loop_slot(loop, d);
	uint64_t now = sdk_now_ns();

	if (loop->outbox.used > 0 && now - loop->outbox.since_ns >= SDK_FLUSH_NS)
		sdk_outbox_flush(&loop->outbox);
	if (loop->outbox.used == 0)
		loop->outbox.since_ns = now;
	sdk_unpoison(slot.at, slot.stride);
	req->flags = d->flags & FLAGS_KEPT;
	req->home = d->home;
	if (sdk_request_begin(req, &loop->worker, &slot, d->len) < 0)
		send_on(loop, sp_fail(req, SP_EUPSTREAM, "buffer header is garbage"));
	else if (req->header.deadline_ns && now >= req->header.deadline_ns)
		send_on(loop, sp_fail(req, SP_ETIMEOUT, "the deadline passed on the way to %s",
				      loop->worker.name));
	else if (loop->max_hops && req->header.hops >= loop->max_hops)
		send_on(loop, sp_fail(req, SP_ELOOP, "passed %u functions, the most allowed",
				      loop->max_hops));
	else
		send_on(loop, sdk_request_run(req));
}

static void handle(struct sdk_loop *loop, const struct sp_desc *d)
{
	if (d->edge == SP_EDGE_GRANT)
		sdk_lease_grant(loop, d);
	else if (d->buf < loop->layout->buffer_count)
		take_up(loop, d);
	else
		sp_log(NULL, SP_ERROR, "descriptor names buffer %u of %u: ignored", d->buf,
		       loop->layout->buffer_count);
}

int sdk_loop_run(struct sdk_loop *loop)
{
	struct sp_desc d;
	int r = 0;

	while (r == 0) {
		while (!loop->outbox.error && sdk_inbox_pop(&loop->inbox, &d))
			handle(loop, &d);
		r = sdk_outbox_flush(&loop->outbox);
		if (r < 0 || loop->inbox.eof)
			break;
		r = sdk_inbox_fill(&loop->inbox, 0);
	}
	if (r == 0) {
		sdk_lease_return(loop);
		r = sdk_outbox_flush(&loop->outbox);
	}
	return r;
}
