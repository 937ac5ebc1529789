/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_change.c - changes: PUT, DELETE, drain, shutdown.
 *
 * How: a change waits until those of the same chain that came earlier were given to the
 * deployments, which keep the order from there. It goes on when its client goes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/daemon/api_private.h"

static void change_free(struct api_change *change)
{
	struct api_change **at = &change->api->changes;

	while (*at != change)
		at = &(*at)->next;
	*at = change->next;
	if (change->request)
		change->request->change = NULL;
	free(change->name);
	free(change->file);
	free(change->yaml);
	free(change);
}

/* Must `change` wait for an earlier one? */
static bool has_to_wait(const struct api_change *change)
{
	for (const struct api_change *at = change->api->changes; at != change; at = at->next) {
		if (!at->given && !strcmp(at->name, change->name))
			return true;
	}
	return false;
}

/* Starts what may start. Starting may end changes, so it begins anew after each. */
static void changes_run(struct api *api)
{
	struct api_change *at = api->changes;

	while (at) {
		if (!at->started && !has_to_wait(at)) {
			at->started = true;
			at->start(at);
			at = api->changes;
		} else {
			at = at->next;
		}
	}
}

void api_change_give(struct api_change *change)
{
	change->given = true;
}

void api_change_drop(struct api_change *change)
{
	struct api *api = change->api;

	change_free(change);
	changes_run(api);
}

static void fail(struct api_change *change, int error, const char *why)
{
	static const struct {
		int error;
		unsigned status;
		const char *reason;
	} kinds[] = {
		{ -EINVAL, MHD_HTTP_UNPROCESSABLE_CONTENT, "Refused" },
		{ -ECANCELED, MHD_HTTP_CONFLICT, "RolledBack" },
		{ -ENOENT, MHD_HTTP_NOT_FOUND, "NotFound" },
		{ -ENOSPC, MHD_HTTP_INSUFFICIENT_STORAGE, "StateFolder" },
		{ -EDQUOT, MHD_HTTP_INSUFFICIENT_STORAGE, "StateFolder" },
		{ -EFBIG, MHD_HTTP_INSUFFICIENT_STORAGE, "StateFolder" },
		{ -EROFS, MHD_HTTP_INSUFFICIENT_STORAGE, "StateFolder" },
		{ -EIO, MHD_HTTP_INSUFFICIENT_STORAGE, "StateFolder" },
		{ -ENOMEM, MHD_HTTP_SERVICE_UNAVAILABLE, "OutOfMemory" },
	};

	if (!why || !*why)
		why = strerror(-error);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].error == error) {
			api_fail(change->request, kinds[i].status, kinds[i].reason, "%s", why);
			return;
		}
	}
	api_fail(change->request, MHD_HTTP_INTERNAL_SERVER_ERROR, "Failed", "%s", why);
}

void api_change_generation(const struct api_change *change, json_t *object)
{
	const struct deployment *deployment =
		deployments_find(change->api->options.deployments, change->name);
	const struct document *document = deployment ? deployment_document(deployment) : NULL;

	if (document)
		json_object_set_new(object, "generation",
				    json_integer((json_int_t)document->generation));
}

static void succeed(struct api_change *change, const char *result, json_t *changes)
{
	json_t *object = json_pack("{s:s, s:s}", "name", change->name, "result", result);

	if (changes)
		json_object_set(object, "changes", changes);
	api_change_generation(change, object);
	api_answer(change->request, MHD_HTTP_OK, object);
}

void api_change_done(void *arg, int error, const char *result, json_t *changes, const char *why)
{
	struct api_change *change = arg;
	struct api *api = change->api;

	if (change->request && error)
		fail(change, error, why);
	else if (change->request)
		succeed(change, result, changes);
	api_chain_changed(api, change->name);
	change_free(change);
	changes_run(api);
}

static void refuse(struct api_request *request)
{
	const struct api *api = request->api;

	api_fail(request, MHD_HTTP_SERVICE_UNAVAILABLE,
		 api->stopping ? "ShuttingDown" : "TooManyChanges", "%s",
		 api->stopping ? "sprocketd is shutting down" :
				 "too many changes are under way: try again");
}

static bool is_full(const struct api *api)
{
	unsigned count = 0;

	for (const struct api_change *at = api->changes; at; at = at->next)
		count++;
	return count >= API_CHANGE_MAX;
}

