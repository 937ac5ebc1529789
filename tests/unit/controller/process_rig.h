/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process_rig.h - a file to execute, and what comes of it.
 *
 * Failure modes: everything asserts. What waits for a child waits 20 s at most.
 */
#ifndef SPROCKET_TESTS_CONTROLLER_PROCESS_RIG_H
#define SPROCKET_TESTS_CONTROLLER_PROCESS_RIG_H

#include "controller/process.h"

extern char child_folder[];
extern char child_file[64]; /* in that folder */

/* Of a group of tests: makes and removes the folder. */
int child_setup(void **state);
int child_teardown(void **state);

/* Writes an executable to child_file, in the place of what is there. */
void child_write(const char *text);
/* Executes child_file, with nothing special about it. */
struct process_spec child_spec(void);
void child_wait(int fd);
/* The next line of a log, without its end. */
const char *child_line(int log);
/* Waits for the end, says how and returns the status. */
int child_reap(struct process *process, char how[96]);
void child_expect(struct process *process, const char *how);

#endif
