/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.h - a worker of the front: its life, and what others post to it.
 *
 * Thread-safety: the posts from any thread, the rest in the worker's own.
 */
#ifndef SPROCKET_GATEWAY_FRONT_WORKER_H
#define SPROCKET_GATEWAY_FRONT_WORKER_H

#include "gateway/front/front.h"

/* Prepares a worker (no thread yet). An fd of -1: no such listener. Returns 0 or -errno. */
int front_worker_init(struct front_worker *worker, struct front *front, uint32_t index, int plain,
		      int secure);

/* Runs a worker in the calling thread until it has drained. `arg` is the worker. */
void *front_worker_run(void *arg);

/* Posts a table or a certificate (NULL: the same), of which the worker gets a reference. */
void front_worker_post(struct front_worker *worker, uint32_t number, struct front_table *table,
		       SSL_CTX *tls);
void front_worker_post_drain(struct front_worker *worker);

#endif
