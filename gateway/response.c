// SPDX-License-Identifier: Apache-2.0
#include "gateway/response.h"

#include <errno.h>
#include <string.h>

#include "functions/sdk/sprocket.h"
#include "gateway/request.h"
#include "gateway/tables.h"
#include "gateway/text.h"
#include "gateway/timing.h"
#include "gateway/worker.h"
#include "shm/field.h"

static void refuse(struct gw_request *r, enum gw_problem_kind kind)
{
	struct gw_problem problem = { .kind = kind };

	GW_COUNT(r->worker, bad_buffer, 1);
	gw_request_refuse(r, &problem);
	gw_request_free(r);
}

/* ---- a function said no ---- */

static const struct {
	int status;
	const char *title;
} errors[SP_ERROR_COUNT] = {
#define X(name, status, title) [name] = { status, title },
	SP_ERRORS(X)
#undef X
};

uint32_t gw_response_function(const struct gateway *g, uint32_t index)
{
	const struct sp_owner *o = &g->owners[index];

	return o->hops >= 2 && o->hops <= SP_HOPS_MAX ? o->hop[o->hops - 2].fn : 0;
}

static void failure_send(struct gw_request *r, const struct shm_header *header, const char *text,
			 uint32_t len)
{
	struct gw_problem problem = { .kind = GW_PROBLEM_FUNCTION_FAILED };
	char copy[GW_DETAIL_MAX];
	uint8_t error = header->error;

	problem.detail_len = len < sizeof(copy) ? len : sizeof(copy);
	if (problem.detail_len > 0)
		memcpy(copy, text, problem.detail_len);
	problem.detail = copy;
	/* A cut goes between characters. */
	while (len > sizeof(copy) && problem.detail_len > 0 &&
	       (text[problem.detail_len] & 0xc0) == 0x80)
		problem.detail_len--;
	problem.function = gw_function_name(r->worker->gateway,
					    gw_response_function(r->worker->gateway, r->buf));
	if (error < SP_ERROR_COUNT && errors[error].title) {
		problem.status = errors[error].status;
		problem.title = errors[error].title;
	}
	GW_COUNT(r->worker, failed, 1);
	if (r->worker->tables->wiring.trace)
		gw_timing_put(r);
	gw_request_refuse(r, &problem);
	gw_request_free(r);
}

/* ---- header fields ---- */

struct fields {
	uint32_t count;
	bool content_type;
	struct shm_field items[GW_FIELD_MAX];
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Copies a field to private memory, name in lower case. White space around a value is no part of
 * it, and makes an answer of HTTP/2 malformed (RFC 9113, 8.2.1). */
static void field_copy(h2o_mem_pool_t *pool, struct shm_field *field)
{
	char *copy = h2o_mem_alloc_pool(pool, (size_t)field->name_len + field->value_len);

	memcpy(copy, field->name, field->name_len);
	memcpy(copy + field->name_len, field->value, field->value_len);
	h2o_strtolower(copy, field->name_len);
	field->name = copy;
	copy += field->name_len;
	for (; field->value_len > 0 && is_space(*copy); copy++)
		field->value_len--;
	while (field->value_len > 0 && is_space(copy[field->value_len - 1]))
		field->value_len--;
	field->value = copy;
}

static bool name_is(const struct shm_field *field, const char *name, size_t len)
{
	return h2o_memis(field->name, field->name_len, name, len);
}

static bool fields_have(const struct fields *fields, const struct shm_field *field)
{
	if (name_is(field, H2O_STRLIT("set-cookie")))
		return false;
	for (uint32_t i = 0; i < fields->count; i++) {
		if (name_is(&fields->items[i], field->name, field->name_len))
			return true;
	}
	return false;
}

/* Reads the records, last set first: the first of a name wins. 0, or -EBADMSG for garbage,
 * other -errno for a field that the function may not set. */
static int fields_take(h2o_mem_pool_t *pool, const struct shm_header *slot, struct shm_slice block,
		       struct fields *fields)
{
	struct shm_field field;
	uint32_t pos = 0;
	int more, r;

