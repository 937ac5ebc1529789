// SPDX-License-Identifier: Apache-2.0
#include "bench/client/http2_session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW (1 << 30)
#define FIELDS_LENGTH_MAX (64U << 10) /* of an answer */
#define REQUEST_FIELDS_LENGTH_MAX (1U << 20)
#define FRAME_HEADER 9U
#define BOX_MIN (4U << 10)
#define BOX_MAX (256U << 10) /* bodies wait when there is so much to be sent */
#define BODY_MIN 256U

/* ---- boxes ---- */

/* Returns where `count` bytes may be put, or NULL. */
static char *box_add(struct http2_box *b, size_t count)
{
	size_t room = b->room ? b->room : BOX_MIN;
	char *bytes;

	while (room < b->length + count)
		room *= 2;
	if (room != b->room) {
		bytes = realloc(b->bytes, room);
		if (!bytes)
			return NULL;
		b->bytes = bytes;
		b->room = room;
	}
	b->length += count;
	return b->bytes + b->length - count;
}

int bench_http2_fill(struct bench_codec *c)
{
	const uint8_t *bytes;
	ssize_t count = 0;
	char *to;

	while (!c->broken && (count = nghttp2_session_mem_send(c->session, &bytes)) > 0) {
		to = box_add(c->filling, (size_t)count);
		if (!to) {
			count = NGHTTP2_ERR_NOMEM;
			break;
		}
		memcpy(to, bytes, (size_t)count);
	}
	if (count < 0)
		c->broken = true;
	return count == NGHTTP2_ERR_NOMEM ? -ENOMEM : c->broken ? -EPROTO : 0;
}

/* ---- slots ---- */

struct http2_slot *bench_http2_slot_take(struct bench_codec *c)
{
	struct http2_slot *s = c->free;
	char *body = s->body;
	size_t room = s->body_room;

	c->free = s->next;
	c->active++;
	*s = (struct http2_slot){ .body = body, .body_room = room };
	return s;
}

void bench_http2_slot_put(struct bench_codec *c, struct http2_slot *s)
{
	if (s->timing)
		nghttp2_rcbuf_decref(s->timing);
	if (s->cookie)
		nghttp2_rcbuf_decref(s->cookie);
	s->timing = s->cookie = NULL;
	s->next = c->free;
	c->free = s;
}

static void slot_fail(struct http2_slot *s, enum bench_error error)
{
	if (!s->failed)
		s->error = error;
	s->failed = true;
}

/* The stream's answer will not be read on: the slot is done when nghttp2 has told the server. */
static int slot_cancel(struct bench_codec *c, int32_t stream)
{
	return nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
}

static struct http2_slot *slot_of(struct bench_codec *c, int32_t stream)
{
	return stream ? nghttp2_session_get_stream_user_data(c->session, stream) : NULL;
}

static int slot_keep(struct http2_slot *s, const uint8_t *bytes, size_t count)
{
	size_t need = s->body_len + count, room = s->body_room ? s->body_room : BODY_MIN;
	char *body;

	if (need > s->body_room) {
		if (need < s->body_expected && s->body_expected <= BENCH_ANSWER_MAX)
			need = s->body_expected;
		while (room < need)
			room *= 2;
		body = realloc(s->body, room);
		if (!body)
			return -ENOMEM;
		s->body = body;
		s->body_room = room;
	}
	memcpy(s->body + s->body_len, bytes, count);
	return 0;
}

/* ---- what nghttp2 tells ---- */

ssize_t bench_http2_body_wanted(nghttp2_session *session, int32_t stream, uint8_t *buffer,
				size_t length, uint32_t *flags, nghttp2_data_source *source,
				void *user)
{
	struct bench_codec *c = user;
	const struct http2_slot *s = source->ptr;
	size_t count = s->ask_left < length ? s->ask_left : length;

	(void)session, (void)stream, (void)buffer;
	if (c->filling->length + FRAME_HEADER + count > BOX_MAX)
		return NGHTTP2_ERR_PAUSE;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (count == s->ask_left)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)count;
}

static int on_body_sent(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header,
			size_t length, nghttp2_data_source *source, void *user)
{
	struct bench_codec *c = user;
	struct http2_slot *s = source->ptr;
	char *to = box_add(c->filling, FRAME_HEADER + length);

	(void)session, (void)frame;
	if (!to)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	memcpy(to, header, FRAME_HEADER);
	memcpy(to + FRAME_HEADER, s->ask_body, length);
	s->ask_body += length;
	s->ask_left -= length;
	return 0;
}

static int on_fields(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct bench_codec *c = user;

	(void)session;
	c->reading = slot_of(c, frame->hd.stream_id);
	return 0;
}

static bool is(nghttp2_vec have, const char *want, size_t len)
{
	return have.len == len && memcmp(have.base, want, len) == 0;
}

#define IS(have, want) is(have, want, sizeof(want) - 1)

static uint64_t number(nghttp2_vec text)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text.len && n < UINT32_MAX; i++)
		n = n * 10 + (uint64_t)(text.base[i] - '0'); /* nghttp2 lets digits pass only */
	return n;
}

static void keep_field(nghttp2_rcbuf **at, nghttp2_rcbuf *value)
{
	if (*at)
		nghttp2_rcbuf_decref(*at);
	nghttp2_rcbuf_incref(value);
	*at = value;
}

