// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/tap_stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "controller/clock.h"
#include "controller/daemon/tap_line.h"
#include "controller/runtime.h"

#define LOST_LINE_MAX 48

/* The kernel's tap of one chain; there is one while the chain has listeners. */
struct tap {
	struct taps *taps;
	struct runtime *runtime;
	struct loop_source source;
	uint64_t lost; /* by the kernel, as told so far */
	unsigned listeners;
};

struct tap_stream {
	struct taps *taps;
	struct tap *tap; /* NULL: at its end */
	char function[TAP_STREAM_FILTER_MAX];
	char edge[TAP_STREAM_FILTER_MAX];
	char verdict[TAP_STREAM_FILTER_MAX];
	void (*on_text)(void *arg);
	void *arg;
	uint64_t lost; /* not told yet */
	size_t begin, len;
	char text[TAP_STREAM_TEXT_MAX]; /* a ring */
};

struct taps {
	struct loop *loop;
	int64_t realtime_offset_ns;
	unsigned count;
	struct tap_stream *streams[TAP_STREAM_LISTENERS_MAX];
};

int taps_open(struct loop *loop, struct taps **ret)
{
	struct taps *taps = calloc(1, sizeof(*taps));

	if (!taps)
		return -ENOMEM;
	taps->loop = loop;
	*ret = taps;
	return 0;
}

struct taps *taps_close(struct taps *taps)
{
	free(taps);
	return NULL;
}

static bool put(struct tap_stream *s, const char *text, size_t len, size_t keep_free)
{
	size_t at = (s->begin + s->len) % sizeof(s->text), first = sizeof(s->text) - at;

	if (len + keep_free > sizeof(s->text) - s->len)
		return false;
	first = len < first ? len : first;
	memcpy(s->text + at, text, first);
	memcpy(s->text, text + first, len - first);
	s->len += len;
	return true;
}

/* True when nothing is untold any more. */
static bool put_lost(struct tap_stream *s)
{
	char line[LOST_LINE_MAX];
	int len;

	if (!s->lost)
		return true;
	len = snprintf(line, sizeof(line), "{\"lost\":%" PRIu64 "}\n", s->lost);
	if (!put(s, line, (size_t)len, 0))
		return false;
	s->lost = 0;
	return true;
}

static bool passes(const struct tap_stream *s, const struct tap_words *w)
{
	if (s->function[0] && strcmp(s->function, w->from) && strcmp(s->function, w->to))
		return false;
	if (s->edge[0] && strcmp(s->edge, w->edge))
		return false;
	return !s->verdict[0] || !strcmp(s->verdict, w->verdict);
}

static void on_record(const struct sp_tap *record, void *arg)
{
	struct tap *tap = arg;
	struct taps *taps = tap->taps;
	struct tap_words words;
	char line[TAP_LINE_MAX];
	size_t len = 0;

	tap_line_words(tap->runtime->chain, record, &words);
	for (unsigned i = 0; i < taps->count; i++) {
		struct tap_stream *s = taps->streams[i];

		if (s->tap != tap || !passes(s, &words))
			continue;
		if (!len)
			len = tap_line_format(record, &words, taps->realtime_offset_ns, line);
		/* There is always room to say how many were lost. */
		if (!put_lost(s) || !put(s, line, len, LOST_LINE_MAX))
			s->lost++;
	}
}

static void on_tap(void *arg, uint32_t events)
{
	struct tap *tap = arg;
	struct taps *taps = tap->taps;
	bool empty[TAP_STREAM_LISTENERS_MAX];
	uint64_t lost;

	(void)events;
	for (unsigned i = 0; i < taps->count; i++)
		empty[i] = !taps->streams[i]->len;
	taps->realtime_offset_ns = (int64_t)(clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC));
	sproxy_tap_read(tap->runtime->proxy, on_record, tap);
	lost = sproxy_tap_lost(tap->runtime->proxy);
	for (unsigned i = 0; i < taps->count; i++) {
		struct tap_stream *s = taps->streams[i];

		if (s->tap != tap)
			continue;
		s->lost += lost - tap->lost;
		put_lost(s);
		if (empty[i] && s->len)
			s->on_text(s->arg);
	}
	tap->lost = lost;
}

