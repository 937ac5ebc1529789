/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - the command line of a command that talks to sprocketd.
 *
 * How: getopt_long, with --socket and --help, which all of them have, taken care of.
 *
 *     while ((c = options_next(&options, argc, argv)) > 0) switch (c) { ... }
 *     if (options.stop) return options.code;
 *
 * Thread-safety: none, getopt has one state per process.
 */
#ifndef SPROCKET_CONTROLLER_CLI_OPTIONS_H
#define SPROCKET_CONTROLLER_CLI_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_SOCKET 0x100 /* not a character */
#define OPTIONS_COMMON                                                                             \
	{ "socket", required_argument, NULL, OPTIONS_SOCKET }, { "help", no_argument, NULL, 'h' }, \
	{                                                                                          \
		0                                                                                  \
	}

/* The last lines of each --help. */
#define OPTIONS_HELP_SOCKET                                                          \
	"  --socket PATH          sprocketd's socket (default $SPROCKET_SOCKET, or " \
	"/run/sprocket/\n"                                                           \
	"                         sprocketd.sock)\n"
#define OPTIONS_HELP_EXIT \
	"\nExit code: 0 done, 1 failed, 2 wrong arguments, 4 a right is missing.\n"

struct options {
	const char *command;
	const char *help;
	const char *shorts; /* with "h" */
	const struct option *longs;
	bool begun, stop;
	int code; /* of the process, when stop */
};

/* How objects are printed: id, and the word after -o. */
#define OPTIONS_FORMATS(X) \
	X(TABLE, "")       \
	X(WIDE, "wide")    \
	X(JSON, "json")    \
	X(YAML, "yaml")    \
	X(NAME, "name")

enum options_format {
#define X(id, word) OPTIONS_##id,
	OPTIONS_FORMATS(X)
#undef X
};
#define OPTIONS_ALLOW(id) (1U << OPTIONS_##id)

/* Next option; 0 when the command is over (--help, or a mistake that was told); -1 at the end:
 * argv[optind] is the first word that is no option. */
int options_next(struct options *options, int argc, char **argv);

/* Says what is wrong with the arguments; ends options_next(). Returns CLI_USAGE. */
int options_wrong(struct options *options, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The word after -o; `allowed` has OPTIONS_ALLOW() bits. */
void options_format(struct options *options, const char *text, unsigned allowed,
		    enum options_format *ret);
/* A whole number from 0 to max. */
void options_number(struct options *options, const char *name, const char *text, uint32_t max,
		    uint32_t *ret);
/* "30s", "2m": milliseconds. */
void options_duration(struct options *options, const char *name, const char *text, long *ret_ms);
/* The name of a chain, also as "chain/NAME". NULL after an error. */
const char *options_chain(struct options *options, const char *text);

#endif
