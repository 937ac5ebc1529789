// SPDX-License-Identifier: Apache-2.0
/* odd_server.c - see odd_server.h. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/bench/odd_server.h"

#define HEAD_MAX 4096U
#define SECOND UINT64_C(1000000000)
#define STALL_NS (SECOND / 10)
#define DRIP_US 200
#define AFTER_US 2000

struct exchange { /* of one connection */
	int fd;
	char head[HEAD_MAX + 1];
	size_t have; /* of head, and what came behind it */
	char *body;
	size_t body_len, body_room;
	bool close;
};

static uint64_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static bool send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

static bool read_body(struct exchange *x, const char *from, size_t have)
{
	const char *length = strcasestr(x->head, "\r\ncontent-length: ");

	x->body_len = length ? strtoul(length + 18, NULL, 10) : 0;
	if (x->body_len + 2 > x->body_room) {
		free(x->body);
		x->body_room = x->body_len + 2;
		x->body = malloc(x->body_room);
		if (!x->body)
			return false;
	}
	if (have > x->body_len)
		return false; /* nobody asks twice at once */
	memcpy(x->body, from, have);
	while (have < x->body_len) {
		ssize_t n = recv(x->fd, x->body + have, x->body_len - have, 0);

		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

static bool read_request(struct exchange *x)
{
	char *end = NULL;

	x->have = 0;
	while (!end && x->have < HEAD_MAX) {
		ssize_t n = recv(x->fd, x->head + x->have, HEAD_MAX - x->have, 0);

		if (n <= 0)
			return false;
		x->have += (size_t)n;
		end = memmem(x->head, x->have, "\r\n\r\n", 4);
	}
	if (!end)
		return false;
	x->head[x->have] = '\0';
	end[2] = '\0';
	x->close = strcasestr(x->head, "\r\nconnection: close\r\n");
	return read_body(x, end + 4, x->have - (size_t)(end + 4 - x->head));
}

static void drip(int fd, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len && send_all(fd, bytes + i, 1); i++)
		usleep(DRIP_US);
}

/* Returns whether the connection goes on. */
static bool answer(struct odd_server *s, struct exchange *x, enum oddity oddity)
{
	char head[512];
	int len, status = oddity == ODD_STATUS ? 500 : oddity == ODD_SHED ? 503 : 200;
	bool ends = x->close || oddity == ODD_LEAVES || oddity == ODD_TO_CLOSE;

	x->body_len += oddity == ODD_LONGER;
	if (oddity == ODD_BODY)
		x->body[x->body_len - 1] ^= 1;
	len = snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\n%s%s", status,
		       s->field ? s->field : "", ends ? "connection: close\r\n" : "");
	if (oddity != ODD_TO_CLOSE)
		len += snprintf(head + len, sizeof(head) - (size_t)len, "content-length: %zu\r\n",
				x->body_len);
	len += snprintf(head + len, sizeof(head) - (size_t)len, "\r\n");
	if (oddity == ODD_DRIP) {
		drip(x->fd, head, (size_t)len);
		drip(x->fd, x->body, x->body_len);
		return !ends;
	}
	if (oddity == ODD_MORE)
		x->body[x->body_len++] = '!';
	if (x->body_len <= 256) { /* in one piece */
		memcpy(head + len, x->body, x->body_len);
		return send_all(x->fd, head,
				(size_t)len + x->body_len / (oddity == ODD_HALF ? 2 : 1)) &&
		       !ends && oddity != ODD_HALF;
	}
	return send_all(x->fd, head, (size_t)len) && send_all(x->fd, x->body, x->body_len) && !ends;
}

static void stall(struct odd_server *s)
{
	uint64_t phase = (clock_now() - s->began_ns) % SECOND;
	uint64_t left = phase < STALL_NS ? STALL_NS - phase : 0;

	nanosleep(&(struct timespec){ .tv_nsec = (long)left }, NULL);
}

static void reset(int fd)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* Until the client gives up. */
static void wait_for_end(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, 0) > 0)
		;
}

static bool treat(struct odd_server *s, struct exchange *x, enum oddity oddity)
{
	static const char garbage[] = "\0\1\2 not a word of HTTP\r\n\r\n";

	switch (oddity) {
	case ODD_STALL:
		stall(s);
		return answer(s, x, ODD_NONE);
	case ODD_RESET:
		reset(x->fd);
		return false;
	case ODD_CLOSE:
		return false;
	case ODD_GARBAGE:
		send_all(x->fd, garbage, sizeof(garbage) - 1);
		return true;
	case ODD_NEVER:
		wait_for_end(x->fd);
		return false;
	case ODD_DIES:
		atomic_store(&s->over, true);
		return false;
	case ODD_AFTER:
		return answer(s, x, ODD_NONE) && usleep(AFTER_US) == 0 &&
		       send_all(x->fd, garbage, sizeof(garbage) - 1);
	case ODD_STOPS:
		atomic_store(s->stop, true);
		return answer(s, x, ODD_NONE);
	default:
		return answer(s, x, oddity);
	}
}

static void *serve(void *connection)
{
	struct odd_connection *c = connection;
	struct odd_server *s = c->server;
	struct exchange x = { .fd = c->fd };
	bool goes_on = true;

	while (goes_on && read_request(&x) && !atomic_load(&s->over)) {
		bool odd = s->every > 0 && (atomic_fetch_add(&s->requests, 1) + 1) % s->every == 0;

		atomic_fetch_add(&s->odd, odd);
		atomic_fetch_add(&s->found, s->sought && strstr(x.head, s->sought));
		goes_on = treat(s, &x, odd ? s->oddity : ODD_NONE);
	}
	free(x.body);
	shutdown(c->fd, s->oddity == ODD_RESET ? 0 : SHUT_WR);
	close(c->fd);
	c->fd = -1;
	return NULL;
}

static void *accept_all(void *server)
{
	struct odd_server *s = server;

	while (!atomic_load(&s->over) && s->count < ODD_CONNECTIONS_MAX) {
		struct odd_connection *c = &s->connections[s->count];
		struct pollfd in = { .fd = s->listener, .events = POLLIN };

		if (poll(&in, 1, 20) <= 0)
			continue;
		c->server = s;
		c->fd = accept(s->listener, NULL, NULL);
		if (c->fd < 0)
			break;
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		atomic_fetch_add(&s->accepted, 1);
		if (pthread_create(&c->thread, NULL, serve, c) != 0)
			abort();
		s->count++;
	}
	close(s->listener);
	return NULL;
}

void odd_server_start(struct odd_server *s, enum oddity oddity, unsigned every)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	s->oddity = oddity;
	s->every = every;
	s->began_ns = clock_now();
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->listener >= 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(s->listener, 1024), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&at, &len), 0);
	s->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, accept_all, s), 0);
}

void odd_server_stop(struct odd_server *s)
{
	atomic_store(&s->over, true);
	pthread_join(s->thread, NULL);
	for (unsigned i = 0; i < s->count; i++)
		pthread_join(s->connections[i].thread, NULL);
}
