// SPDX-License-Identifier: Apache-2.0
#include "gateway/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/breaker.h"
#include "gateway/buffer.h"
#include "gateway/client.h"
#include "gateway/instance.h"
#include "gateway/lease.h"
#include "gateway/overload.h"
#include "gateway/retry.h"
#include "gateway/worker.h"

int gw_requests_new(struct gateway *g)
{
	uint32_t count = g->wiring.layout.buffer_count;

	g->requests = calloc(count, sizeof(*g->requests));
	g->request_store = calloc(count, sizeof(*g->request_store));
	g->uses = calloc(count, sizeof(*g->uses));
	g->kept = calloc(count, sizeof(*g->kept));
	if (!g->requests || !g->request_store || !g->uses || !g->kept) {
		gw_requests_free(g);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < count; i++) {
		g->requests[i] = &g->request_store[i];
		g->requests[i]->buf = i;
	}
	return 0;
}

void gw_requests_free(struct gateway *g)
{
	free(g->requests);
	free(g->request_store);
	free(g->uses);
	free(g->kept);
	g->requests = NULL;
	g->request_store = NULL;
	g->uses = g->kept = NULL;
}

static struct gw_worker *worker_at(const struct gateway *g, uint32_t slot)
{
	for (uint32_t i = 0; i < g->wiring.worker_count; i++)
		if (g->workers[i].slot == slot)
			return &g->workers[i];
	return &g->workers[0];
}

static void orphans_cancel(struct gateway *g)
{
	for (uint32_t i = 0; i < g->wiring.layout.buffer_count; i++) {
		const struct gw_request *r = g->requests[i];

		if (r && r->state == GW_ORPHAN)
			gw_outbox_cancel_now(r->worker, i);
	}
}

void gw_requests_take_over(struct gateway *g)
{
	for (uint32_t i = 0; i < g->wiring.layout.buffer_count; i++) {
		const struct sp_owner *o = &g->owners[i];
		struct gw_request *r = g->requests[i];

		if (g->kept[i] || (uint32_t)gw_owner_word(g, i) == SP_HOLDER_FREE)
			continue;
		/* Acquire: when a lease becomes a request, its new home is written first. */
		if (__atomic_load_n(&o->leased, __ATOMIC_ACQUIRE)) {
			gw_lease_begun(&g->workers[0], i);
		} else {
			gw_buffer_use(&g->workers[0], i, GW_USE_REQUEST);
			r->state = GW_ORPHAN;
		}
		r->worker = worker_at(g, o->home);
	}
	/* Whoever has one would work, or keep its buffer, for nobody. */
	orphans_cancel(g);
}

static bool in_chain(uint32_t state)
{
	return state == GW_IN_CHAIN || state == GW_HELD;
}

void gw_request_set_state(struct gw_request *r, enum gw_state state)
{
	struct gw_worker *w = r->worker;

	/* Its client is charged for it until now. */
	if (r->cancelled && state != GW_ORPHAN) {
		gw_client_returned(r->cancelled);
		r->cancelled = NULL;
	}
	w->live += (in_chain(state) || state == GW_ANSWERING) -
		   (in_chain(r->state) || r->state == GW_ANSWERING);
	GW_COUNT(w, in_flight, in_chain(state) - in_chain(r->state));
	/* Read by the worker that takes the buffer next. */
	__atomic_store_n(&r->state, state, __ATOMIC_RELEASE);
}

/* A client that does not read would keep the buffer for ever. The end of its connection,
 * as libh2o sees it then, disposes of the request. */
static void on_stall(h2o_timeout_entry_t *entry)
{
	struct gw_request *r = H2O_STRUCT_FROM_MEMBER(struct gw_request, deadline, entry);
	h2o_conn_t *conn = r->req->conn;

	shutdown(h2o_socket_get_fd(conn->callbacks->get_socket(conn)), SHUT_RDWR);
}

void gw_request_answering(struct gw_request *r)
{
	h2o_timeout_unlink(&r->deadline);
	r->deadline.cb = on_stall;
	h2o_timeout_link(r->worker->loop, &r->worker->stall, &r->deadline);
	gw_request_set_state(r, GW_ANSWERING);
}

static void request_untie(struct gw_request *r)
{
	h2o_timeout_unlink(&r->deadline);
	gw_overload_leave(r);
	if (h2o_linklist_is_linked(&r->held))
		h2o_linklist_unlink(&r->held);
	if (r->tie)
		r->tie->request = NULL;
	r->tie = NULL;
	r->req = NULL;
}

void gw_request_free(struct gw_request *r)
{
	request_untie(r);
	gw_instance_parts_free(r->worker, r);
	gw_request_set_state(r, GW_FREE);
	gw_buffer_free(r->worker, r->buf);
}

/* Nobody waits for the answer any more. Who handles the request may stop. */
static void request_orphan(struct gw_request *r)
{
	gw_request_set_state(r, GW_ORPHAN);
	gw_outbox_cancel(r->worker, r->buf);
}

