// SPDX-License-Identifier: Apache-2.0
/*
 * http2_server.c - what is answered to which path:
 *   /echo        the body that came, with server-timing and set-cookie
 *   /ok          200 and no body
 *   /N           N bytes 'n' (a number)
 *   /short       5 bytes, content-length says 10;  /long: 10 bytes, it says 5
 *   /grpc/N      what came, trailers with grpc-status N;  /grpc/none: no such trailer
 *   /grpc-only/N one frame with grpc-status N
 *   /reset/N     RST_STREAM with error N;  /half: the same after half of the body
 *   /leave       GOAWAY, which allows this request and those before; it is answered
 *   /away        GOAWAY, which allows none
 *   /early       200 before the body has come, and then nothing more is read
 *   /interim     103, then 200
 *   /fields      more header fields than a client should keep
 *   /never       nothing
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/bench/http2_rig.h"

#define FIELD(n, v)                                                                        \
	{                                                                                  \
		.name = (uint8_t *)(uintptr_t)(n), .value = (uint8_t *)(uintptr_t)(v),     \
		.namelen = strlen(n), .valuelen = strlen(v), .flags = NGHTTP2_NV_FLAG_NONE \
	}

static ssize_t on_answer_wanted(nghttp2_session *session, int32_t stream, uint8_t *buffer,
				size_t length, uint32_t *flags, nghttp2_data_source *source,
				void *user)
{
	struct rig_request *q = source->ptr;
	size_t count = q->answer_left < length ? q->answer_left : length;

	(void)user;
	if (q->got && strncmp(q->path, "/echo", 5) * strncmp(q->path, "/grpc", 5) == 0)
		memcpy(buffer, q->body + q->got - q->answer_left, count);
	else
		memset(buffer, 'n', count);
	q->answer_left -= count;
	if (strcmp(q->path, "/half") == 0 && q->answer_left == 0)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (q->answer_left)
		return (ssize_t)count;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (q->trailers) {
		nghttp2_nv trailer = FIELD("grpc-status", q->path + 6);

		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		assert_int_equal(nghttp2_submit_trailer(session, stream, &trailer, 1), 0);
	}
	return (ssize_t)count;
}

static void answer(struct rig_request *q, const nghttp2_nv *more, size_t more_count, size_t len)
{
	nghttp2_data_provider body = { .source.ptr = q, .read_callback = on_answer_wanted };
	nghttp2_nv fields[16] = { FIELD(":status", "200") };

	assert_true(more_count < 16);
	if (more_count)
		memcpy(fields + 1, more, more_count * sizeof(*more));
	q->answer_left = len;
	assert_int_equal(nghttp2_submit_response(q->rig->server, q->stream, fields, more_count + 1,
						 len || q->trailers ? &body : NULL),
			 0);
}

static void answer_length(struct rig_request *q, size_t said, size_t len)
{
	nghttp2_nv field;

	snprintf(q->length_text, sizeof(q->length_text), "%zu", said);
	field = (nghttp2_nv)FIELD("content-length", q->length_text);
	answer(q, &field, 1, len);
}

static void answer_echo(struct rig_request *q)
{
	char text[24];

	snprintf(text, sizeof(text), "%zu", q->got);
	answer(q,
	       (nghttp2_nv[]){ FIELD("content-length", text),
			       FIELD("server-timing", "a;dur=0.1, b;dur=0.2"),
			       FIELD("set-cookie", "first=1"), FIELD("set-cookie", "last=2") },
	       4, q->got);
}

static void answer_grpc(struct rig_request *q)
{
	nghttp2_nv fields[] = { FIELD("content-type", "application/grpc+proto"),
				FIELD("grpc-status", q->path + 11) };

	if (strncmp(q->path, "/grpc-only/", 11) == 0) {
		answer(q, fields, 2, 0);
		return;
	}
	q->trailers = strcmp(q->path, "/grpc/none") != 0;
	answer(q, fields, 1, q->got);
}

static void answer_fields(struct rig_request *q)
{
	static char value[40000];
	nghttp2_nv fields[2];

	memset(value, 'v', sizeof(value) - 1);
	fields[0] = (nghttp2_nv)FIELD("x-much", value);
	fields[1] = fields[0];
	answer(q, fields, 2, 0);
}

static void answer_interim(struct rig_request *q)
{
	nghttp2_nv interim[] = { FIELD(":status", "103"), FIELD("link", "</a>; rel=preload") };

	assert_int_equal(nghttp2_submit_headers(q->rig->server, NGHTTP2_FLAG_NONE, q->stream, NULL,
						interim, 2, NULL),
			 0);
	answer_length(q, 3, 3);
}

static void answer_leaving(struct rig_request *q)
{
	int32_t last = strcmp(q->path, "/leave") == 0 ? q->stream : 0;

	assert_int_equal(nghttp2_submit_goaway(q->rig->server, NGHTTP2_FLAG_NONE, last,
					       NGHTTP2_NO_ERROR, NULL, 0),
			 0);
	if (last)
		answer_length(q, 4, 4);
}

static void answer_by_path(struct rig_request *q)
{
	const char *p = q->path;

	if (q->answered)
		return;
	q->answered = true;
	if (strcmp(p, "/echo") == 0)
		answer_echo(q);
	else if (strcmp(p, "/ok") == 0 || strcmp(p, "/early") == 0)
		answer(q, NULL, 0, 0);
	else if (p[1] >= '0' && p[1] <= '9')
		answer_length(q, strtoul(p + 1, NULL, 10), strtoul(p + 1, NULL, 10));
	else if (strcmp(p, "/short") == 0)
		answer_length(q, 10, 5);
	else if (strcmp(p, "/long") == 0)
		answer_length(q, 5, 10);
	else if (strncmp(p, "/grpc", 5) == 0)
		answer_grpc(q);
	else if (strncmp(p, "/reset/", 7) == 0)
		assert_int_equal(nghttp2_submit_rst_stream(q->rig->server, NGHTTP2_FLAG_NONE,
							   q->stream,
							   (uint32_t)strtoul(p + 7, NULL, 10)),
				 0);
	else if (strcmp(p, "/half") == 0)
		answer_length(q, 40000, 20000);
	else if (strcmp(p, "/leave") == 0 || strcmp(p, "/away") == 0)
		answer_leaving(q);
	else if (strcmp(p, "/interim") == 0)
		answer_interim(q);
	else if (strcmp(p, "/fields") == 0)
		answer_fields(q);
	else
		assert_string_equal(p, "/never");
}

static int on_server_fields(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct rig *r = user;
	struct rig_request *q;

	for (q = r->requests; q && q->stream; q = q->next)
		;
	if (!q) {
		q = calloc(1, sizeof(*q));
		assert_non_null(q);
		q->rig = r;
		q->next = r->requests;
		r->requests = q;
	}
	q->stream = frame->hd.stream_id;
	q->got = q->answer_left = 0;
	q->answered = q->trailers = false;
	return nghttp2_session_set_stream_user_data(session, q->stream, q);
}

static int on_server_field(nghttp2_session *session, const nghttp2_frame *frame,
			   const uint8_t *name, size_t name_len, const uint8_t *value,
			   size_t value_len, uint8_t flags, void *user)
{
	struct rig_request *q = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	struct rig *r = user;
	char *to = NULL;

	(void)flags, (void)name_len;
	if (strcmp((const char *)name, ":path") == 0)
		to = q->path;
	else if (strcmp((const char *)name, ":authority") == 0)
		to = r->authority;
	else if (strcmp((const char *)name, "x-seen") == 0)
		to = r->seen;
	if (to)
		snprintf(to, 64, "%.*s", (int)value_len, (const char *)value);
	return 0;
}

static int on_server_body(nghttp2_session *session, uint8_t flags, int32_t stream,
			  const uint8_t *bytes, size_t count, void *user)
{
	struct rig_request *q = nghttp2_session_get_stream_user_data(session, stream);

	(void)flags, (void)user;
	if (q->got + count > q->body_room) {
		q->body_room = 2 * (q->got + count);
		q->body = realloc(q->body, q->body_room);
		assert_non_null(q->body);
	}
	memcpy(q->body + q->got, bytes, count);
	q->got += count;
	return 0;
}

static int on_server_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct rig_request *q;

	(void)user;
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	q = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (q && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM || strcmp(q->path, "/early") == 0))
		answer_by_path(q);
	return 0;
}

static int on_server_end(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
	struct rig_request *q = nghttp2_session_get_stream_user_data(session, stream);

	(void)code, (void)user;
	if (q)
		q->stream = 0; /* may be used again */
	return 0;
}

void rig_server_open(struct rig *r, uint32_t most)
{
	const nghttp2_settings_entry setting = { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, most };
	nghttp2_session_callbacks *cb;
	nghttp2_option *option;

	assert_int_equal(nghttp2_session_callbacks_new(&cb), 0);
	assert_int_equal(nghttp2_option_new(&option), 0);
	nghttp2_option_set_max_send_header_block_length(option, 1U << 20);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_server_fields);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_server_field);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_server_body);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_server_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_server_end);
	assert_int_equal(nghttp2_session_server_new2(&r->server, cb, r, option), 0);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(cb);
	assert_int_equal(nghttp2_submit_settings(r->server, 0, &setting, most ? 1 : 0), 0);
}
