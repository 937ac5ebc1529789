// SPDX-License-Identifier: Apache-2.0
/*
 * guard.c - stands before libh2o's HTTP/2 connection: judges each frame by its stream's state, and
 * ends connections whose frames cost us more than their sender.
 *
 * For: libh2o 2.2.5 knows no limit to what a client asks for without wanting an answer: streams
 * reset as soon as they are opened (CVE-2023-44487), streams that it is made to reset
 * (CVE-2025-8671), CONTINUATION without end, PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA.
 * And it takes some frames that RFC 9113 forbids, or answers them in a way that can be abused.
 * How: libh2o calls h2o_http2_decode_frame() by its dynamic symbol for every frame, so the one
 * here, exported by the executable, takes its place. What it returns below zero ends the connection
 * with GOAWAY. It does not say for which connection: libh2o's reader is called by ours, which
 * remembers it. A frame that is to have no effect is passed on as PRIORITY of a stream that cannot
 * be, which libh2o ignores without a word.
 * Thread-safety: as libh2o: a connection belongs to one thread. Source: libh2o 2.2.5,
 * lib/http2/connection.c, stream.c, frame.c.
 */
#include "gateway/guard.h"

#include <string.h>

#include "gateway/client.h"
#include "gateway/late.h"
#include "gateway/linger.h"
#include "gateway/next.h"
#include "gateway/window.h"
#include "gateway/worker.h"

#define BLOCK_MAX (64U << 10)     /* bytes of a header block */
#define FRAGMENT_SMALL 1024U      /* CONTINUATION below it is counted */
#define DATA_TINY 64U             /* DATA below it is counted */
#define BUFFERED_MIN (32UL << 20) /* bytes of bodies that any connection may have in memory */
#define WINDOW_CREDIT 4           /* WINDOW_UPDATE that an answer is worth */

static _Thread_local struct gw_client *current; /* whose frames are read now */

/* ---- whose frames are read ---- */

static h2o_http1_upgrade_cb upgraded; /* libh2o's: always the same */

static void on_read(h2o_socket_t *sock, const char *err)
{
	struct gw_client *c = gw_client_ref(sock->on_close.data);
	const h2o_http2_conn_t *conn = sock->data;

	current = c;
	c->read(sock, err);
	current = NULL;
	/* While its last bytes are not taken, libh2o would collect all that comes. */
	if (c->sock && sock->_cb.read && conn->state == H2O_HTTP2_CONN_STATE_IS_CLOSING)
		h2o_socket_read_stop(sock);
	gw_client_unref(c);
}

/* libh2o reads the connection's first bytes at once, and may close it. */
static void reader_take(struct gw_client *c, h2o_socket_t *sock)
{
	current = NULL;
	if (c->sock && sock->_cb.read && sock->_cb.read != on_read) {
		c->read = sock->_cb.read;
		sock->_cb.read = on_read;
	}
	gw_client_unref(c);
}

void h2o_http2_accept(h2o_accept_ctx_t *ctx, h2o_socket_t *sock, struct timeval connected_at)
{
	static void *cache;
	gw_guard_accept_fn *next;
	struct gw_client *c = gw_client_ref(sock->on_close.data);

	*(void **)&next = gw_next(&cache, "h2o_http2_accept");
	current = c;
	next(ctx, sock, connected_at);
	reader_take(c, sock);
}

static void on_upgraded(void *data, h2o_socket_t *sock, size_t size)
{
	h2o_http1_upgrade_cb next = __atomic_load_n(&upgraded, __ATOMIC_RELAXED);
	struct gw_client *c;

	if (!sock) {
		next(data, sock, size);
		return;
	}
	c = gw_client_ref(sock->on_close.data);
	current = c;
	next(data, sock, size);
	reader_take(c, sock);
}

