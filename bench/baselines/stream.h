/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h - messages out of a byte stream: an item that says how long, then the body.
 *
 * For: peer-copy.
 * How: what recv brings is put behind what is there; a message that is whole is handed out where it
 * lies. Before a message is cut at the end of the memory its beginning moves to the front.
 * Thread-safety: one thread. Failure modes: the length is trusted, as all here is.
 */
#ifndef SPROCKET_BENCH_STREAM_H
#define SPROCKET_BENCH_STREAM_H

#include <stdbool.h>
#include <string.h>

#include "bench/baselines/peer.h"

#define STREAM_AHEAD (256UL << 10) /* bytes that one recv may bring beyond a message */

struct stream {
	char *data;
	size_t size, start, end;
};

/* The next message. False: not all of it has come. */
static inline bool stream_peek(const struct stream *s, struct peer_item *ret, char **ret_body)
{
	if (s->end - s->start < sizeof(*ret))
		return false;
	memcpy(ret, s->data + s->start, sizeof(*ret)); /* it lies anywhere */
	*ret_body = s->data + s->start + sizeof(*ret);
	return s->end - s->start - sizeof(*ret) >= ret->len;
}

static inline void stream_skip(struct stream *s, const struct peer_item *item)
{
	s->start += sizeof(*item) + item->len;
}

/* Bytes that can be received at data + end; more than 0, as whole messages have been taken out. */
static inline size_t stream_room(struct stream *s)
{
	if (s->start == s->end) {
		s->start = s->end = 0;
	} else if (s->size - s->end < STREAM_AHEAD / 2 && s->start > 0) {
		memmove(s->data, s->data + s->start, s->end - s->start);
		s->end -= s->start;
		s->start = 0;
	}
	return s->size - s->end;
}

#endif
