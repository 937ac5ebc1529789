/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front.h - one address for many chains: the daemon's side of sprocket-front.
 *
 * For: main.c, which opens it, and the deployments, which add and remove their chains.
 * Thread-safety: one thread, the loop's.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_FRONT_H
#define SPROCKET_CONTROLLER_DAEMON_FRONT_H

#include <stdint.h>

#include "controller/chain.h"
#include "controller/daemon/events.h"
#include "controller/loop.h"

struct fdstore;
struct front;

struct front_options {
	const char *listen;     /* ADDR:PORT, or NULL */
	const char *listen_tls; /* ADDR:PORT, or NULL */
	const char *cert, *key, *client_ca;
	uint32_t workers;
};

int front_open(struct loop *loop, struct fdstore *fdstore, const struct front_options *options,
	       struct events *events, struct front **ret);
/* Leaves it running. Takes NULL; returns NULL. */
struct front *front_close(struct front *front);

/* Ends it. Takes NULL; returns NULL. */
struct front *front_stop(struct front *front);

/* From now on routes are sent: all chains that were running have been added. */
void front_serve(struct front *front);

/* Reads the certificates again. */
void front_reload(struct front *front);

#endif
