/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.c - see stream.h.
 */
#include "controller/daemon/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_FIRST_SIZE 4096

struct stream *stream_new(void *request, void (*wake)(void *request))
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->request = request;
	stream->wake = wake;
	return stream;
}

/* Tells the feeder, once. */
static void close_feeder(struct stream *stream)
{
	void (*on_close)(void *arg) = stream->on_close;

	stream->on_close = NULL;
	if (on_close)
		on_close(stream->arg);
}

struct stream *stream_free(struct stream *stream)
{
	if (!stream)
		return NULL;
	stream->ended = true;
	close_feeder(stream);
	free(stream->data);
	free(stream);
	return NULL;
}

static size_t backlog(const struct stream *stream)
{
	return stream->end - stream->start;
}

/* Makes room for `len` bytes behind the end. Returns 0 or -ENOMEM. */
static int reserve(struct stream *stream, size_t len)
{
	size_t size = stream->size ? stream->size : STREAM_FIRST_SIZE;
	char *data;

	if (stream->start > 0) {
		memmove(stream->data, stream->data + stream->start, backlog(stream));
		stream->end -= stream->start;
		stream->start = 0;
	}
	while (size - stream->end < len)
		size *= 2;
	if (size == stream->size)
		return 0;
	data = realloc(stream->data, size);
	if (!data)
		return -ENOMEM;
	stream->data = data;
	stream->size = size;
	return 0;
}

/* Returns 0 or -ENOMEM. */
static int append(struct stream *stream, const char *text, size_t len)
{
	if (stream->size - stream->end < len && reserve(stream, len))
		return -ENOMEM;
	memcpy(stream->data + stream->end, text, len);
	stream->end += len;
	if (!stream->began)
		stream->first += len;
	return 0;
}

static void leave_client(struct stream *stream)
{
	static const char last[] = "{\"error\": \"the client reads too slowly: it was left 1 MiB "
				   "behind; ask again\", \"reason\": \"TooSlow\"}\n";

	append(stream, last, sizeof(last) - 1);
	stream_end(stream);
}

int stream_json(struct stream *stream, json_t *object)
{
	char *text = object && !stream->ended ? json_dumps(object, JSON_COMPACT) : NULL;
	int err = -ENOMEM;

	json_decref(object);
	if (stream->ended)
		return -EPIPE;
	if (text && backlog(stream) > stream->first + STREAM_BACKLOG_MAX) {
		free(text);
		leave_client(stream);
		return -EPIPE;
	}
	if (text) {
		size_t len = strlen(text);

		text[len] = '\n';
		err = append(stream, text, len + 1);
		free(text);
	}
	if (err) {
		stream->lost = true;
		stream_end(stream);
		return -EPIPE;
	}
	stream->wake(stream->request);
	return 0;
}

void stream_began(struct stream *stream)
{
	stream->began = true;
}

void stream_end(struct stream *stream)
{
	if (stream->ended)
		return;
	stream->ended = true;
	close_feeder(stream);
	stream->wake(stream->request);
}

ssize_t stream_take(struct stream *stream, char *buf, size_t max)
{
	size_t len = backlog(stream) < max ? backlog(stream) : max;

	if (len == 0 && stream->pull && !stream->ended)
		return stream->pull(stream->arg, buf, max);
	if (len == 0)
		return !stream->ended ? 0 : stream->lost ? -2 : -1;
	memcpy(buf, stream->data + stream->start, len);
	stream->start += len;
	stream->first -= len < stream->first ? len : stream->first;
	if (stream->start == stream->end)
		stream->start = stream->end = 0;
	return (ssize_t)len;
}
