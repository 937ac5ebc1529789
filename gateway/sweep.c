// SPDX-License-Identifier: Apache-2.0
#include "gateway/sweep.h"

#include <sys/socket.h>

#include "gateway/client.h"
#include "gateway/http2.h"
#include "gateway/worker.h"

#define SWEEP_MS 1000
#define CLOSING_MS 2000 /* for the last bytes of a connection that ends */

/* How a connection of HTTP/1 begins (struct st_h2o_http1_conn_t). */
struct http1_connection {
	h2o_conn_t super;
	h2o_socket_t *sock;
	h2o_linklist_t all;
	h2o_timeout_t *timeout;
	h2o_timeout_entry_t timeout_entry;
	uint64_t number; /* of the request */
};

struct sweep {
	struct gw_worker *worker;
	uint32_t ms; /* since the last one */
	bool more;   /* something is incomplete: look again */
};

/* ---- what is judged ---- */

/* Something of number `unit` is incomplete. False: for too long. */
static bool unit_in_time(struct sweep *s, struct gw_client *c, uint64_t unit)
{
	s->more = true;
	if (c->unit != unit) {
		c->unit = unit;
		c->unit_ms = 0;
		return true;
	}
	c->unit_ms += s->ms;
	return c->unit_ms <= GW_HEAD_MS;
}

/* `arrived` bytes so far of the body, or bodies, of number `unit`. False: too slow. */
static bool body_in_time(struct sweep *s, struct gw_client *c, uint64_t unit, uint64_t arrived)
{
	uint64_t earned;

	s->more = true;
	if (c->unit != unit) {
		c->unit = unit;
		c->seen = arrived;
		c->credit_ms = GW_BODY_STALL_MS;
		return true;
	}
	/* Less than before: what was part of a frame is no body's. */
	earned = arrived > c->seen ? (arrived - c->seen) * 1000 / GW_BODY_RATE : 0;
	c->seen = arrived;
	earned += (uint64_t)c->credit_ms;
	c->credit_ms = (int32_t)(earned < GW_BODY_STALL_MS ? earned : GW_BODY_STALL_MS);
	c->credit_ms -= (int32_t)s->ms;
	return c->credit_ms >= 0;
}

static bool write_in_time(struct sweep *s, struct gw_client *c, bool waits, uint64_t written,
			  uint32_t most_ms)
{
	if (!waits || written != c->written) {
		c->written = written;
		c->write_ms = 0;
		s->more |= waits;
		return true;
	}
	s->more = true;
	c->write_ms += s->ms;
	return c->write_ms <= most_ms;
}

/* By way of its end-of-file, or of an error of its next write: libh2o closes it. */
static void client_end(struct gw_client *c)
{
	int fd = h2o_socket_get_fd(c->sock);

	gw_client_cut(c, GW_ABUSE_slow);
	shutdown(fd, SHUT_RDWR);
}

/* ---- HTTP/1 ---- */

