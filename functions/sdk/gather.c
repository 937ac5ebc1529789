// SPDX-License-Identifier: Apache-2.0
/*
 * gather.c - one body for several readers: messages, fan-out and join.
 *
 * What each reader gets is a small buffer of its own with the request's meta data, which refers
 * to the payload. The kernel counts who refers to it; the gateway keeps it until nobody does.
 */
#include <errno.h>
#include <stdlib.h>

#include "functions/sdk/clock.h"
#include "functions/sdk/loop.h"
#include "functions/sdk/poison.h"

/* ---- messages ---- */

void sdk_message_send(struct sdk_loop *loop, const struct sp_request *req, uint8_t edge,
		      const struct sdk_slot *slot, uint32_t len, bool by_reference)
{
	struct sp_desc d = { .buf = slot->index,
			     .gen = slot->gen,
			     .len = by_reference ? req->slot.index : len,
			     .edge = edge,
			     .flags = req->flags,
			     .home = (uint16_t)loop->home };

	if (by_reference)
		d.flags |= SP_DESC_SHARES;
	sdk_poison(slot->at, slot->stride);
	sdk_outbox_put(&loop->outbox, &d);
}

int sdk_emit(struct sdk_port *port, struct sp_request *req, sp_verdict edge,
	     const struct sdk_slot *slot, uint32_t len, bool by_reference)
{
	struct sdk_loop *loop = sdk_loop_of(port);
	struct rule_way way;
	int r;

	r = wiring_page_find(loop->page, sdk_rule_edge(edge), &req->header, req->slot.at, &way);
	if (r < 0)
		r = -EINVAL;
	else if (way.answers || way.group.count > 0)
		r = -ENOTSUP;
	if (r < 0)
		sdk_stock_give_back(port, slot, true);
	else
		sdk_message_send(loop, req, way.edge, slot, len, by_reference);
	return r;
}

/* ---- fan-out and join ---- */

static sp_error branch_make(struct sp_request *req, const struct rule_call *member,
			    uint64_t deadline_ns, struct sdk_call *c)
{
	const struct shm_layout *layout = req->worker->layout;
	struct sdk_port *port = req->worker->port;
	uint32_t cls = sdk_class_for(layout, 0, sdk_meta_size(req));

	*c = (struct sdk_call){ .req = req,
				.deadline_ns = deadline_ns,
				.by_reference = true,
				.edge = member->edge,
				.to_fn = member->fn };
	if (cls == layout->class_count || port->take(port, req, cls, &c->slot) < 0)
		return SP_ETIMEOUT;
	sdk_message_like(req, &c->slot, 0);
	sdk_message_refer(req, &c->slot);
	c->slot.at->deadline_ns = deadline_ns;
	return SP_OK;
}

/* A branch that answered, whatever it said. */
static bool answered(const struct sdk_call *c)
{
	return c->slot.at != NULL;
}

static bool succeeded(const struct sdk_call *c)
{
	return answered(c) && !(c->flags & SP_DESC_FAILED);
}

/* Why there are not enough: the first branch that failed, or the time. */
static void gather_fail(struct sp_request *req, const struct rule_group *group,
			const struct sdk_call *calls, uint32_t good)
{
	for (uint32_t i = 0; i < group->count; i++) {
		const struct sdk_call *c = &calls[i];
		uint32_t len = c->len < 200 ? c->len : 200;

		if (answered(c) && !succeeded(c)) {
			sp_fail(req, SP_EUPSTREAM, "%s failed: %.*s",
				sdk_function_name(req->worker, c->to_fn), (int)len,
				shm_buffer_payload(c->slot.at));
			return;
		}
	}
	sp_fail(req, SP_ETIMEOUT, "%u of %u branches answered in time, %u are needed", good,
		group->count, group->need);
}

static struct sp_desc part_of(struct sdk_call *c)
{
	struct sp_desc d = { .buf = c->slot.index, .gen = c->slot.gen, .len = c->len };

