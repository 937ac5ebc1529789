/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - a function's process: receive descriptors, handle, send them on.
 *
 * How: recv() brings what has arrived, at most SP_BATCH_MAX at once; each is handled; what
 * leaves is grouped by destination and sent when the batch is done, or before the next
 * handler runs when the oldest has waited for SDK_FLUSH_NS, so that slow handlers do not
 * hold back finished requests. No timer, no polling, no allocation.
 * Growth: a small lease of larger buffers for each class, empty at start, refilled by
 * asking the gateway; requests that arrive while waiting stay in the inbox.
 * Stop: EOF on the receive socket. What was received is still handled, the lease given
 * back.
 * Trust: descriptors are checked by the kernel; headers in shared memory by us.
 * Thread-safety: one thread.
 */
#ifndef SPROCKET_SDK_LOOP_H
#define SPROCKET_SDK_LOOP_H

#include "functions/sdk/inbox.h"
#include "functions/sdk/outbox.h"
#include "functions/sdk/request.h"
#include "sproxy/wiring.h"

#define SDK_LEASE_MAX 8             /* buffers asked for at once */
#define SDK_LEASE_LARGE (64U << 10) /* above this payload size, one at once */
#define SDK_FLUSH_NS 50000U

struct sdk_lease {
	uint32_t count;
	struct sp_desc grants[SDK_LEASE_MAX];
};

struct sdk_loop {
	struct sdk_source source; /* first: the source's calls get back to the loop by it */
	struct sp_worker worker;
	struct sp_request req; /* the one in the handler */
	struct sdk_inbox inbox;
	struct sdk_outbox outbox;
	struct sdk_lease leases[SHM_CLASS_MAX];
	uint32_t asked;                 /* class of the last refill asked for */
	bool waiting;                   /* it is not answered yet */
	uint32_t home;                  /* gateway slot that grants leases */
	uint32_t max_hops;              /* 0: any number */
	const struct wiring_page *page; /* routes, which change while we run */
	const struct shm_layout *layout;
	char *memory; /* the pool */
};

/* Prepares a zeroed loop whose worker, page, layout, memory, home and max_hops are set.
 * The fds stay the caller's. Returns 0 or -errno. */
int sdk_loop_init(struct sdk_loop *loop, int receive, int send);
/* Serves until told to stop. Returns 0, or -errno when a socket failed. */
int sdk_loop_run(struct sdk_loop *loop);
void sdk_loop_done(struct sdk_loop *loop);

/* loop.c: the slot a descriptor names. `index` must be below buffer_count. */
struct sdk_slot sdk_loop_slot(const struct sdk_loop *loop, const struct sp_desc *desc);

/* lease.c: the loop as a source of buffers. */
void sdk_lease_init(struct sdk_loop *loop);
/* Takes what the gateway granted or denied. `arg` is the loop. */
void sdk_lease_grant(void *arg, const struct sp_desc *desc);
/* Gives every leased buffer back. */
void sdk_lease_return(struct sdk_loop *loop);

#endif
