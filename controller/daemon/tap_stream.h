/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tap_stream.h - descriptors of a running chain as lines of JSON, for those who listen.
 *
 * For: GET /v1/chains/NAME/tap. How: the kernel's tap of a chain is on while it has a
 * listener, and only then; each listener has a filter and a bounded store of text. What the
 * kernel or the store had no room for is counted, and told in a line {"lost": N} in its place.
 * A line is {"time","id","from","to","edge","buffer","bytes","us","verdict","flags"}: "us" is
 * the time since the hand-over before, "id" is the same all the way of one request.
 * Failure modes: a listener that does not read loses lines, and holds up nobody.
 * Whoever ends a chain calls tap_stream_end() first: its listeners then read to their end.
 * Thread-safety: one thread, the loop's.
 * Ownership: streams are the caller's; all are closed before taps_close().
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_TAP_STREAM_H
#define SPROCKET_CONTROLLER_DAEMON_TAP_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/loop.h"

#define TAP_STREAM_TEXT_MAX (256U << 10) /* bytes that wait for one listener */
#define TAP_STREAM_LISTENERS_MAX 32      /* of all chains together */
#define TAP_STREAM_FILTER_MAX 128

struct runtime;
struct taps;
struct tap_stream;

/* NULL or "": any. */
struct tap_filter {
	const char *function; /* it sends or receives */
	const char *edge;
	const char *verdict;
};

int taps_open(struct loop *loop, struct taps **ret);
struct taps *taps_close(struct taps *taps);

/* `on_text` is called when there is something to read, or the end, after there was nothing.
 * It must not close the stream. Returns 0 and *ret, -EUSERS above the limit, -ENAMETOOLONG, or
 * -errno of the kernel's tap. */
int tap_stream_open(struct taps *taps, struct runtime *runtime, const struct tap_filter *filter,
		    void (*on_text)(void *arg), void *arg, struct tap_stream **ret);
struct tap_stream *tap_stream_close(struct tap_stream *stream);

/* Takes up to `size` bytes of text; 0: nothing now, or for good when tap_stream_ended(). */
size_t tap_stream_read(struct tap_stream *stream, char *ret, size_t size);
bool tap_stream_ended(const struct tap_stream *stream);

/* The runtime goes away or leaves its kernel side: its tap is not touched after this. */
void tap_stream_end(struct taps *taps, const struct runtime *runtime);

#endif
