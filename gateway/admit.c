// SPDX-License-Identifier: Apache-2.0
#include "gateway/admit.h"

#include <errno.h>
#include <string.h>

#include "gateway/buffer.h"
#include "gateway/conn.h"
#include "gateway/control.h"
#include "gateway/gateway.h"
#include "gateway/health.h"
#include "gateway/intake.h"
#include "gateway/lease.h"
#include "gateway/problem.h"
#include "gateway/refusal.h"
#include "gateway/request.h"
#include "gateway/tables.h"
#include "gateway/worker.h"
#include "sproxy/rule.h"

/* A request on its way in. */
struct admission {
	struct gw_worker *worker;
	h2o_req_t *req;
	h2o_iovec_t query;
	h2o_iovec_t topic;      /* ce-type, or {NULL, 0} */
	h2o_iovec_t connection; /* what else is hop by hop */
	struct gw_trace trace;
	/* What the buffer's header says. Functions can write to the buffer at any time, also
	 * while it is filled: where to write next is read from here, never from there. */
	struct shm_header header;
	struct shm_header *slot;
};

static int refuse(struct admission *a, enum gw_problem_kind kind)
{
	struct gw_problem problem = { .kind = kind };

	GW_COUNT(a->worker, refused, 1);
	gw_problem_send(a->worker, a->req, &a->trace, &problem, gw_problem_head(a->req));
	return 0;
}

/* Looks once over the headers for those that the gateway itself needs. */
static void headers_scan(struct admission *a)
{
	h2o_iovec_t none = { NULL, 0 }, id = none, traceparent = none;

	a->query = a->topic = a->connection = none;
	for (size_t i = 0; i < a->req->headers.size; i++) {
		const h2o_header_t *h = &a->req->headers.entries[i];

		if (h->name == &H2O_TOKEN_CONNECTION->buf)
			a->connection =
				gw_intake_connection(&a->req->pool, a->connection, h->value);
		else if (h2o_iovec_is_token(h->name))
			continue;
		else if (h2o_memis(h->name->base, h->name->len, H2O_STRLIT("x-request-id")))
			id = h->value;
		else if (h2o_memis(h->name->base, h->name->len, H2O_STRLIT("traceparent")))
			traceparent = h->value;
		else if (h2o_memis(h->name->base, h->name->len, H2O_STRLIT("ce-type")))
			a->topic = h->value;
	}
	gw_trace_make(&a->worker->random, &a->req->pool, id, traceparent, &a->trace);
}

static int field_push(struct admission *a, const char *name, size_t name_len, h2o_iovec_t value)
{
	struct shm_field field = { name, value.base, (uint32_t)name_len, (uint32_t)value.len };

	if (name_len > SHM_NAME_MAX || value.len > SHM_VALUE_MAX)
		return -EMSGSIZE;
	return shm_record_push_at(&a->header, a->slot, (uint32_t)a->req->entity.len,
				  &a->header.request_headers, &field);
}

/* Last first: a reader then meets them in the order they came. */
static int headers_put(struct admission *a)
{
	const h2o_req_t *req = a->req;
	int r = 0;

	for (size_t i = req->headers.size; i > 0 && r == 0; i--) {
		const h2o_header_t *h = &req->headers.entries[i - 1];

		if (!gw_intake_hop_by_hop(a->connection, h))
			r = field_push(a, h->name->base, h->name->len, h->value);
	}
	if (r == 0 && gw_intake_host_known(req))
		r = field_push(a, H2O_STRLIT("host"), req->authority);
	return r;
}

static int text_put(struct admission *a, h2o_iovec_t text, struct shm_slice *ret)
{
	return text.len == 0 ? 0 :
			       shm_meta_put_at(&a->header, a->slot, (uint32_t)a->req->entity.len,
					       text.base, text.len, ret);
}

/* Writes the header and all meta data. 0, -ENOSPC, or -EMSGSIZE for a field too long. */
static int meta_put(struct admission *a, uint32_t slot_size)
{
	struct gw_worker *w = a->worker;
	struct shm_header *header = &a->header;
	int r;

	shm_header_init(header, slot_size);
	header->number = (uint64_t)w->index << 56 | w->number;
	header->deadline_ns = __atomic_load_n(&w->gateway->frozen, __ATOMIC_RELAXED) ?
				      0 :
				      gw_worker_now(w) + w->gateway->wiring.timeout_ns;
	memcpy(header->trace_id, a->trace.trace_id, sizeof(header->trace_id));
	memcpy(header->parent_id, a->trace.parent_id, sizeof(header->parent_id));
	header->trace_flags = a->trace.flags;
	r = text_put(a, a->req->method, &header->method);
	if (r == 0)
		r = text_put(a, a->req->path_normalized, &header->path);
	if (r == 0)
		r = text_put(a, a->query, &header->query);
	if (r == 0)
		r = text_put(a, a->trace.id, &header->id);
	if (r == 0)
		r = text_put(a, a->topic, &header->topic);
	if (r == 0)
		r = headers_put(a);
	if (r == 0)
		memcpy(a->slot, header, sizeof(*header));
	return r;
}

/* Bytes that the meta data take, all together. */
static size_t meta_size(const struct admission *a)
{
	const h2o_req_t *req = a->req;
	size_t size = req->method.len + req->path_normalized.len + a->query.len + a->trace.id.len +
		      a->topic.len + shm_record_size(4, (uint32_t)req->authority.len);

	for (size_t i = 0; i < req->headers.size; i++) {
		const h2o_header_t *h = &req->headers.entries[i];

		if (!gw_intake_hop_by_hop(a->connection, h))
			size += shm_record_size((uint32_t)h->name->len, (uint32_t)h->value.len);
	}
	return size;
}

