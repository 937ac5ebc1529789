/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage_perf.h - the kernel's counters of a process (perf_event_open(2)).
 *
 * For: usage.c.
 * How: a counter for each thread that is there when they are opened; threads and processes that
 * those start later are counted with them. One read(2) for each.
 * Thread-safety: one thread. Failure modes: a counter that the machine does not have, or does not
 * let us have, is -1.
 */
#ifndef SPROCKET_BENCH_USAGE_PERF_H
#define SPROCKET_BENCH_USAGE_PERF_H

#include <stdint.h>
#include <sys/types.h>

enum bench_counter {
	BENCH_SYSCALLS, /* tracepoint raw_syscalls:sys_enter */
	BENCH_CYCLES,
	BENCH_INSTRUCTIONS,
	BENCH_CACHE_MISSES,
	BENCH_COUNTER_COUNT,
};

struct bench_counters {
	struct {
		int *fds;
		unsigned count;
	} of[BENCH_COUNTER_COUNT];
};

/* Opens them on all threads of a process. */
void bench_counters_open(struct bench_counters *c, pid_t pid);
void bench_counters_close(struct bench_counters *c);
/* Their sums; -1: not known. */
void bench_counters_read(const struct bench_counters *c, int64_t ret[BENCH_COUNTER_COUNT]);

#endif
