/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_stream.c - events, logs and tap: what was, and then what comes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/daemon/api_private.h"
#include "controller/daemon/tap_stream.h"
#include "controller/daemon/utf8.h"
#include "controller/logstore.h"
#include "controller/logstore_text.h"

#define TAIL_DEFAULT 100

/* One client that follows events or logs. */
struct follower {
	struct api *api;
	struct stream *stream;
	char *chain;  /* NULL: all */
	char *source; /* or a function, for all its instances; NULL: all */
	struct events_listener on_event;
	struct logstore_listener on_line;
};

static void follower_free(void *arg)
{
	struct follower *follower = arg;

	events_unlisten(follower->api->options.events, &follower->on_event);
	if (follower->on_line.line)
		logstore_unlisten(follower->api->options.logs, &follower->on_line);
	free(follower->chain);
	free(follower->source);
	free(follower);
}

/* With its stream; NULL when the request was answered. */
static struct follower *follower_new(struct api_request *request, const char *chain,
				     const char *source)
{
	struct follower *follower = calloc(1, sizeof(*follower));

	if (follower) {
		follower->api = request->api;
		follower->chain = chain ? strdup(chain) : NULL;
		follower->source = source ? strdup(source) : NULL;
	}
	if (!follower || !follower->chain != !chain || !follower->source != !source) {
		api_fail(request, MHD_HTTP_SERVICE_UNAVAILABLE, "OutOfMemory", "out of memory");
	} else {
		follower->stream = api_stream(request, follower_free, follower);
		if (follower->stream)
			return follower;
	}
	if (follower)
		follower_free(follower);
	return NULL;
}

static void on_event(const struct event *event, void *arg)
{
	struct follower *follower = arg;

	if (!follower->chain || !strcmp(follower->chain, event->chain))
		stream_json(follower->stream, event_json(event));
}

void api_get_events(struct api_request *request)
{
	struct events *events = request->api->options.events;
	const char *chain = api_query(request, "chain");
	struct follower *follower;
	struct stream *stream;
	json_t *list;
	bool follow;

	if (api_query_bool(request, "follow", false, &follow) < 0)
		return;
	list = events_json(events, chain);
	if (!follow || !list) {
		api_answer(request, MHD_HTTP_OK, json_pack("{s:o}", "items", list));
		return;
	}
	follower = follower_new(request, chain, NULL);
	stream = follower ? follower->stream : NULL;
	for (size_t i = 0; stream && !stream->ended && i < json_array_size(list); i++)
		stream_json(stream, json_incref(json_array_get(list, i)));
	json_decref(list);
	if (!stream || stream->ended)
		return;
	stream_began(stream);
	follower->on_event = (struct events_listener){ .on_event = on_event, .arg = follower };
	events_listen(events, &follower->on_event);
}

static json_t *line_json(const char *time, const char *source, const char *text)
{
	return json_pack("{s:s, s:s, s:o}", "time", time, "source", source, "line",
			 utf8_json(text, strlen(text)));
}

static void on_old_line(void *arg, const char *time, const char *source, const char *text)
{
	struct stream *stream = arg;

	if (!stream->ended)
		stream_json(stream, line_json(time, source, text));
}

static void on_line(void *arg, const char *chain, const char *source, const char *time,
		    const char *text)
{
	struct follower *follower = arg;

	if (!strcmp(follower->chain, chain) &&
	    (!follower->source || logstore_source_is(source, follower->source)))
		stream_json(follower->stream, line_json(time, source, text));
}

/* Returns 0 and *ret; -EINVAL when the request was answered. */
static int tail_parse(struct api_request *request, unsigned *ret)
{
	const char *text = api_query(request, "tail");
	char *end = NULL;
	unsigned long lines = text ? strtoul(text, &end, 10) : TAIL_DEFAULT;

	if (text && (text[0] < '0' || text[0] > '9' || *end || lines > LOGSTORE_TAIL_MAX)) {
		api_fail(request, MHD_HTTP_BAD_REQUEST, "BadRequest",
			 "tail is a number of lines up to %d, not \"%.80s\"", LOGSTORE_TAIL_MAX,
			 text);
		return -EINVAL;
	}
	*ret = (unsigned)lines;
	return 0;
}

