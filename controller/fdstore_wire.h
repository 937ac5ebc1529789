/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdstore_wire.h - what fdstore.c and sprocket-fdstore say to each other.
 *
 * How: one SEQPACKET message each way, fds by SCM_RIGHTS. The client speaks first; every
 * request, wrong ones included, has one answer with the same `op`.
 * Compatibility: a daemon may be newer than the program, which outlives upgrades: numbers
 * and offsets here never change, new operations go to the end.
 * Thread-safety: none needed, no state. Trust: neither side believes a length of the other.
 */
#ifndef SPROCKET_CONTROLLER_FDSTORE_WIRE_H
#define SPROCKET_CONTROLLER_FDSTORE_WIRE_H

#include <stdint.h>
#include <sys/types.h>

#include "controller/fdstore.h"

#define FDSTORE_MAGIC 0x31736466U /* "fds1" */

enum fdstore_op {
	FDSTORE_PUT = 1,
	FDSTORE_SET,
	FDSTORE_REMOVE,
	FDSTORE_NEXT, /* the first entry at `slot` or above; -ENOENT: there is none */
	FDSTORE_QUIT,
};

struct fdstore_message {
	uint32_t magic;
	uint32_t op;
	int32_t result; /* of an answer */
	uint32_t slot;  /* FDSTORE_NEXT */
	char name[FDSTORE_NAME_MAX];
	char data[FDSTORE_DATA_MAX]; /* what is used of it is sent */
};

#define FDSTORE_HEAD_SIZE offsetof(struct fdstore_message, data)
_Static_assert(FDSTORE_HEAD_SIZE == 176, "a program of an earlier version goes by it");

struct fdstore_fds {
	size_t count;
	int fd[FDSTORE_FD_MAX];
};

void fdstore_fds_close(struct fdstore_fds *fds);

/* Sends the head and `len` bytes of data. Returns 0 or -errno; -EPIPE: the peer is gone. */
int fdstore_send(int sock, const struct fdstore_message *message, size_t len,
		 const struct fdstore_fds *fds);

/*
 * Returns the bytes of data and `fds` (the caller's); -EPIPE: the peer is gone; -EBADMSG: not
 * a message; -E2BIG: too many bytes or fds; -EMFILE: no room for the fds; -EAGAIN, -errno.
 * Of a message that was refused nothing stays open.
 */
ssize_t fdstore_receive(int sock, struct fdstore_message *message, struct fdstore_fds *fds);

#endif
