// SPDX-License-Identifier: Apache-2.0
/* `sprocket`: finds the command. */
#include <stdio.h>
#include <string.h>

#include "controller/cli/cli.h"
#include "controller/suggest.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments;
	const char *help;
} commands[] = {
	{ "run", cli_run, "CHAIN.yaml [--listen ADDR:PORT] ...", "run a chain until Ctrl-C" },
	{ "validate", cli_validate, "FILE...", "show every error of a chain file" },
	{ "doctor", cli_doctor, "[--clean] [--json]", "check this machine; clean up" },
	{ "new", cli_new, "fn NAME [DIR]", "write a new function, its test and its chain" },
};
#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void usage(FILE *out)
{
	fputs("usage: sprocket COMMAND [ARGUMENT...]\n\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-9s %-38s %s\n", commands[i].name, commands[i].arguments,
			commands[i].help);
	fputs("\n`sprocket COMMAND --help` says more.\n", out);
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

int main(int argc, char **argv)
{
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
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	return unknown(argv[1]);
}
