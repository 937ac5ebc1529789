// SPDX-License-Identifier: Apache-2.0
#include "gateway/refusal.h"

#include <stdint.h>

#include "gateway/linger.h"
#include "gateway/problem.h"
#include "gateway/worker.h"

/* By fault, twice: without HEAD and with it. Their text is never looked at. */
static const char marks[2 * GW_H1_FAULTS];

static const enum gw_problem_kind kinds[GW_H1_FAULTS] = {
	[GW_H1_LINE] = GW_PROBLEM_BAD_LINE,           [GW_H1_TARGET] = GW_PROBLEM_BAD_TARGET,
	[GW_H1_TARGET_SIZE] = GW_PROBLEM_TARGET_SIZE, [GW_H1_VERSION] = GW_PROBLEM_BAD_VERSION,
	[GW_H1_CONNECT] = GW_PROBLEM_NO_TUNNEL,       [GW_H1_FIELD] = GW_PROBLEM_BAD_FIELD,
	[GW_H1_SIZE] = GW_PROBLEM_HEAD_SIZE,          [GW_H1_HOST] = GW_PROBLEM_BAD_HOST,
	[GW_H1_FRAMING] = GW_PROBLEM_BAD_FRAMING,     [GW_H1_CODING] = GW_PROBLEM_BAD_CODING,
	[GW_H1_LENGTH] = GW_PROBLEM_BODY_SIZE,
};

const char *gw_refusal_mark(enum gw_h1_fault fault, bool head)
{
	return &marks[2 * fault + head];
}

bool gw_refusal_answer(struct gw_worker *worker, h2o_req_t *req)
{
	/* Below the first mark: larger than all others. */
	uintptr_t mark = (uintptr_t)req->input.method.base - (uintptr_t)marks;
	struct gw_problem problem;
	struct gw_trace trace;

	if (mark >= sizeof(marks))
		return false;
	problem = (struct gw_problem){ .kind = kinds[mark / 2] };
	GW_COUNT(worker, refused, 1);
	gw_trace_of(worker, req, &trace);
	req->http1_is_persistent = 0;
	gw_linger_start(worker, req->conn->callbacks->get_socket(req->conn));
	gw_problem_send(worker, req, &trace, &problem, mark % 2 == 1);
	return true;
}
