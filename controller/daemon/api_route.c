/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_route.c - the paths of the API.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "controller/daemon/api_private.h"

/* method, path, handler, has it a body, is it also served over TCP */
static const struct api_route routes[] = {
	{ "GET", "/healthz", api_get_health, false, true },
	{ "GET", "/metrics", api_get_metrics, false, true },
	{ "GET", "/v1/version", api_get_version, false, false },
	{ "GET", "/v1/stats", api_get_stats, false, false },
	{ "GET", "/v1/events", api_get_events, false, false },
	{ "POST", "/v1/shutdown", api_shutdown, false, false },
	{ "GET", "/v1/chains", api_get_chains, false, false },
	{ "GET", "/v1/chains/*", api_get_chain, false, false },
	{ "PUT", "/v1/chains/*", api_put_chain, true, false },
	{ "DELETE", "/v1/chains/*", api_delete_chain, false, false },
	{ "GET", "/v1/chains/*/file", api_get_file, false, false },
	{ "POST", "/v1/chains/*/drain", api_drain_chain, false, false },
	{ "GET", "/v1/chains/*/logs", api_get_logs, false, false },
	{ "GET", "/v1/chains/*/tap", api_get_tap, false, false },
	{ "GET", "/v1/chains/*/graph", api_get_graph, false, false },
	{ "POST", "/v1/chains/*/functions/*/debug", api_debug, false, false },
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

/* Is `url` of this path? Puts what the stars stand for into `segments`, each with its length. */
static bool matches(const char *path, const char *url, const char *segments[API_SEGMENT_MAX],
		    size_t lengths[API_SEGMENT_MAX])
{
	size_t found = 0;

	while (*path && *url) {
		size_t len = strcspn(url, "/");

		if (*path == '*') {
			if (!len)
				return false;
			segments[found] = url;
			lengths[found++] = len;
			url += len;
			path++;
		} else if (*path++ != *url++) {
			return false;
		}
	}
	return !*path && !*url;
}

/* Returns 0 or -ENOMEM. */
static int keep_segments(struct api_request *request, const char *const *segments,
			 const size_t *lengths)
{
	for (size_t i = 0; i < API_SEGMENT_MAX; i++) {
		if (segments[i])
			request->segments[i] = strndup(segments[i], lengths[i]);
		if (segments[i] && !request->segments[i])
			return -ENOMEM;
	}
	return 0;
}

/* YAML, whatever it is called, or unnamed; JSON is YAML. */
static bool is_yaml(struct api_request *request)
{
	static const char *const types[] = { "application/yaml",
					     "application/x-yaml",
					     "text/yaml",
					     "text/x-yaml",
					     "application/json",
					     "text/plain",
					     "application/octet-stream" };
	const char *type =
		MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Content-Type");
	size_t len = type ? strcspn(type, "; ") : 0;

	for (size_t i = 0; type && i < sizeof(types) / sizeof(types[0]); i++) {
		if (strlen(types[i]) == len && !strncasecmp(types[i], type, len))
			return true;
	}
	return !type;
}

static void refuse_peer(struct api_request *request)
{
	api_fail(request, MHD_HTTP_FORBIDDEN, "Forbidden",
		 "user %u may not use sprocketd: become a member of the group of %s (usermod -aG), "
		 "or be root",
		 request->client->uid, request->api->options.socket_path);
}

/* Says which methods there are, if any. */
static void refuse_path(struct api_request *request, const char *url, const char *method,
			const char *allow)
{
	if (request->client->metrics)
		api_fail(request, MHD_HTTP_NOT_FOUND, "NotFound",
			 "here are GET /metrics and GET /healthz alone: the API is at %s",
			 request->api->options.socket_path);
	else if (!*allow)
		api_fail(request, MHD_HTTP_NOT_FOUND, "NotFound", "there is no path %.200s", url);
	else
		api_fail(request, MHD_HTTP_METHOD_NOT_ALLOWED, "MethodNotAllowed",
			 "%.200s has no %.20s, but %s", url, method, allow);
	if (*allow && request->response)
		MHD_add_response_header(request->response, "Allow", allow);
}

void api_route(struct api_request *request, const char *url, const char *method)
{
	char allow[64] = "";
	size_t used = 0;

	if (!request->client->allowed) {
		refuse_peer(request);
		return;
	}
	for (size_t i = 0; i < ROUTES; i++) {
		const char *segments[API_SEGMENT_MAX] = { NULL };
		size_t lengths[API_SEGMENT_MAX];

		if ((request->client->metrics && !routes[i].metrics) ||
		    !matches(routes[i].path, url, segments, lengths))
			continue;
		if (strcmp(routes[i].method, method) != 0) {
			used += (size_t)snprintf(allow + used, sizeof(allow) - used, "%s%s",
						 used ? ", " : "", routes[i].method);
			continue;
		}
		request->route = &routes[i];
		if (keep_segments(request, segments, lengths) < 0)
			api_fail(request, MHD_HTTP_SERVICE_UNAVAILABLE, "OutOfMemory",
				 "out of memory");
		else if (routes[i].body && !is_yaml(request))
			api_fail(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType",
				 "a chain is sent as YAML: set Content-Type: application/yaml");
		return;
	}
	refuse_path(request, url, method, allow);
}

const char *api_query(const struct api_request *request, const char *key)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, key);
}

int api_query_bool(struct api_request *request, const char *key, bool otherwise, bool *ret)
{
	const char *text = api_query(request, key);

	if (text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
		api_fail(request, MHD_HTTP_BAD_REQUEST, "BadRequest",
			 "%s is true or false, not \"%.80s\"", key, text);
		return -EINVAL;
	}
	*ret = text ? !strcmp(text, "true") : otherwise;
	return 0;
}

struct deployment *api_deployment(struct api_request *request)
{
	struct deployment *deployment =
		deployments_find(request->api->options.deployments, request->segments[0]);

	if (!deployment)
		api_fail(request, MHD_HTTP_NOT_FOUND, "NotFound",
			 "there is no chain \"%.80s\": `sprocket get` lists them",
			 request->segments[0]);
	return deployment;
}
