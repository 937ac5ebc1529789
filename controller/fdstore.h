/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdstore.h - file descriptors that outlive the daemon.
 *
 * For: sprocketd, which leaves there the controller's ends of everything a running chain
 * consists of, so that the next daemon adopts it after a kill -9 or an upgrade.
 * How: a tiny program, sprocket-fdstore, holds named entries of bytes and fds. Each call is
 * one message to it on a Unix socket and one back. The program has one client: a new one
 * takes the place of the old, whose calls fail with -EPIPE from then on. It ignores every
 * signal that can be ignored and ends by fdstore_quit() or SIGKILL alone.
 * Thread-safety: one thread per struct fdstore.
 * Failure modes: -EPIPE when the program is gone, or another client took over; -ETIMEDOUT
 * when it does not answer within FDSTORE_ANSWER_MS (every later call is then -EPIPE). After
 * either, fdstore_reopen(), and put everything: a new program is empty.
 * Ownership: fds given are copied, the caller's stay the caller's.
 */
#ifndef SPROCKET_CONTROLLER_FDSTORE_H
#define SPROCKET_CONTROLLER_FDSTORE_H

#include <stdbool.h>
#include <stddef.h>

#define FDSTORE_NAME_MAX 160   /* bytes of a name, NUL included */
#define FDSTORE_DATA_MAX 16384 /* bytes of an entry */
#define FDSTORE_FD_MAX 128     /* fds of an entry; the kernel passes 253 at once */
#define FDSTORE_ANSWER_MS 2000

struct fdstore;

/*
 * Connects to the program at `socket_path`. With `start` it starts one when nobody listens
 * there: in its own session, with nothing of ours open, spared by the OOM killer.
 * Returns 0 and *ret; -ECONNREFUSED or -ENOENT when nobody listens (without `start`);
 * -ENOENT also when the program is not installed; -ENAMETOOLONG; -EACCES; -ETIMEDOUT; -EBUSY when others
 * took the connection again and again.
 */
int fdstore_open(const char *socket_path, bool start, struct fdstore **ret);

/* After -EPIPE or -ETIMEDOUT: connects again, and starts a program when there is none. Returns
 * as fdstore_open(); after an error every call is -EPIPE until it succeeds. */
int fdstore_reopen(struct fdstore *store);

/* Closes the connection; the entries stay. Takes NULL; returns NULL. */
struct fdstore *fdstore_close(struct fdstore *store);

/* Adds an entry or replaces all of it: the old fds are closed. 0; -EINVAL for an empty name,
 * -ENAMETOOLONG, -E2BIG above the limits, -EBADF, -EMFILE or -ENOMEM of the program. */
int fdstore_put(struct fdstore *store, const char *name, const void *data, size_t len,
		const int *fds, size_t fd_count);

/* Replaces the bytes of an entry, which keeps its fds. As fdstore_put(), and -ENOENT. */
int fdstore_set(struct fdstore *store, const char *name, const void *data, size_t len);

/* Removes an entry and closes its fds; 0 also when there is none of that name. */
int fdstore_remove(struct fdstore *store, const char *name);

struct fdstore_entry {
	char name[FDSTORE_NAME_MAX];
	size_t len;
	char data[FDSTORE_DATA_MAX + 1]; /* a NUL stands behind the bytes */
	size_t fd_count;
	int fds[FDSTORE_FD_MAX];
};

/*
 * Gives every entry, in no order, with fds of its own. The callback takes an fd by setting it
 * to -1; the others are closed when it has returned. A value other than 0 ends the list and
 * is returned. The callback may change the store: what it adds may or may not be given.
 */
int fdstore_list(struct fdstore *store, int (*on_entry)(struct fdstore_entry *entry, void *arg),
		 void *arg);

/* For a loop: readable when the program is gone. */
int fdstore_fd(const struct fdstore *store);

/* Ends the program and removes its socket. -EBUSY while it has entries. */
int fdstore_quit(struct fdstore *store);

#endif
