/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox.h - descriptors on their way out, grouped by destination.
 *
 * How: a row for each (edge, home), and one more for what refers; one send() for each row at
 * flush, since the kernel redirects a message as a whole. Within a row the order is kept.
 * Releases go first: a request that moved is known to the kernel in its new buffer only after
 * the release of the old one, and may not be sent on before. Then those that refer to a payload,
 * which the sender must still hold.
 * Failure modes: the first error sticks; what is put afterwards is refused with it.
 * Thread-safety: one thread; sdk_send() any.
 */
#ifndef SPROCKET_SDK_OUTBOX_H
#define SPROCKET_SDK_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"

#define SDK_ROWS 32 /* destinations at once; when there are more, all is flushed */

struct sdk_row {
	uint8_t edge;
	uint16_t home;
	bool refers; /* they refer to other buffers' payloads */
	uint32_t count;
	struct sp_desc desc[SP_BATCH_MAX];
};

struct sdk_outbox {
	int fd;
	int error;         /* 0, or the negative errno that stopped it */
	uint32_t used;     /* rows in use; 0: nothing is waiting */
	bool refers;       /* some row does */
	uint64_t since_ns; /* since when the oldest waits; set by the owner */
	struct sdk_row rows[SDK_ROWS];
};

/* One message, now, past everything that waits. Any thread. Returns 0 or -errno. */
int sdk_send(int fd, const struct sp_desc *descs, uint32_t count);

void sdk_outbox_init(struct sdk_outbox *outbox, int fd);

/* Returns 0, or the outbox's error. */
int sdk_outbox_put(struct sdk_outbox *outbox, const struct sp_desc *desc);
/* A call: its home is its tag, and no matter for where it goes. */
int sdk_outbox_put_call(struct sdk_outbox *outbox, const struct sp_desc *desc);
int sdk_outbox_flush(struct sdk_outbox *outbox);

/* Sends what waits, and then these in one message. Returns 0, or the outbox's error. */
int sdk_outbox_send(struct sdk_outbox *outbox, const struct sp_desc *descs, uint32_t count);

#endif
