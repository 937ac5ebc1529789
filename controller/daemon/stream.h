/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h - an answer that goes on: lines of JSON, as they come.
 *
 * For: watch, events, logs and tap of the API. Whoever feeds a stream knows nothing of HTTP.
 * How: lines wait in a buffer until the client takes them. While there is none, nothing
 * runs. A client that lets STREAM_BACKLOG_MAX bytes pile up (not counting what the answer
 * began with) gets one last line, {"error": …}, and is left.
 * Thread-safety: one thread, the loop's.
 * Ownership: the API's; it is gone once on_close has been called, which happens exactly once:
 * the client went, it was left, stream_end() was called, or the daemon ends.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_STREAM_H
#define SPROCKET_CONTROLLER_DAEMON_STREAM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define STREAM_BACKLOG_MAX (1U << 20)

struct stream {
	char *data;
	size_t start; /* first byte not yet taken */
	size_t end;
	size_t size;
	size_t first;                /* bytes, until now, of what the answer began with */
	bool began;                  /* what comes now counts as backlog */
	bool ended;                  /* takes no more; what is left is for the client */
	bool lost;                   /* lines are missing: no memory */
	void *request;               /* the API's */
	void (*wake)(void *request); /* there is something to take */
	/* NULL, or who has the text when the buffer is empty: returns bytes put into `buf`; 0:
	 * none until it calls stream->wake(); -1: the end. Keeps its own limit. */
	ssize_t (*pull)(void *arg, char *buf, size_t max);
	void (*on_close)(void *arg);
	void *arg;
};

/* Adds a line, and takes the object; NULL is a line that found no memory. Returns 0, or -EPIPE
 * when the stream has ended; then the stream may be gone. */
int stream_json(struct stream *stream, json_t *object);

/* What was written until now is not held against the client. */
void stream_began(struct stream *stream);

/* No more lines: the client gets what there is, then the end. Calls on_close. */
void stream_end(struct stream *stream);

/* For the API. */
struct stream *stream_new(void *request, void (*wake)(void *request));
struct stream *stream_free(struct stream *stream);
/* Up to `max` bytes for the client. Returns how many; 0: none now; -1: none any more; -2: the
 * answer is not whole. */
ssize_t stream_take(struct stream *stream, char *buf, size_t max);

#endif
