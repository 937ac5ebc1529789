/* SPDX-License-Identifier: Apache-2.0 */
/*
 * get.c - `sprocket get`: the chains of sprocketd, once or as they change.
 *
 * How: named chains are asked for one by one, so that a missing one does not hide the others.
 * With -w the daemon's stream is followed; a deleted chain is shown a last time.
 * Thread-safety: none, it is a command.
 */
#include <stdio.h>
#include <string.h>

#include "controller/cli/cli.h"
#include "controller/cli/client.h"
#include "controller/cli/object.h"
#include "controller/cli/options.h"
#include "controller/cli/table.h"

#define COLUMNS 6
#define CELL_MAX 512
#define WHAT_MAX 80

static const char help[] =
	"usage: sprocket get [CHAIN...] [OPTION...]\n"
	"\n"
	"Shows the chains of sprocketd, or those named.\n"
	"\n"
	"  -o json|yaml|wide|name  as JSON or YAML with all there is to know; with more columns; only\n"
	"                         the names\n"
	"  -w, --watch            go on, and show each change, until Ctrl-C\n" OPTIONS_HELP_SOCKET
		OPTIONS_HELP_EXIT;

static const char *const headers[] = { "NAME",     "READY", "PHASE",      "ADDRESS",
				       "RESTARTS", "AGE",   "GENERATION", "BUFFERS",
				       "HOSTS",    "URLS",  "REASON" };

struct get {
	struct options options;
	enum options_format format;
	bool watch;
	struct table table;
	char **names;
	int name_count;
};

/* "2/512": used of all. */
static const char *buffers_text(const json_t *chain, char *buf, size_t size)
{
	const json_t *total = object_get(chain, "status.buffers.total");
	const json_t *unused = object_get(chain, "status.buffers.free");

	if (!json_is_integer(total) || !json_is_integer(unused))
		return NULL;
	snprintf(buf, size, "%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT,
		 json_integer_value(total) - json_integer_value(unused), json_integer_value(total));
	return buf;
}

static const char *list_text(const json_t *chain, const char *path, char *buf, size_t size)
{
	size_t len = 0, i;
	json_t *item;

	buf[0] = '\0';
	json_array_foreach(object_get(chain, path), i, item) {
		const char *text = json_string_value(item);

		if (text && len + strlen(text) + 2 < size)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? "," : "",
						text);
	}
	return buf;
}

/* Objects go out at once, rows here. */
static void flush_rows(struct get *get)
{
	if (get->format == OPTIONS_TABLE || get->format == OPTIONS_WIDE)
		table_flush(&get->table, stdout);
}

static void add_row(struct get *get, const json_t *chain, const char *phase)
{
	char age[TABLE_AGE_MAX], restarts[OBJECT_NUMBER_MAX], generation[OBJECT_NUMBER_MAX];
	char buffers[2 * OBJECT_NUMBER_MAX], hosts[CELL_MAX], urls[CELL_MAX];
	const char *address = object_text(chain, "status.address");
	const char *cells[] = {
		object_text(chain, "metadata.name"),
		object_text(chain, "status.ready"),
		phase ? phase : object_text(chain, "status.phase"),
		address ? address : "",
		object_number(chain, "status.restarts", restarts),
		table_age_since(object_text(chain, "metadata.creationTimestamp"), time(NULL), age),
		object_number(chain, "metadata.generation", generation),
		buffers_text(chain, buffers, sizeof(buffers)),
		list_text(chain, "status.hosts", hosts, sizeof(hosts)),
		list_text(chain, "status.urls", urls, sizeof(urls)),
		object_reason(chain),
	};

	table_row(&get->table, cells);
}

/* Prints one chain, or adds it to the table. `phase`: instead of its own. */
static int show(struct get *get, const json_t *chain, const char *phase)
{
	const char *name = object_text(chain, "metadata.name");

	switch (get->format) {
	case OPTIONS_NAME:
		printf("chain/%s\n", name ? name : "<unknown>");
		return CLI_OK;
	case OPTIONS_JSON:
		return object_print_json(chain, get->watch, stdout) < 0 ? CLI_FAILED : CLI_OK;
	case OPTIONS_YAML:
		if (get->watch)
			puts("---");
		fflush(stdout);
		return object_print_yaml(chain, stdout) < 0 ? CLI_FAILED : CLI_OK;
	default:
		add_row(get, chain, phase);
		return CLI_OK;
	}
}

