/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_confine.h - what a program may do while it is asked what it declares.
 *
 * For: chain_run.c. It runs a function's program before there is a chain. How: as a user of its
 * own where the one who asks is root, else as who asks; no capability, no new rights, the system
 * calls of a function (sproxy/filter.h), and by landlock it can write below /tmp alone, and signal
 * nobody. What the kernel does not have is left out.
 * Thread-safety: any thread; chain_confine_enter() is safe after fork.
 */
#ifndef SPROCKET_CONTROLLER_CHAIN_CONFINE_H
#define SPROCKET_CONTROLLER_CHAIN_CONFINE_H

#include <sys/types.h>

#include <linux/filter.h>

struct chain_confinement {
	int ruleset; /* -1: none */
	int user_fd; /* holds the number of its user; -1: it has none */
	uid_t user;
	struct sock_fprog filter;
};

/* Made by the parent. Returns 0 and *ret, or -errno. */
int chain_confine_make(struct chain_confinement *ret);

/* What the child enters is the parent's no more. The user is, until the end. */
void chain_confine_done(struct chain_confinement *confinement);

/* Whatever the program left behind ends, and its user is free for the next. */
void chain_confine_end(struct chain_confinement *confinement);

/* Entered by the child. Returns 0 or -errno. */
int chain_confine_enter(const struct chain_confinement *confinement);

#endif
