/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front.h - one address for many chains: what its workers share, and a worker.
 *
 * For: sprocket-front. It takes HTTP/1.1, HTTP/2 and TLS, and relays each request to the
 * gateway of the chain that its host and path belong to, over a kept Unix connection.
 * How: a worker is a gateway's worker without a chain (gateway/worker.h), so that problem
 * documents, lingering and the counting of connections are the gateway's own. Requests, not
 * connections, are handed on: under TLS a path is seen only after the handshake, and one
 * connection asks many chains. A new table or certificate is posted to every worker's mailbox.
 * Thread-safety: a worker belongs to its thread; others post to its mailbox.
 */
#ifndef SPROCKET_GATEWAY_FRONT_H
#define SPROCKET_GATEWAY_FRONT_H

#include "gateway/front/table.h"
#include "gateway/front/tls.h"
#include "gateway/gateway.h"
#include "gateway/worker.h"

#define FRONT_ANSWER_MS (3610 * 1000) /* a chain's deadline is an hour at most */
#define FRONT_DRAIN_MS 10000
#define FRONT_AHEAD_MAX (256U << 10) /* bytes of an answer that its client has not taken */
#define FRONT_RETRY_MAX 2            /* fresh connections tried after a stale one */

struct front;
struct front_worker;

struct front_listener {
	struct front_worker *worker;
	int fd;             /* -1: none */
	h2o_socket_t *sock; /* NULL: not joined */
	bool tls;
};

struct front_mailbox {
	int fd;
	uint32_t number; /* of the last update */
	uint32_t drain;
	struct front_table *table; /* NULL: the same */
	SSL_CTX *tls;              /* NULL: the same */
};

struct front_worker {
	struct gw_worker gw;       /* first: it is found from it */
	struct wiring_stats stats; /* gw.stats */
	struct front *front;
	struct front_listener plain;
	struct front_listener secure;
	struct front_mailbox mailbox;
	struct front_table *table;
	SSL_CTX *tls;
	struct front_pool **pools; /* by target of the table */
	uint32_t upstream_count;   /* connections to gateways */
	uint32_t applied;          /* atomic: number of the update in use */
};

struct front {
	struct gateway gateway; /* what a worker without a chain needs of one */
	uint32_t worker_count;
	uint32_t cpus[WIRING_WORKER_MAX];
	uint32_t upstream_limit; /* of one worker */
	struct front_worker *workers;
	pthread_mutex_t lock; /* of the two below */
	uint32_t posted;      /* number of the last update */
	uint32_t told;        /* number of the last FRONT_DONE */
};

static inline struct front_worker *front_worker_of(h2o_req_t *req)
{
	return H2O_STRUCT_FROM_MEMBER(struct front_worker, gw, gw_worker_of(req));
}

#endif
