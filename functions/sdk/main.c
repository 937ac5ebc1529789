// SPDX-License-Identifier: Apache-2.0
/*
 * main.c - sp_main(): arguments, start, loop, exit code.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "functions/sdk/describe.h"
#include "functions/sdk/log.h"
#include "functions/sdk/start.h"
#include "sproxy/wiring.h"

enum { EXIT_STOPPED = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage[] = "usage: %s [--describe | --version]\n"
			    "  --describe  print what the function declares, as JSON\n"
			    "  --version   print its name and version\n";

static const char by_hand[] =
	"%s: a function of a Sprocket chain, started by the chain's runtime and not by hand\n"
	"  sprocket run CHAIN.yaml   runs a chain that names this file under exec:\n"
	"  %s --describe   prints what the function declares\n";

static int describe(const sp_function *function)
{
	int r = sdk_describe(function, stdout);

	if (r == 0)
		return EXIT_STOPPED;
	fprintf(stderr, "%s: cannot write: %s\n", function->name, strerror(-r));
	return EXIT_FAILED;
}

static int handle_arguments(int argc, char **argv, const sp_function *function)
{
	const char *arg = argv[1];

	if (argc == 2 && strcmp(arg, "--describe") == 0)
		return describe(function);
	if (argc == 2 && strcmp(arg, "--version") == 0) {
		printf("%s %s\n", function->name, function->version ? function->version : "");
		return fflush(stdout) == EOF ? EXIT_FAILED : EXIT_STOPPED;
	}
	if (argc == 2 && strcmp(arg, "--help") == 0) {
		printf(usage, argv[0]);
		return fflush(stdout) == EOF ? EXIT_FAILED : EXIT_STOPPED;
	}
	fprintf(stderr, usage, argv[0]);
	return EXIT_USAGE;
}

/* As a thread of a process that has several functions: "--wiring FD --log FD". */
static bool is_inline(int argc, char **argv)
{
	return argc == 5 && strcmp(argv[1], "--wiring") == 0 && strcmp(argv[3], "--log") == 0;
}

static int serve(const sp_function *function, int sock)
{
	struct sdk_process *process;
	int r;

	if (sdk_process_start(function, sock, &process) < 0)
		return EXIT_FAILED;
	r = sdk_process_run(process);
	if (r < 0) /* other workers may be in the middle of something: the end of all frees all */
		return EXIT_FAILED;
	sdk_process_free(process);
	return EXIT_STOPPED;
}

int sp_main(int argc, char **argv, const sp_function *function)
{
	const char *self = argc > 0 ? argv[0] : "function";
	char why[128];
	int sock;

	if (sdk_function_check(function, why, sizeof(why)) < 0) {
		fprintf(stderr, "%s: %s\n", self, why);
		return EXIT_FAILED;
	}
	if (is_inline(argc, argv)) {
		sdk_log_fd(atoi(argv[4]));
		return serve(function, atoi(argv[2]));
	}
	if (argc > 1)
		return handle_arguments(argc, argv, function);
	sock = wiring_inherited();
	if (sock == -ENOENT) {
		fprintf(stderr, by_hand, function->name, self);
		return EXIT_USAGE;
	}
	if (sock < 0) {
		fprintf(stderr, "%s: %s in the environment names no socket: %s\n", function->name,
			WIRING_ENV, strerror(-sock));
		return EXIT_USAGE;
	}
	return serve(function, sock);
}
