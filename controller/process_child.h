/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process_child.h - the child's side of process_start(), from fork to exec.
 *
 * For: process.c alone. How: group, signals, CPUs, output, environment, control groups, sandbox,
 * and then the program. Whatever fails is said on stderr, which is the log; exit code 127.
 * Thread-safety: the child has one thread.
 */
#ifndef SPROCKET_CONTROLLER_PROCESS_CHILD_H
#define SPROCKET_CONTROLLER_PROCESS_CHILD_H

#include "controller/process.h"

/* `wiring` and `log` are its ends; unless it is detached it dies with `parent`. */
_Noreturn void process_child_run(const struct process_spec *spec, int wiring, int log,
				 pid_t parent);

#endif
