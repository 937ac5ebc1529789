/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h - the commands of `sprocket`. Each takes its own arguments (argv[0] is its name)
 * and returns the exit code.
 */
#ifndef SPROCKET_CONTROLLER_CLI_CLI_H
#define SPROCKET_CONTROLLER_CLI_CLI_H

enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,       /* while starting or running; `diff`: there is a difference */
	CLI_USAGE = 2,        /* wrong arguments */
	CLI_INVALID = 3,      /* the chain file has errors */
	CLI_UNPRIVILEGED = 4, /* a right is missing */
	CLI_NOT_COMPARED = 5, /* `diff`, which has another use for CLI_FAILED */
};

/* The exit code of two parts: one kind of failure stays itself, several are CLI_FAILED. */
static inline int cli_worse(int a, int b)
{
	return a == CLI_OK || a == b ? b : b == CLI_OK ? a : CLI_FAILED;
}

int cli_run(int argc, char **argv);
int cli_validate(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_new(int argc, char **argv);
int cli_top(int argc, char **argv);
int cli_graph(int argc, char **argv);
int cli_tap(int argc, char **argv);

/* These talk to sprocketd. */
int cli_apply(int argc, char **argv);
int cli_diff(int argc, char **argv);
int cli_get(int argc, char **argv);
int cli_describe(int argc, char **argv);
int cli_delete(int argc, char **argv);
int cli_drain(int argc, char **argv);
int cli_shutdown(int argc, char **argv);
int cli_logs(int argc, char **argv);
int cli_events(int argc, char **argv);
int cli_traffic(int argc, char **argv);
int cli_debug(int argc, char **argv);

#endif
