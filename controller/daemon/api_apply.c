/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_apply.c - PUT of a chain: ask its executables, read it, hand it to the deployments.
 *
 * How: nothing is touched before the file is known to be right.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controller/daemon/api_private.h"
#include "controller/daemon/utf8.h"

/* Ends a change whose declarations are not needed. */
static void drop(struct api_change *change, struct chain_declarations *declared)
{
	chain_declarations_done(declared);
	api_change_drop(change);
}

static void fail_no_memory(struct api_change *change)
{
	if (change->request)
		api_fail(change->request, MHD_HTTP_SERVICE_UNAVAILABLE, "OutOfMemory",
			 "out of memory");
}

static json_t *lines_json(const char *text)
{
	json_t *list = json_array();

	while (list && *text) {
		size_t len = strcspn(text, "\n");

		json_array_append_new(list, utf8_json(text, len));
		text += len + (text[len] == '\n');
	}
	return list;
}

/* Returns 0 and *ret, or -errno when that was answered. */
static int parse(struct api_change *change, const struct chain_declarations *declared,
		 struct chain **ret)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	unsigned errors = 0;
	int err = -ENOMEM;

	if (out) {
		err = chain_parse_declared(change->file, change->yaml, change->yaml_len, 0,
					   declared, out, ret, &errors);
		fclose(out);
	}
	if (err && err != -EINVAL)
		fail_no_memory(change);
	else if (err && change->request)
		api_fail_lines(change->request, MHD_HTTP_UNPROCESSABLE_CONTENT, "Invalid",
			       lines_json(text), "%s has %u error%s", change->file, errors,
			       errors == 1 ? "" : "s");
	free(text);
	return err;
}

/* Takes the text and the declarations over. Returns NULL without memory. */
static struct document *make_document(struct api_change *change,
				      struct chain_declarations *declared)
{
	struct deployment *deployment =
		deployments_find(change->api->options.deployments, change->name);
	const struct document *old = deployment ? deployment_document(deployment) : NULL;
	struct document *document = calloc(1, sizeof(*document));

	if (!document)
		return NULL;
	document->name = strdup(change->name);
	document->file = change->file;
	document->yaml = change->yaml;
	document->yaml_len = change->yaml_len;
	document->declared = *declared;
	document->generation = old ? old->generation + 1 : 1;
	document->created_s = old ? old->created_s : (uint64_t)time(NULL);
	change->file = change->yaml = NULL;
	*declared = (struct chain_declarations){ 0 };
	return document->name ? document : document_free(document);
}

/* What apply would do: the answer of dryRun, and of those who do not wait. */
static void answer_plan(struct api_change *change, const struct chain *chain)
{
	const struct deployments *deployments = change->api->options.deployments;
	const char *result = "";
	json_t *changes = deployments_plan(deployments, chain, &result), *object;

	if (!change->request) {
		json_decref(changes);
		return;
	}
	object = json_pack("{s:s, s:s, s:o}", "name", change->name, "result", result, "changes",
			   changes);
	if (object && change->dry_run)
		json_object_set_new(object, "dryRun", json_true());
	api_change_generation(change, object);
	api_answer(change->request, change->dry_run ? MHD_HTTP_OK : MHD_HTTP_ACCEPTED, object);
	change->request->change = NULL;
	change->request = NULL;
}

/* Is the chain called as the path says? Answers when not. */
static bool check_name(struct api_change *change, const struct chain *chain)
{
	if (!strcmp(chain->name, change->name))
		return true;
	if (change->request)
		api_fail(change->request, MHD_HTTP_UNPROCESSABLE_CONTENT, "Invalid",
			 "the chain of %s is called \"%s\", and the request \"%s\": use one name",
			 change->file, chain->name, change->name);
	return false;
}

static void on_described(void *arg, int error, struct chain_declarations *declared)
{
	struct api_change *change = arg;
	struct document *document;
	struct chain *chain = NULL;

	if (error)
		fail_no_memory(change);
	if (error || change->refused || parse(change, declared, &chain) < 0) {
		drop(change, declared);
		return;
	}
	if (!check_name(change, chain) || change->dry_run) {
		if (change->dry_run && change->request && !change->request->response)
			answer_plan(change, chain);
		chain_free(chain);
		drop(change, declared);
		return;
	}
	document = make_document(change, declared);
	if (!document) {
		fail_no_memory(change);
		chain_free(chain);
		drop(change, declared);
		return;
	}
	if (!change->wait)
		answer_plan(change, chain);
	api_change_give(change);
	deployments_apply(change->api->options.deployments, document, chain, api_change_done,
			  change);
}

void api_apply(struct api_change *change)
{
	char **execs;
	size_t count;
	int err = -ENOMEM;

	if (change->file && change->yaml)
		err = chain_execs(change->file, change->yaml, change->yaml_len, &execs, &count);
	if (!err)
		err = describe_start(change->api->describer, execs, count, on_described, change);
	if (err) {
		fail_no_memory(change);
		api_change_drop(change);
	}
}
