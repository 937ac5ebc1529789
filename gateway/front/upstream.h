/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream.h - the front's connections to the chains' gateways, kept alive.
 *
 * How: each worker has a pool for each gateway's socket. An idle connection stays in the
 * loop: when its gateway closes it, it is gone at once, not found stale by the next request.
 * Nothing is asked from time to time: gateways close what is idle for long.
 * A worker has so many connections. The last quarter is for gateways with less than their share:
 * a chain that answers slowly leaves connections to the others.
 * Thread-safety: a pool belongs to its worker.
 * Ownership: the table, each connection and each request hold a reference to their pool.
 */
#ifndef SPROCKET_GATEWAY_FRONT_UPSTREAM_H
#define SPROCKET_GATEWAY_FRONT_UPSTREAM_H

#include "gateway/front/front.h"

struct front_pool {
	struct front_worker *worker;
	uint32_t refs;
	uint32_t count;      /* connections, also those that are kept */
	bool retired;        /* no route leads here any more */
	h2o_linklist_t idle; /* in the order of their use */
	char path[108];
};

struct front_upstream {
	h2o_socket_t *sock;
	struct front_pool *pool;
	h2o_linklist_t link;
	bool reused;
	void *user; /* the relay that has it */
};

/* Makes the pools of a table, keeping those whose path it has; the others are retired.
 * Returns 0 and worker->pools, or -ENOMEM with nothing changed. */
int front_pools_change(struct front_worker *worker, const struct front_table *table);

/* Returns the pool. */
struct front_pool *front_pool_ref(struct front_pool *pool);
void front_pool_unref(struct front_pool *pool);

/* A connection, kept (unless `fresh`) or new. 0 and *ret, or -errno of connect(); -EMFILE at
 * the worker's limit. */
int front_upstream_get(struct front_pool *pool, bool fresh, struct front_upstream **ret);

/* Keeps it for the next request. */
void front_upstream_put(struct front_upstream *up);
void front_upstream_close(struct front_upstream *up);

#endif
