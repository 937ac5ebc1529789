// SPDX-License-Identifier: Apache-2.0
/* `sprocket`: finds the command. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "controller/cli/cli.h"
#include "controller/cli/complete.h"
#include "controller/suggest.h"

/* What the commands are for: id, and the line above them in the usage. */
#define GROUPS(X)                                     \
	X(TRY, "Write and try a chain")               \
	X(OPERATE, "Operate the chains of sprocketd") \
	X(LOOK, "Look at them")                       \
	X(MACHINE, "This machine")

enum group {
#define X(id, text) GROUP_##id,
	GROUPS(X)
#undef X
};

static const char *const groups[] = {
#define X(id, text) text,
	GROUPS(X)
#undef X
};

/* The usage, and what shells complete, come from here. The words of `arguments` tell what is
 * completed: CHAIN is a chain of sprocketd, FUNCTION a function of it, the rest are files. */
static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments;
	const char *help;
	enum group group;
} commands[] = {
	{ "run", cli_run, "FILE [--listen ADDR:PORT] ...", "run a chain until Ctrl-C", GROUP_TRY },
	{ "validate", cli_validate, "FILE...", "show every error of a chain file", GROUP_TRY },
	{ "new", cli_new, "fn NAME [DIR]", "write a new function, its test, its chain", GROUP_TRY },
	{ "apply", cli_apply, "-f FILE|FOLDER|- ...", "make or change chains", GROUP_OPERATE },
	{ "diff", cli_diff, "-f FILE|FOLDER|- ...", "show what apply would change", GROUP_OPERATE },
	{ "traffic", cli_traffic, "CHAIN [FUNCTION [REVISION=%...]]",
	  "show or change who gets requests", GROUP_OPERATE },
	{ "drain", cli_drain, "CHAIN...", "end chains that stay declared", GROUP_OPERATE },
	{ "delete", cli_delete, "CHAIN... | -f FILE", "end and forget chains", GROUP_OPERATE },
	{ "shutdown", cli_shutdown, "", "end all chains and sprocketd", GROUP_OPERATE },
	{ "get", cli_get, "[CHAIN...] [-o FORMAT] [-w]", "list chains", GROUP_LOOK },
	{ "describe", cli_describe, "CHAIN...", "tell all that matters about a chain", GROUP_LOOK },
	{ "logs", cli_logs, "CHAIN [--function NAME] [-f]", "show what functions say", GROUP_LOOK },
	{ "events", cli_events, "[CHAIN] [-f]", "show what happened", GROUP_LOOK },
	{ "top", cli_top, "[-b] [-d SECONDS] [TEXT]", "watch chains and functions at work",
	  GROUP_LOOK },
	{ "graph", cli_graph, "CHAIN [-o text|dot|svg]", "draw a chain with its rates",
	  GROUP_LOOK },
	{ "tap", cli_tap, "CHAIN [FUNCTION] ...", "follow descriptors through a chain",
	  GROUP_LOOK },
	{ "debug", cli_debug, "CHAIN FUNCTION [-- GDB-ARGUMENT...]", "run an instance under gdb",
	  GROUP_LOOK },
	{ "doctor", cli_doctor, "[--clean] [--json]", "check this machine; clean up",
	  GROUP_MACHINE },
};
#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void usage(FILE *out)
{
	fputs("usage: sprocket COMMAND [ARGUMENT...]\n", out);
	for (size_t g = 0; g < sizeof(groups) / sizeof(*groups); g++) {
		fprintf(out, "\n%s:\n", groups[g]);
		for (size_t i = 0; i < COMMANDS; i++)
			if (commands[i].group == g)
				fprintf(out, "  %-9s %-36s %s\n", commands[i].name,
					commands[i].arguments, commands[i].help);
	}
	fputs("\n`sprocket COMMAND --help` says more.\n", out);
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

static int unknown(const char *name)
{
	const char *names[COMMANDS];
	char near[SUGGEST_TEXT_MAX];

	for (size_t i = 0; i < COMMANDS; i++)
		names[i] = commands[i].name;
	fprintf(stderr, "sprocket: no command \"%s\"%s\n\n", name,
		suggest_text(near, name, names, COMMANDS));
	usage(stderr);
	return CLI_USAGE;
}

/* `sprocket __complete [COMMAND [WORD...]]`: what may come next, one a line; "files" tells
 * the shell to complete files itself. WORDs are those before the one to complete that are no
 * options. `sprocket __complete functions CHAIN`: the functions of a chain. */
static int complete(int argc, char **argv)
{
	const struct command *command = argc > 1 ? find(argv[1]) : NULL;

	if (argc < 2) {
		for (size_t i = 0; i < COMMANDS; i++)
			printf("%s\t%s\n", commands[i].name, commands[i].help);
	} else if (argc == 3 && (strcmp(argv[1], "functions") == 0 ||
				 (command && strstr(command->arguments, "FUNCTION")))) {
		complete_functions(argv[2]);
	} else if (!command) {
		return CLI_USAGE;
	} else if ((strstr(command->arguments, "CHAIN...") && argc > 2) ||
		   (strstr(command->arguments, "CHAIN") && argc == 2)) {
		complete_chains();
	} else if (strncmp(command->arguments, "FILE", 4) == 0) {
		puts("files");
	}
	return CLI_OK;
}

/* What was printed must have arrived. */
static int finish(const char *name, int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "sprocket %s: cannot write the output: %s\n", name, strerror(errno));
	return code == CLI_OK ? CLI_FAILED : code;
}

int main(int argc, char **argv)
{
	const struct command *command;

	setvbuf(stdout, NULL, _IOLBF, 0); /* whoever reads a pipe sees each line as it comes */
	if (argc < 2) {
		usage(stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return CLI_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("sprocket " SPROCKET_VERSION);
		return CLI_OK;
	}
	if (!strcmp(argv[1], "__complete"))
		return complete(argc - 1, argv + 1);
	command = find(argv[1]);
	if (!command)
		return unknown(argv[1]);
	return finish(command->name, command->run(argc - 1, argv + 1));
}
