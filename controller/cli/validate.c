/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate.c - `sprocket validate [--no-describe] FILE...`: is this a chain?
 *
 * How: loads each file as `sprocket run` would, and starts nothing. Errors go to stderr, a
 * line for each valid file to stdout. The exit code is 0 when all are valid, 1 when one is
 * not or cannot be read, 2 for wrong arguments.
 * Thread-safety: none, it is a command.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/chain.h"
#include "controller/chain_value.h"
#include "controller/cli/cli.h"

static const char usage[] =
	"usage: sprocket validate [--no-describe] FILE...\n"
	"Checks chain files and prints every error with its line and column.\n"
	"  --no-describe  do not run the executables to ask what they declare\n";

static const struct option options[] = {
	{ "no-describe", no_argument, NULL, 'n' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static uint32_t count_routes(const struct chain *chain)
{
	uint32_t count = chain->ingress_rules.count;

	for (uint32_t i = 0; i < chain->declared_count; i++)
		count += chain->functions[i].rules.count;
	return count;
}

static const char *plural(uint32_t count)
{
	return count == 1 ? "" : "s";
}

/* Calls and joins, where there are any. */
static void print_messages(const struct chain *chain)
{
	uint32_t calls = 0, joins = 0;

	for (uint32_t i = 0; i < chain->declared_count; i++) {
		calls += chain->functions[i].rules.call_count;
		joins += chain->functions[i].rules.group_count;
	}
	if (calls)
		printf(", %u call%s", calls, plural(calls));
	if (joins)
		printf(", %u join%s", joins, plural(joins));
}

static void print_chain(const struct chain *chain)
{
	uint32_t routes = count_routes(chain);
	char text[CHAIN_SIZE_TEXT_MAX];

	printf("%s: valid: %u function%s, %u route%s", chain->file, chain->declared_count,
	       plural(chain->declared_count), routes, plural(routes));
	print_messages(chain);
	printf(", pool %s", chain_value_size_text(chain->layout.size, text));
	for (uint32_t i = 0; i < chain->layout.class_count; i++)
		printf("%s%u x %s", i ? ", " : " (", chain->layout.classes[i].count,
		       chain_value_size_text(chain->layout.classes[i].size, text));
	printf(")\n");
}

static int validate(const char *path, unsigned flags)
{
	struct chain *chain;
	int err = chain_load(path, flags, stderr, &chain, NULL);

	if (err)
		return err;
	print_chain(chain);
	chain_free(chain);
	return 0;
}

int cli_validate(int argc, char **argv)
{
	unsigned flags = 0;
	int code = CLI_OK;
	int option;

	optind = 0; /* the caller may have used getopt before */
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'n':
			flags |= CHAIN_NO_DESCRIBE;
			break;
		case 'h':
			fputs(usage, stdout);
			return CLI_OK;
		default:
			fputs(usage, stderr);
			return CLI_USAGE;
		}
	}
	if (optind == argc) {
		fputs(usage, stderr);
		return CLI_USAGE;
	}
	for (int i = optind; i < argc; i++) {
		if (validate(argv[i], flags))
			code = CLI_FAILED;
	}
	return code;
}
