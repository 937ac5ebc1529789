/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_run.h - runs a program for a short while and keeps what it prints.
 *
 * For: chain_describe.c.
 * How: fork, a process group of its own, pipes for its output and errors, a pidfd for its
 * end. The group is killed when the program ended, is too slow, or prints too much, so
 * that nothing it started stays behind; when the caller dies, the program is killed too.
 * Thread-safety: may be called from any thread.
 */
#ifndef SPROCKET_CONTROLLER_CHAIN_RUN_H
#define SPROCKET_CONTROLLER_CHAIN_RUN_H

#include <stddef.h>

#define CHAIN_RUN_COMPLAINT_MAX 160

struct chain_output {
	char *data;                              /* the caller's buffer */
	size_t size;                             /* its bytes */
	size_t len;                              /* filled */
	char complaint[CHAIN_RUN_COMPLAINT_MAX]; /* first line of its errors, or "" */
	int status;                              /* as of waitpid() */
};

/*
 * Runs argv[0] (a path). Returns 0 when the program ended by itself: see output->status;
 * -ETIMEDOUT after `limit_ms`; -EMSGSIZE when it printed more than fits; -errno when it
 * could not be started.
 */
int chain_run(char *const *argv, int limit_ms, struct chain_output *output);

#endif
