/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway_rig.h - a real gateway worker whose kernel is the model of tests/bpf.
 *
 * For: fuzz_gateway.c.
 * How: what the worker sends and receives as descriptors passes the model, which works on the
 * gateway's ownership table; clients are real sockets. A send of the gateway's that the model
 * refuses aborts.
 * Thread-safety: one thread. There is one rig, which lives until the process ends.
 */
#ifndef SPROCKET_TESTS_FUZZ_GATEWAY_RIG_H
#define SPROCKET_TESTS_FUZZ_GATEWAY_RIG_H

#include "gateway/worker.h"
#include "tests/bpf/model.h"

enum { CLIENTS = 6, QUEUE_MAX = 4096 };

struct gateway_rig {
	struct gateway g;
	struct gw_worker *w; /* NULL: not started */
	struct model m;
	int control; /* the controller's end */
	int clients[CLIENTS];
	struct sp_desc queue[QUEUE_MAX]; /* what waits at the worker */
	uint32_t queued;
};
extern struct gateway_rig f;

ssize_t __real_recv(int fd, void *to, size_t size, int flags);
ssize_t __real_send(int fd, const void *data, size_t size, int flags);

void require(bool holds, const char *what);

/* As main.c and worker.c start it; once. */
void start(void);

/* What the gateway wrote to its tables, for the model. */
void tables_read(void);

/* `slot` sends. Returns the verdict, -1: passed. */
int kernel(uint32_t slot, const void *data, size_t len);

#endif
