/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - which chain takes a request: the front's routes.
 *
 * How: all entries of all chains in one list, sorted as gateway/match.h says; the gateways'
 * sockets that they lead to are numbered. A table never changes: an update is a new one.
 * Thread-safety: read-only; references are counted atomically.
 * Ownership: whoever holds a reference; the last one frees it.
 */
#ifndef SPROCKET_GATEWAY_FRONT_TABLE_H
#define SPROCKET_GATEWAY_FRONT_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/front/front_wiring.h"
#include "gateway/match.h"

struct front_entry {
	struct gw_match match;
	const char *chain;
	const char *socket;
	uint32_t target; /* number of the socket */
};

struct front_table {
	uint32_t refs;
	uint32_t count;
	uint32_t target_count;
	uint32_t max_body;    /* largest of all */
	const char **targets; /* sockets by number */
	struct front_entry *entries;
	struct front_route *routes; /* the strings */
};

/* Makes a table of `count` routes, which it takes (malloc). Returns 0 and *ret with one
 * reference; -EINVAL for a route whose strings are no strings or not usable; -ENOMEM. */
int front_table_new(struct front_route *routes, uint32_t count, struct front_table **ret);

void front_table_ref(struct front_table *table);
/* Takes NULL. Returns NULL. */
struct front_table *front_table_unref(struct front_table *table);

/* The entry for a request, or NULL. `authority` may have a port. */
const struct front_entry *front_table_find(const struct front_table *table, const char *authority,
					   size_t authority_len, const char *path, size_t path_len);

#endif