void h2o_http1_upgrade(h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
		       h2o_http1_upgrade_cb on_complete, void *data)
{
	static void *cache;
	gw_guard_upgrade_fn *next;

	*(void **)&next = gw_next(&cache, "h2o_http1_upgrade");
	__atomic_store_n(&upgraded, on_complete, __ATOMIC_RELAXED);
	next(req, bufs, count, on_upgraded, data);
}

/* ---- what is done about a frame: 0, or the error that ends the connection ---- */

static int fail(const char **why, int error, const char *text)
{
	*why = text;
	return error;
}

static int spend(struct gw_client *c, enum gw_abuse kind)
{
	if (gw_client_spend(c, kind))
		return 0;
	c->over = true;
	c->why = (uint8_t)kind;
	return H2O_HTTP2_ERROR_ENHANCE_YOUR_CALM;
}

static void stream_end(h2o_http2_conn_t *conn, h2o_http2_stream_t *stream, int error)
{
	h2o_http2__encode_rst_stream_frame(&conn->_write.buf, stream->stream_id, -error);
	h2o_http2_stream_reset(conn, stream);
	h2o_http2_conn_request_write(conn);
}

static bool idle(const h2o_http2_conn_t *conn, uint32_t stream)
{
	return stream % 2 == 0 || stream > conn->pull_stream_ids.max_open;
}

static bool reset_by_us(const struct gw_client *c, uint32_t stream)
{
	return c->late[stream / 2 % GW_CLIENT_LATE] == stream;
}

static void reset_note(struct gw_client *c, uint32_t stream)
{
	c->late[stream / 2 % GW_CLIENT_LATE] = stream;
}

static int continuation_judge(h2o_http2_conn_t *conn, struct gw_client *c,
			      const h2o_http2_frame_t *f, const char **why)
{
	if (f->type != H2O_HTTP2_FRAME_TYPE_CONTINUATION)
		return 0; /* libh2o's error */
	/* It would read this frame for ever. */
	if (conn->state >= H2O_HTTP2_CONN_STATE_HALF_CLOSED)
		return H2O_HTTP2_ERROR_PROTOCOL_CLOSE_IMMEDIATELY;
	if (f->stream_id != c->block_stream)
		return fail(why, H2O_HTTP2_ERROR_PROTOCOL, "CONTINUATION of another stream");
	if (conn->_headers_unparsed->size + f->length > BLOCK_MAX)
		return spend(c, GW_ABUSE_header);
	return f->length < FRAGMENT_SMALL ? spend(c, GW_ABUSE_continuation) : 0;
}

static int headers_judge(h2o_http2_conn_t *conn, struct gw_client *c, h2o_http2_frame_t *f,
			 const char **why)
{
	h2o_http2_stream_t *stream;

	c->block_stream = f->stream_id;
	c->blocks++;
	if (idle(conn, f->stream_id))
		return 0;
	stream = h2o_http2_conn_get_stream(conn, f->stream_id);
	if (stream ? gw_late_body(stream) : reset_by_us(c, f->stream_id))
		return gw_late_trailers(conn, stream, f, why);
	return 0;
}

static uint32_t payload_len(const h2o_http2_frame_t *f)
{
	uint32_t padding;

	if (!(f->flags & H2O_HTTP2_FRAME_FLAG_PADDED) || f->length == 0)
		return f->length;
	padding = 1U + f->payload[0];
	return f->length > padding ? f->length - padding : 0;
}

static int body_judge(h2o_http2_conn_t *conn, struct gw_client *c, h2o_http2_stream_t *stream,
		      uint32_t len)
{
	size_t limit = conn->super.ctx->globalconf->max_request_entity_size * 2;
	size_t had = stream->_req_body->size;

	if (stream->_expected_content_length != SIZE_MAX &&
	    had + len > stream->_expected_content_length) {
		stream_end(conn, stream, H2O_HTTP2_ERROR_PROTOCOL);
		return 0;
	}
	if (c->buffered + len > (limit > BUFFERED_MIN ? limit : BUFFERED_MIN)) {
		stream_end(conn, stream, H2O_HTTP2_ERROR_REFUSED_STREAM);
		return spend(c, GW_ABUSE_memory);
	}
	c->buffered += len;
	c->data += len;
	return 0;
}