/* Returns the change, at the end of the line, not yet started; NULL when it was answered. */
static struct api_change *change_new(struct api_request *request,
				     void (*start)(struct api_change *change))
{
	struct api *api = request->api;
	struct api_change *change, **last = &api->changes;
	bool wait;

	if (api_query_bool(request, "wait", true, &wait) < 0)
		return NULL;
	if (api->stopping || is_full(api)) {
		refuse(request);
		return NULL;
	}
	change = calloc(1, sizeof(*change));
	if (change)
		change->name = strdup(request->segments[0]);
	if (!change || !change->name) {
		free(change);
		api_fail(request, MHD_HTTP_SERVICE_UNAVAILABLE, "OutOfMemory", "out of memory");
		return NULL;
	}
	change->api = api;
	change->start = start;
	change->wait = wait;
	change->request = request;
	request->change = change;
	while (*last)
		last = &(*last)->next;
	*last = change;
	return change;
}

/* The file's path: absolute, and fit for JSON. Returns NULL when that was answered. */
static const char *file_of(struct api_request *request)
{
	const char *file = api_query(request, "file");
	json_t *json = file ? json_string(file) : NULL;

	json_decref(json);
	if (json && file[0] == '/' && strlen(file) < CHAIN_PATH_MAX)
		return file;
	api_fail(request, MHD_HTTP_BAD_REQUEST, "BadRequest",
		 "say where the chain file is, as ?file=/absolute/path.yaml: its relative paths "
		 "begin there");
	return NULL;
}

void api_put_chain(struct api_request *request)
{
	const char *file = file_of(request);
	struct api_change *change;
	bool dry_run;

	if (!file || api_query_bool(request, "dryRun", false, &dry_run) < 0)
		return;
	change = change_new(request, api_apply);
	if (!change)
		return;
	change->dry_run = dry_run;
	change->file = strdup(file);
	change->yaml = request->body ? request->body : strdup("");
	change->yaml_len = request->body_len;
	request->body = NULL;
	changes_run(request->api);
}

/* Answers with 202, when nobody wants to wait. False when there is no such chain. */
static bool answer_early(struct api_change *change, const char *result)
{
	if (change->wait || !change->request)
		return true;
	if (!api_deployment(change->request))
		return false;
	api_answer(change->request, MHD_HTTP_ACCEPTED,
		   json_pack("{s:s, s:s}", "name", change->name, "result", result));
	change->request->change = NULL;
	change->request = NULL;
	return true;
}

static void start_delete(struct api_change *change)
{
	if (!answer_early(change, "deleting")) {
		change_free(change);
		return;
	}
	api_change_give(change);
	deployments_delete(change->api->options.deployments, change->name, api_change_done, change);
}

static void start_drain(struct api_change *change)
{
	if (!answer_early(change, "draining")) {
		change_free(change);
		return;
	}
	api_change_give(change);
	deployments_drain(change->api->options.deployments, change->name, api_change_done, change);
}

void api_delete_chain(struct api_request *request)
{
	if (change_new(request, start_delete))
		changes_run(request->api);
}

void api_drain_chain(struct api_request *request)
{
	if (change_new(request, start_drain))
		changes_run(request->api);
}

static void on_shutdown(void *arg, int error, const char *result, json_t *changes, const char *why)
{
	struct api *api = arg;
	bool told = false;

	(void)result;
	(void)changes;
	api->stopping = !error;
	for (struct api_request *at = api->requests; at; at = at->next) {
		if (!at->route || at->route->handle != api_shutdown || at->response ||
		    at->answered || !at->handled)
			continue;
		at->last = !error;
		told = true;
		if (error)
			api_fail(at, MHD_HTTP_INTERNAL_SERVER_ERROR, "Failed", "%s", why);
		else
			api_answer(at, MHD_HTTP_OK, json_pack("{s:s}", "result", "stopped"));
	}
	if (!told && !error)
		api->options.on_shutdown(api->options.on_shutdown_arg);
}

/* What the deployments do not have yet would start what nobody stops any more. */
static void refuse_changes(struct api *api)
{
	for (struct api_change *at = api->changes, *next; at; at = next) {
		next = at->next;
		if (at->given)
			continue;
		at->refused = true;
		if (at->request) {
			refuse(at->request);
			at->request->change = NULL;
			at->request = NULL;
		}
		if (!at->started)
			change_free(at);
	}
}

void api_shutdown(struct api_request *request)
{
	struct api *api = request->api;

	if (api->stopping) /* answered together with whoever asked first */
		return;
	api->stopping = true;
	refuse_changes(api);
	deployments_shutdown(api->options.deployments, on_shutdown, api);
}

void api_changes_close(struct api *api)
{
	while (api->changes)
		change_free(api->changes);
}
