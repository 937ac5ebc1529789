/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delete.c - `sprocket delete`, `drain` and `shutdown`: what ends chains.
 *
 * How: a request each; sprocketd answers when what was in flight has been served.
 * Thread-safety: none, it is a command.
 */
#include <stdio.h>

#include "controller/cli/cli.h"
#include "controller/cli/client.h"
#include "controller/cli/declared.h"
#include "controller/cli/object.h"
#include "controller/cli/options.h"

#define WHAT_MAX 80
#define HELP_TIMEOUT "  --timeout TIME         how long to wait for each chain (default 5m)\n"

static const char delete_help[] =
	"usage: sprocket delete CHAIN... [OPTION...]\n"
	"       sprocket delete -f FILE|FOLDER|- [OPTION...]\n"
	"\n"
	"Serves what is in flight, then ends the chains and forgets them.\n"
	"\n"
	"  -f, --filename FILE    the chains that this file declares; may be given several times\n"
	"  --no-wait              do not wait until they have ended\n" HELP_TIMEOUT
		OPTIONS_HELP_SOCKET "\n"
	"Exit code: 0 done, 1 failed, 2 wrong arguments, 3 errors in a chain file, 4 a right is\n"
	"missing.\n";

static const char drain_help[] =
	"usage: sprocket drain CHAIN... [OPTION...]\n"
	"\n"
	"Serves what is in flight, then ends the chains, which stay declared: sprocket apply starts\n"
	"them again.\n"
	"\n" HELP_TIMEOUT OPTIONS_HELP_SOCKET OPTIONS_HELP_EXIT;

static const char shutdown_help[] =
	"usage: sprocket shutdown [OPTION...]\n"
	"\n"
	"Serves what is in flight, ends all chains, then sprocketd. The chains stay declared, and\n"
	"start with the next sprocketd.\n"
	"\n" HELP_TIMEOUT OPTIONS_HELP_SOCKET OPTIONS_HELP_EXIT;

static const struct option longs[] = {
	{ "timeout", required_argument, NULL, 't' },
	OPTIONS_COMMON,
};

struct ending {
	struct options options;
	struct declared_list chains; /* of -f */
	const char *method, *path;   /* the latter with %s for the chain */
	bool no_wait;
	long timeout_ms;
};

static int end_one(struct ending *ending, struct client *client, const char *name)
{
	char what[WHAT_MAX];
	json_t *answer;
	const char *path = client_path(client, "/v1/chains/%s%s", name, ending->path);
	const char *result;
	int code;

	if (ending->no_wait)
		path = client_query(client, "wait", "false");
	snprintf(what, sizeof(what), "chain/%s", name);
	code = client_ask(client, ending->method, path, what, &answer);
	if (code != CLI_OK)
		return code;
	result = object_text(answer, "result");
	printf("chain/%s %s\n", name, result ? result : "done");
	json_decref(answer);
	return CLI_OK;
}

static int end_all(struct ending *ending, char **names, int count)
{
	struct client *client;
	int code = client_open(ending->options.command, &client);

	if (code != CLI_OK)
		return code;
	client_set_timeout(client, ending->timeout_ms);
	code = ending->chains.code;
	for (size_t i = 0; i < ending->chains.count; i++)
		code = cli_worse(code, end_one(ending, client, ending->chains.items[i].name));
	for (int i = 0; i < count; i++) {
		const char *name = options_chain(&ending->options, names[i]);

		code = cli_worse(code, name ? end_one(ending, client, name) : CLI_USAGE);
	}
	client_close(client);
	return code;
}

static int run(struct ending *ending, int argc, char **argv)
{
	size_t targets = 0;
	int c, code;

	ending->timeout_ms = CLIENT_CHANGE_MS;
	ending->chains.command = ending->options.command;
	while ((c = options_next(&ending->options, argc, argv)) > 0) {
		if (c == 'n') {
			ending->no_wait = true;
		} else if (c == 't') {
			options_duration(&ending->options, "--timeout", optarg,
					 &ending->timeout_ms);
		} else {
			declared_read(&ending->chains, optarg);
			targets++;
		}
	}
	if (!ending->options.stop && optind == argc && !targets)
		options_wrong(&ending->options, "which chain? sprocket get shows them");
	if (ending->options.stop)
		code = ending->options.code;
	else if (optind == argc && !ending->chains.count)
		code = ending->chains.code;
	else
		code = end_all(ending, argv + optind, argc - optind);
	declared_done(&ending->chains);
	return code;
}

int cli_delete(int argc, char **argv)
{
	static const struct option delete_longs[] = {
		{ "filename", required_argument, NULL, 'f' },
		{ "no-wait", no_argument, NULL, 'n' },
		{ "timeout", required_argument, NULL, 't' },
		OPTIONS_COMMON,
	};
	struct ending ending = { .options = { .command = "delete",
					      .help = delete_help,
					      .shorts = "f:h",
					      .longs = delete_longs },
				 .method = "DELETE",
				 .path = "" };

	return run(&ending, argc, argv);
}

int cli_drain(int argc, char **argv)
{
	struct ending ending = { .options = { .command = "drain",
					      .help = drain_help,
					      .shorts = "h",
					      .longs = longs },
				 .method = "POST",
				 .path = "/drain" };

	return run(&ending, argc, argv);
}

int cli_shutdown(int argc, char **argv)
{
	struct options options = {
		.command = "shutdown", .help = shutdown_help, .shorts = "h", .longs = longs
	};
	struct client *client;
	struct client_answer answer;
	long timeout_ms = CLIENT_CHANGE_MS;
	int code;

	while (options_next(&options, argc, argv) > 0)
		options_duration(&options, "--timeout", optarg, &timeout_ms);
	if (!options.stop && optind < argc)
		options_wrong(&options, "ends all chains; for one: sprocket drain %s",
			      argv[optind]);
	if (options.stop)
		return options.code;
	code = client_open("shutdown", &client);
	if (code != CLI_OK)
		return code;
	client_set_timeout(client, timeout_ms);
	code = client_call(client, "POST", "/v1/shutdown", NULL, 0, &answer);
	if (code == CLI_OK) {
		code = client_refusal(client, &answer, NULL);
		client_answer_done(&answer);
	}
	if (code == CLI_OK)
		puts("sprocketd shut down");
	client_close(client);
	return code;
}
