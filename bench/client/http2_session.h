/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2_session.h - requests and answers of one HTTP/2 connection, as libnghttp2 tells them.
 *
 * For: http2.c, the codec.
 * How: each request has a slot until its stream is closed. What nghttp2 tells while it reads only
 * marks slots and puts them in `done`; the codec hands them out afterwards. There are two boxes
 * of bytes to be sent: one that the caller is sending, which stays as it is, and one that is being
 * filled. Answers are never held back: the windows are larger than an answer may be.
 * Failure modes: a request fails alone by
 *   malformed  its answer broke a rule of HTTP, such as a body that is not as long as its
 *              content-length, or a gRPC answer without grpc-status
 *   status     grpc-status is not 0
 *   length     its answer is longer than BENCH_ANSWER_MAX
 *   shed       the server reset it with ENHANCE_YOUR_CALM
 *   reset      the server reset it with anything else, or left (GOAWAY) without doing it
 * An error of the whole connection sets `broken`.
 * Thread-safety: a connection belongs to one thread.
 */
#ifndef SPROCKET_BENCH_HTTP2_SESSION_H
#define SPROCKET_BENCH_HTTP2_SESSION_H

#include <nghttp2/nghttp2.h>

#include "bench/client/codec.h"

struct http2_box {
	char *bytes;
	size_t length, room, sent;
};

/* A request, from ask() until its answer was handed out. */
struct http2_slot {
	struct http2_slot *next; /* in `free` or `done` */
	uint64_t token;
	const char *ask_body;
	size_t ask_left;
	char *body;
	size_t body_len, body_room;
	size_t body_expected; /* by content-length; 0: not said */
	nghttp2_rcbuf *timing, *cookie;
	uint32_t fields_len;
	uint16_t status;
	bool whole; /* the last frame came */
	bool reset; /* by the server, or never sent to it */
	bool grpc, grpc_told, grpc_ok;
	bool failed;
	enum bench_error error; /* if failed */
};

struct bench_codec {
	nghttp2_session *session;
	const struct bench_codec_events *events;
	void *owner;
	unsigned streams, active;
	bool headers_only, settings_came;
	bool broken; /* it is of no use any more */
	struct http2_box boxes[2], *sending, *filling;
	struct http2_slot *free, *done, **done_end;
	struct http2_slot *reading; /* whose header fields are coming */
	struct http2_slot *slots;
	unsigned slot_count;
};

/* `c` has its events, owner, streams and headers_only. Returns 0 or -ENOMEM. */
int bench_http2_session_open(struct bench_codec *c);
/* Also after bench_http2_session_open has failed. */
void bench_http2_session_done(struct bench_codec *c);

/* There is one when `active` is below `streams`: there is one slot more than streams. */
struct http2_slot *bench_http2_slot_take(struct bench_codec *c);
void bench_http2_slot_put(struct bench_codec *c, struct http2_slot *s);

/* The body that a request has; its source is the slot. */
ssize_t bench_http2_body_wanted(nghttp2_session *session, int32_t stream, uint8_t *buffer,
				size_t length, uint32_t *flags, nghttp2_data_source *source,
				void *user);

/* Puts all that is to be sent in the box being filled; bodies only up to a limit. Returns 0, or
 * -ENOMEM or -EPROTO, and then the connection is broken. */
int bench_http2_fill(struct bench_codec *c);

#endif