static int data_judge(h2o_http2_conn_t *conn, struct gw_client *c, h2o_http2_frame_t *f,
		      const char **why)
{
	h2o_http2_stream_t *stream;
	uint32_t len = payload_len(f);
	bool last = f->flags & H2O_HTTP2_FRAME_FLAG_END_STREAM, taken, late;
	int r = 0;

	if (idle(conn, f->stream_id))
		return fail(why, H2O_HTTP2_ERROR_PROTOCOL, "DATA of an idle stream");
	stream = h2o_http2_conn_get_stream(conn, f->stream_id);
	taken = stream && stream->state == H2O_HTTP2_STREAM_STATE_RECV_BODY;
	late = stream && gw_late_body(stream);
	if ((ssize_t)f->length > h2o_http2_window_get_window(&conn->_input_window) ||
	    ((taken || late) &&
	     (ssize_t)f->length > h2o_http2_window_get_window(&stream->input_window)))
		return fail(why, H2O_HTTP2_ERROR_FLOW_CONTROL, "DATA beyond the window");
	if (len == 0 && !last)
		r = spend(c, GW_ABUSE_empty);
	else if ((len < DATA_TINY && !last) || !stream)
		r = spend(c, GW_ABUSE_data);
	if (r == 0 && taken)
		r = body_judge(conn, c, stream, len);
	else if (r == 0 && late)
		r = gw_late_data(conn, stream, f, why);
	return r;
}

static int other_judge(h2o_http2_conn_t *conn, struct gw_client *c, h2o_http2_frame_t *f,
		       const char **why)
{
	switch (f->type) {
	case H2O_HTTP2_FRAME_TYPE_PRIORITY:
		return spend(c, GW_ABUSE_priority);
	case H2O_HTTP2_FRAME_TYPE_RST_STREAM:
		if (f->stream_id != 0 && idle(conn, f->stream_id))
			return fail(why, H2O_HTTP2_ERROR_PROTOCOL, "RST_STREAM of an idle stream");
		c->resetting = f->stream_id;
		return spend(c, GW_ABUSE_reset);
	case H2O_HTTP2_FRAME_TYPE_PING:
		return spend(c, GW_ABUSE_ping);
	case H2O_HTTP2_FRAME_TYPE_WINDOW_UPDATE:
		if (f->stream_id != 0 && idle(conn, f->stream_id))
			return fail(why, H2O_HTTP2_ERROR_PROTOCOL,
				    "WINDOW_UPDATE of an idle stream");
		gw_window_update(conn, f->stream_id);
		return spend(c, GW_ABUSE_window);
	case H2O_HTTP2_FRAME_TYPE_GOAWAY:
		return spend(c, GW_ABUSE_frame);
	case H2O_HTTP2_FRAME_TYPE_CONTINUATION:
		/* Of a block that libh2o ignored, as the connection drains. */
		if (conn->state >= H2O_HTTP2_CONN_STATE_HALF_CLOSED &&
		    f->stream_id == c->block_stream) {
			gw_late_ignore(f);
			return spend(c, GW_ABUSE_continuation);
		}
		return 0;
	case H2O_HTTP2_FRAME_TYPE_PUSH_PROMISE:
		return 0;
	default: /* libh2o would print it */
		gw_late_ignore(f);
		return spend(c, GW_ABUSE_frame);
	}
}

