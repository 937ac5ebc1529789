// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_head.c - any bytes as what peers write into heads: a gateway's answer as the front reads
 * it, trace context, request ids, texts that become JSON.
 *
 * How: the first byte says which.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/front/head.h"
#include "gateway/text.h"
#include "gateway/trace_context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void answer(const char *bytes, size_t size)
{
	static h2o_conn_t conn;
	struct front_head head;
	h2o_req_t req;
	int r;

	memset(&req, 0, sizeof(req));
	h2o_mem_init_pool(&req.pool);
	req.conn = &conn;
	req.method = req.input.method = h2o_iovec_init(H2O_STRLIT("GET"));
	r = front_head_answer(&req, bytes, size, &head);
	require(r == 0 || r == -EAGAIN || r == -EBADMSG);
	if (r == 0) {
		require(head.len <= size && req.res.status >= 200 && req.res.status <= 999);
		require(!head.chunked || head.length == SIZE_MAX);
	}
	h2o_mem_clear_pool(&req.pool);
}

static void names(const char *text, size_t size)
{
	uint8_t trace_id[16], flags = 0;
	struct gw_random random = { { 1, 2, 3, 4 } };
	struct gw_trace trace;
	h2o_mem_pool_t pool;

	if (gw_traceparent_parse(text, size, trace_id, &flags))
		require(size >= GW_TRACEPARENT_LEN);
	if (gw_request_id_valid(text, size))
		require(size > 0 && !memchr(text, '\n', size) && !memchr(text, 0, size));
	h2o_mem_init_pool(&pool);
	gw_trace_make(&random, &pool, h2o_iovec_init(text, size), h2o_iovec_init(text, size),
		      &trace);
	require(gw_request_id_valid(trace.id.base, trace.id.len));
	require(gw_traceparent_parse(trace.traceparent.base, trace.traceparent.len, trace_id,
				     &flags));
	h2o_mem_clear_pool(&pool);
}

static void json(const char *text, size_t size)
{
	char *to = malloc(6 * size + 1), *end;
	size_t used = 0;

	require(to != NULL);
	end = gw_text_escape(to, text, size);
	require(end <= to + 6 * size);
	for (char *at = to; at < end; at++)
		require((unsigned char)*at >= 0x20 && (*at != '"' || (at > to && at[-1] == '\\')));
	while (used < (size_t)(end - to)) { /* all of it is UTF-8 */
		size_t n = gw_text_utf8(to + used, (size_t)(end - to) - used);

		require(n > 0);
		used += n;
	}
	free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of exactly its size: one byte too far is seen. */
	char *copy;

	if (size < 2)
		return 0;
	copy = malloc(size - 1);
	require(copy != NULL);
	memcpy(copy, data + 1, size - 1);
	if (data[0] % 3 == 0)
		answer(copy, size - 1);
	else if (data[0] % 3 == 1)
		names(copy, size - 1);
	else
		json(copy, size - 1);
	free(copy);
	return 0;
}