/* The HTTP request has ended: answered, or its client is gone. */
static void on_tie_dispose(void *p)
{
	struct gw_tie *tie = p;
	struct gw_request *r = tie->request;

	if (!r)
		return;
	if (r->state != GW_ANSWERING)
		GW_COUNT(r->worker, abandoned, 1);
	if (r->state == GW_IN_CHAIN) {
		r->cancelled = gw_client_cancelled(r->req);
		request_untie(r);
		request_orphan(r);
	} else {
		gw_request_free(r);
	}
}

void gw_request_refuse(struct gw_request *r, const struct gw_problem *problem)
{
	h2o_req_t *req = r->req;

	request_untie(r);
	gw_problem_send(r->worker, req, &r->trace, problem, r->head);
}

static void on_deadline(h2o_timeout_entry_t *entry)
{
	struct gw_request *r = H2O_STRUCT_FROM_MEMBER(struct gw_request, deadline, entry);
	struct gateway *g = r->worker->gateway;
	struct gw_problem problem = { .kind = GW_PROBLEM_DEADLINE };

	if (__atomic_load_n(&g->frozen, __ATOMIC_RELAXED)) {
		h2o_timeout_link(r->worker->loop, &r->worker->deadline, &r->deadline);
		return;
	}
	GW_COUNT(r->worker, timed_out, 1);
	if (r->state == GW_HELD) {
		problem.kind = r->waits ? GW_PROBLEM_FUNCTION_FULL : GW_PROBLEM_NO_INSTANCE;
		problem.function = gw_function_name(g, r->fn);
		gw_request_refuse(r, &problem);
		gw_request_free(r);
	} else {
		gw_breaker_late(r->worker, r->buf);
		gw_request_refuse(r, &problem);
		request_orphan(r);
	}
}

struct gw_request *gw_request_start(struct gw_worker *worker, h2o_req_t *req, uint32_t index,
				    const struct gw_trace *trace)
{
	struct gw_request *r = gw_request_of(worker->gateway, index);

	/* Pairs with the release of the worker that had the buffer before. */
	(void)__atomic_load_n(&r->state, __ATOMIC_ACQUIRE);
	r->worker = worker;
	r->req = req;
	r->retried = r->waits = false;
	r->deaths = 0;
	r->room_ns = 0;
	r->fn = 0;
	r->head = gw_problem_head(req);
	r->trace = *trace;
	r->held = (h2o_linklist_t){ NULL, NULL };
	r->deadline = (h2o_timeout_entry_t){ .cb = on_deadline };
	h2o_timeout_link(worker->loop, &worker->deadline, &r->deadline);
	r->tie = h2o_mem_alloc_shared(&req->pool, sizeof(*r->tie), on_tie_dispose);
	r->tie->request = r;
	gw_retry_note(r);
	gw_request_set_state(r, GW_IN_CHAIN);
	return r;
}

void gw_request_unsent(struct gw_worker *worker, struct gw_request *r)
{
	struct gw_problem problem = { .kind = GW_PROBLEM_UNSENT };

	if (r->state == GW_LEASED) {
		gw_lease_return(worker, r->buf);
		return;
	}
	/* An orphan's client went between queueing and sending. */
	if (r->req) {
		GW_COUNT(worker, lost, 1);
		gw_request_refuse(r, &problem);
	}
	gw_request_free(r);
}

static void buffer_change(struct gw_worker *worker, struct gw_request *r, uint32_t to)
{
	struct gateway *g = worker->gateway;
	struct gw_request *spare = gw_request_of(g, to);
	uint32_t from = r->buf;

	__atomic_store_n(&spare->state, GW_FREE, __ATOMIC_RELEASE);
	r->buf = to;
	spare->buf = from;
	__atomic_store_n(&g->requests[to], r, __ATOMIC_RELEASE);
	__atomic_store_n(&g->requests[from], spare, __ATOMIC_RELEASE);
	gw_buffer_free(worker, from);
}

void gw_request_replace(struct gw_request *r, uint32_t to)
{
	/* Pairs with the release of the worker that had the buffer before. */
	(void)gw_request_state(gw_request_of(r->worker->gateway, to));
	buffer_change(r->worker, r, to);
}

void gw_request_move(struct gw_worker *worker, uint32_t from, uint32_t to)
{
	struct gateway *g = worker->gateway;
	struct gw_request *moved = gw_request_of(g, from);
	struct gw_request *spare = gw_request_of(g, to);
	uint32_t state = __atomic_load_n(&spare->state, __ATOMIC_ACQUIRE);

	/* These two only when it moved while this gateway was taking over. */
	if (moved->state == GW_LEASED) {
		gw_lease_return(worker, from);
		return;
	}
	if (moved->state == GW_ORPHAN && state == GW_ORPHAN) {
		gw_request_free(moved);
		return;
	}
	if (moved->state == GW_FREE || state != GW_LEASED)
		return;
	gw_buffer_use(worker, to, GW_USE_REQUEST);
	buffer_change(worker, moved, to);
	if (moved->state == GW_ORPHAN)
		gw_outbox_cancel(worker, to);
}
