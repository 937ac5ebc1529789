// SPDX-License-Identifier: Apache-2.0
/*
 * body.c - the payload of a request: read, resize, replace; and the move to a larger
 * buffer when it outgrows its own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "functions/sdk/request.h"

#define PRINT_STACK 1024 /* text up to here is formatted on the stack */

/* The classes whose slot has room for `len` payload and `meta` meta bytes. */
static bool class_fits(const struct shm_class *c, uint64_t len, uint64_t meta)
{
	return c->size >= len && SHM_HEADER_SIZE + len + meta <= c->stride;
}

int sdk_request_move(struct sp_request *req, uint32_t len, uint32_t meta)
{
	const struct shm_layout *layout = req->worker->layout;
	struct sdk_source *source = req->worker->source;
	uint64_t meta_all = (uint64_t)req->slot.stride - req->header.meta_low + meta;
	struct sdk_slot to;
	uint32_t cls = 0;

	while (cls < layout->class_count && (layout->classes[cls].stride <= req->slot.stride ||
					     !class_fits(&layout->classes[cls], len, meta_all)))
		cls++;
	if (cls == layout->class_count || source->take(source, cls, &to) < 0)
		return -ENOSPC;
	sdk_request_settle(req);
	shm_buffer_move(&req->header, req->slot.at, req->len < len ? req->len : len, to.at,
			to.stride);
	req->left = req->slot;
	req->slot = to;
	req->meta_known = false;
	source->moved(source, req, &req->left, &to);
	return 0;
}

void sdk_request_settle(struct sp_request *req)
{
	struct sdk_source *source = req->worker->source;

	if (!req->left.at)
		return;
	source->retire(source, &req->left);
	req->left.at = NULL;
}

static sp_buf body_of(const struct sp_request *req)
{
	return (sp_buf){ sdk_payload(req), req->len,
			 shm_buffer_capacity(&req->header, req->slot.size) };
}

sp_buf sp_body(sp_request *req)
{
	return body_of(req);
}

/* As sp_resize, but the old body stays readable until sdk_request_settle(). */
static int resize(struct sp_request *req, size_t len)
{
	int r = 0;

	if (len > SHM_SIZE_MAX)
		return -ENOSPC;
	if (len > shm_buffer_capacity(&req->header, req->slot.size))
		r = sdk_request_move(req, (uint32_t)len, 0);
	if (r == 0)
		req->len = (uint32_t)len;
	return r;
}

sp_buf sp_resize(sp_request *req, size_t len)
{
	int r = resize(req, len);

	sdk_request_settle(req);
	return r < 0 ? (sp_buf){ NULL, 0, 0 } : body_of(req);
}

int sp_set_body(sp_request *req, const void *data, size_t len)
{
	int r = resize(req, len);

	if (r == 0 && len > 0)
		memmove(sdk_payload(req), data, len);
	sdk_request_settle(req);
	return r;
}

/* Longer than the stack buffer: formatted behind the old body, so that arguments may lie
 * in it, and then moved to the front. */
static int print_long(struct sp_request *req, size_t len, const char *format, va_list args)
{
	size_t old = req->len;
	int r = resize(req, old + len + 1);

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