/* Takes a buffer of a class that has one left for clients' requests. */
static int pool_get(struct gw_worker *w, uint32_t room, uint32_t *ret)
{
	struct gateway *g = w->gateway;
	uint32_t cls;
	int r;

	while ((r = shm_pool_get(g->pool, room, w->slot, ret)) == 0) {
		cls = gw_buffer_class(g, *ret);
		if (gw_lease_spares(w, cls))
			break;
		gw_buffer_free(w, *ret);
		if (cls + 1 == g->wiring.layout.class_count)
			return -ENOBUFS;
		room = g->wiring.layout.classes[cls].size + 1;
	}
	if (r == 0)
		gw_buffer_use(w, *ret, GW_USE_REQUEST);
	return r;
}

/* Takes a buffer with `room` payload bytes and fills in the meta data. 0 and *ret, or the
 * error of the pool or of meta_put(); then nothing is held. */
static int buffer_take(struct admission *a, size_t room, uint32_t *ret)
{
	struct gateway *g = a->worker->gateway;
	uint32_t index;
	int r;

	if (room > SHM_SIZE_MAX)
		return -EMSGSIZE;
	r = pool_get(a->worker, (uint32_t)room, &index);
	if (r < 0)
		return r;
	a->slot = gw_slot(g, index);
	r = meta_put(a, shm_layout_class(&g->wiring.layout, index)->stride);
	if (r < 0) {
		gw_buffer_free(a->worker, index);
		return r;
	}
	*ret = index;
	return 0;
}

static int buffer_fill(struct admission *a, uint32_t *ret)
{
	size_t len = a->req->entity.len;
	int r = buffer_take(a, len, ret);

	/* Long meta data: a larger class, whose payload room they may use. */
	if (r == -ENOSPC)
		r = buffer_take(a, len + meta_size(a), ret);
	if (r == 0 && len > 0)
		memcpy(shm_buffer_payload(a->slot), a->req->entity.base, len);
	return r;
}

/* Hands the request to the chain. */
static int enter(struct admission *a)
{
	struct gw_worker *w = a->worker;
	struct gateway *g = w->gateway;
	uint32_t index, len = (uint32_t)a->req->entity.len;
	int r, fn;

	w->number++;
	r = buffer_fill(a, &index);
	if (r == -ENOBUFS) {
		GW_COUNT(w, no_buffer, 1);
		return refuse(a, GW_PROBLEM_NO_BUFFER);
	}
	if (r < 0)
		return refuse(a, GW_PROBLEM_HEADER_SIZE);
	fn = rule_match(&w->tables->wiring.rules, 0, &a->header, a->slot);
	if (fn <= 0 || (uint32_t)fn > g->wiring.fn_count) {
		gw_buffer_free(w, index);
		return refuse(a, GW_PROBLEM_NO_ROUTE);
	}
	GW_COUNT(w, requests, 1);
	gw_control_busy(w);
	gw_request_start(w, a->req, index, &a->trace);
	gw_conn_watch(w, a->req);
	gw_outbox_put(w, (uint32_t)fn, index, len, 0);
	return 0;
}

static int refuse_method(struct admission *a, const struct gw_ingress *ingress)
{
	/* The answer may outlive the table. */
	h2o_iovec_t allow = h2o_strdup(&a->req->pool, ingress->allow, ingress->allow_len);

	h2o_add_header(&a->req->pool, &a->req->res.headers, H2O_TOKEN_ALLOW, NULL, allow.base,
		       allow.len);
	return refuse(a, GW_PROBLEM_METHOD);
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
	struct admission a;
	const struct gw_ingress *ingress;

	(void)self;
	a.worker = gw_worker_of(req);
	a.req = req;
	if (gw_refusal_answer(a.worker, req))
		return 0;
	if (a.worker->draining)
		req->http1_is_persistent = 0;
	if (gw_health_options(req))
		return 0;
	headers_scan(&a);
	gw_intake_target_resolve(req);
	if (!gw_intake_host_known(req) && req->version == 0x101)
		return refuse(&a, GW_PROBLEM_NO_HOST); /* RFC 9112, 3.2: must */
	if (!gw_intake_path_valid(req))
		return refuse(&a, GW_PROBLEM_BAD_PATH);
	if (req->query_at != SIZE_MAX)
		a.query = h2o_iovec_init(req->path.base + req->query_at + 1,
					 req->path.len - req->query_at - 1);
	ingress = gw_ingress_find(&a.worker->tables->ingress,
				  gw_intake_host_known(req) ? req->authority :
							      h2o_iovec_init(NULL, 0),
				  req->path_normalized);
	if ((!ingress || ingress->match.prefix) && gw_health_answer(a.worker, req))
		return 0;
	if (!ingress)
		return refuse(&a, GW_PROBLEM_NOT_FOUND);
	if (!gw_ingress_allows(ingress, req->method.base, req->method.len))
		return refuse_method(&a, ingress);
	if (req->entity.len > ingress->max_body)
		return refuse(&a, GW_PROBLEM_BODY_SIZE);
	return enter(&a);
}

void gw_admit_handler(h2o_pathconf_t *path)
{
	h2o_handler_t *handler = h2o_create_handler(path, sizeof(*handler));

	handler->on_req = on_request;
}
