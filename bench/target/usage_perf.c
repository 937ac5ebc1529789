// SPDX-License-Identifier: Apache-2.0
/* usage_perf.c - see usage_perf.h. */
#include "bench/target/usage_perf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRACE_ID "events/raw_syscalls/sys_enter/id"

/* Where tracefs is not mounted it is opened for us alone. Returns a folder, or -1. */
static int trace_folder(void)
{
	int fd = open("/sys/kernel/tracing", O_PATH | O_DIRECTORY | O_CLOEXEC), fs;

	if (fd >= 0 && faccessat(fd, "events", F_OK, 0) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	fs = fsopen("tracefs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return -1;
	fd = fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ?
		     -1 :
		     fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);
	close(fs);
	return fd;
}

/* The number of the tracepoint that every system call passes; 0: not known. */
static uint64_t trace_id(void)
{
	static uint64_t id;
	char text[32] = "";
	int folder, fd;

	if (id)
		return id;
	folder = trace_folder();
	if (folder < 0)
		return 0;
	fd = openat(folder, TRACE_ID, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
		id = strtoull(text, NULL, 10);
	if (fd >= 0)
		close(fd);
	close(folder);
	return id;
}

/* Returns 0, or -1: there is none. */
static int attr_make(enum bench_counter counter, struct perf_event_attr *ret)
{
	static const uint64_t hardware[] = {
		[BENCH_CYCLES] = PERF_COUNT_HW_CPU_CYCLES,
		[BENCH_INSTRUCTIONS] = PERF_COUNT_HW_INSTRUCTIONS,
		[BENCH_CACHE_MISSES] = PERF_COUNT_HW_CACHE_MISSES,
	};

	*ret = (struct perf_event_attr){
		.size = sizeof(*ret),
		.inherit = 1,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
	};
	if (counter == BENCH_SYSCALLS) {
		ret->type = PERF_TYPE_TRACEPOINT;
		ret->config = trace_id();
		return ret->config ? 0 : -1;
	}
	ret->type = PERF_TYPE_HARDWARE;
	ret->config = hardware[counter];
	return 0;
}

static int counter_open(struct perf_event_attr *attr, pid_t thread)
{
	return (int)syscall(SYS_perf_event_open, attr, thread, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static void counter_add(struct bench_counters *c, enum bench_counter counter, pid_t thread)
{
	struct perf_event_attr attr;
	int *more = realloc(c->of[counter].fds, (c->of[counter].count + 1) * sizeof(int));

	if (!more)
		return;
	c->of[counter].fds = more;
	if (attr_make(counter, &attr) < 0)
		return;
	more[c->of[counter].count] = counter_open(&attr, thread);
	if (more[c->of[counter].count] >= 0)
		c->of[counter].count++;
}

void bench_counters_open(struct bench_counters *c, pid_t pid)
{
	struct dirent *entry;
	char path[64];
	DIR *folder;

	*c = (struct bench_counters){ 0 };
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	folder = opendir(path);
	while (folder && (entry = readdir(folder))) {
		pid_t thread = atoi(entry->d_name);

		for (int i = 0; thread > 0 && i < BENCH_COUNTER_COUNT; i++)
			counter_add(c, (enum bench_counter)i, thread);
	}
	if (folder)
		closedir(folder);
}

void bench_counters_close(struct bench_counters *c)
{
	for (int i = 0; i < BENCH_COUNTER_COUNT; i++) {
		for (unsigned k = 0; k < c->of[i].count; k++)
			close(c->of[i].fds[k]);
		free(c->of[i].fds);
		c->of[i].fds = NULL;
		c->of[i].count = 0;
	}
}

/* Counted, then scaled to the whole time when counters took turns on too few registers. */
static int64_t counter_read(int fd)
{
	uint64_t v[3]; /* value, ns enabled, ns running */

	if (read(fd, v, sizeof(v)) != sizeof(v))
		return 0;
	if (v[2] == 0 || v[1] == v[2])
		return (int64_t)v[0];
	return (int64_t)((double)v[0] * (double)v[1] / (double)v[2]);
}

void bench_counters_read(const struct bench_counters *c, int64_t ret[BENCH_COUNTER_COUNT])
{
	for (int i = 0; i < BENCH_COUNTER_COUNT; i++) {
		ret[i] = c->of[i].count ? 0 : -1;
		for (unsigned k = 0; k < c->of[i].count; k++)
			ret[i] += counter_read(c->of[i].fds[k]);
	}
}
