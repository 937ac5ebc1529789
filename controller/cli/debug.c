/* SPDX-License-Identifier: Apache-2.0 */
/*
 * debug.c - `sprocket debug`: an instance of a function under gdb.
 *
 * How: sprocketd starts one more instance, stopped before it becomes the function's program,
 * and lets no deadline pass meanwhile. gdb attaches to it and goes on to the program. When gdb
 * ends, the instance is killed: sprocketd sees it go like any other, and the chain goes on.
 * The signals that end a terminal's session are gdb's: we outlive it, to kill the instance.
 * Thread-safety: none, it is a command.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/cli/cli.h"
#include "controller/cli/client.h"
#include "controller/cli/gdb.h"
#include "controller/cli/object.h"
#include "controller/cli/options.h"

#define WHAT_MAX 160

static const char help[] =
	"usage: sprocket debug CHAIN FUNCTION [OPTION...] [-- GDB-ARGUMENT...]\n"
	"\n"
	"Starts an instance of the function under gdb, at the beginning of its program. No request of\n"
	"the chain times out meanwhile. When gdb ends, the instance is gone, and the chain goes on.\n"
	"\n" OPTIONS_HELP_SOCKET OPTIONS_HELP_EXIT;

static const char hint[] =
	"echo \\nThe function's program is loaded. Break in its handler, then go on:\\n"
	"    (gdb) break FUNCTION_OF_ON_REQUEST\\n    (gdb) continue\\n\\n";
static int gdb_run(pid_t pid, char **more, int more_count)
{
	static const int ours[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };
	char go_on[32];
	/* Without SIGCONT the process stays a stopped one to the kernel: each thread that it
	 * begins would stop, too. */
	const char *const begin[] = {
		"-ex", "handle SIGCONT nostop noprint nopass",
		"-ex", go_on,
		"-ex", "catch exec",
		"-ex", "continue",
		"-ex", "handle SIGSTOP SIGCONT stop print pass",
		"-ex", hint,
		NULL,
	};
	int status = 0;
	pid_t gdb;

	snprintf(go_on, sizeof(go_on), "shell kill -CONT %d", (int)pid);
	fflush(NULL);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		signal(ours[i], SIG_IGN);
	gdb = fork();
	if (gdb == 0) {
		for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
			signal(ours[i], SIG_DFL);
		gdb_exec(pid, begin, more, more_count);
		_exit(CLI_FAILED);
	}
	if (gdb < 0) {
		perror("sprocket debug");
		return CLI_FAILED;
	}
	while (waitpid(gdb, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? CLI_OK : CLI_FAILED;
}

/* gdb on the instance; whatever becomes of it, the instance ends. */
static int debug_pid(pid_t pid, char **more, int more_count)
{
	int fd = pidfd_open(pid, 0), code;

	if (fd < 0) {
		fprintf(stderr,
			"sprocket debug: the instance (pid %d) is gone: %s; sprocket events says "
			"more\n",
			(int)pid, strerror(errno));
		return CLI_FAILED;
	}
	code = gdb_run(pid, more, more_count);
	if (pidfd_send_signal(fd, SIGKILL, NULL, 0) < 0 && errno != ESRCH) {
		fprintf(stderr, "sprocket debug: cannot end the instance (pid %d): %s\n", (int)pid,
			strerror(errno));
		code = CLI_FAILED;
	}
	close(fd);
	return code;
}

static int debug(const char *chain, const char *function, char **more, int more_count)
{
	struct client *client;
	char what[WHAT_MAX];
	json_int_t pid;
	json_t *answer;
	int code = client_open("debug", &client);

	if (code != CLI_OK)
		return code;
	snprintf(what, sizeof(what), "chain/%s, function %s", chain, function);
	code = client_ask(client, "POST",
			  client_path(client, "/v1/chains/%s/functions/%s/debug", chain, function),
			  what, &answer);
	client_close(client);
	if (code != CLI_OK)
		return code;
	pid = json_integer_value(object_get(answer, "pid"));
	json_decref(answer);
	if (pid > 1 && pid <= INT32_MAX)
		return debug_pid((pid_t)pid, more, more_count);
	fputs("sprocket debug: sprocketd's answer has no pid: are sprocket and sprocketd of one version?\n",
	      stderr);
	return CLI_FAILED;
}

int cli_debug(int argc, char **argv)
{
	static const struct option longs[] = { OPTIONS_COMMON };
	struct options options = {
		.command = "debug", .help = help, .shorts = "h", .longs = longs
	};
	const char *chain, *function;
	int code;

	options_next(&options, argc, argv);
	if (!options.stop && argc - optind < 2)
		options_wrong(&options, "which chain, and which function of it?");
	if (!options.stop && argc - optind - 2 > GDB_ARGS_MAX)
		options_wrong(&options, "more than %d arguments for gdb", GDB_ARGS_MAX);
	if (options.stop)
		return options.code;
	chain = options_chain(&options, argv[optind]);
	function = options_chain(&options, argv[optind + 1]);
	if (!chain || !function)
		return options.code;
	code = gdb_check("debug");
	if (code != CLI_OK)
		return code;
	return debug(chain, function, argv + optind + 2, argc - optind - 2);
}
