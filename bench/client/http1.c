/* SPDX-License-Identifier: Apache-2.0 */
/* http1.c - see codec.h and http1.h. */
#include "bench/client/http1.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 512U
#define STATUS_MAX 599U
#define SWITCHING_PROTOCOLS 101U

int http1_append(struct http1_bytes *b, const char *bytes, size_t count, size_t max)
{
	if (count > max - b->len)
		return -EPROTO;
	if (count > b->room - b->len) {
		size_t room = b->room ? b->room : ROOM_MIN;
		char *data;

		while (room < b->len + count)
			room *= 2;
		room = room < max ? room : max;
		data = realloc(b->data, room);
		if (!data)
			return -ENOMEM;
		b->data = data;
		b->room = room;
	}
	if (count > 0)
		memcpy(b->data + b->len, bytes, count);
	b->len += count;
	return 0;
}

int http1_body_add(struct bench_codec *c, const char *bytes, size_t count)
{
	c->counted += count;
	return c->headers_only ? 0 : http1_append(&c->body, bytes, count, BENCH_ANSWER_MAX);
}

static struct bench_codec *http1_open(const struct bench_codec_events *events, void *owner,
				      unsigned streams, bool headers_only)
{
	struct bench_codec *c = calloc(1, sizeof(*c));

	(void)streams; /* one: without pipelining */
	if (!c)
		return NULL;
	c->events = events;
	c->owner = owner;
	c->headers_only = headers_only;
	return c;
}

static void http1_close(struct bench_codec *c)
{
	if (!c)
		return;
	free(c->partial.data);
	free(c->body.data);
	free(c->timing.data);
	free(c->cookie.data);
	free(c->output.data);
	free(c);
}

static size_t unsent(const struct bench_codec *c)
{
	return c->output.len - c->output_at + c->rest_len;
}

static unsigned http1_room(const struct bench_codec *c)
{
	return c->state == HTTP1_IDLE && !c->leaving && unsent(c) == 0;
}

static int put(struct bench_codec *c, const char *text, size_t len)
{
	return http1_append(&c->output, text, len, SIZE_MAX / 4);
}

static int put_text(struct bench_codec *c, const char *text)
{
	return put(c, text, strlen(text));
}

static int put_fields(struct bench_codec *c, const struct bench_message *m)
{
	for (unsigned i = 0; i < m->header_count; i++)
		if (put_text(c, m->headers[i].name) < 0 || put(c, ": ", 2) < 0 ||
		    put_text(c, m->headers[i].value) < 0 || put(c, "\r\n", 2) < 0)
			return -ENOMEM;
	return 0;
}

/* A server must be told that a POST is empty; of a GET it knows. */
static bool tells_length(const struct bench_message *m)
{
	return m->body_len > 0 || !strcmp(m->method, "POST") || !strcmp(m->method, "PUT") ||
	       !strcmp(m->method, "PATCH");
}

static int put_length(struct bench_codec *c, size_t length)
{
	static const char name[] = "content-length: ";
	char line[sizeof(name) + 24], *at = line + sizeof(line);

	*--at = '\n';
	*--at = '\r';
	do {
		*--at = (char)('0' + length % 10);
		length /= 10;
	} while (length > 0);
	at -= sizeof(name) - 1;
	memcpy(at, name, sizeof(name) - 1);
	return put(c, at, (size_t)(line + sizeof(line) - at));
}

static int put_head(struct bench_codec *c, const struct bench_message *m)
{
	int r = put_text(c, m->method);

	r = r < 0 ? r : put(c, " ", 1);
	r = r < 0 ? r : put(c, m->path, m->path_len);
	r = r < 0 ? r : put(c, " HTTP/1.1\r\nhost: ", 17);
	r = r < 0 ? r : put_text(c, m->host);
	r = r < 0 ? r : put(c, "\r\n", 2);
	r = r < 0 ? r : put_fields(c, m);
	if (r == 0 && tells_length(m))
		r = put_length(c, m->body_len);
	if (r == 0 && m->close)
		r = put(c, "connection: close\r\n", 19);
	return r < 0 ? r : put(c, "\r\n", 2);
}

