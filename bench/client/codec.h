/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec.h - what a connection of the client speaks: HTTP/1.1 (http1.c) or HTTP/2 (http2.c).
 *
 * For: the client's connections. They move bytes and know time; a codec knows messages, and
 * touches no socket.
 * How: requests go in, bytes come out; bytes go in, answers come out by a callback.
 * Thread-safety: a connection belongs to one thread.
 */
#ifndef SPROCKET_BENCH_CODEC_H
#define SPROCKET_BENCH_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/client/client.h"

struct bench_codec; /* one connection's state */

/* A request ready to be written: everything filled in. Pointers hold during the call only, but
 * `body`, which holds until the answer. */
struct bench_message {
	const char *method, *path, *host;
	size_t path_len;
	const struct bench_header *headers;
	unsigned header_count;
	const char *body;
	size_t body_len;
	bool close; /* ask the server to close */
};

/* An answer, whole. Pointers hold during the callback. `body` is one piece, however it came. */
struct bench_answer {
	uint16_t status;
	const char *body;
	size_t body_len;
	const char *timing; /* server-timing; NULL: none */
	size_t timing_len;
	const char *cookie; /* the last set-cookie; NULL: none */
	size_t cookie_len;
	bool close; /* the server closes after it */
};

struct bench_codec_events {
	/* `token` is what was given to ask(). */
	void (*answered)(void *owner, uint64_t token, const struct bench_answer *answer);
	/* This request has failed, the connection goes on (an h2 stream's reset). */
	void (*failed)(void *owner, uint64_t token, enum bench_error error);
};

struct bench_codec_ops {
	/* `headers_only`: bodies are counted (body_len), not kept; body is NULL then. */
	struct bench_codec *(*open)(const struct bench_codec_events *events, void *owner,
				    unsigned streams, bool headers_only);
	void (*close)(struct bench_codec *c);
	/* How many requests may be asked now. */
	unsigned (*room)(const struct bench_codec *c);
	/* 0, -EAGAIN (no room), -ENOMEM, -EPROTO (of no use any more). */
	int (*ask)(struct bench_codec *c, uint64_t token, const struct bench_message *message);
	/* Bytes to be sent next; they hold until sent() says how many of them went. 0: none. */
	size_t (*output)(struct bench_codec *c, const char **ret_bytes);
	void (*sent)(struct bench_codec *c, size_t count);
	/* Bytes that came; callbacks are called meanwhile. 0, or -EPROTO: malformed, close it. */
	int (*input)(struct bench_codec *c, const char *bytes, size_t count);
	/* The server has closed. 0: all was answered (an answer that ends by close ends now);
	 * -EPIPE: not all; -EPROTO. */
	int (*ended)(struct bench_codec *c);
	/* True when it must not be used for further requests (GOAWAY, connection: close). */
	bool (*leaving)(const struct bench_codec *c);
};

extern const struct bench_codec_ops bench_http1, bench_http2;

#endif
