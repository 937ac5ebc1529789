/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.h - starts a child: a gateway or a function instance.
 *
 * For: the runtime. How: fork and exec; the child gets its own process group (so that a
 * terminal's Ctrl-C reaches the controller alone, and whatever it forks can be killed with
 * it), has no capability but root's to reach files, is pinned to its CPUs, and inherits one
 * end of a wiring socket and one of a log pipe. It dies with the controller, unless it is
 * `detached`: then another controller can take it over with process_adopt().
 * Core dumps: where the kernel puts one is the machine's to say (kernel.core_pattern). A
 * relative pattern, the kernel's own default, means the folder the child runs in, which is
 * `core_folder`; see process_core.h. With a pattern that is absolute or a pipe, cores go
 * where they go for every program of the machine.
 * Thread-safety: the calling process must have one thread.
 */
#ifndef SPROCKET_CONTROLLER_PROCESS_H
#define SPROCKET_CONTROLLER_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "controller/chain.h"

struct sandbox_child;

struct process_spec {
	const char *path;     /* of the executable */
	const char *name;     /* argv[0], and what messages call it */
	const uint32_t *cpus; /* it is pinned to these */
	uint32_t cpu_count;
	const struct chain_pairs *env; /* added to our environment; NULL = none */
	/* >= 0: what is executed, whatever lies at `path` by now. Must be open for reading. A
	 * script finds itself as /dev/fd/N. -1: the file at `path`. */
	int exec_fd;
	bool read_only; /* keeps no right over files: what it is handed to read it cannot open to
			 * write */
	bool detached;  /* outlives us: a session of its own, no death signal; its output never
			* waits for a reader: what does not fit into the pipe is lost */
	bool stopped;   /* stops itself (SIGSTOP) right before exec: a debugger attaches to it, or
			* SIGCONT lets it go on */
	/* > 0: the folder of a control group (v2) that it begins in. Else it is in ours. */
	int cgroup_into;
	/* Ended by -1; NULL: none. It writes "0" to each: they are files of control groups that it
	 * joins before it executes anything. */
	const int *cgroup_fds;
	const char *core_folder; /* it runs and leaves its core here; NULL: no core, our folder */
	const struct sandbox_child *sandbox; /* what it enters; NULL: it has our user, and no
					      * capability but root's to reach files */
	bool changes_user; /* it becomes another user by itself, once it has started */
};

/* What the parent keeps; each fd is close-on-exec and the caller's. */
struct process {
	pid_t pid;
	int pidfd;
	int wiring;   /* SEQPACKET */
	int log;      /* its stdout and stderr, non-blocking */
	bool adopted; /* another controller started it */
};

/* Returns 0 and *ret, or -errno. An exec that fails is told in the log; exit code 127. */
int process_start(const struct process_spec *spec, struct process *ret);

/* Takes over a running process that need not be our child, with our ends of its sockets
 * (ours from now on). `start_time` is what runstate_process_start() said of it when it was
 * started. Returns 0 and *ret; -ESRCH when that process is gone: the fds stay the caller's. */
int process_adopt(pid_t pid, uint64_t start_time, int wiring, int log, struct process *ret);

/* SIGKILL to the whole process group. */
void process_kill(const struct process *process);

/* Reaps a process whose pidfd is readable; says how it ended ("exit code 1", "signal 11
 * (Segmentation fault)") in `text`, with ", core dumped" when the kernel made one. Returns
 * the wait status; -1 when it was adopted and the kernel (before Linux 6.15) cannot tell. */
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
