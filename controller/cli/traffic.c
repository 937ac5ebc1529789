/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traffic.c - `sprocket traffic`: who gets a function's requests, shown or changed.
 *
 * How: what is declared is fetched, its percentages are written anew (chain_edit.h), and it is
 * applied: so what is declared is what is done, and a later apply of the file says what differs.
 * Thread-safety: none, it is a command.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/chain.h"
#include "controller/chain_edit.h"
#include "controller/cli/change.h"
#include "controller/cli/cli.h"
#include "controller/cli/client.h"
#include "controller/cli/object.h"
#include "controller/cli/options.h"
#include "controller/cli/table.h"
#include "controller/suggest.h"

#define WHAT_MAX 80
#define REVISIONS_MAX 2

static const char help[] =
	"usage: sprocket traffic CHAIN [FUNCTION [REVISION=PERCENT...]] [OPTION...]\n"
	"\n"
	"Shows which revision of a function gets how much of its requests, or changes it; the other\n"
	"revision gets the rest. Nothing is restarted.\n"
	"\n" OPTIONS_HELP_SOCKET OPTIONS_HELP_EXIT;

struct traffic {
	struct options options;
	struct client *client;
	const char *chain, *function;
	json_t *object;                       /* the chain */
	const char *revisions[REVISIONS_MAX]; /* of the function */
	uint32_t percents[REVISIONS_MAX];
	size_t count;
};

/* "search" of "search@canary". */
static bool is_of(const json_t *function, const char *name)
{
	const char *text = object_text(function, "name");
	size_t len = name ? strlen(name) : 0;

	return !name ||
	       (text && !strncmp(text, name, len) && (text[len] == '\0' || text[len] == '@'));
}

static int show(const struct traffic *t)
{
	static const char *const headers[] = { "FUNCTION", "REVISION", "TRAFFIC", "DECLARED",
					       "STATE" };
	const json_t *function;
	struct table table;
	size_t i, rows = 0;

	table_init(&table, headers, sizeof(headers) / sizeof(headers[0]));
	json_array_foreach(object_get(t->object, "status.functions"), i, function) {
		char percent[OBJECT_NUMBER_MAX], declared[OBJECT_NUMBER_MAX], name[CHAIN_NAME_MAX];
		const char *text = object_text(function, "name");
		const char *cells[] = { name, object_text(function, "traffic.revision"),
					object_number(function, "traffic.percent", percent),
					object_number(function, "traffic.declared", declared),
					json_is_true(object_get(function, "traffic.rolledBack")) ?
						"RolledBack" :
						"" };

		if (!cells[1] || !is_of(function, t->function))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(text ? text : "", "@"),
			 text ? text : "");
		table_row(&table, cells);
		rows++;
	}
	if (rows)
		table_flush(&table, stdout);
	else
		fprintf(stderr, "sprocket traffic: %s has no function with revisions\n", t->chain);
	table_done(&table);
	return CLI_OK;
}

static void revisions_find(struct traffic *t)
{
	const json_t *function;
	size_t i;

	json_array_foreach(object_get(t->object, "status.functions"), i, function) {
		const char *revision = object_text(function, "traffic.revision");

		if (revision && is_of(function, t->function) && t->count < REVISIONS_MAX)
			t->revisions[t->count++] = revision;
	}
}

/* Takes one REVISION=PERCENT. */
static int percent_take(struct traffic *t, const char *argument, bool set[REVISIONS_MAX])
{
	const char *sign = strchr(argument, '=');
	char name[CHAIN_NAME_MAX], near[SUGGEST_TEXT_MAX], *end;
	unsigned long percent;
	size_t i = 0;

	snprintf(name, sizeof(name), "%.*s", sign ? (int)(sign - argument) : 0, argument);
	percent = sign ? strtoul(sign + 1, &end, 10) : 101;
	if (!sign || sign[1] < '0' || sign[1] > '9' || percent > 100 ||
	    (*end && strcmp(end, "%") != 0)) {
		options_wrong(&t->options, "%s: write it as REVISION=PERCENT, from 0 to 100",
			      argument);
		return CLI_USAGE;
	}
	while (i < t->count && strcmp(t->revisions[i], name) != 0)
		i++;
	if (i == t->count) {
		options_wrong(&t->options, "%s has no revision \"%s\"%s", t->function, name,
			      suggest_text(near, name, t->revisions, t->count));
		return CLI_USAGE;
	}
	t->percents[i] = (uint32_t)percent;
	set[i] = true;
	return CLI_OK;
}

