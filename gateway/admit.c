// SPDX-License-Identifier: Apache-2.0
#include "gateway/admit.h"

#include <errno.h>

#include "gateway/admission.h"
#include "gateway/buffer.h"
#include "gateway/conn.h"
#include "gateway/control.h"
#include "gateway/gateway.h"
#include "gateway/health.h"
#include "gateway/instance.h"
#include "gateway/intake.h"
#include "gateway/linger.h"
#include "gateway/outbox.h"
#include "gateway/overload.h"
#include "gateway/problem.h"
#include "gateway/refusal.h"
#include "gateway/request.h"
#include "gateway/tables.h"
#include "gateway/worker.h"
#include "sproxy/rule.h"

static int refuse(struct gw_admission *a, enum gw_problem_kind kind)
{
	struct gw_problem problem = { .kind = kind };

	GW_COUNT(a->worker, refused, 1);
	gw_problem_send(a->worker, a->req, &a->trace, &problem, gw_problem_head(a->req));
	return 0;
}

static int shed(struct gw_admission *a, enum gw_problem_kind kind)
{
	GW_COUNT(a->worker, shed, 1);
	return refuse(a, kind);
}

/* The first function, by the rules that hold now; 0: none. */
static uint32_t first_function(const struct gw_admission *a)
{
	const struct gw_worker *w = a->worker;
	int fn = rule_match(&w->tables->wiring.rules, 0, &a->header, a->slot);

	return fn > 0 && (uint32_t)fn <= w->gateway->wiring.fn_count ? (uint32_t)fn : 0;
}

/* To its function, or behind those that wait for room there. */
static void dispatch(struct gw_worker *w, struct gw_request *r, uint32_t fn, uint32_t len)
{
	if (!gw_overload_behind(&w->overload, fn))
		gw_outbox_put(w, fn, r->buf, len, 0);
	else
		gw_instance_wait(w, r, fn, len);
}

/* Hands the request to the chain. */
static int enter(struct gw_admission *a)
{
	struct gw_worker *w = a->worker;
	struct gw_request *request;
	uint32_t index, fn, len = (uint32_t)a->req->entity.len;
	int r;

	w->number++;
	r = gw_admission_fill(a, &index);
	if (r == -ENOBUFS) {
		GW_COUNT(w, no_buffer, 1);
		gw_overload_dry(w);
		return refuse(a, GW_PROBLEM_NO_BUFFER);
	}
	if (r < 0)
		return refuse(a, GW_PROBLEM_HEADER_SIZE);
	fn = first_function(a);
	if (fn == 0) {
		gw_buffer_free(w, index);
		return refuse(a, GW_PROBLEM_NO_ROUTE);
	}
	GW_COUNT(w, requests, 1);
	gw_control_busy(w);
	request = gw_request_start(w, a->req, index, &a->trace);
	gw_conn_watch(w, a->req);
	dispatch(w, request, fn, len);
	return 0;
}

int gw_admit_again(struct gw_request *r, uint64_t left_ns)
{
	struct gw_worker *w = r->worker;
	struct gw_admission a = { .worker = w, .req = r->req, .timeout_ns = left_ns };
	h2o_iovec_t id, traceparent;
	uint32_t index = r->buf, fn;
	int err;

	gw_admission_scan(&a, &id, &traceparent);
	gw_admission_query(&a);
	a.trace = r->trace;
	w->number++;
	err = gw_admission_refill(&a, index);
	if (err < 0)
		err = gw_admission_fill(&a, &index);
	if (err < 0)
		return err;
	fn = first_function(&a);
	if (fn == 0) {
		if (index != r->buf)
			gw_buffer_free(w, index);
		return -ENOENT;
	}
	if (index != r->buf)
		gw_request_replace(r, index);
	w->gateway->owners[index].hops = 0;
	r->room_ns = 0;
	r->retried = false;
	dispatch(w, r, fn, (uint32_t)r->req->entity.len);
	return 0;
}

/* ---- before the chain ---- */

struct waiting {
	struct gw_waiter waiter;
	struct gw_admission admission;
};

static void on_waiting_dispose(void *p)
{
	gw_overload_forget(&((struct waiting *)p)->waiter);
}

/* Its bytes stay where they are: a client that waits is not read. */
static int wait_for_room(struct gw_admission *a)
{
	struct waiting *w = h2o_mem_alloc_shared(&a->req->pool, sizeof(*w), on_waiting_dispose);

	w->waiter.link = (h2o_linklist_t){ NULL, NULL };
	w->admission = *a;
	return gw_overload_wait(a->worker, &w->waiter) ? 0 : shed(a, GW_PROBLEM_OVERLOADED);
}

static struct gw_admission *admission_of(struct gw_waiter *waiter)
{
	return &H2O_STRUCT_FROM_MEMBER(struct waiting, waiter, waiter)->admission;
}

void gw_admit_waited(struct gw_waiter *waiter)
{
	enter(admission_of(waiter));
}

void gw_admit_shed(struct gw_waiter *waiter)
{
	shed(admission_of(waiter), GW_PROBLEM_OVERLOADED);
}

/* Its body was not waited for, and is on its way. */
static int refuse_early(struct gw_admission *a)
{
	if (a->req->version < 0x200) {
		a->req->http1_is_persistent = 0;
		gw_linger_start(a->worker, a->req->conn->callbacks->get_socket(a->req->conn));
	}
	if (a->worker->overload.dry_ns == 0)
		return shed(a, GW_PROBLEM_OVERLOADED);
	GW_COUNT(a->worker, no_buffer, 1);
	return refuse(a, GW_PROBLEM_NO_BUFFER);
}

static int refuse_method(struct gw_admission *a, const struct gw_ingress *ingress)
{
	/* The answer may outlive the table. */
	h2o_iovec_t allow = h2o_strdup(&a->req->pool, ingress->allow, ingress->allow_len);

	h2o_add_header(&a->req->pool, &a->req->res.headers, H2O_TOKEN_ALLOW, NULL, allow.base,
		       allow.len);
	return refuse(a, GW_PROBLEM_METHOD);
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
	h2o_iovec_t id, traceparent;
	struct gw_admission a;
	const struct gw_ingress *ingress;

	(void)self;
	a.worker = gw_worker_of(req);
	a.req = req;
	if (gw_refusal_answer(a.worker, req))
		return 0;
	if (a.worker->draining)
		req->http1_is_persistent = 0;
	gw_admission_scan(&a, &id, &traceparent);
	gw_trace_make(&a.worker->random, &req->pool, id, traceparent, &a.trace);
	/* First of all: any other answer would go on with its body as the next request. */
	if (gw_overload_head_refused(req))
		return refuse_early(&a);
	if (gw_health_options(req))
		return 0;
	a.timeout_ns = a.worker->gateway->wiring.timeout_ns;
	gw_intake_target_resolve(req);
	if (!gw_intake_host_known(req) && req->version == 0x101)
		return refuse(&a, GW_PROBLEM_NO_HOST); /* RFC 9112, 3.2: must */
	if (!gw_intake_path_valid(req))
		return refuse(&a, GW_PROBLEM_BAD_PATH);
	gw_admission_query(&a);
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
	return gw_overload_full(a.worker) ? wait_for_room(&a) : enter(&a);
}

void gw_admit_handler(h2o_pathconf_t *path)
{
	h2o_handler_t *handler = h2o_create_handler(path, sizeof(*handler));

	handler->on_req = on_request;
}
