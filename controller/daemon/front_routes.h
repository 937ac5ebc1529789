/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front_routes.h - which chain has which hosts and paths of the front.
 *
 * Thread-safety: one owner.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_FRONT_ROUTES_H
#define SPROCKET_CONTROLLER_DAEMON_FRONT_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/chain.h"
#include "gateway/front/front_wiring.h"

struct front_routes {
	struct front_route *items;
	uint32_t count;
};

/* Replaces what `chain` has. 0, -ENOSPC, -ENAMETOOLONG or -ENOMEM, with nothing changed. */
int front_routes_add(struct front_routes *routes, const char *chain, const char *socket_path,
		     const struct chain_ingress *ingress, uint32_t count);

/* False when it had none. */
bool front_routes_remove(struct front_routes *routes, const char *chain);

/* True, with a sentence, when another chain has one of these. */
bool front_routes_conflict(const struct front_routes *routes, const char *chain,
			   const struct chain_ingress *ingress, uint32_t count, char *why,
			   size_t size);

/* The table as a memfd, or -errno. */
int front_routes_memfd(const struct front_routes *routes);

void front_routes_done(struct front_routes *routes);

#endif
