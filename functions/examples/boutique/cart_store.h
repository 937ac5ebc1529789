/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cart_store.h - the carts of all users, in memory.
 *
 * How: a fixed number of carts, found by a hash table whose key is secret (users choose their
 * ids), in the order of their last use. A new user takes the place of the one whose cart was
 * not looked at for the longest time.
 * Thread-safety: one thread.
 */
#ifndef BOUTIQUE_CART_STORE_H
#define BOUTIQUE_CART_STORE_H

#include "wire.h"

#define CARTS_MAX 1000000U

struct cart_line {
	char id[ID_MAX + 1];
	uint32_t quantity;
};

struct cart {
	char user[USER_MAX + 1];
	uint32_t count;
	struct cart_line lines[LINES_MAX];
	/* The store's own: 1 + index of another cart, 0 for none. */
	uint32_t next; /* with the same hash, or free */
	uint32_t newer;
	uint32_t older;
};

struct cart_store;

/* capacity: 1 to CARTS_MAX carts. NULL: no memory. */
struct cart_store *cart_store_new(uint32_t capacity);
/* Takes NULL. Returns NULL. */
struct cart_store *cart_store_free(struct cart_store *store);

/* The user's cart, now the one used last; NULL when there is none. */
const struct cart *cart_get(struct cart_store *store, sp_str user);
/* 0; -ERANGE: more than QUANTITY_MAX of the product; -ENOSPC: more than LINES_MAX products.
 * `*ret_evicted`: another user's cart had to go. */
int cart_add(struct cart_store *store, sp_str user, const struct line *line, bool *ret_evicted);
void cart_empty(struct cart_store *store, sp_str user);
uint32_t cart_count(const struct cart_store *store);

#endif
