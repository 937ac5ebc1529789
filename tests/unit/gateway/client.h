/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - an HTTP/1.1 client that says exactly the bytes it is told to.
 */
#ifndef SPROCKET_TESTS_UNIT_GATEWAY_CLIENT_H
#define SPROCKET_TESTS_UNIT_GATEWAY_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct client {
	int fd;
	size_t used; /* bytes read and not yet taken */
	char bytes[256 * 1024];
};

struct reply {
	int status;
	char head[16384]; /* status line and fields, NUL-terminated */
	char body[80000]; /* NUL-terminated */
	size_t body_len;
};

void client_open(struct client *c, int port);
void client_close(struct client *c);
/* Closes with a reset. */
void client_reset(struct client *c);

void client_send(struct client *c, const char *bytes, size_t len);
/* Sends a formatted request head, or all of a request without body. */
void client_say(struct client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* POST with a body of `len` bytes. `fields`: header lines, each with CRLF, or "". */
void client_post(struct client *c, const char *path, const char *fields, const void *body,
		 size_t len);

/* Reads one reply; `head`: the request was HEAD. */
void client_reply(struct client *c, struct reply *reply, bool head);
/* True when the other side has closed, within `ms`. */
bool client_closed(struct client *c, int ms);
/* True when something can be read, within `ms`. */
bool client_readable(struct client *c, int ms);

/* Value of a header field, or NULL; valid until the next call. */
const char *reply_field(const struct reply *reply, const char *name);
/* Asserts a problem document: status, reason, chain and request id. */
void reply_assert_problem(const struct reply *reply, int status, const char *reason);

#endif
