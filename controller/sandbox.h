/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.h - what a chain's functions may do to the machine, made once and entered by each.
 *
 * For: the runtime, which makes one for a chain; process.c, whose child enters it.
 * How: as much as can be is made before a function starts: a mount namespace whose root has
 * the system's programs and libraries, the functions' folders, both read-only, a /tmp, and
 * nothing else of the machine (sandbox_root.h); an empty network namespace; for each function
 * a seccomp filter (sproxy/filter.h) and a landlock ruleset (sandbox_rules.h). What is left to
 * the child is a few system calls: setns, limits, user, rights, landlock, filter.
 *   A controller that may not do some of it (it is not root, or in a container) does the rest,
 * and sandbox_lacks() says what is missing.
 * Trust: a function is hostile. What the chain file says is the operator's.
 * Thread-safety: the calling process must have one thread.
 */
#ifndef SPROCKET_CONTROLLER_SANDBOX_H
#define SPROCKET_CONTROLLER_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/filter.h>

#include "controller/chain.h"

#define SANDBOX_SECRETS_ENV "SPROCKET_SECRETS"
#define SANDBOX_SECRETS "/run/secrets" /* in the functions' root; a folder of each in it */
#define SANDBOX_CORES "/cores"         /* in the functions' root */
#define SANDBOX_TMP_SIZE "16m"         /* of a chain's /tmp */
#define SANDBOX_SECRET_MAX (1U << 20)  /* bytes of a secret */
#define SANDBOX_FILES_MAX 4096         /* open files of a process */
#define SANDBOX_PROCESSES_MAX 2048     /* processes and threads of a chain's user */
#define SANDBOX_LOCKED_MAX (8U << 20)  /* bytes of locked memory of a process */
#define SANDBOX_WHY_MAX 256

/* What one function's child enters. */
struct sandbox_child {
	bool own_user; /* uid and gid are to be taken; false: as the controller */
	uid_t uid;
	gid_t gid;
	int mount_ns, net_ns, ruleset;                          /* -1: none */
	bool cores;                                             /* its root has SANDBOX_CORES */
	struct sock_fprog filter;                               /* len 0: none */
	char secrets[sizeof(SANDBOX_SECRETS) + CHAIN_NAME_MAX]; /* its folder; "": none */
};

struct sandbox;

/* Makes what `chain` asks for. `uid` is the chain's own user, 0: it has none. `core_folder` (or
 * NULL) is made and can be written by its functions. Returns 0 and *ret, or -errno and `why`. */
int sandbox_new(const struct chain *chain, uid_t uid, const char *core_folder, struct sandbox **ret,
		char why[SANDBOX_WHY_MAX]);

/* Does it fit the chain as it is now, with its secrets and folders? */
bool sandbox_fits(const struct sandbox *sandbox, const struct chain *chain);

/* Of functions[index]. */
const struct sandbox_child *sandbox_child(const struct sandbox *sandbox, uint32_t index);

/* A sentence about what could not be had; "" when everything holds. */
const char *sandbox_lacks(const struct sandbox *sandbox);

/* Closes what it holds; who has entered it stays in it. Takes NULL, returns NULL. */
struct sandbox *sandbox_free(struct sandbox *sandbox);

/* ---- in the child ---- */

/* Namespaces and limits: what may need rights. Returns NULL, or what failed (errno says why). */
const char *sandbox_enter(const struct sandbox_child *child);
/* Gives up user and rights. The same. */
const char *sandbox_rights_drop(const struct sandbox_child *child);
/* Landlock and filter: last of all. `exec_fd` may be executed, wherever it lies; -1: none. */
const char *sandbox_close(const struct sandbox_child *child, int exec_fd);

#endif
