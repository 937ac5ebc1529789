// SPDX-License-Identifier: Apache-2.0
/* See options.h. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "controller/chain_value.h"
#include "controller/cli/cli.h"
#include "controller/cli/client.h"
#include "controller/cli/options.h"

static int stop(struct options *options, int code)
{
	options->stop = true;
	options->code = code;
	return 0;
}

int options_next(struct options *options, int argc, char **argv)
{
	int c;

	if (!options->begun)
		optind = 0; /* getopt may have been used before */
	options->begun = true;
	while (!options->stop) {
		c = getopt_long(argc, argv, options->shorts, options->longs, NULL);
		if (c == OPTIONS_SOCKET) {
			client_use_socket(optarg);
		} else if (c == 'h') {
			fputs(options->help, stdout);
			return stop(options, CLI_OK);
		} else if (c == '?') { /* getopt has said what */
			fprintf(stderr, "`sprocket %s --help` says more\n", options->command);
			return stop(options, CLI_USAGE);
		} else {
			return c;
		}
	}
	return 0;
}

int options_wrong(struct options *options, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "sprocket %s: ", options->command);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n`sprocket %s --help` says more\n", options->command);
	stop(options, CLI_USAGE);
	return CLI_USAGE;
}

void options_format(struct options *options, const char *text, unsigned allowed,
		    enum options_format *ret)
{
	static const char *const words[] = {
#define X(id, word) word,
		OPTIONS_FORMATS(X)
#undef X
	};
	char known[64] = "";

	for (unsigned i = 1; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!(allowed & 1U << i))
			continue;
		if (strcmp(text, words[i]) == 0) {
			*ret = (enum options_format)i;
			return;
		}
		strcat(strcat(known, *known ? ", " : ""), words[i]);
	}
	options_wrong(options, "-o takes one of %s, not \"%s\"", known, text);
}

void options_number(struct options *options, const char *name, const char *text, uint32_t max,
		    uint32_t *ret)
{
	uint64_t number;

	if (chain_value_number(text, &number) < 0 || number > max)
		options_wrong(options, "%s takes a number from 0 to %u, not \"%s\"", name, max,
			      text);
	else
		*ret = (uint32_t)number;
}

void options_duration(struct options *options, const char *name, const char *text, long *ret_ms)
{
	uint64_t ns;

	if (chain_value_duration(text, &ns) < 0 || ns < 1000000 || ns / 1000000 > INT_MAX)
		options_wrong(options, "%s takes a time such as 30s or 2m, not \"%s\"", name, text);
	else
		*ret_ms = (long)(ns / 1000000);
}

const char *options_chain(struct options *options, const char *text)
{
	const char *name = strncmp(text, "chain/", 6) == 0 ? text + 6 : text;

	if (chain_value_is_label(name))
		return name;
	options_wrong(options, "\"%s\" is no name of a chain: 1 to 63 of a-z, 0-9 and inner dashes",
		      text);
	return NULL;
}
