// SPDX-License-Identifier: Apache-2.0
#include "gateway/retry.h"

#include "gateway/admit.h"
#include "gateway/request.h"
#include "gateway/tables.h"
#include "gateway/worker.h"

bool gw_retry_idempotent(const struct gw_worker *worker, uint32_t fn)
{
	return fn < SP_FN_MAX && worker->tables->wiring.idempotent >> fn & 1;
}

/* The kernel's stamps say who has had it; of a path that is longer than they are, nobody can. */
static bool path_idempotent(const struct gw_worker *worker, uint32_t index)
{
	const struct sp_owner *o = &worker->gateway->owners[index];

	if (o->hops == 0 || o->hops >= SP_HOPS_MAX)
		return false;
	for (uint32_t i = 0; i < o->hops; i++)
		if (!gw_retry_idempotent(worker, o->hop[i].fn))
			return false;
	return true;
}

static h2o_buffer_t *input_of(const h2o_req_t *req)
{
	return req->conn->callbacks->get_socket(req->conn)->input;
}

void gw_retry_note(struct gw_request *r)
{
	r->input = NULL;
	if (r->req->version >= 0x200 || r->worker->tables->wiring.idempotent == 0)
		return; /* of HTTP/2, they are the request's own */
	r->input = input_of(r->req)->bytes;
	r->input_size = input_of(r->req)->size;
}

struct move {
	const char *from;
	size_t size;
	char *to;
};

static void iovec_move(const struct move *m, h2o_iovec_t *v)
{
	/* As numbers: what was there may be gone. */
	uintptr_t at = (uintptr_t)v->base, from = (uintptr_t)m->from;

	if (v->base && at >= from && at - from <= m->size)
		v->base = m->to + (at - from);
}

/* What a client sends ahead can move all that came before it. Nothing of that is taken away
 * until the request ends, so it is where it was from the begin. */
static void input_follow(struct gw_request *r)
{
	h2o_req_t *req = r->req;
	struct move m = { .from = r->input, .size = r->input_size };

	if (!r->input || input_of(req)->bytes == r->input)
		return;
	m.to = input_of(req)->bytes;
	iovec_move(&m, &req->entity);
	iovec_move(&m, &req->method);
	iovec_move(&m, &req->path);
	iovec_move(&m, &req->path_normalized);
	iovec_move(&m, &req->authority);
	iovec_move(&m, &req->input.method);
	iovec_move(&m, &req->input.path);
	iovec_move(&m, &req->input.authority);
	for (size_t i = 0; i < req->headers.size; i++) {
		h2o_header_t *h = &req->headers.entries[i];

		if (!h2o_iovec_is_token(h->name))
			iovec_move(&m, h->name);
		iovec_move(&m, &h->value);
	}
	r->input = m.to;
}

/* Its functions may have become idempotent since it came: then nobody knows where it was. */
static bool input_known(const struct gw_request *r)
{
	return r->input || r->req->version >= 0x200;
}

bool gw_retry(struct gw_worker *worker, struct gw_request *r)
{
	uint64_t timeout_ms = worker->gateway->wiring.timeout_ns / 1000000;
	uint64_t gone_ms;

	r->deaths++;
	if (r->deaths >= GW_DEATHS_MAX || !path_idempotent(worker, r->buf) || !input_known(r))
		return false;
	/* The deadline's entry is linked since the request came. */
	gone_ms = h2o_now(worker->loop) - r->deadline.registered_at;
	if (gone_ms >= timeout_ms)
		return false;
	input_follow(r);
	if (gw_admit_again(r, (timeout_ms - gone_ms) * 1000000) < 0)
		return false;
	GW_COUNT(worker, retried, 1);
	return true;
}
