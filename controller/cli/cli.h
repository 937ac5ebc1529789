/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h - the commands of `sprocket`. Each takes its own arguments (argv[0] is its name)
 * and returns the exit code.
 */
#ifndef SPROCKET_CONTROLLER_CLI_CLI_H
#define SPROCKET_CONTROLLER_CLI_CLI_H

enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,       /* while starting or running */
	CLI_USAGE = 2,        /* wrong arguments */
	CLI_INVALID = 3,      /* `run`: the chain file has errors */
	CLI_UNPRIVILEGED = 4, /* `run`: a right is missing */
};

int cli_run(int argc, char **argv);
int cli_validate(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_new(int argc, char **argv);

#endif
