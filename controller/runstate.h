/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runstate.h - what a running chain has taken from the machine, written down.
 *
 * For: `sprocket run`, which records what outlives it when it is killed (its processes, the
 * hugepage limit it raised, files); `sprocket doctor --clean`, which gives that back.
 * How: one small file for each run, in /run/sprocket, or where that cannot be written in
 * $XDG_RUNTIME_DIR/sprocket or /tmp/sprocket-UID; SPROCKET_RUN_FOLDER names another place.
 * Entries are lines of equal width, each written by one pwrite, so that a kill at any moment
 * leaves a readable file. A process is named by pid and start time, so that a reused pid is
 * never taken for it.
 * What needs no record: BPF programs, maps and sockets (they go with their last fd) and the
 * pool's memory (it goes with its last mapping).
 * Thread-safety: one thread per struct runstate. Several runs and cleaners may work at once.
 * Failure modes: a record that cannot be written is an error of the call, the run itself may
 * go on; a file that is not a record is reported and left alone.
 */
#ifndef SPROCKET_CONTROLLER_RUNSTATE_H
#define SPROCKET_CONTROLLER_RUNSTATE_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#define RUNSTATE_ENTRY_MAX 320 /* processes and paths of one run */
#define RUNSTATE_PATH_MAX 112  /* bytes of a path to remove, NUL included */

struct runstate;

/* Makes the record of the calling process. Returns 0 and *ret, or -errno; -EEXIST when the
 * process has one already. */
int runstate_open(struct runstate **ret);

/* Removes the record: nothing is left to give back. Takes NULL; returns NULL. */
struct runstate *runstate_close(struct runstate *state);

/* Adds a process that must not outlive the run. Returns 0, -ENOSPC, -ESRCH, or -errno. */
int runstate_add_child(struct runstate *state, pid_t pid);
/* Takes it out again, once it is reaped. */
void runstate_remove_child(struct runstate *state, pid_t pid);

/* Pages that vm.nr_overcommit_hugepages is raised by for the run, all in all. */
int runstate_set_overcommit(struct runstate *state, long pages);

/* The limit, `limit` now, is about to be changed by `change` pages. When the run is killed before
 * it says what it is raised by, the limit itself tells whether it was: unless others have changed
 * it by then. For shm_hugepages_watch(). */
void runstate_change_overcommit(void *state, long change, long limit);

/* Adds a file, socket or empty folder that must not outlive the run; `path` is absolute.
 * Returns 0, -EINVAL, -ENAMETOOLONG, -ENOSPC, or -errno. */
int runstate_add_path(struct runstate *state, const char *path);

/*
 * Gives back what killed runs left: kills their processes, lowers the hugepage limit,
 * removes their files, and then the record. Says each in a line on `report`. With `dry_run`
 * it only says what there is.
 * Returns the number of killed runs that (still) have something left, or -errno.
 */
int runstate_clean(FILE *report, bool dry_run);

#endif
