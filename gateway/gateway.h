/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway.h - what all workers of a gateway share.
 *
 * For: the pool's memory and tables, the wiring, and the few words that workers tell each
 * other. The limits of the gateway stand here too.
 * How: everything is set up by main.c before the first worker starts; afterwards only the
 * fields marked atomic change.
 * Thread-safety: read-only after start; atomic where it says so.
 */
#ifndef SPROCKET_GATEWAY_GATEWAY_H
#define SPROCKET_GATEWAY_GATEWAY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "gateway/http.h"
#include "shm/buffer.h"
#include "shm/layout.h"
#include "shm/pool.h"
#include "sproxy/wiring.h"

#define GW_FLAGS_KEPT (SP_DESC_QOS_MASK | SP_DESC_ELEPHANT) /* of who is sent again */
#define GW_RECEIVE_MAX 256                                  /* descriptors taken by one recv */
#define GW_FIELD_MAX 64                                     /* header fields a function may set */
#define GW_DETAIL_MAX 1024         /* bytes of a function's error text that clients see */
#define GW_ID_MAX 128              /* bytes of an X-Request-Id that is kept */
#define GW_BUSY_NS 200000000U      /* between two words to the controller that there are requests */
#define GW_LEASE_MAX 32            /* buffers of one grant */
#define GW_LEASE_LARGE (64U << 10) /* classes above it are leased one at a time */
#define GW_LEASE_SHARE 4           /* 1/4 of a class: see lease.h */
#define GW_PIPELINE_MAX (64U << 10) /* bytes read ahead of a client that does not wait */
#define GW_IDLE_MS 60000            /* an idle connection is closed after it */
#define GW_HEAD_MS 10000            /* from a head's first byte to its last */
#define GW_BODY_STALL_MS 20000      /* a body may stand still so long ... */
#define GW_BODY_RATE 500            /* ... and arrive at so many bytes a second */
#define GW_STALL_MS 60000           /* an answer that its client does not take is given up */
#define GW_FD_RESERVE 64            /* fds that are not for connections */
#define GW_DRAIN_GRACE_MS 1000      /* drain waits for the chain's timeout and this */
#define GW_DRAIN_IDLE_MS 500        /* a gentle drain leaves idle connections open so long */

struct gw_request;
struct gw_tables;
struct gw_worker;

/* An instance that is being reclaimed. */
struct gw_loss {
	uint32_t fn;      /* atomic */
	uint32_t waiting; /* atomic: workers that still have to look */
	uint32_t count;   /* atomic: buffers found */
	uint64_t token;   /* atomic: of the report that is answered */
};

#define GW_ADDRESSES 16384U /* places that clients' addresses are counted in */

struct gateway {
	struct wiring_gateway wiring;
	const char *chain; /* its name */
	const char *fn_names[SP_FN_MAX];
	int control; /* to the controller */
	char *base;  /* the pool's memory */
	struct sp_owner *owners;
	struct sp_instance *instances;
	struct shm_pool *pool;
	struct gw_request **requests; /* by buffer */
	struct gw_request *request_store;
	uint8_t *uses; /* by buffer: enum gw_use */
	uint8_t *kept; /* by buffer, atomic: 1: ended, and others read it (buffer.h) */
	struct wiring_gateway_stats *stats;
	struct gw_tables *tables;      /* atomic: what workers take at their next mail */
	uint32_t tables_waiting;       /* atomic: workers that have not taken them */
	struct gw_tables *tables_old;  /* of worker 0: freed when none waits */
	struct gw_tables *tables_next; /* of worker 0: published then */
	h2o_globalconf_t http;
	struct gw_worker *workers;
	pthread_barrier_t started;
	uint32_t connection_limit; /* of one worker, by its fds */
	uint64_t address_seed;
	uint32_t addresses[GW_ADDRESSES]; /* atomic: connections from there (address.h) */
	uint64_t up;                      /* atomic: bit n: function n has an instance */
	uint32_t draining;                /* atomic */
	uint32_t frozen;                  /* atomic: no deadline passes */
	uint32_t undrained;               /* workers with something in flight; atomic */
	uint32_t leased[SHM_CLASS_MAX];   /* atomic: buffers leased out, by class */
	uint32_t asking;                  /* atomic: bit n: functions wait for leases of worker n */
	/* By slot, atomic: bit n: it asked a gateway that died for class n. */
	uint8_t unanswered[SP_INST_MAX];
	struct gw_loss losses[SP_INST_MAX];
	uint32_t late[SP_FN_MAX]; /* atomic: deadlines the controller is to be told of */
};

/* Slot of a buffer. `index` must be below buffer_count. */
static inline struct shm_header *gw_slot(const struct gateway *g, uint32_t index)
{
	return (struct shm_header *)(void *)(g->base + shm_layout_offset(&g->wiring.layout, index));
}

static inline uint64_t gw_owner_word(const struct gateway *g, uint32_t index)
{
	return __atomic_load_n(&g->owners[index].word, __ATOMIC_ACQUIRE);
}

/* The struct that goes with a buffer now. Acquire: another worker may have had both. */
static inline struct gw_request *gw_request_of(const struct gateway *g, uint32_t index)
{
	return __atomic_load_n(&g->requests[index], __ATOMIC_ACQUIRE);
}

/* True when the slot is a worker's of this gateway, not an instance's. */
static inline bool gw_is_worker(const struct gateway *g, uint32_t slot)
{
	for (uint32_t i = 0; i < g->wiring.worker_count; i++)
		if (g->wiring.slots[i] == slot)
			return true;
	return false;
}

static inline bool gw_function_up(const struct gateway *g, uint32_t fn)
{
	return __atomic_load_n(&g->up, __ATOMIC_RELAXED) >> fn & 1;
}

/* Name of a function for people; "" for the gateway and for numbers out of range. */
static inline const char *gw_function_name(const struct gateway *g, uint32_t fn)
{
	return fn > 0 && fn <= g->wiring.fn_count ? g->fn_names[fn] : "";
}

#endif
