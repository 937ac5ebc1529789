/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tables.h - what the controller may change while the gateway serves: ingress, rules, trace.
 *
 * For: a new ingress or route without a new gateway; requests never wait for it.
 * How: tables are read-only once made. New ones are published by a pointer; each worker
 * takes it at its next mail, between two turns of its loop, and keeps nothing of the old
 * ones longer than a request's way into the chain. The last worker tells worker 0, which
 * frees the old ones and reports. What arrives meanwhile waits; of several the last counts.
 * Failure modes: tables that do not fit are refused with a line in the log, and the old ones
 * stay.
 * Thread-safety: as each function says.
 */
#ifndef SPROCKET_GATEWAY_TABLES_H
#define SPROCKET_GATEWAY_TABLES_H

#include <sys/types.h>

#include "gateway/ingress.h"
#include "sproxy/wiring.h"

struct gateway;
struct gw_worker;

struct gw_tables {
	struct wiring_gateway wiring;
	struct gw_ingress_table ingress;
};

/* Why a wiring of `len` bytes cannot be used, or NULL. */
const char *gw_tables_fault(const struct wiring_gateway *wiring, ssize_t len);

/* Makes the first tables, before there are workers. Returns 0 or -ENOMEM. */
int gw_tables_init(struct gateway *g);

/* Takes new tables. By the thread of worker 0. */
void gw_tables_update(struct gateway *g, const struct wiring_gateway *wiring, ssize_t len);

/* The worker uses the newest tables from now on. By each worker, at its mail. */
void gw_tables_take(struct gw_worker *worker);

/* All workers have done so. By worker 0. */
void gw_tables_updated(struct gateway *g);

#endif
