/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection.c - sockets of the client; see connection.h.
 *
 * A socket is closed when the kernel has no operation on it any more, so a late completion never
 * meets another connection. What a send says of an error is only kept: bytes that the server
 * sent before may still be read, and they may be the answer.
 */
#include <errno.h>
#include <poll.h>

#include "bench/client/connection.h"

#define SCAN_NS UINT64_C(1000000)
#define SCAN_EACH_NS 50U

enum { RECEIVE, SEND, CONNECT };

static void operation_set(struct client_connection *c, struct io_uring_sqe *sqe, unsigned operation)
{
	io_uring_sqe_set_data64(sqe, (uint64_t)(uintptr_t)c | operation);
	c->operations++;
}

static void receive_arm(struct client_connection *c)
{
	struct io_uring_sqe *sqe = client_sqe(c->worker);

	io_uring_prep_recv_multishot(sqe, c->fd, NULL, 0, 0);
	sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 0;
	operation_set(c, sqe, RECEIVE);
}

/* ---- which have room ---- */

void client_connection_withdraw(struct client_connection *c)
{
	struct client_worker *w = c->worker;

	if (!c->listed)
		return;
	c->listed = false;
	*(c->previous ? &c->previous->next : &w->free_head) = c->next;
	*(c->next ? &c->next->previous : &w->free_tail) = c->previous;
}

static bool usable(const struct client_connection *c)
{
	if (c->abandoned || c->free_count == 0)
		return false;
	if (c->state == CLIENT_DOWN)
		return c->worker->close_mode && c->retry_ns <= c->worker->now;
	return c->state == CLIENT_OPEN && c->worker->ops->room(c->codec) > 0 &&
	       (!c->worker->close_mode || c->in_flight > 0);
}

void client_connection_offer(struct client_connection *c)
{
	struct client_worker *w = c->worker;

	if (c->listed || !usable(c))
		return;
	c->listed = true;
	c->next = NULL;
	c->previous = w->free_tail;
	*(w->free_tail ? &w->free_tail->next : &w->free_head) = c;
	w->free_tail = c;
	if (w->exhausted) {
		w->exhausted = false;
		w->freed_ns = w->now;
	}
}

void client_connection_dirty(struct client_connection *c)
{
	if (c->dirty)
		return;
	c->dirty = true;
	c->next_dirty = c->worker->dirty;
	c->worker->dirty = c;
}

/* ---- states ---- */

static bool is_unsettled(enum client_state state)
{
	return state == CLIENT_DOWN || state == CLIENT_CONNECTING || state == CLIENT_ENDING;
}

static void state_set(struct client_connection *c, enum client_state state)
{
	c->worker->unsettled -= is_unsettled(c->state);
	c->worker->unsettled += is_unsettled(state);
	c->state = state;
	c->since_ns = c->worker->now;
}

static void strike(struct client_connection *c)
{
	c->retry_ns = c->worker->now + (CLIENT_RETRY_NS << c->strikes);
	if (c->strikes < CLIENT_RETRY_DOUBLINGS)
		c->strikes++;
}

int client_connection_open(struct client_connection *c)
{
	struct client_worker *w = c->worker;
	int r = client_socket_connect(c);

	c->established = c->answered = c->abandoned = false;
	c->send_error = 0;
	if (r == 0) {
		c->codec = w->ops->open(&client_events, w, w->streams, w->headers_only);
		r = c->codec ? 0 : -ENOMEM;
	}
	if (r < 0) {
		client_socket_close(c);
		strike(c);
		return -1 - (int)client_error_class(c, -r);
	}
	w->out.connects++;
	if (w->close_mode) {
		state_set(c, CLIENT_OPEN);
		receive_arm(c);
	} else {
		struct io_uring_sqe *sqe = client_sqe(w);

		state_set(c, CLIENT_CONNECTING);
		io_uring_prep_poll_add(sqe, c->fd, POLLOUT);
		operation_set(c, sqe, CONNECT);
	}
	return 0;
}

/* Nobody could be asked because this connection did not come about: the request that waits longest
 * would have been its. */
