/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs.c - `sprocket logs`: what a chain's functions and gateway said.
 *
 * How: sprocketd keeps a log per source, such as "detect-0" or "gateway", and gives those of a
 * function together. It keeps no control characters; should a log have some all the same (it
 * is a file), a terminal does not get them.
 * Thread-safety: none, it is a command.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/cli/cli.h"
#include "controller/cli/client.h"
#include "controller/cli/object.h"
#include "controller/cli/options.h"
#include "controller/logstore_text.h"

#define TAIL_DEFAULT 100
#define TAIL_MAX 10000 /* sprocketd gives no more */
#define INSTANCE_MAX 1023
#define SOURCE_MAX 96

static const char help[] =
	"usage: sprocket logs CHAIN [OPTION...]\n"
	"\n"
	"Shows what the functions and the gateway of a chain said.\n"
	"\n"
	"  --function NAME        only this function's lines; \"gateway\" for the gateway\n"
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
	char source[SOURCE_MAX]; /* all that is asked for; "": everything */
	bool one;                /* that source alone, not the instances of such a function */
	bool terminal;
};

static void print_harmless(const char *text, size_t len)
{
	char *clean = malloc(4 * len + 1);

	if (clean)
		fwrite(clean, 1, logstore_text(text, len, clean), stdout);
	free(clean);
}

static int on_line(json_t *object, void *arg)
{
	const struct logs *logs = arg;
	const char *time = object_text(object, "time"), *source = object_text(object, "source");
	const json_t *line = object_get(object, "line");

	if (logs->one && source && strcmp(source, logs->source) != 0)
		return CLI_OK;
	if (logs->timestamps)
		printf("%s ", time ? time : "<unknown>");
	if (!logs->one)
		printf("%s: ", source ? source : "<unknown>");
	if (logs->terminal)
		print_harmless(json_string_value(line), json_string_length(line));
	else
		fwrite(json_string_value(line), 1, json_string_length(line), stdout);
	putchar('\n');
	return CLI_OK;
}

static int show(struct logs *logs)
{
	char number[OBJECT_NUMBER_MAX];
	struct client *client;
	const char *path;
	int code = client_open("logs", &client);

	if (code != CLI_OK)
		return code;
	snprintf(number, sizeof(number), "%u", logs->tail);
	client_path(client, "/v1/chains/%s/logs", logs->chain);
	if (logs->source[0])
		client_query(client, "source", logs->source);
	if (logs->follow)
		client_query(client, "follow", "true");
	path = client_query(client, "tail", number);
	code = client_stream(client, path, on_line, logs);
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
	logs.one = logs.has_instance || (logs.function && !strcmp(logs.function, "gateway"));
	logs.terminal = isatty(STDOUT_FILENO);
	if (logs.has_instance && strcmp(logs.function, "gateway") != 0)
		snprintf(logs.source, sizeof(logs.source), "%.63s-%u", logs.function,
			 logs.instance);
	else if (logs.function)
		snprintf(logs.source, sizeof(logs.source), "%.80s", logs.function);
	return show(&logs);
}
