/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_paths.h - what a chain's functions have to see of the machine's files to run at all.
 *
 * For: sandbox.c. How: the folder of a program; the folders that the program names for its
 * libraries (DT_RUNPATH, DT_RPATH, with $ORIGIN); what the chain file adds. A program that several
 * functions have is looked at once.
 * Trust: the program is read within bounds; what it names for its libraries counts only as far
 * as it names folders, and they can only be read.
 * Thread-safety: one owner per list.
 */
#ifndef SPROCKET_CONTROLLER_SANDBOX_PATHS_H
#define SPROCKET_CONTROLLER_SANDBOX_PATHS_H

#include <stddef.h>
#include <stdint.h>

#include "controller/chain.h"

#define SANDBOX_PATHS_MAX 256

struct sandbox_path {
	char *path;
	uint64_t users; /* bit n: functions[n] of the chain sees it */
	uint64_t writers;
};

struct sandbox_paths {
	struct sandbox_path items[SANDBOX_PATHS_MAX];
	size_t count;
};

/* Finds those of all functions. Returns 0 and *ret, -ENOMEM or -E2BIG. */
int sandbox_paths_find(const struct chain *chain, struct sandbox_paths *ret);
void sandbox_paths_free(struct sandbox_paths *paths);

#endif
