/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.c - `sprocket events`: what happened to the chains.
 *
 * Thread-safety: none, it is a command.
 */
#include <stdio.h>

#include "controller/cli/cli.h"
#include "controller/cli/client.h"
#include "controller/cli/event_table.h"
#include "controller/cli/object.h"
#include "controller/cli/options.h"

static const char help[] =
	"usage: sprocket events [CHAIN] [OPTION...]\n"
	"\n"
	"Shows what happened to the chains, or to one, the last at the end.\n"
	"\n"
	"  -f, --follow           go on, and show what happens, until Ctrl-C\n"
	"  -o json                as JSON; with -f an object a line\n" OPTIONS_HELP_SOCKET
		OPTIONS_HELP_EXIT;

struct events {
	struct options options;
	enum options_format format;
	bool follow;
	const char *chain; /* NULL: all */
};

static int on_event(json_t *event, void *arg)
{
	struct table *table = arg;

	if (!table)
		return object_print_json(event, true, stdout) < 0 ? CLI_FAILED : CLI_OK;
	event_table_row(table, event);
	table_flush(table, stdout);
	return CLI_OK;
}

static int show_once(struct events *events, struct client *client, const char *path)
{
	struct table table;
	json_t *answer;
	int code = client_ask(client, "GET", path, events->chain, &answer);

	if (code != CLI_OK)
		return code;
	if (events->format == OPTIONS_JSON) {
		code = object_print_json(answer, false, stdout) < 0 ? CLI_FAILED : CLI_OK;
	} else if (json_array_size(object_get(answer, "items")) == 0) {
		fputs("no events\n", stderr);
	} else {
		event_table_init(&table);
		event_table_rows(&table, object_get(answer, "items"), 0);
		table_flush(&table, stdout);
		table_done(&table);
	}
	json_decref(answer);
	return code;
}

static int show(struct events *events)
{
	struct table table;
	struct client *client;
	const char *path;
	int code = client_open("events", &client);

	if (code != CLI_OK)
		return code;
	path = client_path(client, "/v1/events");
	if (events->chain)
		path = client_query(client, "chain", events->chain);
	if (events->follow) {
		event_table_init(&table);
		code = client_stream(client, client_query(client, "follow", "true"), on_event,
				     events->format == OPTIONS_JSON ? NULL : &table);
		table_done(&table);
	} else {
		code = show_once(events, client, path);
	}
	client_close(client);
	return code;
}

int cli_events(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "follow", no_argument, NULL, 'f' },
		{ "output", required_argument, NULL, 'o' },
		OPTIONS_COMMON,
	};
	struct events events = {
		.options = { .command = "events", .help = help, .shorts = "fo:h", .longs = longs }
	};
	int c;

	while ((c = options_next(&events.options, argc, argv)) > 0) {
		if (c == 'f')
			events.follow = true;
		else
			options_format(&events.options, optarg, OPTIONS_ALLOW(JSON),
				       &events.format);
	}
	if (!events.options.stop && optind < argc)
		events.chain = options_chain(&events.options, argv[optind]);
	if (!events.options.stop && optind + 1 < argc)
		options_wrong(&events.options, "one chain, not also %s", argv[optind + 1]);
	return events.options.stop ? events.options.code : show(&events);
}
