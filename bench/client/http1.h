/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http1.h - one HTTP/1.1 connection seen from the client: what its files share.
 *
 * For: http1.c (requests, framing of answers), http1_head.c (status line and header fields),
 * http1_chunk.c (chunked bodies).
 * How: strict, since a harness must not call right what other clients would refuse: lines end in
 * CRLF, a length is digits, chunked is the only coding, and nothing may follow an answer that
 * nobody asked for. An answer whose body came in one piece is told without a copy.
 * Thread-safety: one thread. Failure modes: -EPROTO, -EPIPE, -ENOMEM; nothing is logged.
 */
#ifndef SPROCKET_BENCH_HTTP1_H
#define SPROCKET_BENCH_HTTP1_H

#include "bench/client/codec.h"

#define HTTP1_HEAD_MAX (64U << 10)   /* bytes of a status line and its fields */
#define HTTP1_TRAILER_MAX (8U << 10) /* bytes of chunk extensions and trailers in one answer */
#define HTTP1_TIMING_MAX (4U << 10)  /* more of server-timing is not told */
#define HTTP1_COPY_MAX (128U << 10)  /* of a body, to be sent together with its head */
#define HTTP1_CHUNK_DIGITS_MAX 8U

enum http1_state {
	HTTP1_IDLE,     /* nothing was asked: nothing may come */
	HTTP1_HEAD,     /* an answer's head is to come, or the rest of it */
	HTTP1_LENGTH,   /* `left` more bytes of a body */
	HTTP1_CHUNKS,   /* a chunked body: see http1_chunk_state */
	HTTP1_TO_CLOSE, /* a body that ends with the connection */
	HTTP1_BROKEN,   /* of no use any more */
};

enum http1_chunk_state {
	HTTP1_CHUNK_SIZE,      /* digits of a chunk's size */
	HTTP1_CHUNK_EXTENSION, /* up to the CR */
	HTTP1_CHUNK_SIZE_LF,
	HTTP1_CHUNK_DATA,
	HTTP1_CHUNK_DATA_CR,
	HTTP1_CHUNK_DATA_LF,
	HTTP1_CHUNK_TRAILER_BEGIN, /* of a line: an empty one is the end */
	HTTP1_CHUNK_TRAILER,
	HTTP1_CHUNK_TRAILER_LF,
	HTTP1_CHUNK_END_LF,
	HTTP1_CHUNK_DONE,
};

struct http1_bytes { /* grows, is never shrunk */
	char *data;
	size_t len, room;
};

struct http1_chunk {
	enum http1_chunk_state state;
	unsigned digits, overhead;
	uint64_t left;
};

/* What a head says. Pointers into it. */
struct http1_head {
	uint16_t status;
	bool has_length, chunked, close;
	uint64_t length;
	const char *cookie;
	size_t cookie_len;
};

struct bench_codec {
	const struct bench_codec_events *events;
	void *owner;
	enum http1_state state;
	bool headers_only, leaving, without_body, asked_close;
	uint64_t token, left, counted;
	struct http1_head head;
	struct http1_bytes partial; /* of a head that came in pieces */
	struct http1_bytes body, timing, cookie, output;
	size_t output_at;
	const char *rest; /* of a long body: sent from where it lies */
	size_t rest_len;
	struct http1_chunk chunk;
};

/* Appends. Returns 0, -ENOMEM, or -EPROTO beyond `max`. */
int http1_append(struct http1_bytes *b, const char *bytes, size_t count, size_t max);

/* Reads a head, which ends in an empty line. server-timing goes to `timing`. 0 or -EPROTO. */
int http1_head_read(const char *bytes, size_t len, struct http1_head *ret,
		    struct http1_bytes *timing);

/* Takes what belongs to the chunked body; *ret_used of `count`. 0, -EPROTO, -ENOMEM. */
int http1_chunk_input(struct bench_codec *c, const char *bytes, size_t count, size_t *ret_used);

/* Keeps or counts bytes of a body. 0, -EPROTO when it is too long, -ENOMEM. */
int http1_body_add(struct bench_codec *c, const char *bytes, size_t count);

#endif
