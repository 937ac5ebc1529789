/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup.h - what one instance of a function may use of the machine: processes, memory, CPU.
 *
 * For: the runtime, which makes one for each instance; `sprocket doctor --clean`.
 * How: a control group below our own in each hierarchy that is needed. A controller is used
 * where the machine has it: in the unified hierarchy (v2), or in one of its own (v1), also both
 * kinds side by side. The limit of processes is always set, memory and CPU when they are asked
 * for. A child is in it before it executes anything: in v2 it begins there, in v1 it writes "0"
 * to the `tasks` files. (Not to cgroup.procs: a thread that moves itself alone takes 60 us, a
 * move of a process waits for an RCU grace period, 5 to 20 ms.)
 *   The name says who made it, by pid and start time, and whether its processes are to outlive
 * their maker, so that what a killed one leaves is known by anybody who looks.
 *   In v2 a group that has processes of its own cannot share out its controllers. Where the group
 * is ours to order (systemd's Delegate=yes, or the root of a container's) its processes, ours,
 * move to a group `sprocket-self` below it; else nothing is limited, and cgroup_why() says so.
 * Failure modes: a controller that cannot be had is left out; cgroup_has() tells.
 * Thread-safety: one thread; what the machine has is looked up once.
 */
#ifndef SPROCKET_CONTROLLER_CGROUP_H
#define SPROCKET_CONTROLLER_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "controller/chain.h"

#define CGROUP_PIDS_DEFAULT 512 /* processes and threads of an instance, unless it says more */

/* X(kind, name of the controller) */
#define CGROUP_KINDS(X)     \
	X(PIDS, "pids")     \
	X(MEMORY, "memory") \
	X(CPU, "cpu")

enum cgroup_kind {
#define X(id, name) CGROUP_##id,
	CGROUP_KINDS(X)
#undef X
		CGROUP_KIND_COUNT
};

/* All zero: there is none. */
struct cgroup {
	char *folder[CGROUP_KIND_COUNT]; /* NULL: not limited. In v2 the same, once for each */
	int events;                      /* of the limit of processes, or -1; POLLPRI */
	bool made;
};

/* What happened in one that its processes could not see coming. */
struct cgroup_events {
	uint64_t oom_kills;
	uint64_t refused_forks;
};

/* Has the machine this controller for us? */
bool cgroup_has(enum cgroup_kind kind);
/* 1 or 2; 0: not at all. */
int cgroup_version(enum cgroup_kind kind);
/* Why there is one that cannot be had; "" when all can. */
const char *cgroup_why(void);
const char *cgroup_kind_name(enum cgroup_kind kind);

/* Makes one with these limits, named after chain and function. With `outlives` what is in it
 * outlives us. Returns 0 and *ret, or -errno when the machine refuses one that it has; kinds that
 * it has not are left out. */
int cgroup_make(const char *chain, const char *function, const struct chain_limits *limits,
		bool outlives, struct cgroup *ret);

/* The one that another controller has made for this process. Returns 0 and *ret, or -ENOENT. */
int cgroup_adopt(pid_t pid, struct cgroup *ret);

/* The one in these folders, which another controller has written down; those that are not there,
 * and what is no name of ours, are left out. Returns 0 and *ret, or -ENOENT. */
int cgroup_adopt_folders(const char *const folders[CGROUP_KIND_COUNT], struct cgroup *ret);

/* Opens what a child has to write "0" to: at most CGROUP_KIND_COUNT fds, then -1. Returns the
 * folder that it has to begin in (CLONE_INTO_CGROUP), or -1: there is none. */
int cgroup_join_open(const struct cgroup *cgroup, int fds[CGROUP_KIND_COUNT + 1]);
void cgroup_join_close(int into, int fds[CGROUP_KIND_COUNT + 1]);

/* Other limits for one that has its processes; `pid` moves to groups that are made now. Returns
 * 0 or -errno. */
int cgroup_change(struct cgroup *cgroup, const char *chain, const char *function,
		  const struct chain_limits *limits, bool outlives, pid_t pid);

void cgroup_events_read(const struct cgroup *cgroup, struct cgroup_events *ret);

/* Kills all that is in it; nothing can be born in it any more. */
void cgroup_kill(const struct cgroup *cgroup);

/* Removes it, which is then all zero. -EBUSY while what was in it is still dying. */
int cgroup_remove(struct cgroup *cgroup);

/* Forgets it: the group stays. */
void cgroup_let_go(struct cgroup *cgroup);

/* Removes what killed controllers have left, and ends what was not to outlive them. Each is a
 * line on `report` (NULL: none); with `dry_run` it is only said. Returns how many there (still)
 * are. */
int cgroup_clean(FILE *report, bool dry_run);

/* Removes those alone that are empty, by killed controllers whose processes outlived them. */
void cgroup_sweep(void);

#endif
