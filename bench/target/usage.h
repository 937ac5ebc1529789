/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage.h - what a server's processes use: CPU time, memory, context switches, system calls.
 *
 * For: CPU per request by component.
 * How: the first process and all its descendants, put together by component: gateway, functions,
 * controller of Sprocket (by the executable's name), else the executable's name. CPU time is
 * the process's clock in ns (clock_getcpuclockid(3)), not ticks; threads that have ended are in it.
 * Context switches: /proc/PID/task/T/status; page faults: /proc/PID/stat. System calls, cycles,
 * instructions, cache misses: perf counters (perf_event_open(2)), when asked for, where the machine
 * has them and lets us; -1: not known.
 * Thread-safety: one thread. Failure modes: a process that ends meanwhile is in `gone`: its
 * figures are those of the last reading.
 */
#ifndef SPROCKET_BENCH_USAGE_H
#define SPROCKET_BENCH_USAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#define BENCH_COMPONENTS_MAX 16U

struct bench_component {
	char name[32];
	unsigned processes, threads;
	int64_t cpu_ns, user_ns, system_ns; /* user, system: from ticks, scaled to cpu_ns */
	int64_t switches_voluntary, switches_involuntary;
	int64_t syscalls, cycles, instructions, cache_misses, page_faults;
	int64_t rss_bytes;  /* resident, without shared memory and hugepages: those are the pool */
	int64_t pool_bytes; /* the most shared memory that one of them maps; not added up */
};

struct bench_usage {
	unsigned count, gone;
	struct bench_component components[BENCH_COMPONENTS_MAX];
};

struct bench_usage_probe;

/* Looks at the processes below `root`. NULL without memory. */
struct bench_usage_probe *bench_usage_open(pid_t root);
/* Perf's counters: off until asked for, since they cost the server what they count (each system
 * call 0.1 us more, each context switch, too): time nothing meanwhile. What was counted is kept.
 * Where perf is not allowed those figures stay -1. */
void bench_usage_count(struct bench_usage_probe *probe, bool on);
void bench_usage_close(struct bench_usage_probe *probe);
/* All figures so far: since the processes began, but perf's of while they were on. */
void bench_usage_read(struct bench_usage_probe *probe, struct bench_usage *ret);
/* What was used between two readings (memory: the later one's). */
void bench_usage_between(const struct bench_usage *before, const struct bench_usage *after,
			 struct bench_usage *ret);

/* {"gateway": {"processes", "threads", "cpu_us", "user_us", "system_us", "switches_voluntary",
 * "switches_involuntary", "syscalls", ..., "rss_bytes"}, ...}; with `requests` > 0 each but
 * processes, threads and bytes is per request. Unknown ones are left out. */
json_t *bench_usage_json(const struct bench_usage *u, uint64_t requests);

/* The machine: {"kernel", "cpu", "cpus", "mitigations", "governor", "hypervisor", "memory_kib",
 * "hugepages", "commit", "build", "compiler", "h2o", "date", "load", "command", "server_cpus",
 * "client_cpus", "autogroup"}. `command` is argv. environment.c */
json_t *bench_environment(int argc, char *const *argv);

/* Moves into a session of its own and raises its scheduling group, so that work in other terminals
 * disturbs less; what it starts inherits that. Returns 0 or -errno (it goes on anyway). */
int bench_environment_quiet(void);

#endif
