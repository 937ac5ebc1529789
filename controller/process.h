/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.h - starts a child: a gateway or a function instance.
 *
 * For: the runtime. How: fork and exec; the child gets its own process group (so that a
 * terminal's Ctrl-C reaches the controller alone, and whatever it forks can be killed with
 * it), has no capability but root's to reach files, dies with the controller, is pinned to
 * its CPUs, and inherits one end of a wiring socket and one of a log pipe.
 * Thread-safety: the calling process must have one thread.
 */
#ifndef SPROCKET_CONTROLLER_PROCESS_H
#define SPROCKET_CONTROLLER_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "controller/chain.h"

struct process_spec {
	const char *path;     /* of the executable */
	const char *name;     /* argv[0], and what messages call it */
	const uint32_t *cpus; /* it is pinned to these */
	uint32_t cpu_count;
	const struct chain_pairs *env; /* added to our environment; NULL = none */
};

/* What the parent keeps; each fd is close-on-exec and the caller's. */
struct process {
	pid_t pid;
	int pidfd;
	int wiring; /* SEQPACKET */
	int log;    /* its stdout and stderr, non-blocking */
};

/* Returns 0 and *ret, or -errno. An exec that fails is told in the log; exit code 127. */
int process_start(const struct process_spec *spec, struct process *ret);

/* SIGKILL to the whole process group. */
void process_kill(const struct process *process);

/* Reaps a child whose pidfd is readable; says how it ended ("exit code 1", "signal 11
 * (Segmentation fault)") in `text`. Returns the wait status. */
int process_reap(const struct process *process, char *text, size_t size);

/* From now on, what our children's children leave behind comes to us, not to init. */
void process_adopt_orphans(void);

/* Reaps those of them that have ended; `known` children are left to their owner. */
void process_reap_adopted(bool (*known)(pid_t pid, void *arg), void *arg);

/* Kills and reaps every child there is, known or left behind. */
void process_kill_all(void);

/* Closes the fds. */
void process_done(struct process *process);

#endif
