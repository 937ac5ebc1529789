// SPDX-License-Identifier: Apache-2.0
/*
 * header.c - header fields, status and topic of a request: what lies in the meta area.
 */
#include <errno.h>
#include <string.h>

#include "functions/sdk/request.h"
#include "shm/field.h"

sp_str sp_header(sp_request *req, const char *name)
{
	struct shm_field field;

	if (!shm_record_find(req->slot.at, req->header.request_headers, name, strlen(name), &field))
		return (sp_str){ NULL, 0 };
	return (sp_str){ field.value, field.value_len };
}

int sp_header_at(sp_request *req, size_t i, sp_str *name, sp_str *value)
{
	struct shm_field field;
	uint32_t pos = 0;

	for (size_t n = 0;; n++) {
		if (shm_record_next(req->slot.at, req->header.request_headers, &pos, &field) != 1)
			return -ENOENT;
		if (n == i)
			break;
	}
	*name = (sp_str){ field.name, field.name_len };
	*value = (sp_str){ field.value, field.value_len };
	return 0;
}

/* Puts bytes into the meta area of the buffer the request is in. */
static int put_here(struct sp_request *req, const char *data, size_t len, struct shm_slice *ret)
{
	if (req->worker->read_only)
		return -EROFS;
	return shm_meta_put_at(&req->header, req->slot.at, req->len, data, len, ret);
}

/* Fields are pushed in front of the meta data put last: when that is something else by now,
 * the fields set before are copied there first. */
static int push_here(struct sp_request *req, const struct shm_field *field)
{
	struct shm_slice *block = &req->header.response_headers;
	int r = 0;

	if (req->worker->read_only)
		return -EROFS;
	if (block->len > 0 && block->off != req->header.meta_low)
		r = put_here(req, shm_slice_data(req->slot.at, *block), block->len, block);
	if (r < 0)
		return r;
	return shm_record_push_at(&req->header, req->slot.at, req->len, block, field);
}

static void lower(char *to, const char *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (char)(from[i] >= 'A' && from[i] <= 'Z' ? from[i] | 0x20 : from[i]);
}

static uint32_t body_len(const struct sp_request *req)
{
	return (uint32_t)sdk_body(req).len;
}

int sp_set_header(sp_request *req, const char *name, sp_str value)
{
	size_t len = strlen(name);
	struct shm_field field;
	char low[SHM_NAME_MAX];
	uint32_t need;
	int r;

	if (len > sizeof(low) || value.len > SHM_VALUE_MAX)
		return -EINVAL;
	lower(low, name, len);
	field = (struct shm_field){ low, value.len ? value.data : "", (uint32_t)len,
				    (uint32_t)value.len };
	r = shm_field_check(&field);
	if (r < 0)
		return r;
	r = push_here(req, &field);
	if (r == -ENOSPC) {
		need = shm_record_size(field.name_len, field.value_len) +
		       req->header.response_headers.len;
		r = sdk_request_move(req, body_len(req), body_len(req), need);
		if (r == 0)
			r = push_here(req, &field);
	}
	sdk_request_settle(req);
	req->meta_known = false;
	return r;
}

int sp_set_topic(sp_request *req, sp_str topic)
{
	struct shm_slice slice;
	int r;

	if (topic.len > SHM_VALUE_MAX)
		return -ENOSPC;
	r = put_here(req, topic.data, topic.len, &slice);
	if (r == -ENOSPC &&
	    sdk_request_move(req, body_len(req), body_len(req), (uint32_t)topic.len) == 0)
		r = put_here(req, topic.data, topic.len, &slice);
	if (r == 0)
		req->header.topic = slice;
	sdk_request_settle(req);
	req->meta_known = false;
	return r;
}

int sp_set_status(sp_request *req, int status)
{
	if (status < 200 || status > 599)
		return -EINVAL;
	if (req->worker->read_only)
		return -EROFS;
	req->header.status = (uint16_t)status;
	return 0;
}
