// SPDX-License-Identifier: Apache-2.0
#include "gateway/late.h"

#include <string.h>

#include "gateway/client.h"

void gw_late_begin(h2o_http2_stream_t *stream)
{
	h2o_buffer_dispose(&stream->_req_body);
	stream->req.entity.base = (char *)(uintptr_t)&gw_client_unread[0];
}

bool gw_late_body(const h2o_http2_stream_t *stream)
{
	return stream->req.entity.base == &gw_client_unread[0];
}

static void body_end(h2o_http2_stream_t *stream, const h2o_http2_frame_t *f)
{
	if (f->flags & H2O_HTTP2_FRAME_FLAG_END_STREAM)
		stream->req.entity.base = (char *)(uintptr_t)&gw_client_unread[1];
}

void gw_late_ignore(h2o_http2_frame_t *f)
{
	static const uint8_t nothing[5];

	*f = (h2o_http2_frame_t){ .length = sizeof(nothing),
				  .type = H2O_HTTP2_FRAME_TYPE_PRIORITY,
				  .stream_id = 2,
				  .payload = nothing };
}

/* As libh2o does for bodies that it reads. */
static void window_return(h2o_http2_conn_t *conn, size_t bytes)
{
	h2o_http2_window_t *window = &conn->_input_window;
	ssize_t most = H2O_HTTP2_SETTINGS_HOST.initial_window_size, delta;

	h2o_http2_window_consume_window(window, bytes);
	delta = most - h2o_http2_window_get_window(window);
	if (delta * 2 <= most)
		return;
	h2o_http2_encode_window_update_frame(&conn->_write.buf, 0, (int32_t)delta);
	h2o_http2_conn_request_write(conn);
	h2o_http2_window_update(window, delta);
}

int gw_late_data(h2o_http2_conn_t *conn, h2o_http2_stream_t *stream, h2o_http2_frame_t *f,
		 const char **why)
{
	h2o_http2_data_payload_t payload;
	int r = h2o_http2_decode_data_payload(&payload, f, why);

	if (r != 0)
		return r;
	h2o_http2_window_consume_window(&stream->input_window, f->length);
	if (conn->state == H2O_HTTP2_CONN_STATE_OPEN)
		window_return(conn, f->length);
	body_end(stream, f);
	gw_late_ignore(f);
	return 0;
}

/* What they put into the header table counts. */
int gw_late_trailers(h2o_http2_conn_t *conn, h2o_http2_stream_t *stream, h2o_http2_frame_t *f,
		     const char **why)
{
	h2o_http2_headers_payload_t payload;
	size_t content_length;
	h2o_req_t *req;
	int r = h2o_http2_decode_headers_payload(&payload, f, why);

	if (r != 0 || !(f->flags & H2O_HTTP2_FRAME_FLAG_END_HEADERS))
		return r;
	req = h2o_mem_alloc(sizeof(*req));
	memset(req, 0, sizeof(*req));
	req->conn = &conn->super;
	h2o_mem_init_pool(&req->pool);
	r = h2o_hpack_parse_headers(req, &conn->_input_header_table, payload.headers,
				    payload.headers_len, NULL, &content_length, NULL, why);
	h2o_mem_clear_pool(&req->pool);
	free(req);
	if (r != 0)
		return r;
	if (stream)
		body_end(stream, f);
	gw_late_ignore(f);
	return 0;
}
