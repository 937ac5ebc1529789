// SPDX-License-Identifier: Apache-2.0
/*
 * call.c - calls of other functions: a message is made of each, all leave at once, and what
 * comes back becomes the caller's.
 */
#include <errno.h>
#include <string.h>

#include "bpf/wire.h"
#include "functions/sdk/clock.h"
#include "functions/sdk/request.h"

#define SDK_CALL_AGAIN 2 /* times that a call is made again */

/* 0: none. */
static uint64_t deadline_of(const struct sp_request *req, const sp_call *call)
{
	uint64_t deadline = req->header.deadline_ns, own;

	if (call->timeout_ns <= 0)
		return deadline;
	own = sdk_now_ns() + (uint64_t)call->timeout_ns;
	return deadline && deadline < own ? deadline : own;
}

/* The buffer that the message is, or will be, in. */
static sp_error slot_take(struct sp_request *req, const sp_call *call, size_t len,
			  struct sdk_slot *ret)
{
	const struct shm_layout *layout = req->worker->layout;
	struct sdk_port *port = req->worker->port;
	size_t meta = req->header.id.len + call->topic.len;
	uint32_t cls;

	if (call->message.data) {
		if (sdk_message_take(req, call->message, ret) < 0)
			return SP_EINTERNAL;
		return len <= ret->size ? SP_OK : SP_ETOOBIG;
	}
	cls = sdk_class_for(layout, len, meta);
	if (cls == layout->class_count)
		return SP_ETOOBIG;
	if (port->take(port, req, cls, ret) == 0)
		return SP_OK;
	return sdk_request_canceled(req) ? SP_ECANCELED : SP_ETIMEOUT;
}

static sp_error message_make(struct sp_request *req, const sp_call *call, struct sdk_call *c)
{
	size_t len = call->message.data ? call->message.len :
		     call->by_reference ? 0 :
					  call->body.len;
	sp_error error;

	req->take_until_ns = c->deadline_ns;
	error = slot_take(req, call, len, &c->slot);
	req->take_until_ns = 0;
	if (error != SP_OK)
		return error;
	c->len = (uint32_t)len;
	if (sdk_message_call(req, &c->slot, c->len, call->topic, c->deadline_ns) < 0)
		return SP_ETOOBIG;
	if (call->message.data)
		return SP_OK;
	if (call->by_reference) {
		sdk_message_refer(req, &c->slot);
		/* The callee may go on reading when the call has ended. */
		sdk_body_lent(req);
	} else if (len > 0) {
		memcpy(shm_buffer_payload(c->slot.at), call->body.data, len);
		sdk_count_copied(len);
	}
	return SP_OK;
}

static void prepare(struct sp_request *req, sp_call *call, struct sdk_call *c, uint64_t deadline)
{
	struct sdk_port *port = req->worker->port;

	*c = (struct sdk_call){ .req = req,
				.deadline_ns = deadline,
				.by_reference = call->by_reference && !call->message.data };
	call->error = SP_OK;
	call->status = 0;
	call->reply = (sp_buf){ NULL, 0, 0 };
	if (call->fn < 0 || (uint32_t)call->fn >= req->worker->call_count) {
		sp_log(req, SP_ERROR, "call %d: .calls declares %u", call->fn,
		       req->worker->call_count);
		c->error = SP_EINTERNAL;
		return;
	}
	c->fn = (uint8_t)call->fn;
	c->error = (uint8_t)message_make(req, call, c);
	if (c->error != SP_OK && c->slot.at) {
		port->give_back(port, &c->slot, true);
		c->slot.at = NULL;
	}
}

/* What the callee wrote is input; its buffer is the caller's now. */
static sp_error reply_read(struct sp_request *req, struct sdk_call *c, sp_call *call)
{
	struct sdk_port *port = req->worker->port;
	bool shared = (c->flags & SP_DESC_SHARED) != 0, reusable;
	struct shm_header h;
	const char *data;

	if (shm_header_check(c->slot.at, c->slot.stride, c->len, &h) < 0)
		goto garbage;
	reusable = !shared && !c->by_reference && h.body_buf == 0;
	data = shm_buffer_payload(c->slot.at);
	if (h.body_buf != 0)
		data = port->view(port, h.body_buf - 1, h.body_len);
	else if (shared)
		data = port->view(port, c->slot.index, c->len);
	if (!data)
		goto garbage;
	call->reply.len = h.body_buf ? h.body_len : c->len;
	call->reply.cap = reusable ? c->slot.size : call->reply.len;
	call->reply.data = (char *)(uintptr_t)data;
	call->status = h.status;
	port->keep(port, req, &c->slot, reusable);
	if (!(c->flags & SP_DESC_FAILED))
		return SP_OK;
	return h.error > SP_OK && h.error < SP_ERROR_COUNT ? (sp_error)h.error : SP_EINTERNAL;
garbage:
	port->give_back(port, &c->slot, false);
	return SP_EUPSTREAM;
}

/* Who was called died, and may do the same again. */
static bool died(const struct sdk_call *c)
{
	const uint8_t flags = SP_DESC_FAILED | SP_DESC_AGAIN;

	return c->slot.at && (c->flags & flags) == flags;
}

/* What the one that died wrote into the message is not known: it is made anew. A message that
 * the caller wrote itself cannot be. */
static void call_again(struct sp_request *req, sp_call *call, struct sdk_call *c)
{
	struct sdk_port *port = req->worker->port;

	for (int i = 0; i < SDK_CALL_AGAIN && died(c); i++) {
		bool reusable = !c->by_reference && !(c->flags & SP_DESC_SHARED);

		port->give_back(port, &c->slot, reusable);
		prepare(req, call, c, c->deadline_ns);
		port->call(port, req, c, 1);
	}
}

static sp_error calls_make(struct sp_request *req, sp_call *calls, size_t count)
{
	struct sdk_port *port = req->worker->port;
	struct sdk_call under_way[SDK_CALLS_MAX];
	sp_error first = SP_OK;

	for (size_t i = 0; i < count; i++) {
		req->collects = count > 1 ? (uint32_t)(count - i) : 0;
		prepare(req, &calls[i], &under_way[i], deadline_of(req, &calls[i]));
	}
	req->collects = 0;
	port->call(port, req, under_way, count);
	for (size_t i = 0; i < count; i++) {
		struct sdk_call *c = &under_way[i];

		if (died(c) && !calls[i].message.data)
			call_again(req, &calls[i], c);
		calls[i].error = c->slot.at ? reply_read(req, c, &calls[i]) : (sp_error)c->error;
		if (first == SP_OK)
			first = calls[i].error;
	}
	return first;
}

sp_error sp_call_all(sp_request *req, sp_call *calls, size_t count)
{
	sp_error first = SP_OK, error;

	while (count > 0) {
		size_t n = count < SDK_CALLS_MAX ? count : SDK_CALLS_MAX;

		error = calls_make(req, calls, n);
		first = first == SP_OK ? error : first;
		calls += n;
		count -= n;
	}
	return first;
}

sp_error sp_call_one(sp_request *req, sp_call *call)
{
	return sp_call_all(req, call, 1);
}
