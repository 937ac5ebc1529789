// SPDX-License-Identifier: Apache-2.0
/* See change.h. */
#include <stdio.h>
#include <string.h>

#include "controller/cli/change.h"
#include "controller/cli/cli.h"
#include "controller/cli/object.h"

#define WHAT_MAX 80

/* Prints the errors found in the file. Returns how many. */
static size_t print_errors(const json_t *errors, const struct declared *chain)
{
	size_t len = strlen(chain->path), count = 0, i;
	json_t *error;

	json_array_foreach(errors, i, error) {
		const char *text = json_string_value(error);

		if (!text)
			continue;
		count++;
		if (strncmp(text, chain->path, len) == 0 && text[len] == ':')
			fprintf(stderr, "%s%s\n", chain->shown, text + len);
		else
			fprintf(stderr, "%s\n", text);
	}
	return count;
}

static int take_answer(struct client *client, const struct declared *chain,
		       struct client_answer *answer, json_t **ret)
{
	char what[WHAT_MAX];
	int code;

	if (answer->status == 422 && print_errors(object_get(answer->json, "errors"), chain))
		return CLI_INVALID;
	snprintf(what, sizeof(what), "chain/%s", chain->name);
	code = client_refusal(client, answer, what);
	if (code != CLI_OK)
		return code;
	if (!object_text(answer->json, "result")) {
		fprintf(stderr,
			"sprocket: chain/%s: sprocketd's answer has no result: are sprocket and sprocketd "
			"of one version?\n",
			chain->name);
		return CLI_FAILED;
	}
	*ret = json_incref(answer->json);
	return CLI_OK;
}

int change_put(struct client *client, const struct declared *chain, enum change_mode mode,
	       json_t **ret)
{
	struct client_answer answer;
	const char *path;
	int code;

	client_path(client, "/v1/chains/%s", chain->name);
	path = client_query(client, "file", chain->path);
	if (mode == CHANGE_DRY_RUN)
		path = client_query(client, "dryRun", "true");
	else if (mode == CHANGE_NO_WAIT)
		path = client_query(client, "wait", "false");
	code = client_call(client, "PUT", path, chain->text, chain->len, &answer);
	if (code != CLI_OK)
		return code;
	code = take_answer(client, chain, &answer, ret);
	client_answer_done(&answer);
	return code;
}

void change_print_plan(const json_t *answer, const char *indent)
{
	const json_t *changes = object_get(answer, "changes");
	json_t *change;
	size_t i;

	json_array_foreach(changes, i, change) {
		const char *path = object_text(change, "path");
		const char *text = object_text(change, "change");

		printf("%s%s: %s\n", indent, path ? path : "chain", text ? text : "changes");
	}
}