static int http1_ask(struct bench_codec *c, uint64_t token, const struct bench_message *m)
{
	size_t copied = m->body_len < HTTP1_COPY_MAX ? m->body_len : HTTP1_COPY_MAX;

	if (c->state == HTTP1_BROKEN || c->leaving)
		return -EPROTO;
	if (http1_room(c) == 0)
		return -EAGAIN;
	c->output.len = c->output_at = 0;
	if (put_head(c, m) < 0 || put(c, m->body, copied) < 0) {
		c->output.len = 0;
		return -ENOMEM;
	}
	c->rest_len = m->body_len - copied;
	c->rest = c->rest_len > 0 ? m->body + copied : NULL;
	c->token = token;
	c->without_body = !strcmp(m->method, "HEAD");
	c->asked_close = m->close;
	c->state = HTTP1_HEAD;
	return 0;
}

static size_t http1_output(struct bench_codec *c, const char **ret_bytes)
{
	if (c->output_at < c->output.len) {
		*ret_bytes = c->output.data + c->output_at;
		return c->output.len - c->output_at;
	}
	*ret_bytes = c->rest;
	return c->rest_len;
}

static void http1_sent(struct bench_codec *c, size_t count)
{
	if (c->output_at < c->output.len) {
		c->output_at += count;
		return;
	}
	c->rest += count;
	c->rest_len -= count;
}

/* The answer is whole. `more` bytes came behind it: who sent them answers what nobody asked. */
static int finish(struct bench_codec *c, const char *body, size_t len, size_t more)
{
	struct bench_answer answer = {
		.status = c->head.status,
		.body = c->headers_only ? NULL : body,
		.body_len = len,
		.timing = c->timing.len ? c->timing.data : NULL,
		.timing_len = c->timing.len,
		.cookie = c->head.cookie,
		.cookie_len = c->head.cookie_len,
		.close = c->head.close || c->asked_close,
	};

	if (more > 0)
		return -EPROTO;
	/* What is left of a request that was answered before it was read would be the next one. */
	c->leaving = answer.close || unsent(c) > 0;
	c->state = HTTP1_IDLE;
	c->events->answered(c->owner, c->token, &answer);
	c->body.len = 0;
	return 0;
}

/* What follows the head that was read. */
static int begin_body(struct bench_codec *c)
{
	struct http1_head *h = &c->head;

	if (h->status > STATUS_MAX || h->status == SWITCHING_PROTOCOLS)
		return -EPROTO;
	c->body.len = 0;
	c->counted = 0;
	if (h->status < 200) /* the answer itself is still to come */
		return 0;
	if (c->without_body || h->status == 204 || h->status == 304) {
		c->state = HTTP1_LENGTH;
		c->left = 0;
	} else if (h->chunked) {
		c->chunk = (struct http1_chunk){ 0 };
		c->state = HTTP1_CHUNKS;
	} else if (h->has_length) {
		if (h->length > BENCH_ANSWER_MAX && !c->headers_only)
			return -EPROTO;
		c->state = HTTP1_LENGTH;
		c->left = h->length;
	} else {
		h->close = true;
		c->state = HTTP1_TO_CLOSE;
	}
	return 0;
}

/* Waiting for more makes no sense when this cannot become a head. It was looked at up to `from`. */
static bool hopeless(const char *head, size_t from, size_t len)
{
	static const char begin[] = "HTTP/1.";

	if (memcmp(head, begin, len < sizeof(begin) - 1 ? len : sizeof(begin) - 1) != 0)
		return true;
	for (const char *lf = head + from; (lf = memchr(lf, '\n', (size_t)(head + len - lf))); lf++)
		if (lf == head || lf[-1] != '\r')
			return true;
	return false;
}

/* The body may come in other pieces, when the head is gone. */
static int cookie_keep(struct bench_codec *c)
{
	c->cookie.len = 0;
	if (c->head.cookie_len == 0)
		return 0;
	if (http1_append(&c->cookie, c->head.cookie, c->head.cookie_len, HTTP1_HEAD_MAX) < 0)
		return -ENOMEM;
	c->head.cookie = c->cookie.data;
	return 0;
}

