/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tables.h - a chain as the fixed tables its processes and the kernel read.
 *
 * For: the runtime, which sends them. Nothing but the controller parses text.
 * Thread-safety: reads a chain, which nobody changes.
 */
#ifndef SPROCKET_CONTROLLER_TABLES_H
#define SPROCKET_CONTROLLER_TABLES_H

#include "controller/chain.h"
#include "sproxy/sproxy.h"
#include "sproxy/wiring.h"

/* The message for a process of functions[index] with these workers. 0, -ENOSPC or -EINVAL. */
int tables_function(const struct chain *chain, uint32_t index, const struct wiring_worker *workers,
		    uint32_t worker_count, struct wiring_function *ret);

/* The message for the gateway; slots, cpus and trace are the caller's to fill in. */
int tables_gateway(const struct chain *chain, struct wiring_gateway *ret);

/* Fills the kernel's route table: every edge of the graph, and the gateway's own edge f to
 * each function f. */
int tables_routes(const struct chain *chain, struct sproxy *proxy);

/*
 * Makes `next` usable beside `old` in one kernel table: targets that both have get the index
 * they have in `old`, new ones an index that `old` does not use. `next` is changed: its rules
 * and its targets, which may have holes (SP_ROUTE_NONE) afterwards.
 * Returns 0, or -ENOSPC when a function's row is full; then `next` is of no use any more.
 */
int tables_merge(const struct chain *old, struct chain *next);
/* The same for one function. */
int tables_row_merge(const struct chain_function *old, struct chain_function *next);

#endif
