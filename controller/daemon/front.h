/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front.h - the daemon's side of the front: one address for all chains.
 *
 * For: the daemon, which starts it, and the deployments, which say what leads where.
 * How: the daemon opens the listeners and keeps them in the fdstore ("front/listeners"), starts
 * sprocket-front ("front/process"), and sends it routes and certificates as bytes. A front
 * that dies is started again, later each time it dies young; meanwhile connections queue in
 * the listeners. The next daemon takes the running front over. Certificates are read again
 * when something changes in their folders, or on front_reload().
 * Thread-safety: one thread, the loop's.
 * Failure modes: what the front refuses becomes an event, and what held before holds on.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_FRONT_H
#define SPROCKET_CONTROLLER_DAEMON_FRONT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/chain.h"
#include "controller/daemon/events.h"
#include "controller/fdstore.h"
#include "controller/loop.h"

#define FRONT_WHY_MAX 512

struct front;

struct front_options {
	const char *listen;     /* ADDRESS:PORT, or NULL */
	const char *listen_tls; /* ADDRESS:PORT, or NULL; at least one of the two */
	const char *cert;       /* PEM files; with listen_tls */
	const char *key;
	const char *client_ca; /* NULL: clients need no certificate */
	uint32_t workers;
};

/*
 * Takes over the front that the fdstore has, if it has the same addresses and workers, or
 * starts one. It serves from front_serve() on: until then a running one keeps its routes.
 * Returns 0 and *ret; -errno after an event that says why.
 */
int front_open(struct loop *loop, struct fdstore *fdstore, const struct front_options *options,
	       struct events *events, struct front **ret);

/* Leaves it running. Takes NULL; returns NULL. */
struct front *front_close(struct front *front);

/* Ends it: it drains, the fdstore forgets it. Takes NULL; returns NULL. */
struct front *front_stop(struct front *front);

/* Ends a front that the fdstore has and nobody wants any more. */
void front_drop(struct fdstore *fdstore);

/* From now on routes are sent: all chains that were running have been added. */
void front_serve(struct front *front);

/* The addresses with their ports; "" for one that there is not. */
const char *front_address(const struct front *front, bool tls);

/* Where a chain with this ingress is asked through the front: an array of URLs. NULL when there
 * is no memory. */
json_t *front_urls(const struct front *front, const struct chain_ingress *ingress, uint32_t count);

/* Leads a chain's hosts and paths to its gateway's socket; replaces what that chain had.
 * Returns 0, -ENOSPC above the front's FRONT_ROUTE_MAX, -ENAMETOOLONG, -ENOMEM. */
int front_route_add(struct front *front, const char *chain, const char *socket_path,
		    const struct chain_ingress *ingress, uint32_t count);
void front_route_remove(struct front *front, const char *chain);

/* True when the front uses the routes as they are now. */
bool front_settled(const struct front *front);

/* True, with a sentence, when another chain has one of these hosts and paths. */
bool front_conflict(const struct front *front, const char *chain,
		    const struct chain_ingress *ingress, uint32_t count, char why[FRONT_WHY_MAX]);

/* Puts everything into the fdstore again, which has lost it. */
void front_keep(struct front *front);

/* Reads the certificates again. */
void front_reload(struct front *front);

#endif
