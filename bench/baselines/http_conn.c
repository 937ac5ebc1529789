/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/baselines/http_conn.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct http_conn *closed;

struct http_conn *conn_new(int epoll, int fd, enum http_state state)
{
	struct http_conn *c = calloc(1, sizeof(*c));
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

	if (!c)
		errx(1, "function: no memory for a connection");
	c->fd = fd;
	c->state = state;
	c->watched = EPOLLIN;
	conn_reserve(c, HTTP_HEAD_MAX);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		err(1, "function: epoll_ctl");
	return c;
}

void conn_close(struct http_conn *c)
{
	if (c->fd < 0)
		return;
	close(c->fd);
	c->fd = -1;
	if (c->other)
		c->other->other = NULL;
	c->other = NULL;
	c->next = closed;
	closed = c;
}

void conn_sweep(void)
{
	while (closed) {
		struct http_conn *c = closed;

		closed = c->next;
		free(c->in.data);
		free(c->out.data);
		free(c);
	}
}

void conn_reserve(struct http_conn *c, size_t size)
{
	char *data;

	if (size <= c->in.size)
		return;
	data = realloc(c->in.data, size);
	if (!data)
		errx(1, "function: no memory for %zu bytes; ask for less by --body-max", size);
	c->in.data = data;
	c->in.size = size;
}

ptrdiff_t conn_read(struct http_conn *c)
{
	ssize_t got;

	if (c->in.len == c->in.size)
		return 0;
	got = recv(c->fd, c->in.data + c->in.len, c->in.size - c->in.len, 0);
	if (got == 0)
		return -ECONNRESET;
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	c->in.len += (size_t)got;
	return got;
}

bool conn_written(const struct http_conn *c)
{
	return c->left[0].iov_len + c->left[1].iov_len == 0;
}

void conn_watch(struct http_conn *c, int epoll)
{
	struct epoll_event event = { .data.ptr = c };

	/* Who sends ahead of the answer more than there is room for has to wait. */
	if (c->in.len < c->in.size)
		event.events |= EPOLLIN;
	if (!conn_written(c))
		event.events |= EPOLLOUT;
	if (event.events == c->watched)
		return;
	if (epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event) < 0)
		err(1, "function: epoll_ctl");
	c->watched = event.events;
}

static void left_advance(struct iovec left[2], size_t sent)
{
	for (unsigned i = 0; i < 2; i++) {
		size_t part = sent < left[i].iov_len ? sent : left[i].iov_len;

		if (part == 0)
			continue;
		left[i].iov_base = (char *)left[i].iov_base + part;
		left[i].iov_len -= part;
		sent -= part;
	}
}

int conn_flush(struct http_conn *c, int epoll)
{
	while (!conn_written(c)) {
		struct msghdr message = { .msg_iov = c->left, .msg_iovlen = 2 };
		ssize_t sent = sendmsg(c->fd, &message, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN)
			return -errno;
		if (sent < 0) {
			conn_watch(c, epoll);
			return -EAGAIN;
		}
		left_advance(c->left, (size_t)sent);
	}
	conn_watch(c, epoll);
	return 0;
}

int conn_write(struct http_conn *c, int epoll, size_t head_len, char *data, size_t len)
{
	c->left[0] = (struct iovec){ .iov_base = c->head_text, .iov_len = head_len };
	c->left[1] = (struct iovec){ .iov_base = data, .iov_len = len };
	return conn_flush(c, epoll);
}
