/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inbox.h - descriptors received and not yet looked at.
 *
 * How: holds what one recv() brought. A socket has no message boundaries: a descriptor may
 * come in two parts, the first stays until the rest is there.
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
	bool eof;            /* the order to stop was read, or the other side is gone */
	bool more;           /* the last read filled the room it had: there may be more */
	bool in_vain;        /* the last read that waited brought nothing */
	uint64_t timeout_ns; /* of a read that waits, as the socket has it; 0: none */
	size_t start;        /* of the oldest descriptor, bytes */
	size_t used;         /* bytes from there, a part of a descriptor included */
	struct sp_desc descs[SP_BATCH_MAX];
};

void sdk_inbox_init(struct sdk_inbox *inbox, int fd);

/* Reads what there is room for; waits for at least a byte unless `flags` has MSG_DONTWAIT.
 * Returns 0 (also at EOF, see `eof`, and when the time was up), or -errno. */
int sdk_inbox_fill(struct sdk_inbox *inbox, int flags);

/* A read that waits returns `ns` from its begin on, or up to a quarter of that earlier; 0: as
 * late as something comes, or once before that. Costs a system call only when the time differs
 * much from what was set last: most waits of a busy function end long before. 0 or -errno. */
int sdk_inbox_wait_at_most(struct sdk_inbox *inbox, uint64_t ns);

/* Takes the oldest whole descriptor. False when there is none. */
bool sdk_inbox_pop(struct sdk_inbox *inbox, struct sp_desc *ret);

#endif
