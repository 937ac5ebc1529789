// SPDX-License-Identifier: Apache-2.0
#include "gateway/problem.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gateway/gateway.h"
#include "gateway/linger.h"
#include "gateway/text.h"
#include "gateway/worker.h"

static const struct {
	const char *reason;
	const char *title;
	const char *detail;
	const char *retry;
	int status;
} kinds[] = {
#define X(name, reason, status, title, detail, retry) \
	[GW_PROBLEM_##name] = { reason, title, detail, retry ? #retry : NULL, status },
	GW_PROBLEMS(X)
#undef X
};

h2o_generator_t gw_generator;

void gw_status_set(h2o_req_t *req, int status, size_t content_length)
{
	req->res.status = status;
	req->res.reason = gw_text_status(status);
	req->res.content_length = content_length;
}

/* The document, in the request's memory. */
static h2o_iovec_t document(struct gw_worker *worker, h2o_req_t *req, const struct gw_trace *trace,
			    const struct gw_problem *problem, int status)
{
	const char *chain = problem->chain ? problem->chain : worker->gateway->chain;
	const char *reason = kinds[problem->kind].reason;
	const char *title = problem->title ? problem->title : kinds[problem->kind].title;
	const char *detail = problem->detail ? problem->detail : kinds[problem->kind].detail;
	size_t detail_len = problem->detail ? problem->detail_len : strlen(detail);
	/* An escaped byte is six at most; the rest is fixed and short. */
	size_t size = 512 + 6 * (detail_len + strlen(title) + strlen(chain) + trace->id.len) +
		      (problem->function ? 6 * strlen(problem->function) : 0);
	char *text = h2o_mem_alloc_pool(&req->pool, size), *p = text;

	p = gw_text_put(p, "{\"type\":\"urn:sprocket:problem:");
	p = gw_text_put(p, reason);
	p = gw_text_put(p, "\",\"title\":\"");
	p = gw_text_escape(p, title, strlen(title));
	p += sprintf(p, "\",\"status\":%d,\"detail\":\"", status);
	p = gw_text_escape(p, detail, detail_len);
	if (*chain) {
		p = gw_text_put(p, "\",\"chain\":\"");
		p = gw_text_escape(p, chain, strlen(chain));
	}
	if (problem->function && *problem->function) {
		p = gw_text_put(p, "\",\"function\":\"");
		p = gw_text_escape(p, problem->function, strlen(problem->function));
	}
	p = gw_text_put(p, "\",\"reason\":\"");
	p = gw_text_put(p, reason);
	p = gw_text_put(p, "\",\"request\":\"");
	p = gw_text_escape(p, trace->id.base, trace->id.len);
	p = gw_text_put(p, "\"}\n");
	return h2o_iovec_init(text, (size_t)(p - text));
}

static void headers_put(h2o_req_t *req, const struct gw_trace *trace, const char *retry)
{
	h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
		       H2O_STRLIT("application/problem+json"));
	if (retry)
		h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_RETRY_AFTER, NULL, retry,
			       strlen(retry));
	gw_trace_put(req, trace);
}

void gw_problem_send(struct gw_worker *worker, h2o_req_t *req, const struct gw_trace *trace,
		     const struct gw_problem *problem, bool head)
{
	int status = problem->status ? problem->status : kinds[problem->kind].status;
	h2o_iovec_t body = document(worker, req, trace, problem, status);

	gw_status_set(req, status, body.len);
	headers_put(req, trace, kinds[problem->kind].retry);
	h2o_start_response(req, &gw_generator);
	h2o_send(req, &body, head ? 0 : 1, H2O_SEND_STATE_FINAL);
}

/* ---- libh2o's own error pages ---- */

struct replacement {
	h2o_ostream_t super;
	h2o_iovec_t body;
};

static void replacement_send(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
			     h2o_send_state_t state)
{
	struct replacement *r = H2O_STRUCT_FROM_MEMBER(struct replacement, super, self);

	(void)bufs;
	h2o_ostream_send_next(self, req, &r->body, count > 0 ? 1 : 0, state);
}

static void error_page_replace(struct gw_worker *worker, h2o_req_t *req, h2o_ostream_t **slot)
{
	struct gw_problem problem = { .kind = GW_PROBLEM_PROTOCOL,
				      .status = req->res.status,
				      .title = gw_text_status(req->res.status),
				      .detail = req->res.reason,
				      .detail_len = strlen(req->res.reason) };
	struct gw_trace trace;
	struct replacement *r;

	if (req->res.status == 413)
		problem = (struct gw_problem){ .kind = GW_PROBLEM_BODY_SIZE };
	if (req->version < 0x200 && !req->http1_is_persistent)
		gw_linger_start(worker, req->conn->callbacks->get_socket(req->conn));
	gw_trace_of(worker, req, &trace);
	r = (struct replacement *)(void *)h2o_add_ostream(req, sizeof(*r), slot);
	r->super.do_send = replacement_send;
	r->body = document(worker, req, &trace, &problem, req->res.status);
	memset(&req->res.headers, 0, sizeof(req->res.headers));
	gw_status_set(req, req->res.status, r->body.len);
	headers_put(req, &trace, NULL);
	GW_COUNT(worker, refused, 1);
	h2o_setup_next_ostream(req, &r->super.next);
}

static void on_setup_ostream(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
	(void)self;
	/* libh2o's pages are whole at once: what goes on later is somebody's answer. */
	if (req->_generator == &gw_generator || req->_generator->proceed || req->res.status < 400)
		h2o_setup_next_ostream(req, slot);
	else
		error_page_replace(gw_worker_of(req), req, slot);
}

void gw_problem_filter(h2o_pathconf_t *path)
{
	h2o_filter_t *filter = h2o_create_filter(path, sizeof(*filter));

	filter->on_setup_ostream = on_setup_ostream;
}
