/* SPDX-License-Identifier: Apache-2.0 */
/* gdb.h - gdb on a process, at this terminal. For: `sprocket debug` and `sprocket run --gdb`. */
#ifndef SPROCKET_CONTROLLER_CLI_GDB_H
#define SPROCKET_CONTROLLER_CLI_GDB_H

#include <sys/types.h>

#define GDB_ARGS_MAX 64 /* that a user may add */

/* CLI_OK, or another exit code and `command` (such as "debug") has said why not: there is no gdb,
 * or we are not root. */
int gdb_check(const char *command);

/* Becomes gdb, attached to `pid`; `ours` are arguments behind -p (NULL at the end), `more` the
 * user's. Returns only to say, on stderr, why not. */
void gdb_exec(pid_t pid, const char *const *ours, char **more, int more_count);

#endif
