/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h - one daemon per run folder.
 *
 * For: main.c. How: flock on FOLDER/sprocketd.pid, which the kernel gives back when the
 * process ends, however it ends: with a child that it was about to start, when that is the moment
 * of its death. The file has the pid, for people, and to tell that one from a daemon. Thread-safety: no state.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_LOCK_H
#define SPROCKET_CONTROLLER_DAEMON_LOCK_H

#define LOCK_WHY_MAX 256

/* Makes the folder where it is missing. Returns the fd that holds the lock; or -errno, -EBUSY
 * when another daemon has it, and a sentence in `why`. */
int lock_take(const char *folder, char why[LOCK_WHY_MAX]);

#endif
