/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply.c - `sprocket apply`: tells sprocketd which chains there shall be, and how.
 *
 * How: every chain of every file is sent, whatever became of the others; the exit code tells
 * whether all went well. sprocketd answers when the change is done, or undone.
 * Thread-safety: none, it is a command.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/change.h"
#include "controller/cli/cli.h"
#include "controller/cli/client.h"
#include "controller/cli/declared.h"
#include "controller/cli/object.h"
#include "controller/cli/options.h"

static const char help[] =
	"usage: sprocket apply -f FILE|FOLDER|- [-f ...] [OPTION...]\n"
	"\n"
	"Tells sprocketd which chains there shall be: makes those that are new, and changes of the\n"
	"others only what differs, under load. A file may hold several chains, divided by ---; of a\n"
	"folder, *.yaml and *.yml are taken; - is standard input.\n"
	"\n"
	"  -f, --filename FILE    what to apply; may be given several times\n"
	"  --dry-run              say what would change, and change nothing\n"
	"  --no-wait              do not wait until the change is done\n"
	"  --timeout TIME         how long to wait for each chain (default 5m)\n"
	"  -o json|name           print the answers, or only the names\n" OPTIONS_HELP_SOCKET "\n"
	"Exit code: 0 done, 1 failed, 2 wrong arguments, 3 errors in a chain file, 4 a right is\n"
	"missing. Every file is tried, whatever became of the others.\n";

struct apply {
	struct options options;
	struct declared_list chains;
	size_t targets;
	bool dry_run, no_wait;
	long timeout_ms;
	enum options_format format;
	json_t *answers; /* for -o json */
};

static const struct option longs[] = {
	{ "filename", required_argument, NULL, 'f' }, { "dry-run", no_argument, NULL, 'd' },
	{ "no-wait", no_argument, NULL, 'n' },        { "timeout", required_argument, NULL, 't' },
	{ "output", required_argument, NULL, 'o' },   OPTIONS_COMMON,
};

static void arguments_parse(struct apply *apply, int argc, char **argv)
{
	const char *targets[DECLARED_TARGET_MAX] = { NULL };
	int c;

	while ((c = options_next(&apply->options, argc, argv)) > 0) {
		if (c == 'f' && apply->targets == DECLARED_TARGET_MAX)
			options_wrong(&apply->options, "more than %d times -f",
				      DECLARED_TARGET_MAX);
		else if (c == 'f')
			targets[apply->targets++] = optarg;
		else if (c == 'd')
			apply->dry_run = true;
		else if (c == 'n')
			apply->no_wait = true;
		else if (c == 't')
			options_duration(&apply->options, "--timeout", optarg, &apply->timeout_ms);
		else
			options_format(&apply->options, optarg,
				       OPTIONS_ALLOW(JSON) | OPTIONS_ALLOW(NAME), &apply->format);
	}
	if (!apply->options.stop && optind < argc)
		options_wrong(&apply->options, "which option is \"%s\" for? Files go after -f",
			      argv[optind]);
	if (!apply->options.stop && !apply->targets)
		options_wrong(&apply->options, "which files? -f FILE, -f FOLDER, or -f -");
	for (size_t i = 0; !apply->options.stop && i < apply->targets; i++)
		declared_read(&apply->chains, targets[i]);
}

static void print_answer(struct apply *apply, const struct declared *chain, json_t *answer)
{
	if (apply->format == OPTIONS_JSON) {
		json_array_append(apply->answers, answer);
		return;
	}
	printf("chain/%s", chain->name);
	if (apply->format != OPTIONS_NAME)
		printf(" %s%s", object_text(answer, "result"), apply->dry_run ? " (dry run)" : "");
	putchar('\n');
	if (apply->dry_run && apply->format != OPTIONS_NAME)
		change_print_plan(answer, "  ");
}

static int apply_one(struct apply *apply, struct client *client, const struct declared *chain)
{
	json_t *answer;
	int code = change_put(client, chain,
			      apply->dry_run ? CHANGE_DRY_RUN :
			      apply->no_wait ? CHANGE_NO_WAIT :
					       CHANGE_WAIT,
			      &answer);

	if (code != CLI_OK)
		return code;
	print_answer(apply, chain, answer);
	json_decref(answer);
	return CLI_OK;
}

static int apply_all(struct apply *apply)
{
	struct client *client;
	int code = client_open("apply", &client);

	if (code != CLI_OK)
		return code;
	client_set_timeout(client, apply->timeout_ms);
	code = apply->chains.code;
	for (size_t i = 0; i < apply->chains.count; i++)
		code = cli_worse(code, apply_one(apply, client, &apply->chains.items[i]));
	if (apply->answers) {
		json_t *list = json_pack("{s:O}", "items", apply->answers);

		object_print_json(list, false, stdout);
		json_decref(list);
	}
	client_close(client);
	return code;
}

int cli_apply(int argc, char **argv)
{
	struct apply apply = {
		.options = { .command = "apply", .help = help, .shorts = "f:o:h", .longs = longs },
		.chains = { .command = "apply" },
		.timeout_ms = CLIENT_CHANGE_MS,
	};
	int code;

	arguments_parse(&apply, argc, argv);
	if (apply.format == OPTIONS_JSON)
		apply.answers = json_array();
	if (apply.options.stop)
		code = apply.options.code;
	else if (apply.chains.count)
		code = apply_all(&apply);
	else
		code = apply.chains.code;
	declared_done(&apply.chains);
	json_decref(apply.answers);
	return code;
}