	while ((more = shm_record_next(slot, block, &pos, &field)) == 1) {
		field_copy(pool, &field);
		r = shm_field_check(&field);
		if (r < 0)
			return r;
		if (fields_have(fields, &field))
			continue;
		if (fields->count == GW_FIELD_MAX)
			return -E2BIG;
		fields->content_type |= name_is(&field, H2O_STRLIT("content-type"));
		fields->items[fields->count++] = field;
	}
	return more;
}

static void fields_put(h2o_req_t *req, const struct fields *fields)
{
	for (uint32_t i = fields->count; i > 0; i--) {
		const struct shm_field *f = &fields->items[i - 1];
		/* Where libh2o knows it, it asks the request's User-Agent, whose bytes may be
		 * gone, and says something else to some. */
		int token = !name_is(f, H2O_STRLIT("vary"));

		h2o_add_header_by_str(&req->pool, &req->res.headers, f->name, f->name_len, token,
				      NULL, f->value, f->value_len);
	}
}

/* ---- the answer ---- */

static bool has_body(const struct gw_request *r, int status)
{
	return !r->head && status != 204 && status != 304;
}

static void answer(struct gw_request *r, int status, const struct fields *fields, char *body,
		   uint32_t len)
{
	h2o_req_t *req = r->req;
	/* RFC 9110, 15.3.6 */
	h2o_iovec_t iov = h2o_iovec_init(body, status == 205 ? 0 : len);

	GW_COUNT(r->worker, answered, 1);
	gw_request_answering(r);
	/* RFC 9110, 8.6: no Content-Length in a 204; in a 304 only that of the 200. */
	gw_status_set(req, status, status == 204 || status == 304 ? SIZE_MAX : iov.len);
	fields_put(req, fields);
	if (iov.len > 0 && !fields->content_type && status != 204 && status != 304)
		h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
			       H2O_STRLIT("application/octet-stream"));
	gw_trace_put(req, &r->trace);
	if (r->worker->tables->wiring.trace)
		gw_timing_put(r);
	h2o_start_response(req, &gw_generator);
	h2o_send(req, &iov, has_body(r, status) && iov.len > 0 ? 1 : 0, H2O_SEND_STATE_FINAL);
}

void gw_response_drop(struct gw_request *r)
{
	struct fields none = { .count = 0 };

	answer(r, 204, &none, NULL, 0);
}

/* The payload of the buffer, or of the one whose it is to show: the kernel says which that may
 * be, and it stays until this one is freed. NULL: garbage. */
static char *body_find(const struct gw_request *r, const struct shm_header *header, uint32_t *len)
{
	const struct gateway *g = r->worker->gateway;

	if (header->body_buf == 0)
		return shm_buffer_payload(gw_slot(g, r->buf));
	if (header->body_buf != g->owners[r->buf].ref ||
	    header->body_buf > g->wiring.layout.buffer_count ||
	    header->body_len > shm_layout_class(&g->wiring.layout, header->body_buf - 1)->size)
		return NULL;
	*len = header->body_len;
	return shm_buffer_payload(gw_slot(g, header->body_buf - 1));
}

void gw_response_send(struct gw_request *r, const struct sp_desc *d)
{
	struct gateway *g = r->worker->gateway;
	struct shm_header *slot = gw_slot(g, r->buf);
	struct fields fields;
	struct shm_header header;
	int status, bad;
	uint32_t len;
	char *body;

	if (shm_header_check(slot, shm_layout_class(&g->wiring.layout, r->buf)->stride, d->len,
			     &header) < 0) {
		refuse(r, GW_PROBLEM_BAD_BUFFER);
		return;
	}
	if (d->edge == SP_EDGE_REPLY && d->flags & SP_DESC_FAILED && d->flags & SP_DESC_DROPPED) {
		/* By one that cannot write: the error is where the length was. */
		header.error = d->len < SP_ERROR_COUNT ? (uint8_t)d->len : SP_EINTERNAL;
		failure_send(r, &header, NULL, 0);
		return;
	}
	if (d->edge == SP_EDGE_REPLY && d->flags & SP_DESC_FAILED) {
		failure_send(r, &header, shm_buffer_payload(slot), d->len);
		return;
	}
	status = header.status ? header.status : 200;
	if (status < 200 || status > 599) {
		refuse(r, GW_PROBLEM_BAD_STATUS);
		return;
	}
	fields.count = 0;
	fields.content_type = false;
	bad = fields_take(&r->req->pool, slot, header.response_headers, &fields);
	if (bad < 0) {
		refuse(r, bad == -EBADMSG ? GW_PROBLEM_BAD_BUFFER : GW_PROBLEM_BAD_HEADER);
		return;
	}
	len = d->len;
	body = body_find(r, &header, &len);
	if (!body) {
		refuse(r, GW_PROBLEM_BAD_BUFFER);
		return;
	}
	answer(r, status, &fields, body, len);
}