static int show_all(struct get *get, const json_t *items, bool as_list)
{
	json_t *chain, *list;
	int code = CLI_OK;
	size_t i;

	if (as_list && (get->format == OPTIONS_JSON || get->format == OPTIONS_YAML)) {
		list = json_pack("{s:O}", "items", items);
		code = show(get, list, NULL);
		json_decref(list);
		return code;
	}
	json_array_foreach(items, i, chain)
		code = cli_worse(code, show(get, chain, NULL));
	if (json_array_size(items) > 0)
		flush_rows(get);
	return code;
}

static int get_named(struct get *get, struct client *client)
{
	json_t *items = json_array();
	int code = CLI_OK;

	for (int i = 0; i < get->name_count; i++) {
		const char *name = options_chain(&get->options, get->names[i]);
		char what[WHAT_MAX];
		json_t *chain;
		int r = CLI_USAGE;

		if (name) {
			snprintf(what, sizeof(what), "chain/%s", name);
			r = client_ask(client, "GET", client_path(client, "/v1/chains/%s", name),
				       what, &chain);
		}
		if (r == CLI_OK)
			json_array_append_new(items, chain);
		code = cli_worse(code, r);
	}
	if (json_array_size(items) > 0 && !get->watch)
		code = cli_worse(code, show_all(get, items, get->name_count > 1));
	json_decref(items);
	return code;
}

static int get_all(struct get *get, struct client *client)
{
	json_t *answer, *items;
	int code = client_ask(client, "GET", "/v1/chains", NULL, &answer);

	if (code != CLI_OK)
		return code;
	items = object_get(answer, "items");
	if (!json_is_array(items)) {
		fputs("sprocket get: sprocketd's answer has no items: are sprocket and sprocketd of one "
		      "version?\n",
		      stderr);
		code = CLI_FAILED;
	} else {
		if (json_array_size(items) == 0)
			fputs("no chains; sprocket apply -f FILE makes one\n", stderr);
		code = show_all(get, items, true);
	}
	json_decref(answer);
	return code;
}

static bool is_wanted(const struct get *get, const json_t *chain)
{
	const char *name = object_text(chain, "metadata.name");

	for (int i = 0; name && i < get->name_count; i++) {
		const char *wanted = get->names[i];

		if (strcmp(name, strncmp(wanted, "chain/", 6) == 0 ? wanted + 6 : wanted) == 0)
			return true;
	}
	return get->name_count == 0;
}

static int on_change(json_t *event, void *arg)
{
	struct get *get = arg;
	const json_t *chain = object_get(event, "object");
	const char *type = object_text(event, "type");
	int code;

	if (!is_wanted(get, chain))
		return CLI_OK;
	code = show(get, chain, type && strcmp(type, "DELETED") == 0 ? "Deleted" : NULL);
	flush_rows(get);
	return code;
}

static int get_chains(struct get *get)
{
	struct client *client;
	int code = client_open("get", &client);

	if (code != CLI_OK)
		return code;
	table_init(&get->table, headers,
		   get->format == OPTIONS_WIDE ? sizeof(headers) / sizeof(headers[0]) : COLUMNS);
	if (get->name_count)
		code = get_named(get, client);
	else if (!get->watch)
		code = get_all(get, client);
	if (get->watch && code == CLI_OK)
		code = client_stream(client, "/v1/chains?watch=true", on_change, get);
	table_done(&get->table);
	client_close(client);
	return code;
}

int cli_get(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "watch", no_argument, NULL, 'w' },
		OPTIONS_COMMON,
	};
	struct get get = {
		.options = { .command = "get", .help = help, .shorts = "o:wh", .longs = longs }
	};
	int c;

	while ((c = options_next(&get.options, argc, argv)) > 0) {
		if (c == 'w')
			get.watch = true;
		else
			options_format(&get.options, optarg,
				       OPTIONS_ALLOW(WIDE) | OPTIONS_ALLOW(JSON) |
					       OPTIONS_ALLOW(YAML) | OPTIONS_ALLOW(NAME),
				       &get.format);
	}
	if (get.options.stop)
		return get.options.code;
	get.names = argv + optind;
	get.name_count = argc - optind;
	return get_chains(&get);
}
