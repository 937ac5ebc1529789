/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdstore_start.h - starts sprocket-fdstore.
 *
 * For: fdstore_open(). How: the listening socket is made here, under a lock, and handed over
 * as fd 3: when the call returns, a connection waits until the program takes it. The program
 * is a grandchild in a session of its own with nothing of ours: no fd, no environment, no
 * folder, no signal mask; the OOM killer takes nearly everything else before it.
 * Thread-safety: any; forks. Several processes may start at once: one of them does.
 */
#ifndef SPROCKET_CONTROLLER_FDSTORE_START_H
#define SPROCKET_CONTROLLER_FDSTORE_START_H

#include <sys/un.h>

#define FDSTORE_LISTENER 3 /* fd number in the program */

/* Returns 0; -EEXIST when somebody listens there by now; -ENOENT when the program, or the
 * socket's folder, does not exist; -EBUSY when another one holds the lock for too long. */
int fdstore_start(const struct sockaddr_un *addr);

#endif