/* The client is told, where the bytes are not TLS's. */
static void late_answer(h2o_socket_t *sock)
{
	static const char answer[] = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
				     "Content-Length: 0\r\n\r\n";

	if (!sock->ssl && !sock->_cb.write)
		send(h2o_socket_get_fd(sock), answer, sizeof(answer) - 1,
		     MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int http1_visit(h2o_req_t *req, void *arg)
{
	struct sweep *s = arg;
	struct http1_connection *conn = (void *)req->conn;
	h2o_socket_t *sock = conn->sock;
	struct gw_client *c;
	bool good = true;

	if (!sock)
		return 0;
	c = sock->on_close.data;
	if (sock->_cb.write) {
		good = write_in_time(s, c, true, sock->bytes_written, GW_STALL_MS);
	} else if (req->version == 0 && sock->input->size > 0) {
		good = unit_in_time(s, c, conn->number * 2 + 1);
	} else if (req->version != 0 && !req->pathconf) {
		good = body_in_time(s, c, conn->number * 2, sock->input->size);
		/* libh2o's own time is for idle connections. */
		if (good && h2o_timeout_is_linked(&conn->timeout_entry)) {
			h2o_timeout_unlink(&conn->timeout_entry);
			h2o_timeout_link(s->worker->loop, conn->timeout, &conn->timeout_entry);
		}
	}
	if (!good) {
		late_answer(sock);
		client_end(c);
	}
	return 0;
}

/* ---- HTTP/2 ---- */

struct streams {
	uint32_t uploads;   /* whose bodies arrive */
	uint32_t answering; /* whose answers have begun */
	uint64_t sent;      /* bytes of those */
};

static struct streams streams_count(const h2o_http2_conn_t *conn)
{
	struct streams n = { 0, 0, 0 };
	h2o_http2_stream_t *stream;

	kh_foreach_value(conn->streams, stream, {
		n.uploads += stream->state == H2O_HTTP2_STREAM_STATE_RECV_BODY;
		if (stream->state >= H2O_HTTP2_STREAM_STATE_SEND_BODY) {
			n.answering++;
			n.sent += stream->req.bytes_sent + stream->stream_id;
		}
	});
	return n;
}

/* The client is told why, by the time its socket is shut. */
static void http2_end(h2o_http2_conn_t *conn, struct gw_client *c)
{
	static const char why[] = "too slow";
	int fd = h2o_socket_get_fd(conn->sock);

	if (conn->state == H2O_HTTP2_CONN_STATE_IS_CLOSING || conn->_write.buf_in_flight) {
		client_end(c);
		return;
	}
	h2o_http2_encode_goaway_frame(&conn->_write.buf, conn->pull_stream_ids.max_open,
				      H2O_HTTP2_ERROR_ENHANCE_YOUR_CALM,
				      h2o_iovec_init(why, sizeof(why) - 1));
	h2o_http2_conn_request_write(conn);
	gw_client_cut(c, GW_ABUSE_slow);
	shutdown(fd, SHUT_RD);
}

static void http2_visit(struct sweep *s, h2o_http2_conn_t *conn)
{
	struct gw_client *c;
	struct streams n;
	bool closing = conn->state == H2O_HTTP2_CONN_STATE_IS_CLOSING, good = true;

	if (!conn->sock)
		return;
	c = conn->sock->on_close.data;
	n = streams_count(conn);
	good = write_in_time(s, c, conn->_write.buf_in_flight || n.answering > 0,
			     conn->sock->bytes_written + n.sent,
			     closing ? CLOSING_MS : GW_STALL_MS);
	if (!closing && conn->_headers_unparsed)
		good &= unit_in_time(s, c, (uint64_t)c->blocks << 2 | 1);
	else if (!closing && n.uploads > 0)
		good &= body_in_time(s, c, 2, c->data + conn->sock->input->size);
	else if (!closing && conn->sock->input->size > 0)
		good &= unit_in_time(s, c, c->frames << 2 | 3);
	else
		c->unit = 0;
	if (!good)
		http2_end(conn, c);
}

/* ---- the sweep ---- */

static void on_sweep(h2o_timeout_entry_t *entry)
{
	struct gw_worker *w = H2O_STRUCT_FROM_MEMBER(struct gw_worker, sweep_entry, entry);
	struct sweep s = { .worker = w };
	uint64_t now = h2o_now(w->loop);
	h2o_linklist_t *node, *next;

	s.ms = w->swept_ms == 0 ? SWEEP_MS : (uint32_t)(now - w->swept_ms);
	w->http.globalconf->http1.callbacks.foreach_request(&w->http, http1_visit, &s);
	for (node = w->http.http2._conns.next; node != &w->http.http2._conns; node = next) {
		next = node->next;
		http2_visit(&s, H2O_STRUCT_FROM_MEMBER(h2o_http2_conn_t, _conns, node));
	}
	w->swept = true;
	w->swept_ms = s.more ? now : 0;
	if (s.more)
		h2o_timeout_link(w->loop, &w->sweep, &w->sweep_entry);
}

void gw_sweep_init(struct gw_worker *worker)
{
	worker->sweep_entry = (h2o_timeout_entry_t){ .cb = on_sweep };
	h2o_timeout_init(worker->loop, &worker->sweep, SWEEP_MS);
}

void gw_sweep_turn(struct gw_worker *worker)
{
	if (worker->stats->connections == 0)
		h2o_timeout_unlink(&worker->sweep_entry);
	else if (!worker->swept && !h2o_timeout_is_linked(&worker->sweep_entry))
		h2o_timeout_link(worker->loop, &worker->sweep, &worker->sweep_entry);
	worker->swept = false;
}
