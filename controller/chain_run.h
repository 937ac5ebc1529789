/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_run.h - runs a program for a short while and keeps what it prints.
 *
 * For: chain_describe.c, which waits; the daemon, which runs several in its loop.
 * How: fork, a process group of its own, pipes for its output and errors, a pidfd for its
 * end, an epoll over all of them. The group is killed when the program ended, is too slow,
 * or prints too much, so that nothing it started stays behind, nor, where it has a user of its
 * own (chain_confine.h), what left the group; when the caller dies, the program is killed too.
 * Thread-safety: may be called from any thread.
 */
#ifndef SPROCKET_CONTROLLER_CHAIN_RUN_H
#define SPROCKET_CONTROLLER_CHAIN_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "controller/chain_confine.h"

#define CHAIN_RUN_COMPLAINT_MAX 160

struct chain_output {
	char *data;                              /* the caller's buffer */
	size_t size;                             /* its bytes */
	size_t len;                              /* filled */
	char complaint[CHAIN_RUN_COMPLAINT_MAX]; /* first line of its errors, or "" */
	int status;                              /* as of waitpid() */
};

enum { CHAIN_RUN_OUT, CHAIN_RUN_ERR, CHAIN_RUN_START, CHAIN_RUN_EXIT, CHAIN_RUN_FDS };

/* A program that runs. */
struct chain_run {
	pid_t pid;
	int epoll;              /* readable: chain_run_turn() has something to do */
	int fds[CHAIN_RUN_FDS]; /* read ends and pidfd; -1 once at EOF */
	size_t complaint_len;
	bool ended;
	struct chain_confinement confinement;
};

/* Executes a program or script that is open as `fd`; returns, with errno set, when it cannot. */
void chain_run_file(int fd, char *const *argv);

/* Starts argv[0] (a path). Returns 0 and *ret, or -errno. */
int chain_run_start(char *const *argv, struct chain_run *ret);

/*
 * Collects what the program prints, for at most `limit_ms`. Returns 1 when it has ended and
 * all is read, 0 when the time was over; -EMSGSIZE when it printed more than fits; -errno
 * when it could not be executed.
 */
int chain_run_turn(struct chain_run *run, int limit_ms, struct chain_output *output);

/* Kills and reaps it and its group, whatever it does; fills in the rest of `output`. */
void chain_run_end(struct chain_run *run, struct chain_output *output);

/*
 * Runs argv[0] (a path). Returns 0 when the program ended by itself: see output->status;
 * -ETIMEDOUT after `limit_ms`; -EMSGSIZE when it printed more than fits; -errno when it
 * could not be started.
 */
int chain_run(char *const *argv, int limit_ms, struct chain_output *output);

#endif
