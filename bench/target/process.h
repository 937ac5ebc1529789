/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.h - processes of a server: found in /proc, started, waited for, ended.
 *
 * For: target.c (starts and stops servers), usage.c (accounts for them).
 * How: a process is known by its number and when it began, so that a number that was given out
 * again is not taken for it. What belongs to a started server: its descendants, its process group,
 * and whoever has its mark in the environment, wherever that one hid.
 * Thread-safety: no state. Failure modes: a process may end at any time: then it is not there.
 */
#ifndef SPROCKET_BENCH_PROCESS_H
#define SPROCKET_BENCH_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/load/schedule.h"

#define BENCH_PROCESSES_MAX 1024U
#define BENCH_PROCESS_NAME 32U
#define BENCH_MARK "SPROCKET_BENCH_SERVER"

struct bench_process {
	pid_t pid, parent, group;
	char state; /* R, S, D, Z, ... of proc(5) */
	unsigned threads;
	uint64_t begun; /* ticks since boot */
	uint64_t user_ticks, system_ticks, page_faults;
	char name[BENCH_PROCESS_NAME]; /* of its executable; of its thread when that is not told */
};

struct bench_processes {
	unsigned count;
	struct bench_process all[BENCH_PROCESSES_MAX];
};

/* Reads a file of /proc, NUL-terminated; what does not fit is left out. Returns its length, or
 * -errno. */
ssize_t bench_proc_read(const char *path, char *to, size_t size);

/* Returns 0 and *ret, or -ESRCH. */
int bench_process_read(pid_t pid, struct bench_process *ret);

/* True for one that has not ended: zombies have. */
bool bench_process_lives(const struct bench_process *process);

/* `root` and all that descend from it, parents before children. Returns 0, or -errno of /proc;
 * -ESRCH when there is no `root`. */
int bench_processes_below(pid_t root, struct bench_processes *ret);

/* Adds whoever lives in the process group, or has BENCH_MARK=`mark`. */
void bench_processes_marked(pid_t group, const char *mark, struct bench_processes *to);

/* Waits until all have ended, at most so long; those that have are taken off the list. */
void bench_processes_wait(struct bench_processes *list, int timeout_ms);
/* SIGKILL, and waits until they are gone. */
void bench_processes_kill(struct bench_processes *list);

/* ---- a child ---- */

struct bench_child {
	const char *const *argv; /* argv[0]: a path */
	const int *cpus;         /* where it may run */
	unsigned cpu_count;      /* 0: where we may */
	const char *mark;        /* NULL: none */
};

/* Starts it: in a process group of its own, stdin empty, stdout a pipe (*ret_output, its read end),
 * stderr a file in memory (*ret_messages). It is told to end (SIGTERM) when our thread ends.
 * Returns its pid, or -errno with `error`. */
pid_t bench_child_start(const struct bench_child *child, int *ret_output, int *ret_messages,
			char error[BENCH_ERROR_TEXT]);

/* Waits for its end, at most so long. Returns 0 and its wait status, or -ETIMEDOUT. */
int bench_child_wait(pid_t pid, int timeout_ms, int *ret_status);

/* "status 3", "signal 9 (Killed)" */
const char *bench_child_end_text(int status, char text[64]);

/* The last lines of its stderr, in one: "; its last words: ...", or "". */
const char *bench_child_words(int messages, char text[BENCH_ERROR_TEXT]);

/* Runs a program and collects what it prints, at most `limit` bytes. Returns 0 and *ret (which the
 * caller frees, NUL-terminated), or -errno with `error`: it failed, or is not there. */
int bench_child_collect(const char *const *argv, size_t limit, char **ret, size_t *ret_len,
			char error[BENCH_ERROR_TEXT]);

#endif
