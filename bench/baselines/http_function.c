/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/baselines/http_function.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/baselines/http_conn.h"
#include "bench/baselines/work.h"

#define EVENTS_MAX 256

static const struct http_function *self;
static int epoll;
static struct http_conn *idle; /* to the next function, the last used one first */
static char next_host[32];

static void caller_advance(struct http_conn *c);

static size_t message_len(const struct http_conn *c)
{
	return c->head.head_len + c->head.body_len;
}

/* Returns 0 when a whole message is in `in`, -EAGAIN when not yet, or what is wrong with it. */
static int message_complete(struct http_conn *c, enum http_kind kind)
{
	int rc;

	if (c->head.head_len == 0) {
		rc = http_head_parse(c->in.data, c->in.len, kind, &c->head);
		if (rc < 0)
			return rc;
		if (c->head.body_len > self->body_max)
			return -EFBIG;
		/* With room for a head behind it, so that input need not be turned off and on. */
		conn_reserve(c, message_len(c) + HTTP_HEAD_MAX);
	}
	return c->in.len < message_len(c) ? -EAGAIN : 0;
}

static void no_delay(int fd)
{
	int on = 1;

	/* AF_INET stream sockets take it; without it answers would only be late. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* ---- the next function ---- */

static void idle_push(struct http_conn *c)
{
	c->state = HTTP_IDLE;
	c->other = NULL;
	c->in.len = 0;
	c->head = (struct http_head){ 0 };
	c->next = idle;
	idle = c;
}

static void idle_remove(struct http_conn *c)
{
	struct http_conn **at = &idle;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
}

/* Returns NULL when it cannot be reached. A connection that is not there yet is written to all
 * the same: the bytes wait. */
static struct http_conn *called_get(void)
{
	struct http_conn *c = idle;
	int fd;

	if (c) {
		idle = c->next;
		return c;
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		err(1, "function: socket (more descriptors: ulimit -n)");
	no_delay(fd);
	if (connect(fd, (const struct sockaddr *)self->next, sizeof(*self->next)) < 0 &&
	    errno != EINPROGRESS) {
		close(fd);
		return NULL;
	}
	return conn_new(epoll, fd, HTTP_IDLE);
}

/* ---- who calls ---- */

static void caller_close(struct http_conn *c)
{
	struct http_conn *called = c->other;

	conn_close(c);
	/* What it was to get would otherwise be taken for the next caller's answer. */
	if (called)
		conn_close(called);
}

/* The answer is written: what the caller sent beyond its request is the next one. */
static void caller_next(struct http_conn *c)
{
	size_t done = message_len(c);

	if (c->head.last) {
		caller_close(c);
		return;
	}
	c->in.len -= done;
	if (c->in.len > 0)
		memmove(c->in.data, c->in.data + done, c->in.len);
	c->head = (struct http_head){ 0 };
	c->state = HTTP_READING;
	conn_watch(c, epoll);
}

static void caller_answer(struct http_conn *c, unsigned status, char *data, size_t len)
{
	size_t head_len = http_answer_write(c->head_text, status, len, c->head.last);
	int rc;

	c->state = HTTP_ANSWERING;
	rc = conn_write(c, epoll, head_len, data, len);
	if (rc == 0)
		caller_next(c);
	else if (rc != -EAGAIN)
		caller_close(c);
}

/* Says what was wrong, and that nothing more is read here. */
static void caller_refuse(struct http_conn *c, int error)
{
	unsigned status = error == -EFBIG    ? 413 :
			  error == -EMSGSIZE ? 431 :
			  error == -ENOTSUP  ? 501 :
					       400;

	c->head.last = true;
	caller_answer(c, status, NULL, 0);
}

static void caller_call(struct http_conn *c)
{
	struct http_conn *called = called_get();
	int rc;

	if (!called) {
		caller_answer(c, 502, NULL, 0);
		return;
	}
	c->state = HTTP_CALLING;
	called->state = HTTP_CALLED;
	c->other = called;
	called->other = c;
	rc = conn_write(called, epoll,
			http_request_write(called->head_text, next_host, c->head.body_len),
			c->in.data + c->head.head_len, c->head.body_len);
	if (rc < 0 && rc != -EAGAIN) {
		conn_close(called);
		caller_answer(c, 502, NULL, 0);
	}
}

/* Takes one request after the other out of what was read. */
static void caller_advance(struct http_conn *c)
{
	while (c->fd >= 0 && c->state == HTTP_READING) {
		int rc = message_complete(c, HTTP_REQUEST);

		if (rc == -EAGAIN) {
			conn_watch(c, epoll);
			return;
		}
		if (rc < 0) {
			caller_refuse(c, rc);
			return;
		}
		work(c->in.data + c->head.head_len, c->head.body_len);
		/* Only this process writes it. */
		atomic_store_explicit(self->passed,
				      atomic_load_explicit(self->passed, memory_order_relaxed) + 1,
				      memory_order_relaxed);
		if (self->next)
			caller_call(c);
		else
			caller_answer(c, 200, c->in.data + c->head.head_len, c->head.body_len);
	}
}

static void caller_event(struct http_conn *c, uint32_t events)
{
	int rc;

	if (events & EPOLLOUT) {
		rc = conn_flush(c, epoll);
		if (rc < 0 && rc != -EAGAIN) {
			caller_close(c);
			return;
		}
		if (rc == 0 && c->state == HTTP_ANSWERING)
			caller_next(c);
	} else {
		/* It left: also who waits for its answer. */
		if (conn_read(c) < 0 || (events & EPOLLERR)) {
			caller_close(c);
			return;
		}
		conn_watch(c, epoll);
	}
	caller_advance(c);
}

/* ---- who is called ---- */

static void called_fail(struct http_conn *c)
{
	struct http_conn *caller = c->other;

	if (c->state == HTTP_IDLE)
		idle_remove(c);
	conn_close(c);
	if (caller) {
		caller_answer(caller, 502, NULL, 0);
		caller_advance(caller);
	}
}

/* The whole answer is there: its buffer goes to the caller, who is sent it as it lies. */
static void called_answered(struct http_conn *c)
{
	struct http_conn *caller = c->other;
	struct http_head head = c->head;
	struct http_buffer spare = caller->out;

	caller->out = c->in;
	c->in = spare;
	caller->other = NULL;
	c->other = NULL;
	conn_reserve(c, HTTP_HEAD_MAX);
	if (head.last)
		conn_close(c);
	else
		idle_push(c);
	caller_answer(caller, head.status, caller->out.data + head.head_len, head.body_len);
	caller_advance(caller);
}

static void called_event(struct http_conn *c, uint32_t events)
{
	int rc = 0;

	if (events & EPOLLOUT)
		rc = conn_flush(c, epoll);
	if ((rc < 0 && rc != -EAGAIN) || ((events & ~(uint32_t)EPOLLOUT) && conn_read(c) < 0)) {
		called_fail(c);
		return;
	}
	/* Nothing is due on an idle connection, nor more than one answer, nor one before all of the
	 * request is there. */
	if (c->in.len == 0)
		return;
	rc = c->state == HTTP_IDLE ? -EBADMSG : message_complete(c, HTTP_ANSWER);
	if (rc == 0 && c->in.len == message_len(c) && conn_written(c))
		called_answered(c);
	else if (rc == -EAGAIN)
		conn_watch(c, epoll);
	else
		called_fail(c);
}

/* ---- all of them ---- */

static void accept_all(void)
{
	int fd;

	while ((fd = accept4(self->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		no_delay(fd);
		conn_new(epoll, fd, HTTP_READING);
	}
	if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
		err(1, "function: accept (more descriptors: ulimit -n)");
}

static void on_event(struct http_conn *c, uint32_t events)
{
	if (!c)
		accept_all();
	else if (c->fd < 0)
		return; /* closed earlier in this round */
	else if (c->state == HTTP_CALLED || c->state == HTTP_IDLE)
		called_event(c, events);
	else
		caller_event(c, events);
}

_Noreturn void http_function_serve(const struct http_function *function)
{
	struct epoll_event events[EVENTS_MAX], listening = { .events = EPOLLIN };

	self = function;
	if (self->next)
		snprintf(next_host, sizeof(next_host), "127.0.0.1:%u", ntohs(self->next->sin_port));
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, self->listener, &listening) < 0)
		err(1, "function: epoll");
	for (;;) {
		int count = epoll_wait(epoll, events, EVENTS_MAX, -1);

		if (count < 0 && errno != EINTR)
			err(1, "function: epoll_wait");
		for (int i = 0; i < count; i++)
			on_event(events[i].data.ptr, events[i].events);
		conn_sweep();
	}
}
