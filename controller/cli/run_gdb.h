/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_gdb.h - the debugger of `sprocket run --inline --gdb`.
 *
 * How: gdb has the terminal while it runs; its end is told once, and ends the run.
 * Thread-safety: the loop's thread.
 */
#ifndef SPROCKET_CONTROLLER_CLI_RUN_GDB_H
#define SPROCKET_CONTROLLER_CLI_RUN_GDB_H

#include <stdbool.h>
#include <termios.h>

#include "controller/loop.h"

struct run_gdb {
	bool wanted;
	char **args; /* the user's */
	int arg_count;
	pid_t pid; /* 0: it does not run */
	struct loop *loop;
	struct loop_source on_exit;
	struct termios terminal; /* before it */
	bool is_terminal;
	void (*on_end)(void *arg);
	void *arg;
};

/* Starts it on a process. 0, or -errno and it was said why. */
int run_gdb_start(struct run_gdb *gdb, pid_t on);
/* Ends it, if it runs. */
void run_gdb_stop(struct run_gdb *gdb);

#endif
