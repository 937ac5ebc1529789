/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steady_conn.c - see steady.h.
 */
#include "bench/steady.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_SIZE 128U
#define BODY_FORMAT "request %016" PRIu64 " "
#define BODY_HEAD 25U
#define REQUEST_MAX 1024U

const char *const steady_failures[] = {
#define X(name) [FAILURE_##name] = #name,
	FAILURES(X)
#undef X
};

static void conn_set(struct steady *s, struct conn *c, enum conn_state state)
{
	c->state = state;
	c->at = s->now;
	if (state != CONN_IDLE)
		return;
	c->next = NULL;
	*s->idle_last = c;
	s->idle_last = &c->next;
}

static void idle_remove(struct steady *s, struct conn *c)
{
	struct conn **at = &s->idle;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (!*at)
		s->idle_last = at;
}

static void conn_close(struct steady *s, struct conn *c)
{
	if (c->state == CONN_IDLE)
		idle_remove(s, c);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	conn_set(s, c, CONN_DOWN);
}

void conn_open(struct steady *s, struct conn *c)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(s->port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				     .data.ptr = c };

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		err(1, "socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	conn_set(s, c, CONN_CONNECTING);
	if (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0 &&
	    errno != EINPROGRESS) {
		s->failures[errno == ECONNREFUSED ? FAILURE_refused : FAILURE_connect]++;
		conn_close(s, c);
		return;
	}
	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
		err(1, "epoll_ctl");
}

static void conn_reopen(struct steady *s, struct conn *c)
{
	conn_close(s, c);
	s->reopened++;
	conn_open(s, c);
}

void conn_failed(struct steady *s, struct conn *c, enum failure failure)
{
	s->failures[failure]++;
	conn_reopen(s, c);
}

void conn_ask(struct steady *s)
{
	struct conn *c = s->idle;
	char text[REQUEST_MAX], body[BODY_SIZE + 1];
	int len;

	memset(body, '.', BODY_SIZE);
	body[BODY_SIZE] = '\0';
	idle_remove(s, c);
	c->number = s->sent++;
	c->len = 0;
	snprintf(body, BODY_HEAD + 1, BODY_FORMAT, c->number);
	body[BODY_HEAD] = '.';
	len = snprintf(text, sizeof(text),
		       "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %u\r\n\r\n%s",
		       s->path, BODY_SIZE, body);
	conn_set(s, c, CONN_ASKED);
	if (send(c->fd, text, (size_t)len, MSG_NOSIGNAL) != len)
		conn_failed(s, c, FAILURE_reset);
}

/* The value of a header field up to the end of its line, or NULL. */
static const char *header(const char *head, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
		if (!strncasecmp(line + 2, name, len) && line[2 + len] == ':')
			return line + 2 + len + 1 + strspn(line + 2 + len + 1, " ");
	return NULL;
}

static bool body_right(const struct conn *c, const char *body)
{
	char want[BODY_HEAD + 1];

	snprintf(want, sizeof(want), BODY_FORMAT, c->number);
	if (memcmp(body, want, BODY_HEAD) != 0)
		return false;
	for (size_t i = BODY_HEAD; i < BODY_SIZE; i++)
		if (body[i] != '.')
			return false;
	return true;
}

static void answered(struct steady *s, struct conn *c, bool close_it)
{
	uint64_t us = (s->now - steady_due(s, c->number)) / 1000, gap = s->now - s->last_answer;

	if (s->answered == 0) {
		puts("ready");
		fflush(stdout);
	} else if (gap > s->gap) {
		s->gap = gap;
	}
	s->last_answer = s->now;
	s->latency_us[s->answered++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
	if (close_it)
		conn_reopen(s, c);
	else
		conn_set(s, c, CONN_IDLE);
}

/* Judges what has come so far. Returns false when more has to come. */
static bool judge(struct steady *s, struct conn *c)
{
	const char *end, *length, *connection;
	size_t head, body;

	c->data[c->len] = '\0';
	end = strstr(c->data, "\r\n\r\n");
	if (!end && c->len < ANSWER_MAX)
		return false;
	length = end ? header(c->data, "content-length") : NULL;
	if (!length || length > end || strncmp(c->data, "HTTP/1.1 ", 9) != 0) {
		conn_failed(s, c, FAILURE_malformed);
		return true;
	}
	head = (size_t)(end - c->data) + 4;
	body = strtoul(length, NULL, 10);
	if (c->len < head + body && head + body <= ANSWER_MAX)
		return false;
	connection = header(c->data, "connection");
	if (c->len != head + body)
		conn_failed(s, c, FAILURE_malformed);
	else if (strncmp(c->data + 9, "200 ", 4) != 0)
		conn_failed(s, c, FAILURE_status);
	else if (body != BODY_SIZE || !body_right(c, c->data + head))
		conn_failed(s, c, FAILURE_body);
	else
		answered(s, c,
			 connection && connection < end && !strncasecmp(connection, "close", 5));
	return true;
}

/* Nothing more comes on a connection. While it was idle, that is the server's right. */
static void conn_ended(struct steady *s, struct conn *c, enum failure failure)
{
	if (c->state == CONN_ASKED)
		conn_failed(s, c, failure);
	else
		conn_reopen(s, c);
}

static void conn_read(struct steady *s, struct conn *c)
{
	while (true) {
		ssize_t n = recv(c->fd, c->data + c->len, ANSWER_MAX - c->len, 0);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			conn_ended(s, c, n < 0 ? FAILURE_reset : FAILURE_cut);
			return;
		}
		c->len += (size_t)n;
		if (c->state != CONN_ASKED) {
			conn_failed(s, c, FAILURE_malformed);
			return;
		}
		if (judge(s, c))
			return;
	}
}

static void conn_connected(struct steady *s, struct conn *c)
{
	socklen_t size = sizeof(int);
	int error = 0;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error == 0) {
		conn_set(s, c, CONN_IDLE);
		return;
	}
	s->failures[error == ECONNREFUSED ? FAILURE_refused : FAILURE_connect]++;
	conn_close(s, c);
}

void conn_event(struct steady *s, struct conn *c, uint32_t events)
{
	if (c->state == CONN_CONNECTING && events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		conn_connected(s, c);
	if (c->state > CONN_CONNECTING && events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
		conn_read(s, c);
}
