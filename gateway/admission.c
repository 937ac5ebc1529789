// SPDX-License-Identifier: Apache-2.0
#include "gateway/admission.h"

#include <errno.h>
#include <string.h>

#include "gateway/buffer.h"
#include "gateway/gateway.h"
#include "gateway/intake.h"
#include "gateway/lease.h"
#include "gateway/worker.h"

void gw_admission_scan(struct gw_admission *a, h2o_iovec_t *id, h2o_iovec_t *traceparent)
{
	h2o_iovec_t none = { NULL, 0 };

	a->query = a->topic = a->connection = *id = *traceparent = none;
	for (size_t i = 0; i < a->req->headers.size; i++) {
		const h2o_header_t *h = &a->req->headers.entries[i];

		if (h->name == &H2O_TOKEN_CONNECTION->buf)
			a->connection =
				gw_intake_connection(&a->req->pool, a->connection, h->value);
		else if (h2o_iovec_is_token(h->name))
			continue;
		else if (h2o_memis(h->name->base, h->name->len, H2O_STRLIT("x-request-id")))
			*id = h->value;
		else if (h2o_memis(h->name->base, h->name->len, H2O_STRLIT("traceparent")))
			*traceparent = h->value;
		else if (h2o_memis(h->name->base, h->name->len, H2O_STRLIT("ce-type")))
			a->topic = h->value;
	}
}

void gw_admission_query(struct gw_admission *a)
{
	const h2o_req_t *req = a->req;

	if (req->query_at != SIZE_MAX)
		a->query = h2o_iovec_init(req->path.base + req->query_at + 1,
					  req->path.len - req->query_at - 1);
}

static int field_push(struct gw_admission *a, const char *name, size_t name_len, h2o_iovec_t value)
{
	struct shm_field field = { name, value.base, (uint32_t)name_len, (uint32_t)value.len };

	if (name_len > SHM_NAME_MAX || value.len > SHM_VALUE_MAX)
		return -EMSGSIZE;
	return shm_record_push_at(&a->header, a->slot, (uint32_t)a->req->entity.len,
				  &a->header.request_headers, &field);
}

/* Last first: a reader then meets them in the order they came. */
static int headers_put(struct gw_admission *a)
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

static int text_put(struct gw_admission *a, h2o_iovec_t text, struct shm_slice *ret)
{
	return text.len == 0 ? 0 :
			       shm_meta_put_at(&a->header, a->slot, (uint32_t)a->req->entity.len,
					       text.base, text.len, ret);
}

/* Writes the header and all meta data. 0, -ENOSPC, or -EMSGSIZE for a field too long. */
static int meta_put(struct gw_admission *a, uint32_t slot_size)
{
	struct gw_worker *w = a->worker;
	struct shm_header *header = &a->header;
	int r;

	shm_header_init(header, slot_size);
	header->number = (uint64_t)w->index << 56 | w->number;
	header->deadline_ns = __atomic_load_n(&w->gateway->frozen, __ATOMIC_RELAXED) ?
				      0 :
				      gw_worker_now(w) + a->timeout_ns;
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
static size_t meta_size(const struct gw_admission *a)
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
static int buffer_take(struct gw_admission *a, size_t room, uint32_t *ret)
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

int gw_admission_fill(struct gw_admission *a, uint32_t *ret)
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

int gw_admission_refill(struct gw_admission *a, uint32_t index)
{
	const struct gateway *g = a->worker->gateway;
	const struct sp_owner *o = &g->owners[index];
	size_t len = a->req->entity.len;
	int r;

	if (o->ref || __atomic_load_n(&o->refs, __ATOMIC_ACQUIRE) > 0 || len > o->cap)
		return -ENOSPC;
	a->slot = gw_slot(g, index);
	r = meta_put(a, shm_layout_class(&g->wiring.layout, index)->stride);
	if (r == 0 && len > 0)
		memcpy(shm_buffer_payload(a->slot), a->req->entity.base, len);
	return r;
}