	c->slot.at->part_fn = c->to_fn;
	/* What a gateway answered for it says so in its header already. */
	if (succeeded(c))
		c->slot.at->error = SP_OK;
	sdk_poison(c->slot.at, c->slot.stride);
	return d;
}

bool sdk_gather(struct sdk_task *task, const struct rule_group *group,
		struct sp_desc parts[RULE_MEMBER_MAX], uint32_t *ret_count)
{
	struct sp_request *req = &task->req;
	struct sdk_port *port = req->worker->port;
	struct sdk_call calls[RULE_MEMBER_MAX];
	uint64_t limit = group->timeout_ns ? sdk_now_ns() + group->timeout_ns : 0, deadline;
	uint32_t good = 0, count = 0;
	bool enough;

	deadline = req->header.deadline_ns;
	if (limit && (!deadline || limit < deadline))
		deadline = limit;
	req->take_until_ns = deadline;
	for (uint32_t i = 0; i < group->count; i++) {
		req->collects = group->count - i;
		calls[i].error = (uint8_t)branch_make(req, &group->members[i], deadline, &calls[i]);
	}
	req->take_until_ns = req->collects = 0;
	sdk_body_lent(req);
	sdk_calls_run(task, calls, group->count, group, limit);
	for (uint32_t i = 0; i < group->count; i++)
		good += succeeded(&calls[i]);
	enough = good >= group->need || (group->partial && !req->canceled);
	if (!enough)
		gather_fail(req, group, calls, good);
	for (uint32_t i = 0; i < group->count; i++) {
		if (answered(&calls[i]) && enough)
			parts[count++] = part_of(&calls[i]);
		else if (answered(&calls[i]))
			port->give_back(port, &calls[i].slot, false);
	}
	*ret_count = count;
	return enough;
}

/* ---- the join's side ---- */

/* They came in one message, of which a read may have brought the begin only. */
static bool part_pop(struct sdk_loop *loop, struct sdk_backlog *b, struct sp_desc *ret)
{
	while (b->count == 0)
		if (!sdk_loop_fetch(loop))
			return false;
	return b->ring[b->start].flags & SP_DESC_PART && sdk_backlog_pop(b, ret);
}

void sdk_parts_take(struct sdk_task *task, struct sdk_backlog *backlog)
{
	struct sdk_loop *loop = task->loop;
	struct sp_request *req = &task->req;
	uint32_t want = req->header.parts;
	struct sp_desc d;

	want = want < RULE_MEMBER_MAX ? want : RULE_MEMBER_MAX;
	req->parts = calloc(want, sizeof(*req->parts));
	while (req->parts && req->part_count < want && part_pop(loop, backlog, &d)) {
		struct sdk_part *part = &req->parts[req->part_count++];

		part->slot = sdk_loop_slot(loop, &d);
		part->len = d.len;
		sdk_unpoison(part->slot.at, part->slot.stride);
		if (shm_header_check(part->slot.at, part->slot.stride, d.len, &part->header) == 0 &&
		    (part->header.body_buf == 0 ||
		     sdk_loop_view(&loop->port, part->header.body_buf - 1, part->header.body_len)))
			continue;
		shm_header_init(&part->header, part->slot.stride);
		part->header.error = SP_EUPSTREAM;
		part->len = 0;
	}
	if (!req->parts)
		sp_log(req, SP_ERROR, "no memory for %u parts: they are left out", want);
}

void sdk_parts_release(struct sdk_task *task)
{
	struct sp_request *req = &task->req;
	struct sdk_port *port = &task->loop->port;

	/* Whether they refer to another buffer only the kernel knows: they go to the gateway. */
	for (uint32_t i = 0; i < req->part_count; i++)
		port->give_back(port, &req->parts[i].slot, false);
	free(req->parts);
	req->parts = NULL;
	req->part_count = 0;
}
