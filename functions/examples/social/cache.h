/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.h - values by number, as many as there is room for: the oldest goes first.
 *
 * For: store (posts by id) and url-shorten (URLs by key). How: a ring of entries in the order
 * they came, and chains of them by hash.
 * Thread-safety: one thread per struct cache.
 */
#ifndef SOCIAL_CACHE_H
#define SOCIAL_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include <sprocket.h>

#define CACHE_CAPACITY_MAX 1000000U

struct cache_entry {
	uint64_t key;
	char *data; /* NULL: nothing here yet */
	size_t len;
	uint32_t after; /* 1 + the next entry of the same bucket; 0: none */
};

struct cache {
	uint32_t capacity;
	uint32_t next; /* entry to be written next, which is the oldest */
	struct cache_entry *entries;
	uint32_t *buckets; /* 1 + the first entry; 0: none */
};

/* A function's init and fini: a cache of config `capacity` values is its state. Returns 0;
 * -ENOMEM; -EINVAL after saying why. */
int cache_new(sp_worker *worker, void **state);
void cache_free(void *state);

/* The value, until the next cache_put(); {NULL, 0} when there is none. */
sp_str cache_find(const struct cache *cache, uint64_t key);

/* Adds a value that is not there yet. Returns 1 when an older one had to go, 0, or -ENOMEM. */
SP_MUST_USE int cache_put(struct cache *cache, uint64_t key, sp_str value);

#endif
