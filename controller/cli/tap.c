// SPDX-License-Identifier: Apache-2.0
/*
 * tap.c - `sprocket tap`: follows the descriptors of a chain.
 *
 * How: sprocketd streams them, filtered by function, edge and verdict; the time filter and the
 * layout are ours.
 * Thread-safety: none, it is a command.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controller/cli/cli.h"
#include "controller/cli/client.h"
#include "controller/cli/options.h"
#include "controller/cli/tap_print.h"

static const char help[] =
	"usage: sprocket tap CHAIN [FUNCTION] [--edge NAME] [--verdict VERDICT] [--slower TIME]\n"
	"                    [--count N] [-o json]\n"
	"Follows the descriptors of a chain (those that FUNCTION sends or receives) until Ctrl-C.\n"
	"A line each: time, request, from -> to, edge, payload bytes, time since the hand-over\n"
	"before, and the kernel's verdict. When the chain is faster than the reader, a line says\n"
	"how many are missing.\n"
	"  --edge NAME            only over this edge, by its name in the chain file, or\n"
	"                         ingress, reply, release, refill, grant\n"
	"  --verdict VERDICT      only passed, undeliverable, or a violation (stale, owner, ...)\n"
	"  --slower TIME          only what came so long after the hand-over before (1ms, 2s)\n"
	"  --count N              end after N\n"
	"  -o json                lines of JSON\n" OPTIONS_HELP_SOCKET OPTIONS_HELP_EXIT;

enum { OPTION_EDGE = 0x200, OPTION_VERDICT, OPTION_SLOWER, OPTION_COUNT };

static const struct option longs[] = {
	{ "edge", required_argument, NULL, OPTION_EDGE },
	{ "verdict", required_argument, NULL, OPTION_VERDICT },
	{ "slower", required_argument, NULL, OPTION_SLOWER },
	{ "count", required_argument, NULL, OPTION_COUNT },
	OPTIONS_COMMON,
};

struct arguments {
	const char *chain, *function, *edge, *verdict;
	struct tap_print print;
};

static void take_option(struct options *options, int option, struct arguments *ret)
{
	enum options_format format;
	long ms = 0;

	switch (option) {
	case OPTION_EDGE:
		ret->edge = optarg;
		break;
	case OPTION_VERDICT:
		ret->verdict = optarg;
		break;
	case OPTION_SLOWER:
		options_duration(options, "--slower", optarg, &ms);
		ret->print.slower_us = (uint64_t)ms * 1000;
		break;
	case OPTION_COUNT:
		options_number(options, "--count", optarg, UINT32_MAX, &ret->print.count);
		break;
	case 'o':
		options_format(options, optarg, OPTIONS_ALLOW(JSON), &format);
		ret->print.json = true;
		break;
	default:
		break;
	}
}

static void take_words(struct options *options, int argc, char **argv, struct arguments *ret)
{
	if (optind == argc) {
		options_wrong(options, "which chain? `sprocket get` lists them");
		return;
	}
	ret->chain = options_chain(options, argv[optind++]);
	if (optind < argc)
		ret->function = argv[optind++];
	if (!options->stop && optind < argc)
		options_wrong(options, "one function, not \"%s\" too", argv[optind]);
}

static int on_object(json_t *object, void *arg)
{
	return tap_print_object(arg, object);
}

static int run(struct client *client, struct arguments *a)
{
	const char *path = client_path(client, "/v1/chains/%s/tap", a->chain);
	int code;

	if (a->function)
		path = client_query(client, "function", a->function);
	if (a->edge)
		path = client_query(client, "edge", a->edge);
	if (a->verdict)
		path = client_query(client, "verdict", a->verdict);
	tap_print_title(&a->print);
	code = client_stream(client, path, on_object, &a->print);
	return code == TAP_PRINT_ENOUGH ? CLI_OK : code;
}

int cli_tap(int argc, char **argv)
{
	struct options options = {
		.command = "tap", .help = help, .shorts = "ho:", .longs = longs
	};
	struct arguments arguments = { .print = { .out = stdout } };
	struct client *client;
	int option, code;

	while ((option = options_next(&options, argc, argv)) > 0)
		take_option(&options, option, &arguments);
	if (!options.stop)
		take_words(&options, argc, argv, &arguments);
	if (options.stop)
		return options.code;
	code = client_open("tap", &client);
	if (code != CLI_OK)
		return code;
	code = run(client, &arguments);
	client_close(client);
	return code;
}
