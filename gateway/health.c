// SPDX-License-Identifier: Apache-2.0
#include "gateway/health.h"

#include <string.h>

#include "gateway/gateway.h"
#include "gateway/problem.h"
#include "gateway/worker.h"

static void text_send(h2o_req_t *req, int status, const char *text)
{
	h2o_iovec_t body = h2o_iovec_init(text, strlen(text));
	bool head = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));

	gw_status_set(req, status, body.len);
	h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
		       H2O_STRLIT("text/plain; charset=utf-8"));
	h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL,
		       H2O_STRLIT("no-store"));
	h2o_start_response(req, &gw_generator);
	h2o_send(req, &body, head ? 0 : 1, H2O_SEND_STATE_FINAL);
}

/* RFC 9110, 9.3.7: of the server as a whole. That it answers is all there is to say. */
bool gw_health_options(h2o_req_t *req)
{
	if (!h2o_memis(req->input.path.base, req->input.path.len, H2O_STRLIT("*")) ||
	    !h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("OPTIONS")))
		return false;
	text_send(req, 200, "");
	return true;
}

/* The first function without an instance, or 0. */
static uint32_t function_missing(const struct gateway *g)
{
	for (uint32_t fn = 1; fn <= g->wiring.fn_count; fn++) {
		if (!gw_function_up(g, fn))
			return fn;
	}
	return 0;
}

static void ready_send(struct gw_worker *worker, h2o_req_t *req)
{
	const struct gateway *g = worker->gateway;
	uint32_t missing = function_missing(g);

	if (__atomic_load_n(&g->draining, __ATOMIC_RELAXED)) {
		text_send(req, 503, "draining\n");
	} else if (missing) {
		h2o_iovec_t text = h2o_concat(&req->pool, h2o_iovec_init(H2O_STRLIT("function ")),
					      h2o_iovec_init(g->fn_names[missing],
							     strlen(g->fn_names[missing])),
					      h2o_iovec_init(H2O_STRLIT(" has no instance\n\0")));
		text_send(req, 503, text.base);
	} else {
		text_send(req, 200, "ok\n");
	}
}

bool gw_health_answer(struct gw_worker *worker, h2o_req_t *req)
{
	h2o_iovec_t path = req->path_normalized;

	if (!h2o_memis(req->method.base, req->method.len, H2O_STRLIT("GET")) &&
	    !h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD")))
		return false;
	if (h2o_memis(path.base, path.len, H2O_STRLIT("/healthz")))
		text_send(req, 200, "ok\n");
	else if (h2o_memis(path.base, path.len, H2O_STRLIT("/readyz")))
		ready_send(worker, req);
	else
		return false;
	return true;
}
