/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_confine.h - what a program may do while it is asked what it declares.
 *
 * For: chain_run.c. It runs a function's program before there is a chain, as the user who asks,
 * who may be root. How: no capability but root's to reach files, no new rights, the system calls
 * of a function (sproxy/filter.h), and by landlock it can read everything but write below /tmp
 * alone, and signal nobody. What the kernel does not have is left out.
 * Thread-safety: any thread; the second function is safe after fork.
 */
#ifndef SPROCKET_CONTROLLER_CHAIN_CONFINE_H
#define SPROCKET_CONTROLLER_CHAIN_CONFINE_H

#include <linux/filter.h>

struct chain_confinement {
	int ruleset; /* -1: none */
	struct sock_fprog filter;
};

/* Made by the parent. Returns 0 and *ret, or -errno. */
int chain_confine_make(struct chain_confinement *ret);
void chain_confine_done(struct chain_confinement *confinement);

/* Entered by the child. Returns 0 or -errno. */
int chain_confine_enter(const struct chain_confinement *confinement);

#endif