static int percents_read(struct traffic *t, char **arguments, int count)
{
	bool set[REVISIONS_MAX] = { false };

	revisions_find(t);
	if (t->count < REVISIONS_MAX) {
		options_wrong(&t->options, "%s has no function %s with two revisions", t->chain,
			      t->function);
		return CLI_USAGE;
	}
	for (int i = 0; i < count; i++)
		if (percent_take(t, arguments[i], set) != CLI_OK)
			return CLI_USAGE;
	for (size_t i = 0; i < REVISIONS_MAX; i++)
		if (!set[i])
			t->percents[i] = 100 - t->percents[1 - i];
	if (t->percents[0] + t->percents[1] != 100) {
		options_wrong(&t->options, "the percentages add up to %u: they must be 100",
			      t->percents[0] + t->percents[1]);
		return CLI_USAGE;
	}
	return CLI_OK;
}

/* Applies what is declared with other percentages. */
static int put(struct traffic *t, const struct client_answer *file)
{
	const char *path = object_text(t->object, "spec.file");
	struct declared chain = { 0 };
	json_t *answer = NULL;
	int code = CLI_FAILED;

	chain.name = strdup(t->chain);
	chain.shown = chain.path = strdup(path ? path : "");
	if (chain.name && chain.path &&
	    chain_edit_traffic(file->text, file->len, t->function, t->percents, &chain.text,
			       &chain.len) == 0)
		code = change_put(t->client, &chain, CHANGE_WAIT, &answer);
	else
		fprintf(stderr, "sprocket traffic: the traffic of %s cannot be found in its file\n",
			t->function);
	if (code == CLI_OK)
		printf("chain/%s %s: %s %s=%u %s=%u\n", t->chain, object_text(answer, "result"),
		       t->function, t->revisions[0], t->percents[0], t->revisions[1],
		       t->percents[1]);
	json_decref(answer);
	free(chain.name);
	free(chain.path);
	free(chain.text);
	return code;
}

static int change(struct traffic *t)
{
	struct client_answer file;
	char what[WHAT_MAX];
	int code =
		client_call(t->client, "GET",
			    client_path(t->client, "/v1/chains/%s/file", t->chain), NULL, 0, &file);

	if (code != CLI_OK)
		return code;
	snprintf(what, sizeof(what), "chain/%s", t->chain);
	code = client_refusal(t->client, &file, what);
	if (code == CLI_OK) {
		client_set_timeout(t->client, CLIENT_CHANGE_MS);
		code = put(t, &file);
	}
	client_answer_done(&file);
	return code;
}

int cli_traffic(int argc, char **argv)
{
	static const struct option longs[] = { OPTIONS_COMMON };
	struct traffic t = {
		.options = { .command = "traffic", .help = help, .shorts = "h", .longs = longs }
	};
	char what[WHAT_MAX];
	int code;

	options_next(&t.options, argc, argv);
	if (!t.options.stop && optind == argc)
		options_wrong(&t.options, "which chain? sprocket get shows them");
	if (t.options.stop)
		return t.options.code;
	t.chain = options_chain(&t.options, argv[optind]);
	if (!t.chain)
		return CLI_USAGE;
	t.function = optind + 1 < argc ? argv[optind + 1] : NULL;
	code = client_open("traffic", &t.client);
	if (code != CLI_OK)
		return code;
	snprintf(what, sizeof(what), "chain/%s", t.chain);
	code = client_ask(t.client, "GET", client_path(t.client, "/v1/chains/%s", t.chain), what,
			  &t.object);
	if (code == CLI_OK && optind + 2 < argc) {
		code = percents_read(&t, argv + optind + 2, argc - optind - 2);
		if (code == CLI_OK)
			code = change(&t);
	} else if (code == CLI_OK) {
		code = show(&t);
	}
	json_decref(t.object);
	client_close(t.client);
	return code;
}