static void connect_failed(struct client_connection *c, enum bench_error error)
{
	struct client_worker *w = c->worker;
	if (w->running && !w->free_head && client_due(w) <= w->now)
		client_flight_skip(w, error);
}

static void reopen(struct client_connection *c)
{
	int r;

	if (c->worker->close_mode) {
		client_connection_offer(c);
		return;
	}
	r = client_connection_open(c);
	if (r < 0)
		connect_failed(c, (enum bench_error)(-1 - r));
}

static void closed(struct client_connection *c)
{
	client_socket_close(c);
	client_flights_release(c);
	c->worker->ops->close(c->codec);
	c->codec = NULL;
	c->sending = 0;
	state_set(c, CLIENT_DOWN);
	if (c->retry_ns <= c->worker->now && c->worker->now < c->worker->give_up_ns)
		reopen(c);
}

static void close_begin(struct client_connection *c)
{
	if (c->state == CLIENT_DOWN || c->state == CLIENT_CLOSING)
		return;
	client_connection_withdraw(c);
	state_set(c, CLIENT_CLOSING);
	if (c->operations == 0)
		closed(c);
	else
		shutdown(c->fd, SHUT_RDWR);
}

void client_connection_fail(struct client_connection *c, enum bench_error error)
{
	bool connecting = c->state == CLIENT_CONNECTING;

	client_connection_withdraw(c);
	for (unsigned i = 0; c->in_flight > 0 && i < c->worker->streams; i++)
		if (c->flights[i].state == CLIENT_ASKED)
			client_flight_fail(&c->flights[i], error);
	strike(c);
	if (connecting)
		connect_failed(c, error);
	close_begin(c);
}

/* An end that is nobody's fault. One that never answered is not tried again at once. */
static void end_quietly(struct client_connection *c)
{
	if (!c->answered)
		strike(c);
	close_begin(c);
}

void client_connection_settle(struct client_connection *c)
{
	const struct bench_codec_ops *ops = c->worker->ops;
	const char *bytes;

	if (c->state != CLIENT_OPEN)
		return;
	if (c->in_flight == 0 && (c->abandoned || ops->leaving(c->codec))) {
		client_connection_withdraw(c);
		if (c->abandoned || c->sending > 0 || ops->output(c->codec, &bytes) > 0)
			close_begin(c);
		else
			state_set(c, CLIENT_ENDING);
		return;
	}
	client_connection_offer(c);
}

/* ---- what the kernel says ---- */

static uint64_t measured(const struct client_worker *w, int bytes)
{
	return w->running && w->now >= w->from_ns && bytes > 0 ? (uint64_t)bytes : 0;
}

static void connected(struct client_connection *c)
{
	socklen_t size = sizeof(int);
	int error = 0;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error) {
		client_connection_fail(c, client_error_class(c, error));
		return;
	}
	c->established = true;
	state_set(c, CLIENT_OPEN);
	receive_arm(c);
	client_connection_dirty(c); /* h2 begins by itself */
	client_connection_offer(c);
}

static void received_end(struct client_connection *c, int error)
{
	int r = error ? 0 : c->worker->ops->ended(c->codec);

	if (c->send_error && !error && r == -EPIPE)
		error = c->send_error;
	if (error)
		client_connection_fail(c, client_error_class(c, error));
	else if (r < 0)
		client_connection_fail(c, r == -EPIPE ? BENCH_ERROR_cut : BENCH_ERROR_malformed);
	else if (c->in_flight > 0) /* given back by nobody */
		client_connection_fail(c, BENCH_ERROR_cut);
	else
		end_quietly(c);
}

