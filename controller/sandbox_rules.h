/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_rules.h - which files a function may reach, by landlock.
 *
 * For: sandbox.c. How: a ruleset is made once for a function, and each of its processes enters
 * it by one system call. Where the kernel can, it also keeps signals and abstract sockets
 * inside the process and what it starts, and so one function's process from another's.
 * Thread-safety: no state.
 * Failure modes: -EOPNOTSUPP, -ENOSYS: the kernel has no landlock, or not switched on.
 */
#ifndef SPROCKET_CONTROLLER_SANDBOX_RULES_H
#define SPROCKET_CONTROLLER_SANDBOX_RULES_H

#include <stdbool.h>

enum sandbox_access {
	SANDBOX_READ,   /* and execute */
	SANDBOX_SECRET, /* read files */
	SANDBOX_DEVICE, /* read and write what is there */
	SANDBOX_WRITE,  /* everything */
};

/* Version of the kernel's landlock, or -errno. */
int sandbox_rules_version(void);

/* A ruleset that allows nothing yet: an fd, close-on-exec; or -errno. */
int sandbox_rules_new(void);
/* Adds what is at `path` and below. Returns 0 (also when there is nothing), or -errno. */
int sandbox_rules_add(int ruleset, const char *path, enum sandbox_access access);
/* The calling thread, which has no_new_privs, enters. The program `exec_fd` (-1: none) may be
 * read and executed. Safe after fork. Returns 0 or -errno. */
int sandbox_rules_enter(int ruleset, int exec_fd);

#endif
