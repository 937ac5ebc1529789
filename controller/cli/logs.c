/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs.c - `sprocket logs`: what a chain's functions and gateway said.
 *
 * How: sprocketd keeps a log per source, such as "detect-0" or "gateway", and knows no log of
 * all instances of a function. For one, its lines are picked out of the chain's last
 * TAIL_MAX lines; with -f the stream that follows leaves out what is not later than those.
 * Thread-safety: none, it is a command.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/cli.h"
#include "controller/cli/client.h"
#include "controller/cli/object.h"
#include "controller/cli/options.h"

#define TAIL_DEFAULT 100
#define TAIL_MAX 10000 /* sprocketd gives no more */
#define INSTANCE_MAX 1023
#define TIME_MAX 40
#define SOURCE_MAX 96

static const char help[] =
	"usage: sprocket logs CHAIN [OPTION...]\n"
	"\n"
	"Shows what the functions and the gateway of a chain said.\n"
	"\n"
	"  --function NAME        only this function's lines; \"gateway\" for the gateway. They are picked\n"
	"                         out of the chain's last 10000\n"
	"  --instance N           only this instance's\n"
	"  -f, --follow           go on, and show what is said, until Ctrl-C\n"
	"  --tail N               the last N lines (default 100)\n"
	"  --timestamps           with the time of each line\n" OPTIONS_HELP_SOCKET
		OPTIONS_HELP_EXIT;

struct logs {
	struct options options;
	const char *chain, *function;
	uint32_t instance, tail;
	bool has_instance, follow, timestamps;
	char source[SOURCE_MAX]; /* the only one asked for; "": several */
	json_t *kept;            /* the function's last lines */
	char last[TIME_MAX];     /* time of the last line scanned */
	size_t scanned;          /* lines, which the stream that follows begins with */
};

static bool is_of_function(const char *source, const char *function)
{
	size_t len = strlen(function);

	if (strncmp(source, function, len) != 0)
		return false;
	if (source[len] == '\0')
		return true;
	return source[len] == '-' && isdigit((unsigned char)source[len + 1]) &&
	       strspn(source + len + 1, "0123456789") == strlen(source + len + 1);
}

static void print(const struct logs *logs, const json_t *object)
{
	const char *time = object_text(object, "time"), *source = object_text(object, "source");
	const json_t *line = object_get(object, "line");

	if (logs->timestamps)
		printf("%s ", time ? time : "<unknown>");
	if (!logs->source[0])
		printf("%s: ", source ? source : "<unknown>");
	fwrite(json_string_value(line), 1, json_string_length(line), stdout);
	putchar('\n');
}

static int on_line(json_t *object, void *arg)
{
	struct logs *logs = arg;
	const char *time = object_text(object, "time"), *source = object_text(object, "source");

	/* Counted, too: a clock set back must not silence what follows. */
	if (logs->scanned > 0) {
		logs->scanned--;
		if (time && strcmp(time, logs->last) <= 0)
			return CLI_OK;
		logs->scanned = 0;
	}
	if (!logs->function || logs->source[0] ||
	    (source && is_of_function(source, logs->function)))
		print(logs, object);
	return CLI_OK;
}

static int on_scanned(json_t *object, void *arg)
{
	struct logs *logs = arg;
	const char *time = object_text(object, "time"), *source = object_text(object, "source");

	logs->scanned++;
	if (time)
		snprintf(logs->last, sizeof(logs->last), "%s", time);
	if (!source || !is_of_function(source, logs->function))
		return CLI_OK;
	json_array_append(logs->kept, object);
	if (json_array_size(logs->kept) > logs->tail)
		json_array_remove(logs->kept, 0);
	return CLI_OK;
}

static const char *path_of(const struct logs *logs, struct client *client, uint32_t tail,
			   bool follow)
{
	char number[OBJECT_NUMBER_MAX];

	snprintf(number, sizeof(number), "%u", tail);
	client_path(client, "/v1/chains/%s/logs", logs->chain);
	if (logs->source[0])
		client_query(client, "source", logs->source);
	if (follow)
		client_query(client, "follow", "true");
	return client_query(client, "tail", number);
}

static int show_function(struct logs *logs, struct client *client)
{
	json_t *line;
	size_t i;
	int code;

	logs->kept = json_array();
	code = client_stream(client, path_of(logs, client, TAIL_MAX, false), on_scanned, logs);
	json_array_foreach(logs->kept, i, line)
		print(logs, line);
	json_decref(logs->kept);
	if (code != CLI_OK || !logs->follow)
		return code;
	return client_stream(client, path_of(logs, client, TAIL_MAX, true), on_line, logs);
}

static int show(struct logs *logs)
{
	struct client *client;
	int code = client_open("logs", &client);

	if (code != CLI_OK)
		return code;
	if (logs->function && !logs->source[0])
		code = show_function(logs, client);
	else
		code = client_stream(client, path_of(logs, client, logs->tail, logs->follow),
				     on_line, logs);
	client_close(client);
	return code;
}

static void option(struct logs *logs, int c)
{
	switch (c) {
	case 'F':
		logs->function = optarg;
		break;
	case 'i':
		options_number(&logs->options, "--instance", optarg, INSTANCE_MAX, &logs->instance);
		logs->has_instance = true;
		break;
	case 'f':
		logs->follow = true;
		break;
	case 't':
		options_number(&logs->options, "--tail", optarg, TAIL_MAX, &logs->tail);
		break;
	default:
		logs->timestamps = true;
	}
}

int cli_logs(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "function", required_argument, NULL, 'F' },
		{ "instance", required_argument, NULL, 'i' },
		{ "follow", no_argument, NULL, 'f' },
		{ "tail", required_argument, NULL, 't' },
		{ "timestamps", no_argument, NULL, 's' },
		OPTIONS_COMMON,
	};
	struct logs logs = {
		.options = { .command = "logs", .help = help, .shorts = "fh", .longs = longs },
		.tail = TAIL_DEFAULT,
	};
	int c;

	while ((c = options_next(&logs.options, argc, argv)) > 0)
		option(&logs, c);
	if (!logs.options.stop && optind + 1 != argc)
		options_wrong(&logs.options, optind == argc ?
						     "which chain? sprocket get shows them" :
						     "one chain at a time");
	if (!logs.options.stop)
		logs.chain = options_chain(&logs.options, argv[optind]);
	if (!logs.options.stop && logs.has_instance && !logs.function)
		options_wrong(&logs.options, "--instance of which --function?");
	if (logs.options.stop)
		return logs.options.code;
	if (logs.function && strcmp(logs.function, "gateway") == 0)
		snprintf(logs.source, sizeof(logs.source), "gateway"); /* there is one */
	else if (logs.has_instance)
		snprintf(logs.source, sizeof(logs.source), "%.63s-%u", logs.function,
			 logs.instance);
	return show(&logs);
}
