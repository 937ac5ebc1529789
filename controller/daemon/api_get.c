/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_get.c - what is, at this moment.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/clock.h"
#include "controller/daemon/api_private.h"
#include "controller/metrics.h"

void api_get_health(struct api_request *request)
{
	api_answer_text(request, MHD_HTTP_OK, "text/plain", strdup("ok\n"), 3);
}

void api_get_version(struct api_request *request)
{
	char started[CLOCK_TEXT_MAX];

	const struct api_options *o = &request->api->options;

	api_answer(request, MHD_HTTP_OK,
		   json_pack("{s:s, s:s, s:i, s:s, s:s, s:s}", "version", o->version, "api", "v1",
			     "pid", (int)getpid(), "started",
			     clock_text(request->api->started_ns, started), "front",
			     o->front ? o->front : "", "frontTls",
			     o->front_tls ? o->front_tls : ""));
}

void api_get_chains(struct api_request *request)
{
	const struct deployments *deployments = request->api->options.deployments;
	struct deployment *at = NULL;
	json_t *list;
	bool watch;

	if (api_query_bool(request, "watch", false, &watch) < 0)
		return;
	if (watch) {
		api_watch_start(request);
		return;
	}
	list = json_array();
	while (list && (at = deployments_next(deployments, at)))
		json_array_append_new(list, deployment_json(at));
	api_answer(request, MHD_HTTP_OK, json_pack("{s:o}", "items", list));
}

void api_get_chain(struct api_request *request)
{
	struct deployment *deployment = api_deployment(request);

	if (deployment)
		api_answer(request, MHD_HTTP_OK, deployment_json(deployment));
}

void api_get_file(struct api_request *request)
{
	struct deployment *deployment = api_deployment(request);
	const struct document *document;

	if (!deployment)
		return;
	document = deployment_document(deployment);
	if (!document) {
		api_fail(request, MHD_HTTP_NOT_FOUND, "NotFound",
			 "chain \"%s\" has no readable file: `sprocket get %s` says why",
			 request->segments[0], request->segments[0]);
		return;
	}
	api_answer_text(request, MHD_HTTP_OK, "application/yaml",
			strndup(document->yaml, document->yaml_len), document->yaml_len);
}

void api_get_graph(struct api_request *request)
{
	struct deployment *deployment = api_deployment(request);

	if (deployment)
		api_answer(request, MHD_HTTP_OK, graph_json(deployment));
}

void api_get_stats(struct api_request *request)
{
	api_answer(request, MHD_HTTP_OK, stats_json(request->api->options.deployments));
}

void api_get_metrics(struct api_request *request)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int err = out ? metrics_write(request->api->options.deployments, out) : -ENOMEM;

	if (out && fclose(out) != 0)
		err = -ENOMEM;
	if (err) {
		free(text);
		text = NULL;
	}
	api_answer_text(request, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text,
			len);
}

/* The slot of an instance, from what the chain says of itself; -1 when it is not there. */
static json_int_t slot_of(const json_t *chain, pid_t pid)
{
	const json_t *functions = json_object_get(json_object_get(chain, "status"), "functions");

	for (size_t i = 0; i < json_array_size(functions); i++) {
		const json_t *list = json_object_get(json_array_get(functions, i), "instances");

		for (size_t k = 0; k < json_array_size(list); k++) {
			const json_t *instance = json_array_get(list, k);

			if (json_integer_value(json_object_get(instance, "pid")) == pid)
				return json_integer_value(json_object_get(instance, "slot"));
		}
	}
	return -1;
}

void api_debug(struct api_request *request)
{
	struct deployment *deployment = api_deployment(request);
	char why[DEPLOYMENT_WHY_MAX];
	json_t *chain;
	pid_t pid;
	int err;

	if (!deployment)
		return;
	err = deployment_debug(deployment, request->segments[1], &pid, why);
	if (err) {
		api_fail(request,
			 err == -ENOENT ? MHD_HTTP_NOT_FOUND : MHD_HTTP_UNPROCESSABLE_CONTENT,
			 err == -ENOENT ? "NotFound" : "Refused", "%s", why);
		return;
	}
	chain = deployment_json(deployment);
	api_answer(request, MHD_HTTP_OK,
		   json_pack("{s:i, s:I}", "pid", (int)pid, "slot", slot_of(chain, pid)));
	json_decref(chain);
}
