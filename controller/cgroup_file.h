/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup_file.h - the files of control groups; between cgroup*.c.
 *
 * Thread-safety: no state.
 * Failure modes: -errno.
 */
#ifndef SPROCKET_CONTROLLER_CGROUP_FILE_H
#define SPROCKET_CONTROLLER_CGROUP_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "controller/cgroup.h"

#define CGROUP_PREFIX "sprocket-"
#define CGROUP_PATH_MAX 1024

/* Where the group of process `pid` (0: ours) is in the hierarchy of a kind. Returns its version,
 * 1 or 2, and the folder; 0 when no hierarchy has it. */
int cgroup_find(pid_t pid, enum cgroup_kind kind, char ret[CGROUP_PATH_MAX]);

/* The folders that hierarchies are mounted at, each once; 0 or -ENOENT after the last. */
int cgroup_mount_nth(unsigned n, char ret[CGROUP_PATH_MAX]);

/* Writes a text to FOLDER/FILE, and reads the number after KEY (NULL: the first) in one. */
int cgroup_write(const char *folder, const char *file, const char *text);
int cgroup_read_number(const char *folder, const char *file, const char *key, uint64_t *ret);

/* Do these limits need a group of this kind? And writes them into the one that there is. */
bool cgroup_wanted(const struct chain_limits *limits, enum cgroup_kind kind);
int cgroup_limit_set(const struct cgroup *cgroup, enum cgroup_kind kind,
		     const struct chain_limits *limits);

/* Ends every process in the group of a folder. */
void cgroup_folder_kill(const char *folder);

/* Of the name of a group: who made it, and whether its processes outlive that one. False: not
 * one of ours. */
bool cgroup_name_parse(const char *name, pid_t *pid, uint64_t *start, bool *outlives);

#endif
