// SPDX-License-Identifier: Apache-2.0
#include "client.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

void client_open(struct client *c, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct timeval wait = { .tv_sec = RIG_WAIT_MS / 1000 };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->used = 0;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
}

void client_close(struct client *c)
{
	close(c->fd);
	c->fd = -1;
}

void client_reset(struct client *c)
{
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	client_close(c);
}

void client_send(struct client *c, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL);

		assert_true(n > 0);
		bytes += n;
		len -= (size_t)n;
	}
}

void client_say(struct client *c, const char *format, ...)
{
	char text[8192];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	assert_true(len > 0 && (size_t)len < sizeof(text));
	client_send(c, text, (size_t)len);
}

void client_post(struct client *c, const char *path, const char *fields, const void *body,
		 size_t len)
{
	client_say(c, "POST %s HTTP/1.1\r\nHost: rig\r\nContent-Length: %zu\r\n%s\r\n", path, len,
		   fields);
	client_send(c, body, len);
}

static void more(struct client *c)
{
	ssize_t n;

	assert_true(c->used < sizeof(c->bytes));
	n = recv(c->fd, c->bytes + c->used, sizeof(c->bytes) - c->used, 0);
	if (n <= 0)
		fail_msg("the connection ended or was silent after %zu bytes", c->used);
	c->used += (size_t)n;
}

void client_reply(struct client *c, struct reply *reply, bool head)
{
	const char *end, *length;
	size_t head_len, body_len = 0;

	while (!(end = memmem(c->bytes, c->used, "\r\n\r\n", 4)))
		more(c);
	head_len = (size_t)(end - c->bytes) + 4;
	assert_true(head_len < sizeof(reply->head));
	memcpy(reply->head, c->bytes, head_len);
	reply->head[head_len] = '\0';
	assert_int_equal(sscanf(reply->head, "HTTP/1.1 %d", &reply->status), 1);
	length = reply_field(reply, "content-length");
	if (length && !head)
		body_len = strtoul(length, NULL, 10);
	assert_true(body_len < sizeof(reply->body));
	while (c->used < head_len + body_len)
		more(c);
	memcpy(reply->body, c->bytes + head_len, body_len);
	reply->body[body_len] = '\0';
	reply->body_len = body_len;
	c->used -= head_len + body_len;
	memmove(c->bytes, c->bytes + head_len + body_len, c->used);
}

bool client_readable(struct client *c, int ms)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	return c->used > 0 || poll(&p, 1, ms) > 0;
}

bool client_closed(struct client *c, int ms)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	char byte;

	return poll(&p, 1, ms) > 0 && recv(c->fd, &byte, 1, MSG_PEEK) <= 0;
}

const char *reply_field(const struct reply *reply, const char *name)
{
	static char value[4096];
	const char *at = strstr(reply->head, "\r\n");
	size_t len = strlen(name);

	for (; at && at[2] != '\r'; at = strstr(at + 2, "\r\n")) {
		if (strncasecmp(at + 2, name, len) == 0 && at[2 + len] == ':') {
			const char *from = at + 2 + len + 1 + strspn(at + 2 + len + 1, " ");

			snprintf(value, sizeof(value), "%.*s", (int)strcspn(from, "\r"), from);
			return value;
		}
	}
	return NULL;
}

void reply_assert_problem(const struct reply *reply, int status, const char *reason)
{
	char text[256];

	if (reply->status != status || !strstr(reply->body, reason))
		fail_msg("expected %d %s, got %s%s", status, reason, reply->head, reply->body);
	assert_string_equal(reply_field(reply, "content-type"), "application/problem+json");
	snprintf(text, sizeof(text), "\"type\":\"urn:sprocket:problem:%s\"", reason);
	assert_non_null(strstr(reply->body, text));
	snprintf(text, sizeof(text), "\"status\":%d,", status);
	assert_non_null(strstr(reply->body, text));
	assert_non_null(strstr(reply->body, "\"chain\":\"rigged\""));
	snprintf(text, sizeof(text), "\"request\":\"%s\"", reply_field(reply, "x-request-id"));
	assert_non_null(strstr(reply->body, text));
}
