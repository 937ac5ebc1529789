// SPDX-License-Identifier: Apache-2.0
/*
 * message.c - buffers of a function's own: taken, filled in, given back, sent as extra messages.
 */
#include <errno.h>
#include <string.h>

#include "functions/sdk/request.h"

int sdk_message_like(const struct sp_request *req, const struct sdk_slot *slot, uint32_t len)
{
	struct shm_header h = req->header;
	int r = shm_meta_copy(&h, req->slot.at, slot->at, slot->stride, len);

	if (r < 0)
		return r;
	h.response_headers = (struct shm_slice){ 0, 0 };
	h.status = 0;
	h.error = SP_OK;
	h.body_buf = 0;
	h.parts = 0;
	h.alone = 0;
	h.hops = h.hops < UINT8_MAX ? h.hops + 1 : h.hops;
	*slot->at = h;
	return 0;
}

static int put(struct shm_header *h, const struct sdk_slot *slot, uint32_t len, sp_str text,
	       struct shm_slice *ret)
{
	return text.len == 0 ? 0 : shm_meta_put_at(h, slot->at, len, text.data, text.len, ret);
}

int sdk_message_call(const struct sp_request *req, const struct sdk_slot *slot, uint32_t len,
		     sp_str topic, uint64_t deadline_ns)
{
	const struct shm_header *of = &req->header;
	struct shm_header h;
	int r;

	shm_header_init(&h, slot->stride);
	h.number = of->number;
	h.deadline_ns = deadline_ns;
	memcpy(h.trace_id, of->trace_id, sizeof(h.trace_id));
	memcpy(h.parent_id, of->parent_id, sizeof(h.parent_id));
	h.trace_flags = of->trace_flags;
	h.qos = of->qos;
	h.hops = of->hops < UINT8_MAX ? of->hops + 1 : of->hops;
	r = put(&h, slot, len, sdk_str(req, of->id), &h.id);
	if (r == 0)
		r = put(&h, slot, len, topic, &h.topic);
	if (r == 0)
		*slot->at = h;
	return r;
}

void sdk_message_refer(const struct sp_request *req, const struct sdk_slot *slot)
{
	slot->at->body_buf = req->body ? req->header.body_buf : req->slot.index + 1;
	slot->at->body_len = (uint32_t)sdk_body(req).len;
}

sp_buf sp_alloc(sp_request *req, size_t size)
{
	const struct shm_layout *layout = req->worker->layout;
	struct sdk_port *port = req->worker->port;
	uint32_t cls = sdk_class_for(layout, size, 0);
	struct sdk_slot slot;

	if (cls == layout->class_count || port->take(port, req, cls, &slot) < 0)
		return (sp_buf){ NULL, 0, 0 };
	port->keep(port, req, &slot, true);
	return (sp_buf){ shm_buffer_payload(slot.at), 0, slot.size };
}

int sdk_message_take(struct sp_request *req, sp_buf message, struct sdk_slot *ret)
{
	struct sdk_port *port = req->worker->port;
	struct sdk_slot slot;
	bool reusable;

	if (!message.data || port->unkeep(port, req, message.data, &slot, &reusable) < 0)
		return -EINVAL;
	if (!reusable) {
		port->keep(port, req, &slot, false);
		return -EINVAL;
	}
	*ret = slot;
	return 0;
}

void sp_release(sp_request *req, sp_buf message)
{
	struct sdk_port *port = req->worker->port;
	struct sdk_slot slot;
	bool reusable;

	if (message.data && port->unkeep(port, req, message.data, &slot, &reusable) == 0)
		port->give_back(port, &slot, reusable);
}

/* ---- extra messages ---- */

/* A buffer for a message of `len` bytes with the meta data of the request, filled in but for
 * the payload. */
static int like_take(struct sp_request *req, size_t len, struct sdk_slot *ret)
{
	const struct shm_layout *layout = req->worker->layout;
	struct sdk_port *port = req->worker->port;
	uint32_t cls = sdk_class_for(layout, len, sdk_meta_size(req));

	if (cls == layout->class_count || port->take(port, req, cls, ret) < 0)
		return -ENOSPC;
	return sdk_message_like(req, ret, (uint32_t)len);
}

static int emit(struct sp_request *req, sp_verdict edge, const struct sdk_slot *slot, size_t len,
		bool by_reference)
{
	struct sdk_port *port = req->worker->port;

	slot->at->alone = 1;
	return port->emit(port, req, edge, slot, (uint32_t)len, by_reference);
}

static bool edge_valid(const struct sp_request *req, sp_verdict edge)
{
	return edge == SP_NEXT || (edge >= 0 && (uint32_t)edge < req->worker->edge_count);
}

int sp_emit(sp_request *req, sp_verdict edge, sp_str body)
{
	struct sdk_slot slot;
	int r;

	if (!edge_valid(req, edge))
		return -EINVAL;
	r = like_take(req, body.len, &slot);
	if (r < 0)
		return r;
	if (body.len > 0)
		memcpy(shm_buffer_payload(slot.at), body.data, body.len);
	sdk_count_copied(body.len);
	return emit(req, edge, &slot, body.len, false);
}

int sp_emit_message(sp_request *req, sp_verdict edge, sp_buf message)
{
	struct sdk_port *port = req->worker->port;
	struct sdk_slot slot;

	if (!edge_valid(req, edge) || sdk_message_take(req, message, &slot) < 0)
		return -EINVAL;
	if (message.len > slot.size || sdk_message_like(req, &slot, (uint32_t)message.len) < 0) {
		port->give_back(port, &slot, true);
		return -ENOSPC;
	}
	return emit(req, edge, &slot, message.len, false);
}

int sp_emit_same(sp_request *req, sp_verdict edge)
{
	struct sdk_slot slot;
	int r;

	if (!edge_valid(req, edge))
		return -EINVAL;
	r = like_take(req, 0, &slot);
	if (r < 0)
		return r;
	sdk_message_refer(req, &slot);
	r = emit(req, edge, &slot, 0, true);
	/* What others read is not written any more; what is another's never is. */
	if (r == 0)
		sdk_body_lent(req);
	return r;
}
