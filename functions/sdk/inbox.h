/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inbox.h - descriptors received and not yet taken up.
 *
 * How: a ring that the socket is read into directly. It holds what one recv() brought and,
 * while a handler waits for lease buffers, what arrives meanwhile. A socket has no message
 * boundaries: a descriptor may come in two parts, the first stays until the rest is there.
 * The kernel lets a buffer be in flight once, so buffer_count descriptors and a few grants
 * are all there can ever be; pages of the ring that were never needed are never touched.
 * Thread-safety: one thread.
 */
#ifndef SPROCKET_SDK_INBOX_H
#define SPROCKET_SDK_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"

struct sdk_inbox {
	int fd;
	bool eof;  /* the order to stop was read, or the other side is gone */
	bool more; /* the last read filled the room it had: there may be more */
	char *ring;
	size_t size;  /* bytes, whole descriptors */
	size_t start; /* of the oldest descriptor */
	size_t used;  /* bytes from there, a part of a descriptor included */
};

/* Returns 0 or -errno. */
int sdk_inbox_init(struct sdk_inbox *inbox, int fd, uint32_t buffer_count);
void sdk_inbox_done(struct sdk_inbox *inbox);

/* Reads at most SP_BATCH_MAX descriptors; waits for at least a byte unless `flags` has
 * MSG_DONTWAIT. Returns 0 (also at EOF, see `eof`), or -errno. */
int sdk_inbox_fill(struct sdk_inbox *inbox, int flags);

/* Takes the oldest whole descriptor. False when there is none. */
bool sdk_inbox_pop(struct sdk_inbox *inbox, struct sp_desc *ret);

/* Takes out every whole descriptor with `edge`, in order, wherever it stands, calling
 * `take` for each. The rest keep their order. */
void sdk_inbox_extract(struct sdk_inbox *inbox, uint8_t edge,
		       void (*take)(void *arg, const struct sp_desc *desc), void *arg);

#endif
