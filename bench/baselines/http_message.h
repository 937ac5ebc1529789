/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_message.h - heads of HTTP/1.1 messages: read, and written.
 *
 * For: the functions of peer-http and peer-sidecar, at both of their ends.
 * How: a head is parsed once, when all of it is there; of its fields only those are looked at
 * that say where the message and the connection end. Bodies are counted (content-length): nginx
 * sends no others to a function.
 * Thread-safety: no state.
 */
#ifndef SPROCKET_BENCH_HTTP_MESSAGE_H
#define SPROCKET_BENCH_HTTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_HEAD_MAX 8192U /* of a message that is read */
#define HTTP_HEAD_TEXT 192U /* of one that is written */

enum http_kind { HTTP_REQUEST, HTTP_ANSWER };

struct http_head {
	size_t head_len; /* with the empty line; 0: not parsed yet */
	size_t body_len;
	unsigned status; /* of an answer */
	bool last;       /* the connection ends after this message */
};

/* Returns 0 and *ret; -EAGAIN when more bytes are needed, -EMSGSIZE when it is longer than
 * HTTP_HEAD_MAX, -ENOTSUP for a body that is not counted, -EBADMSG for what is not HTTP/1. */
int http_head_parse(const char *data, size_t len, enum http_kind kind, struct http_head *ret);

/* Both write a head into `to` and return its length. `host` has at most 64 characters. */
size_t http_request_write(char to[HTTP_HEAD_TEXT], const char *host, size_t body_len);
size_t http_answer_write(char to[HTTP_HEAD_TEXT], unsigned status, size_t body_len, bool last);

#endif