void api_get_logs(struct api_request *request)
{
	struct logstore *logs = request->api->options.logs;
	const char *source = api_query(request, "source");
	struct follower *follower;
	struct stream *stream;
	unsigned lines;
	bool follow;

	if (!api_deployment(request) || tail_parse(request, &lines) < 0 ||
	    api_query_bool(request, "follow", false, &follow) < 0)
		return;
	follower = follower_new(request, request->segments[0], source && *source ? source : NULL);
	if (!follower)
		return;
	stream = follower->stream;
	logstore_tail(logs, follower->chain, follower->source, lines, on_old_line, stream);
	if (stream->ended)
		return;
	if (!follow) {
		stream_end(stream);
		return;
	}
	stream_began(stream);
	follower->on_line = (struct logstore_listener){ .line = on_line, .arg = follower };
	logstore_listen(logs, &follower->on_line);
}

/* One client that taps. */
struct tapper {
	struct tap_stream *tap;
	struct stream *stream;
};

static void on_text(void *arg)
{
	struct tapper *tapper = arg;

	if (tapper->stream)
		tapper->stream->wake(tapper->stream->request);
}

static ssize_t pull(void *arg, char *buf, size_t max)
{
	struct tapper *tapper = arg;
	size_t len = tap_stream_read(tapper->tap, buf, max);

	return len == 0 && tap_stream_ended(tapper->tap) ? -1 : (ssize_t)len;
}

static void tapper_free(void *arg)
{
	struct tapper *tapper = arg;

	tap_stream_close(tapper->tap);
	free(tapper);
}

/* Returns the tapper without a stream, or NULL when that was answered. */
static struct tapper *tapper_new(struct api_request *request, struct runtime *runtime)
{
	struct tap_filter filter = {
		.function = api_query(request, "function"),
		.edge = api_query(request, "edge"),
		.verdict = api_query(request, "verdict"),
	};
	struct tapper *tapper = calloc(1, sizeof(*tapper));
	int err = tapper ? tap_stream_open(request->api->options.taps, runtime, &filter, on_text,
					   tapper, &tapper->tap) :
			   -ENOMEM;

	if (!err)
		return tapper;
	free(tapper);
	if (err == -ENAMETOOLONG)
		api_fail(request, MHD_HTTP_BAD_REQUEST, "BadRequest",
			 "function, edge and verdict have less than %d letters",
			 TAP_STREAM_FILTER_MAX);
	else if (err == -EUSERS)
		api_fail(request, MHD_HTTP_SERVICE_UNAVAILABLE, "TooManyTaps",
			 "%d clients tap already: end one of them", TAP_STREAM_LISTENERS_MAX);
	else
		api_fail(request, MHD_HTTP_SERVICE_UNAVAILABLE, "Unavailable",
			 "the kernel's tap cannot be opened: %s", strerror(-err));
	return NULL;
}

void api_get_tap(struct api_request *request)
{
	struct deployment *deployment = api_deployment(request);
	struct runtime *runtime = deployment ? deployment_runtime(deployment) : NULL;
	struct tapper *tapper;

	if (!deployment)
		return;
	if (!runtime) {
		api_fail(request, MHD_HTTP_CONFLICT, "NotRunning",
			 "chain \"%s\" does not run: `sprocket get %s` says why",
			 request->segments[0], request->segments[0]);
		return;
	}
	tapper = tapper_new(request, runtime);
	if (!tapper)
		return;
	tapper->stream = api_stream(request, tapper_free, tapper);
	if (tapper->stream)
		tapper->stream->pull = pull;
	else
		tapper_free(tapper);
}
