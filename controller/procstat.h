/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procstat.h - what a process has used: CPU time and memory.
 *
 * For: the metrics. How: one read of /proc/PID/stat.
 * Failure modes: a process that is gone is -ESRCH; CPU time has the kernel's tick (10 ms).
 * Thread-safety: no state.
 */
#ifndef SPROCKET_CONTROLLER_PROCSTAT_H
#define SPROCKET_CONTROLLER_PROCSTAT_H

#include <stdint.h>
#include <sys/types.h>

struct procstat {
	uint64_t cpu_ns; /* user and system, all threads */
	uint64_t rss_bytes;
	uint64_t virtual_bytes;
	uint64_t started_ns; /* after boot */
};

/* Returns 0 and *ret, -ESRCH, or -errno (-EBADMSG: the text is not what proc(5) says). */
int procstat_read(pid_t pid, struct procstat *ret);

/* File descriptors of the calling process, or -errno. */
int procstat_fd_count(void);

#endif
