/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingress.h - which requests the chain takes in.
 *
 * For: matching a request's host and path, and judging its method.
 * How: the declared entries, the most specific first: an exact host before "*.x", longer
 * before shorter, before any host; then by path: longer literal part before shorter, exact
 * before prefix. The first whose host and path both match takes the request. The Allow header of each is made at start.
 * Thread-safety: a table is read-only once made.
 */
#ifndef SPROCKET_GATEWAY_INGRESS_H
#define SPROCKET_GATEWAY_INGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/http.h"
#include "sproxy/wiring.h"

#define GW_ALLOW_MAX 256

struct gw_ingress {
	const char *host; /* without the star; "": any */
	uint32_t host_len;
	bool wildcard; /* the host is what a longer one ends in */
	const char *path;
	uint32_t path_len;
	bool prefix; /* ends in a star */
	uint32_t max_body;
	uint32_t method_count; /* 0: any */
	const char *methods[WIRING_METHOD_MAX];
	uint32_t method_lens[WIRING_METHOD_MAX];
	bool head; /* HEAD is allowed because GET is */
	char allow[GW_ALLOW_MAX];
	uint32_t allow_len;
};

struct gw_ingress_table {
	uint32_t count;
	uint32_t max_body; /* largest of all */
	struct gw_ingress entries[WIRING_INGRESS_MAX];
};

/* Makes the table from the wiring, whose strings it keeps pointing to. */
void gw_ingress_init(struct gw_ingress_table *table, const struct wiring_gateway *wiring);

/* The entry for a path at a host, or NULL. The host is as a client names it: in any case,
 * with a port or without; empty when he named none. */
const struct gw_ingress *gw_ingress_find(const struct gw_ingress_table *table, h2o_iovec_t host,
					 h2o_iovec_t path);

bool gw_ingress_allows(const struct gw_ingress *ingress, const char *method, size_t len);

#endif