static struct tap *find_tap(const struct taps *taps, const struct runtime *runtime)
{
	for (unsigned i = 0; i < taps->count; i++)
		if (taps->streams[i]->tap && taps->streams[i]->tap->runtime == runtime)
			return taps->streams[i]->tap;
	return NULL;
}

/* What was lost before is not this listener's. */
static int tap_start(struct taps *taps, struct runtime *runtime, struct tap **ret)
{
	struct tap *tap = calloc(1, sizeof(*tap));
	int r;

	if (!tap)
		return -ENOMEM;
	*tap = (struct tap){ .taps = taps,
			     .runtime = runtime,
			     .lost = sproxy_tap_lost(runtime->proxy) };
	r = sproxy_tap(runtime->proxy, true);
	if (r == 0) {
		tap->source = (struct loop_source){ .fd = sproxy_tap_fd(runtime->proxy),
						    .on_ready = on_tap,
						    .arg = tap };
		r = loop_add(taps->loop, &tap->source, EPOLLIN);
		if (r < 0)
			sproxy_tap(runtime->proxy, false);
	}
	if (r < 0) {
		free(tap);
		return r;
	}
	*ret = tap;
	return 0;
}

static void tap_stop(struct tap *tap)
{
	loop_remove(tap->taps->loop, &tap->source);
	sproxy_tap(tap->runtime->proxy, false);
	free(tap);
}

static bool take_filter(const char *text, char ret[TAP_STREAM_FILTER_MAX])
{
	return snprintf(ret, TAP_STREAM_FILTER_MAX, "%s", text ? text : "") < TAP_STREAM_FILTER_MAX;
}

int tap_stream_open(struct taps *taps, struct runtime *runtime, const struct tap_filter *filter,
		    void (*on_text)(void *arg), void *arg, struct tap_stream **ret)
{
	struct tap *tap = find_tap(taps, runtime);
	struct tap_stream *s;
	int r = 0;

	if (taps->count == TAP_STREAM_LISTENERS_MAX)
		return -EUSERS;
	s = malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->taps = taps;
	s->on_text = on_text;
	s->arg = arg;
	s->lost = s->begin = s->len = 0;
	if (!take_filter(filter->function, s->function) || !take_filter(filter->edge, s->edge) ||
	    !take_filter(filter->verdict, s->verdict))
		r = -ENAMETOOLONG;
	if (r == 0 && !tap)
		r = tap_start(taps, runtime, &tap);
	if (r < 0) {
		free(s);
		return r;
	}
	s->tap = tap;
	tap->listeners++;
	taps->streams[taps->count++] = s;
	*ret = s;
	return 0;
}

struct tap_stream *tap_stream_close(struct tap_stream *s)
{
	struct taps *taps;
	unsigned i = 0;

	if (!s)
		return NULL;
	taps = s->taps;
	while (taps->streams[i] != s)
		i++;
	taps->streams[i] = taps->streams[--taps->count];
	if (s->tap && --s->tap->listeners == 0)
		tap_stop(s->tap);
	free(s);
	return NULL;
}

size_t tap_stream_read(struct tap_stream *s, char *ret, size_t size)
{
	size_t n = s->len < size ? s->len : size, first = sizeof(s->text) - s->begin;

	first = n < first ? n : first;
	memcpy(ret, s->text + s->begin, first);
	memcpy(ret + first, s->text, n - first);
	s->begin = (s->begin + n) % sizeof(s->text);
	s->len -= n;
	put_lost(s); /* nobody else tells it when the chain is quiet from now on */
	return n;
}

bool tap_stream_ended(const struct tap_stream *s)
{
	return !s->tap && !s->len;
}

void tap_stream_end(struct taps *taps, const struct runtime *runtime)
{
	struct tap *tap = find_tap(taps, runtime);

	if (!tap)
		return;
	for (unsigned i = 0; i < taps->count; i++) {
		struct tap_stream *s = taps->streams[i];

		if (s->tap != tap)
			continue;
		s->tap = NULL;
		if (!s->len)
			s->on_text(s->arg);
	}
	tap_stop(tap);
}