static void received(struct client_connection *c, int result, unsigned flags)
{
	struct client_worker *w = c->worker;

	if (!(flags & IORING_CQE_F_MORE))
		c->operations--;
	w->out.bytes_in += measured(w, result);
	if (c->state != CLIENT_OPEN && c->state != CLIENT_ENDING)
		return;
	if (result > 0) {
		const char *bytes = w->buffers + (size_t)(flags >> IORING_CQE_BUFFER_SHIFT) *
							 CLIENT_BUFFER_BYTES;

		c->established = true;
		if (w->ops->input(c->codec, bytes, (size_t)result) < 0) {
			/* Of no request: none fails by it, but it is told. */
			w->out.strays += c->in_flight == 0 && w->running;
			client_connection_fail(c, BENCH_ERROR_malformed);
			return;
		}
		client_connection_dirty(c);
		client_connection_settle(c);
	} else if (result != -ENOBUFS && result != -EINTR && result != -EAGAIN) {
		received_end(c, -result);
		return;
	}
	if (!(flags & IORING_CQE_F_MORE) && (c->state == CLIENT_OPEN || c->state == CLIENT_ENDING))
		receive_arm(c);
}

static void was_sent(struct client_connection *c, int result)
{
	struct client_worker *w = c->worker;

	c->operations--;
	c->sending = 0;
	w->out.bytes_out += measured(w, result);
	if (c->state != CLIENT_OPEN && c->state != CLIENT_ENDING)
		return;
	if (result < 0) {
		c->send_error = -result;
		return;
	}
	c->established = true;
	w->ops->sent(c->codec, (size_t)result);
	client_connection_dirty(c);
	client_connection_settle(c);
}

void client_connection_event(struct client_connection *c, unsigned operation, int result,
			     unsigned flags)
{
	if (operation == RECEIVE) {
		received(c, result, flags);
	} else if (operation == SEND) {
		was_sent(c, result);
	} else {
		c->operations--;
		if (c->state == CLIENT_CONNECTING)
			connected(c);
	}
	if (c->state == CLIENT_CLOSING && c->operations == 0)
		closed(c);
}

static void flush(struct client_connection *c, uint64_t now)
{
	struct io_uring_sqe *sqe;
	const char *bytes;

	c->dirty = false;
	if (c->state != CLIENT_OPEN || c->sending > 0 || c->send_error)
		return;
	c->sending = c->worker->ops->output(c->codec, &bytes);
	if (c->sending == 0)
		return;
	sqe = client_sqe(c->worker);
	io_uring_prep_send(sqe, c->fd, bytes, c->sending, MSG_NOSIGNAL | MSG_WAITALL);
	operation_set(c, sqe, SEND);
	c->worker->sends += c->established && c->sending <= CLIENT_SMALL_BYTES;
	client_flights_sent(c, now);
}

void client_connections_flush(struct client_worker *w)
{
	uint64_t now;

	if (!w->dirty)
		return;
	now = client_clock();
	while (w->dirty) {
		struct client_connection *c = w->dirty;

		w->dirty = c->next_dirty;
		flush(c, now);
	}
}

static void scan_one(struct client_connection *c)
{
	uint64_t now = c->worker->now;

	if (c->state == CLIENT_DOWN && !c->listed && c->retry_ns <= now)
		reopen(c);
	else if (c->state == CLIENT_CONNECTING && now - c->since_ns >= c->worker->load->timeout_ns)
		client_connection_fail(c, BENCH_ERROR_connect);
	else if (c->state == CLIENT_ENDING && now - c->since_ns >= CLIENT_GRACE_NS)
		end_quietly(c);
}

void client_connections_scan(struct client_worker *w)
{
	if (w->unsettled == 0 || w->now < w->scan_ns || w->now >= w->give_up_ns)
		return;
	for (unsigned i = 0; i < w->connection_count; i++)
		scan_one(&w->connections[i]);
	w->scan_ns = w->now + SCAN_NS + (uint64_t)w->connection_count * SCAN_EACH_NS;
}

void client_connections_close(struct client_worker *w)
{
	uint64_t limit = client_clock() + CLIENT_STOP_NS;
	unsigned busy = 1;

	w->running = false;
	w->give_up_ns = 0; /* none is opened again */
	for (unsigned i = 0; i < w->connection_count; i++)
		close_begin(&w->connections[i]);
	while (busy > 0 && client_clock() < limit) {
		client_reap(w);
		busy = 0;
		for (unsigned i = 0; i < w->connection_count; i++)
			busy += w->connections[i].state != CLIENT_DOWN;
		if (busy > 0)
			client_wait(w, client_clock() + CLIENT_SPIN_NS + SCAN_NS);
	}
}
