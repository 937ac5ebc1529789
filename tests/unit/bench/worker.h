/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.h - a child process that does something known while it is watched.
 *
 * For: the tests of bench/usage.h. How: it works when it is told, then says so, and stays until it is
 * let go. It ends with the test. Thread-safety: one thread. Failure modes: a failed assertion.
 */
#ifndef TEST_BENCH_WORKER_H
#define TEST_BENCH_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/target/usage.h"

#define MS INT64_C(1000000)
#define SYSCALLS 20000
#define SLEEPS 50

struct worker {
	pid_t pid;
	int go, done;
};

void worker_start(struct worker *w, void (*work)(void));
void worker_work(const struct worker *w);
void worker_end(const struct worker *w);

/* What is written and read by both ends of a pipe, instead of waiting for a time. */
void say(int fd);
bool hear(int fd);

/* What a worker does, and nothing else: between two readings around it. */
void measure(void (*work)(void), struct bench_usage *ret);

/* So much CPU time of this thread. */
void burn(int64_t ns);
/* SYSCALLS system calls. */
void work_syscalls(void);
/* SLEEPS times 1 ms. */
void work_sleep(void);
void work_burn(void); /* 200 ms */

#endif