static int frame_judge(h2o_http2_conn_t *conn, struct gw_client *c, h2o_http2_frame_t *f,
		       const char **why)
{
	c->frames++;
	c->resetting = 0;
	if (!c->greeted &&
	    (f->type != H2O_HTTP2_FRAME_TYPE_SETTINGS || f->flags & H2O_HTTP2_FRAME_FLAG_ACK))
		return fail(why, H2O_HTTP2_ERROR_PROTOCOL, "the first frame is not SETTINGS");
	c->greeted = true;
	if (c->over)
		return H2O_HTTP2_ERROR_ENHANCE_YOUR_CALM;
	if (conn->_headers_unparsed)
		return continuation_judge(conn, c, f, why);
	switch (f->type) {
	case H2O_HTTP2_FRAME_TYPE_DATA:
		return f->stream_id == 0 ? 0 : data_judge(conn, c, f, why);
	case H2O_HTTP2_FRAME_TYPE_HEADERS:
		return headers_judge(conn, c, f, why);
	case H2O_HTTP2_FRAME_TYPE_SETTINGS:
		if (!gw_window_settings(conn, f))
			return fail(why, H2O_HTTP2_ERROR_FLOW_CONTROL, "window overflow");
		return spend(c, GW_ABUSE_settings);
	default:
		return other_judge(conn, c, f, why);
	}
}

ssize_t h2o_http2_decode_frame(h2o_http2_frame_t *frame, const uint8_t *src, size_t len,
			       const h2o_http2_settings_t *settings, const char **why)
{
	static void *cache;
	gw_guard_frame_fn *next;
	struct gw_client *c = current;
	ssize_t size;
	int r;

	*(void **)&next = gw_next(&cache, "h2o_http2_decode_frame");
	size = next(frame, src, len, settings, why);
	if (size < 0 || !c)
		return size;
	r = frame_judge(c->sock->data, c, frame, why);
	if (r == 0)
		return size;
	if (c->over)
		*why = gw_client_cut(c, c->why);
	else
		gw_linger_last(c->worker, c->sock);
	return r;
}

/* ---- streams that end ---- */

void h2o_http2__encode_rst_stream_frame(h2o_buffer_t **buf, uint32_t stream, int code)
{
	static void *cache;
	gw_guard_rst_fn *next;
	struct gw_client *c = current;

	*(void **)&next = gw_next(&cache, "h2o_http2__encode_rst_stream_frame");
	if (c) {
		/* Once: what its client had sent by then is no new error. */
		if (reset_by_us(c, stream))
			return;
		reset_note(c, stream);
		if (c->rst_code)
			code = c->rst_code;
		c->rst_code = 0;
		spend(c, GW_ABUSE_error);
	}
	next(buf, stream, code);
}

void h2o_http2_stream_close(h2o_http2_conn_t *conn, h2o_http2_stream_t *stream)
{
	static void *cache;
	gw_guard_close_fn *next;

	*(void **)&next = gw_next(&cache, "h2o_http2_stream_close");
	if (conn->sock) {
		struct gw_client *c = conn->sock->on_close.data;

		if (stream->_req_body)
			c->buffered -= stream->_req_body->size < c->buffered ?
					       stream->_req_body->size :
					       c->buffered;
		if (stream->req.res.status != 0 && stream->stream_id != c->resetting) {
			gw_client_earn(c, GW_ABUSE_reset, 1);
			gw_client_earn(c, GW_ABUSE_window, WINDOW_CREDIT);
		}
	}
	next(conn, stream);
}

void h2o_http2_stream_proceed(h2o_http2_conn_t *conn, h2o_http2_stream_t *stream)
{
	static void *cache;
	gw_guard_close_fn *next;
	struct gw_client *c = conn->sock->on_close.data;
	uint32_t id = stream->stream_id;

	if (stream->state == H2O_HTTP2_STREAM_STATE_END_STREAM && gw_late_body(stream) &&
	    !reset_by_us(c, id)) {
		h2o_http2__encode_rst_stream_frame(&conn->_write.buf, id, H2O_HTTP2_ERROR_NONE);
		reset_note(c, id);
		h2o_http2_conn_request_write(conn);
	}
	*(void **)&next = gw_next(&cache, "h2o_http2_stream_proceed");
	next(conn, stream);
}
