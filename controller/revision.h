/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revision.h - what exactly the instances of a function run.
 *
 * For: the runtime, which replaces instances when their revision changes, and starts a
 * crashed one again from the same program, whatever lies at its path by then.
 * How: the program's file is opened when a revision is made and executed from that fd. Its
 * identity (device, inode, size, time of change) and everything else that a running instance
 * cannot be told later (configuration, environment, edges, limits) are hashed to a name of
 * 12 letters and digits.
 * Ownership: counted references. Thread-safety: one thread.
 */
#ifndef SPROCKET_CONTROLLER_REVISION_H
#define SPROCKET_CONTROLLER_REVISION_H

#include "controller/chain.h"

#define REVISION_NAME_MAX 16

struct revision {
	unsigned references;
	int exec_fd;
	char name[REVISION_NAME_MAX];
};

/* The revision that functions[index] of a chain is now. Returns 0 and *ret, or -errno of the
 * program's file. */
int revision_open(const struct chain *chain, uint32_t index, struct revision **ret);

/* One that was made by another process. Takes the fd. NULL without memory. */
struct revision *revision_adopt(const char *name, int exec_fd);

struct revision *revision_get(struct revision *revision);
/* Takes NULL; returns NULL. */
struct revision *revision_put(struct revision *revision);

#endif
