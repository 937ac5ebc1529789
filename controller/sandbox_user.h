/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_user.h - a user of its own for each running chain.
 *
 * For: the runtime, and programs that are asked what they declare. How: numbers from
 * SANDBOX_UID_FIRST on, which no /etc/passwd has. A number is a byte of one file of the machine, and
 * taken by a lock on it that belongs to the open file (F_OFD_SETLK): whoever holds a copy of the fd
 * holds the number, be it the fd store while no daemon runs, and with the last copy it is free. The
 * first number tried comes from the chain's name, so that a chain has the same one as a rule.
 * Thread-safety: the file is the machine's; any number of controllers may ask at once.
 */
#ifndef SPROCKET_CONTROLLER_SANDBOX_USER_H
#define SPROCKET_CONTROLLER_SANDBOX_USER_H

#include <sys/types.h>

#define SANDBOX_UID_FIRST 0x40000000U
#define SANDBOX_UID_COUNT 65536U
#define SANDBOX_UID_GATEWAY \
	(2 * SANDBOX_UID_COUNT) /* a chain's gateway is so far above its functions */
#define SANDBOX_UID_END (SANDBOX_UID_FIRST + SANDBOX_UID_COUNT) /* see sandbox_user_end() */

/* Takes a number. Returns an fd, close-on-exec, and *ret; or -errno. */
int sandbox_user_take(const char *name, uid_t *ret);

/* Ends every process of that user: those that left their group, and would be the next
 * holder's. None of them can stop or end who does it, which is SANDBOX_UID_END's. */
void sandbox_user_end(uid_t uid);

#endif
