/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_root.h - the namespaces that a chain's functions live in.
 *
 * For: sandbox.c. How: a short-lived child makes them and fills a new root: /usr and what
 * belongs to it, some files of /etc, the paths it is given, all read-only but those that are
 * to be written; a /tmp of limited size; /dev with null, zero, full, random; /proc with nothing
 * but processes, and of these only the reader's own; the secrets, in memory that is never
 * swapped. The child shares our table of fds, so what it opens is ours at once.
 * Thread-safety: the calling process must have one thread.
 * Failure modes: -EPERM: we may not; the root is not there then, which is for the caller to
 * judge. A secret that cannot be read is an error that names it.
 */
#ifndef SPROCKET_CONTROLLER_SANDBOX_ROOT_H
#define SPROCKET_CONTROLLER_SANDBOX_ROOT_H

#include "controller/sandbox.h"
#include "controller/sandbox_paths.h"

struct sandbox_plan {
	const struct chain *chain;
	const struct sandbox_child *children; /* users and secrets; by function */
	const struct sandbox_paths *paths;    /* of all functions */
	const char *core_folder;              /* NULL: none */
	bool network;                         /* an empty network namespace is wanted */
	bool root;                            /* a root of its own is wanted */
};

struct sandbox_made {
	int mount_ns, net_ns;       /* -1: none */
	int rulesets[SP_FN_MAX];    /* by function from 0; -1: none */
	int mount_error, net_error; /* -errno: why not */
	int error;                  /* -errno: nothing was made, and `why` */
	char why[SANDBOX_WHY_MAX];
};

/* Makes all of it. Returns 0 and *ret, whose fds are the caller's, or -errno. */
int sandbox_root_make(const struct sandbox_plan *plan, struct sandbox_made *ret);

#endif
