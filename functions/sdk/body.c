// SPDX-License-Identifier: Apache-2.0
/*
 * body.c - the payload of a request: read, resize, replace; and the move to another buffer
 * when it outgrows its own, or when others read it there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "functions/sdk/request.h"

#define PRINT_STACK 1024 /* text up to here is formatted on the stack */

void sdk_count_copied(size_t len)
{
	SP_COUNTER(copied_bytes);

	if (len > 0)
		sp_count(&copied_bytes, len);
}

uint32_t sdk_class_for(const struct shm_layout *layout, uint64_t len, uint64_t meta)
{
	uint32_t cls = 0;

	while (cls < layout->class_count &&
	       (layout->classes[cls].size < len ||
		SHM_HEADER_SIZE + len + meta > layout->classes[cls].stride))
		cls++;
	return cls;
}

int sdk_request_move(struct sp_request *req, uint32_t len, uint32_t keep, uint32_t meta)
{
	const struct shm_layout *layout = req->worker->layout;
	struct sdk_port *port = req->worker->port;
	uint32_t cls = sdk_class_for(layout, len, (uint64_t)sdk_meta_size(req) + meta);
	const char *elsewhere = req->body;
	struct sdk_slot to;

	if (cls == layout->class_count || port->take(port, req, cls, &to) < 0)
		return -ENOSPC;
	sdk_request_settle(req);
	/* The reference stays with the buffer that is left, so a body elsewhere comes along. */
	req->body = NULL;
	req->header.body_buf = 0;
	shm_buffer_move(&req->header, req->slot.at, elsewhere ? 0 : keep, to.at, to.stride);
	req->left = req->slot;
	req->slot = to;
	req->len = keep;
	if (elsewhere && keep > 0)
		memcpy(sdk_payload(req), elsewhere, keep);
	sdk_count_copied(keep);
	req->shared = false;
	req->meta_known = false;
	return 0;
}

void sdk_request_settle(struct sp_request *req)
{
	struct sdk_port *port = req->worker->port;

	if (!req->left.at)
		return;
	port->moved(port, req, &req->left, &req->slot);
	req->left.at = NULL;
}

sp_str sdk_body(const struct sp_request *req)
{
	if (req->body)
		return (sp_str){ req->body, req->header.body_len };
	return (sp_str){ sdk_payload(req), req->len };
}

static uint32_t room(const struct sp_request *req)
{
	return shm_buffer_capacity(&req->header, req->slot.size);
}

/*
 * Makes the body `len` bytes of this request's own buffer, beginning with the first `keep` of
 * what it was. The old one stays readable until sdk_request_settle().
 */
static int own(struct sp_request *req, uint32_t len, uint32_t keep)
{
	sp_str was = sdk_body(req);
	int r = 0;

	if (req->worker->read_only)
		return -EROFS;
	if (req->shared || len > room(req))
		r = sdk_request_move(req, len, keep, 0);
	if (r < 0)
		return r;
	/* Its own payload is empty while it refers to another's. */
	if (req->body && keep > 0) {
		memcpy(sdk_payload(req), was.data, keep);
		sdk_count_copied(keep);
	}
	req->body = NULL;
	req->header.body_buf = 0;
	req->len = len;
	return 0;
}

/* As sp_resize, but the old body stays readable until sdk_request_settle(). */
static int resize(struct sp_request *req, size_t len, size_t keep)
{
	size_t was = sdk_body(req).len;

	if (len > SHM_SIZE_MAX)
		return -ENOSPC;
	keep = keep < was ? keep : was;
	return own(req, (uint32_t)len, (uint32_t)(keep < len ? keep : len));
}

sp_buf sp_body(sp_request *req)
{
	sp_str body = sdk_body(req);

	if ((req->body || req->shared || req->worker->read_only) &&
	    resize(req, body.len, body.len) < 0) {
		req->unwritable = true;
		return (sp_buf){ NULL, 0, 0 };
	}
	sdk_request_settle(req);
	return (sp_buf){ sdk_payload(req), req->len, room(req) };
}

sp_str sp_view(sp_request *req)
{
	struct sdk_port *port = req->worker->port;
	sp_str body = sdk_body(req);

	if (req->shared)
		body.data = port->view(port, req->slot.index, req->len);
	return body;
}

sp_buf sp_resize(sp_request *req, size_t len)
{
	int r = resize(req, len, len);

	sdk_request_settle(req);
	return r < 0 ? (sp_buf){ NULL, 0, 0 } : (sp_buf){ sdk_payload(req), req->len, room(req) };
}

int sp_set_body(sp_request *req, const void *data, size_t len)
{
	int r = resize(req, len, 0);

	if (r == 0 && len > 0)
		memmove(sdk_payload(req), data, len);
	sdk_request_settle(req);
	return r;
}

/* Longer than the stack buffer: formatted behind the old body, so that arguments may lie
 * in it, and then moved to the front. */
static int print_long(struct sp_request *req, size_t len, const char *format, va_list args)
{
	size_t old = sdk_body(req).len;
	int r = resize(req, old + len + 1, old);

	if (r < 0)
		return r;
	vsnprintf(sdk_payload(req) + old, len + 1, format, args);
	memmove(sdk_payload(req), sdk_payload(req) + old, len);
	req->len = (uint32_t)len;
	return 0;
}

int sp_print(sp_request *req, const char *format, ...)
{
	char text[PRINT_STACK];
	va_list args, again;
	int n, r;

	va_start(args, format);
	va_copy(again, args);
	n = vsnprintf(text, sizeof(text), format, args);
	if (n < 0) {
		r = -EINVAL;
	} else if ((size_t)n < sizeof(text)) {
		r = sp_set_body(req, text, (size_t)n);
	} else {
		r = print_long(req, (size_t)n, format, again);
		sdk_request_settle(req);
	}
	va_end(again);
	va_end(args);
	return r;
}
