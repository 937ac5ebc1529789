// SPDX-License-Identifier: Apache-2.0
/* cgroup_limits.c - what is written into the files of a control group, v1 and v2. */
#include <inttypes.h>
#include <stdio.h>

#include "controller/cgroup.h"
#include "controller/cgroup_file.h"

#define CPU_PERIOD_US 100000
#define CPU_QUOTA_MIN_US 1000 /* the kernel's */

bool cgroup_wanted(const struct chain_limits *limits, enum cgroup_kind kind)
{
	return kind == CGROUP_PIDS || (kind == CGROUP_MEMORY && limits->memory_bytes) ||
	       (kind == CGROUP_CPU && limits->cpu_millis);
}

static int pids_set(const char *folder, const struct chain_limits *limits)
{
	char text[32];

	snprintf(text, sizeof(text), "%u", limits->pids ? limits->pids : CGROUP_PIDS_DEFAULT);
	return cgroup_write(folder, "pids.max", text);
}

/* Swap counts as memory: a limit that moves a function to the disk is none. */
static int memory_set(const char *folder, const struct chain_limits *limits, int version)
{
	char text[32];
	int r;

	snprintf(text, sizeof(text), "%" PRIu64, limits->memory_bytes);
	if (version == 2) {
		if (!limits->memory_bytes)
			return cgroup_write(folder, "memory.max", "max");
		r = cgroup_write(folder, "memory.max", text);
		cgroup_write(folder, "memory.swap.max", "0"); /* where there is swap */
		return r;
	}
	/* Lowered, the one of both together goes last; raised, first. */
	cgroup_write(folder, "memory.memsw.limit_in_bytes", "-1");
	r = cgroup_write(folder, "memory.limit_in_bytes", limits->memory_bytes ? text : "-1");
	if (limits->memory_bytes)
		cgroup_write(folder, "memory.memsw.limit_in_bytes", text);
	return r;
}

static int cpu_set(const char *folder, const struct chain_limits *limits, int version)
{
	uint64_t quota = (uint64_t)limits->cpu_millis * CPU_PERIOD_US / 1000;
	char text[48];

	if (limits->cpu_millis && quota < CPU_QUOTA_MIN_US)
		quota = CPU_QUOTA_MIN_US;
	if (version == 2) {
		if (quota)
			snprintf(text, sizeof(text), "%" PRIu64 " %d", quota, CPU_PERIOD_US);
		return cgroup_write(folder, "cpu.max", quota ? text : "max");
	}
	snprintf(text, sizeof(text), "%" PRIu64, quota);
	return cgroup_write(folder, "cpu.cfs_quota_us", quota ? text : "-1");
}

int cgroup_limit_set(const struct cgroup *cgroup, enum cgroup_kind kind,
		     const struct chain_limits *limits)
{
	const char *folder = cgroup->folder[kind];
	int version = cgroup_version(kind);

	if (kind == CGROUP_PIDS)
		return pids_set(folder, limits);
	return kind == CGROUP_MEMORY ? memory_set(folder, limits, version) :
				       cpu_set(folder, limits, version);
}
