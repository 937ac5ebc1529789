/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_paths.h - what a function has to see of the machine's files to run at all.
 *
 * For: sandbox.c. How: the folder of its program; the folders that the program names for its
 * libraries (DT_RUNPATH, DT_RPATH, with $ORIGIN); what the chain file adds.
 * Trust: the program is read within bounds; what it names for its libraries counts only as far
 * as it names folders, and they can only be read.
 * Thread-safety: one owner per list.
 */
#ifndef SPROCKET_CONTROLLER_SANDBOX_PATHS_H
#define SPROCKET_CONTROLLER_SANDBOX_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/chain.h"

#define SANDBOX_PATHS_MAX 256

struct sandbox_path {
	char *path;
	bool write;
};

struct sandbox_paths {
	struct sandbox_path items[SANDBOX_PATHS_MAX];
	size_t count;
};

/* Adds those of one function. Returns 0, -ENOMEM or -E2BIG. */
int sandbox_paths_add(struct sandbox_paths *paths, const struct chain_function *function);
void sandbox_paths_free(struct sandbox_paths *paths);

#endif