static int on_field(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name_buf,
		    nghttp2_rcbuf *value_buf, uint8_t flags, void *user)
{
	struct bench_codec *c = user;
	struct http2_slot *s = c->reading;
	nghttp2_vec name = nghttp2_rcbuf_get_buf(name_buf);
	nghttp2_vec value = nghttp2_rcbuf_get_buf(value_buf);

	(void)session, (void)frame, (void)flags;
	if (!s)
		return 0;
	s->fields_len += (uint32_t)(name.len + value.len);
	if (s->fields_len > FIELDS_LENGTH_MAX)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (IS(name, ":status")) {
		s->status = (uint16_t)number(value);
	} else if (IS(name, "content-length")) {
		s->body_expected = number(value);
	} else if (IS(name, "server-timing")) {
		keep_field(&s->timing, value_buf);
	} else if (IS(name, "set-cookie")) {
		keep_field(&s->cookie, value_buf);
	} else if (IS(name, "content-type")) {
		s->grpc = value.len >= 16 && memcmp(value.base, "application/grpc", 16) == 0;
	} else if (IS(name, "grpc-status")) {
		s->grpc_told = true;
		s->grpc_ok = IS(value, "0");
	}
	return 0;
}

static int on_body(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
		   size_t count, void *user)
{
	struct bench_codec *c = user;
	struct http2_slot *s = slot_of(c, stream);

	(void)session, (void)flags;
	if (!s || s->failed)
		return 0;
	if (s->body_len + count > BENCH_ANSWER_MAX) {
		slot_fail(s, BENCH_ERROR_length);
		return slot_cancel(c, stream) ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
	}
	if (!c->headers_only && slot_keep(s, bytes, count))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	s->body_len += count;
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct bench_codec *c = user;
	struct http2_slot *s;

	(void)session;
	if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
		c->settings_came = true;
	s = slot_of(c, frame->hd.stream_id);
	if (!s)
		return 0;
	if (frame->hd.type == NGHTTP2_RST_STREAM) {
		s->reset = true;
	} else if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
		   frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
		s->whole = true;
		/* Answered before it was asked to the end; the rest is the caller's from now. */
		if (s->ask_left && slot_cancel(c, frame->hd.stream_id))
			return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	return 0;
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct bench_codec *c = user;

	(void)session;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		c->broken = true; /* it says what the server did wrong, we never leave */
	return 0;
}

static int on_frame_unsent(nghttp2_session *session, const nghttp2_frame *frame, int error,
			   void *user)
{
	struct http2_slot *s = slot_of(user, frame->hd.stream_id);

	(void)session, (void)error;
	if (s && frame->hd.type == NGHTTP2_HEADERS)
		s->reset = true;
	return 0;
}

static int on_stream_end(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
	struct bench_codec *c = user;
	struct http2_slot *s = slot_of(c, stream);

	(void)session;
	if (!s)
		return 0;
	if (c->reading == s)
		c->reading = NULL;
	if (s->whole && s->grpc && !s->grpc_told)
		slot_fail(s, BENCH_ERROR_malformed);
	else if (s->whole && s->grpc_told && !s->grpc_ok)
		slot_fail(s, BENCH_ERROR_status);
	else if (!s->whole && s->reset && code == NGHTTP2_ENHANCE_YOUR_CALM)
		slot_fail(s, BENCH_ERROR_shed);
	else if (!s->whole && (s->reset || code == NGHTTP2_REFUSED_STREAM))
		slot_fail(s, BENCH_ERROR_reset);
	else if (!s->whole)
		slot_fail(s, BENCH_ERROR_malformed);
	s->next = NULL;
	*c->done_end = s;
	c->done_end = &s->next;
	return 0;
}

/* ---- open, done ---- */

static int callbacks_make(nghttp2_session_callbacks **ret)
{
	nghttp2_session_callbacks *cb;

	if (nghttp2_session_callbacks_new(&cb))
		return -ENOMEM;
	nghttp2_session_callbacks_set_send_data_callback(cb, on_body_sent);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_fields);
	nghttp2_session_callbacks_set_on_header_callback2(cb, on_field);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_body);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(cb, on_frame_unsent);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_end);
	*ret = cb;
	return 0;
}

int bench_http2_session_open(struct bench_codec *c)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW },
	};
	nghttp2_session_callbacks *cb;
	nghttp2_option *option;
	int r;

	c->slots = calloc(c->streams + 1, sizeof(*c->slots));
	if (!c->slots || callbacks_make(&cb))
		return -ENOMEM;
	c->slot_count = c->streams + 1;
	for (unsigned i = 0; i < c->slot_count; i++)
		bench_http2_slot_put(c, &c->slots[i]);
	c->sending = &c->boxes[0];
	c->filling = &c->boxes[1];
	c->done_end = &c->done;
	r = nghttp2_option_new(&option);
	if (r == 0) {
		nghttp2_option_set_max_send_header_block_length(option, REQUEST_FIELDS_LENGTH_MAX);
		r = nghttp2_session_client_new2(&c->session, cb, c, option);
		nghttp2_option_del(option);
	}
	nghttp2_session_callbacks_del(cb);
	if (r)
		return -ENOMEM;
	if (nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings,
				    sizeof(settings) / sizeof(*settings)) ||
	    nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, WINDOW))
		return -ENOMEM;
	return 0;
}

void bench_http2_session_done(struct bench_codec *c)
{
	struct http2_slot *s;

	for (unsigned i = 0; i < c->slot_count; i++) {
		s = &c->slots[i];
		if (s->timing)
			nghttp2_rcbuf_decref(s->timing);
		if (s->cookie)
			nghttp2_rcbuf_decref(s->cookie);
		free(s->body);
	}
	nghttp2_session_del(c->session);
	free(c->slots);
	free(c->boxes[0].bytes);
	free(c->boxes[1].bytes);
}