static int head_input(struct bench_codec *c, const char *bytes, size_t count, size_t *ret_used)
{
	size_t before = c->partial.len;
	const char *head = bytes, *end;
	int r;

	if (before == 0) {
		end = memmem(bytes, count, "\r\n\r\n", 4);
		*ret_used = end ? (size_t)(end + 4 - head) : count;
		if (end && *ret_used <= HTTP1_HEAD_MAX) {
			r = http1_head_read(head, *ret_used, &c->head, &c->timing);
			goto read;
		}
	}
	*ret_used = count < HTTP1_HEAD_MAX - before ? count : HTTP1_HEAD_MAX - before;
	r = http1_append(&c->partial, bytes, *ret_used, HTTP1_HEAD_MAX);
	if (r < 0)
		return r;
	head = c->partial.data;
	end = memmem(head, c->partial.len, "\r\n\r\n", 4);
	if (!end)
		return c->partial.len == HTTP1_HEAD_MAX || hopeless(head, before, c->partial.len) ?
			       -EPROTO :
			       0;
	*ret_used = (size_t)(end + 4 - head) - before;
	r = http1_head_read(head, (size_t)(end + 4 - head), &c->head, &c->timing);
	c->partial.len = 0;
read:
	r = r < 0 ? r : cookie_keep(c);
	return r < 0 ? r : begin_body(c);
}

/* In one piece it is told from where it lies. */
static int length_input(struct bench_codec *c, const char *bytes, size_t count, size_t *ret_used)
{
	size_t piece = count < c->left ? count : (size_t)c->left;
	int r = 0;

	*ret_used = piece;
	if (piece == c->left && c->counted == 0) {
		c->counted = piece;
		c->left = 0;
		return finish(c, bytes, piece, count - piece);
	}
	r = http1_body_add(c, bytes, piece);
	c->left -= piece;
	return r < 0 || c->left > 0 ? r : finish(c, c->body.data, c->counted, count - piece);
}

static int some_input(struct bench_codec *c, const char *bytes, size_t count, size_t *ret_used)
{
	int r;

	switch (c->state) {
	case HTTP1_HEAD:
		r = head_input(c, bytes, count, ret_used);
		/* A body of no bytes waits for none. */
		if (r == 0 && c->state == HTTP1_LENGTH && c->left == 0)
			r = finish(c, bytes, 0, count - *ret_used);
		return r;
	case HTTP1_LENGTH:
		return length_input(c, bytes, count, ret_used);
	case HTTP1_CHUNKS:
		r = http1_chunk_input(c, bytes, count, ret_used);
		if (r == 0 && c->chunk.state == HTTP1_CHUNK_DONE)
			r = finish(c, c->body.data, c->counted, count - *ret_used);
		return r;
	case HTTP1_TO_CLOSE:
		*ret_used = count;
		return http1_body_add(c, bytes, count);
	default:
		return -EPROTO;
	}
}

static int http1_input(struct bench_codec *c, const char *bytes, size_t count)
{
	size_t at = 0, used = 0;

	while (at < count) {
		int r = some_input(c, bytes + at, count - at, &used);

		if (r < 0) {
			c->state = HTTP1_BROKEN;
			return -EPROTO;
		}
		at += used;
	}
	return 0;
}

static int http1_ended(struct bench_codec *c)
{
	switch (c->state) {
	case HTTP1_IDLE:
		c->leaving = true;
		return 0;
	case HTTP1_TO_CLOSE:
		return finish(c, c->body.data, c->counted, 0);
	case HTTP1_BROKEN:
		return -EPROTO;
	default:
		c->state = HTTP1_BROKEN;
		return -EPIPE;
	}
}

static bool http1_leaving(const struct bench_codec *c)
{
	return c->leaving || c->state == HTTP1_BROKEN;
}

const struct bench_codec_ops bench_http1 = {
	.open = http1_open,
	.close = http1_close,
	.room = http1_room,
	.ask = http1_ask,
	.output = http1_output,
	.sent = http1_sent,
	.input = http1_input,
	.ended = http1_ended,
	.leaving = http1_leaving,
};
