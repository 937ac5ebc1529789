/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_watch.c - GET /v1/chains?watch=true: all chains, then each change of one.
 *
 * How: changes of a chain within SOON_NS are told once, with the state at the end. Which
 * chains the watchers know of is kept once for all of them; a new watcher begins after what
 * was waiting has been told.
 */
#include <errno.h>
#include <stdlib.h>

#include "controller/daemon/api_private.h"

#define SOON_NS UINT64_C(20000000)

struct watcher {
	struct api *api;
	struct stream *stream;
	struct watcher *next;
};

struct api_watch {
	struct watcher *watchers;
	json_t *known;   /* object: the names that were told */
	json_t *changed; /* object: the names that are to be told */
	struct loop_timer soon;
};

static void tell(struct api *api, const char *type, json_t *object)
{
	struct watcher *next;

	for (struct watcher *at = api->watch->watchers; at; at = next) {
		next = at->next;
		stream_json(at->stream, json_pack("{s:s, s:O}", "type", type, "object", object));
	}
	json_decref(object);
}

static void tell_one(struct api *api, const char *name)
{
	struct api_watch *watch = api->watch;
	struct deployment *deployment = deployments_find(api->options.deployments, name);
	bool known = json_object_get(watch->known, name);

	if (deployment) {
		json_object_set_new(watch->known, name, json_true());
		tell(api, known ? "MODIFIED" : "ADDED", deployment_json(deployment));
	} else if (known) {
		json_object_del(watch->known, name);
		tell(api, "DELETED",
		     json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "sprocket.dev/v1alpha1", "kind",
			       "Chain", "metadata", "name", name));
	}
}

static void on_soon(void *arg)
{
	struct api *api = arg;
	json_t *changed = api->watch->changed, *value;
	const char *name;

	loop_disarm(api->options.loop, &api->watch->soon);
	api->watch->changed = json_object();
	json_object_foreach(changed, name, value)
		tell_one(api, name);
	json_decref(changed);
}

void api_chain_changed(struct api *api, const char *name)
{
	struct api_watch *watch = api->watch;

	if (!watch->watchers)
		return;
	json_object_set_new(watch->changed, name, json_true());
	if (!watch->soon.armed)
		loop_arm(api->options.loop, &watch->soon, SOON_NS);
}

static void on_close(void *arg)
{
	struct watcher *watcher = arg, **at = &watcher->api->watch->watchers;

	while (*at != watcher)
		at = &(*at)->next;
	*at = watcher->next;
	free(watcher);
}

/* What this one did not see, because nobody watched. */
static void know_all(struct api *api)
{
	struct deployment *at = NULL;

	json_object_clear(api->watch->known);
	while ((at = deployments_next(api->options.deployments, at)))
		json_object_set_new(api->watch->known, deployment_name(at), json_true());
}

void api_watch_start(struct api_request *request)
{
	struct api *api = request->api;
	struct watcher *watcher = calloc(1, sizeof(*watcher));
	struct deployment *at = NULL;
	struct stream *stream;

	if (!watcher) {
		api_fail(request, MHD_HTTP_SERVICE_UNAVAILABLE, "OutOfMemory", "out of memory");
		return;
	}
	on_soon(api);
	if (!api->watch->watchers)
		know_all(api);
	watcher->api = api;
	watcher->next = api->watch->watchers;
	api->watch->watchers = watcher;
	stream = watcher->stream = api_stream(request, on_close, watcher);
	if (!stream) {
		on_close(watcher);
		return;
	}
	while (!stream->ended && (at = deployments_next(api->options.deployments, at)))
		stream_json(stream, json_pack("{s:s, s:o}", "type", "ADDED", "object",
					      deployment_json(at)));
	stream_began(stream);
}

int api_watch_open(struct api *api)
{
	struct api_watch *watch = api->watch = calloc(1, sizeof(*watch));

	if (!watch)
		return -ENOMEM;
	watch->soon = (struct loop_timer){ .on_time = on_soon, .arg = api };
	watch->known = json_object();
	watch->changed = json_object();
	return watch->known && watch->changed ? 0 : -ENOMEM;
}

void api_watch_close(struct api *api)
{
	if (!api->watch)
		return;
	loop_disarm(api->options.loop, &api->watch->soon);
	json_decref(api->watch->known);
	json_decref(api->watch->changed);
	free(api->watch);
}
