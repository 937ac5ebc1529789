// SPDX-License-Identifier: Apache-2.0
/*
 * http2.c - HTTP/2 without TLS, by prior knowledge: the codec over http2_session.h.
 *
 * For: the client's connections when they speak h2c; gRPC too, whose trailers are understood.
 * How: answers are handed out when all input has been read, so that the callback may ask again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/client/http2_session.h"

#define STREAMS_UNTIL_SETTINGS 100U /* that RFC 9113 tells every server to allow */
#define FIELDS_MAX (BENCH_HEADERS_MAX + 5)

static bool http2_leaving(const struct bench_codec *c)
{
	return c->broken || !nghttp2_session_check_request_allowed(c->session);
}

static void hand_out(struct bench_codec *c, struct http2_slot *s)
{
	struct bench_answer answer = {
		.status = s->status,
		.body = c->headers_only ? NULL :
			s->body_len     ? s->body :
					  "",
		.body_len = s->body_len,
		.close = http2_leaving(c),
	};

	if (s->failed) {
		c->events->failed(c->owner, s->token, s->error);
		return;
	}
	if (s->timing) {
		nghttp2_vec v = nghttp2_rcbuf_get_buf(s->timing);

		answer.timing = (const char *)v.base;
		answer.timing_len = v.len;
	}
	if (s->cookie) {
		nghttp2_vec v = nghttp2_rcbuf_get_buf(s->cookie);

		answer.cookie = (const char *)v.base;
		answer.cookie_len = v.len;
	}
	c->events->answered(c->owner, s->token, &answer);
}

/* There is one slot more than streams: what is asked meanwhile gets another than this. */
static void hand_out_all(struct bench_codec *c)
{
	struct http2_slot *s;

	while ((s = c->done)) {
		c->done = s->next;
		if (!c->done)
			c->done_end = &c->done;
		c->active--;
		hand_out(c, s);
		bench_http2_slot_put(c, s);
	}
}

static void http2_close(struct bench_codec *c)
{
	if (!c)
		return;
	bench_http2_session_done(c);
	free(c);
}

static struct bench_codec *http2_open(const struct bench_codec_events *events, void *owner,
				      unsigned streams, bool headers_only)
{
	struct bench_codec *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->events = events;
	c->owner = owner;
	c->streams = streams;
	c->headers_only = headers_only;
	if (bench_http2_session_open(c)) {
		http2_close(c);
		return NULL;
	}
	return c;
}

static unsigned http2_room(const struct bench_codec *c)
{
	uint32_t most = STREAMS_UNTIL_SETTINGS;

	if (http2_leaving(c))
		return 0;
	if (c->settings_came)
		most = nghttp2_session_get_remote_settings(c->session,
							   NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
	if (most > c->streams)
		most = c->streams;
	return most > c->active ? most - c->active : 0;
}

static nghttp2_nv field(const char *name, const char *value, size_t value_len)
{
	return (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name,
			     .namelen = strlen(name),
			     .value = (uint8_t *)(uintptr_t)value,
			     .valuelen = value_len };
}

/* `number_text` is for the content-length. */
static size_t message_fields(const struct bench_message *m, char number_text[24], nghttp2_nv *to)
{
	size_t count = 0;

	to[count++] = field(":method", m->method, strlen(m->method));
	to[count++] = field(":scheme", "http", 4);
	to[count++] = field(":authority", m->host, strlen(m->host));
	to[count++] = field(":path", m->path, m->path_len);
	for (unsigned i = 0; i < m->header_count; i++) {
		const struct bench_header *h = &m->headers[i];

		to[count++] = field(h->name, h->value, strlen(h->value));
	}
	if (m->body_len) {
		int len = snprintf(number_text, 24, "%zu", m->body_len);

		to[count++] = field("content-length", number_text, (size_t)len);
	}
	return count;
}

static int http2_ask(struct bench_codec *c, uint64_t token, const struct bench_message *m)
{
	nghttp2_data_provider body = { .read_callback = bench_http2_body_wanted };
	nghttp2_nv fields[FIELDS_MAX];
	char number_text[24];
	struct http2_slot *s;
	int32_t stream;

	if (http2_leaving(c) || m->header_count > BENCH_HEADERS_MAX)
		return -EPROTO;
	if (!http2_room(c))
		return -EAGAIN;
	s = bench_http2_slot_take(c);
	s->token = token;
	s->ask_body = m->body;
	s->ask_left = m->body_len;
	body.source.ptr = s;
	stream = nghttp2_submit_request(c->session, NULL, fields,
					message_fields(m, number_text, fields),
					m->body_len ? &body : NULL, s);
	if (stream > 0)
		return 0;
	c->active--;
	bench_http2_slot_put(c, s);
	return stream == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO;
}

static size_t http2_output(struct bench_codec *c, const char **ret_bytes)
{
	struct http2_box *b = c->sending;

	if (b->sent == b->length) {
		bench_http2_fill(c); /* should it fail, the next input tells */
		c->sending = c->filling;
		c->filling = b;
		b->length = b->sent = 0;
		b = c->sending;
	}
	*ret_bytes = b->bytes ? b->bytes + b->sent : NULL;
	return b->length - b->sent;
}

static void http2_sent(struct bench_codec *c, size_t count)
{
	c->sending->sent += count;
}

static int http2_input(struct bench_codec *c, const char *bytes, size_t count)
{
	ssize_t used = 0;
	int r;

	if (!c->broken)
		used = nghttp2_session_mem_recv(c->session, (const uint8_t *)bytes, count);
	if (used < 0)
		c->broken = true;
	r = bench_http2_fill(c); /* streams that we reset end by it */
	hand_out_all(c);
	return c->broken && r == 0 ? -EPROTO : r;
}

static int http2_ended(struct bench_codec *c)
{
	if (c->broken)
		return -EPROTO;
	return c->active ? -EPIPE : 0;
}

const struct bench_codec_ops bench_http2 = {
	.open = http2_open,
	.close = http2_close,
	.room = http2_room,
	.ask = http2_ask,
	.output = http2_output,
	.sent = http2_sent,
	.input = http2_input,
	.ended = http2_ended,
	.leaving = http2_leaving,
};
