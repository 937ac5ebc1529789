/* SPDX-License-Identifier: Apache-2.0 */
/* cache.c - see cache.h. */
#include "cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "form.h"

static uint32_t *bucket_of(const struct cache *cache, uint64_t key)
{
	return &cache->buckets[(key * 0x9e3779b97f4a7c15U >> 32) % cache->capacity];
}

int cache_new(sp_worker *worker, void **state)
{
	sp_str text = sp_config(worker, "capacity");
	struct cache *cache;
	uint64_t capacity;

	if (number_read(text, &capacity) < 0 || capacity > CACHE_CAPACITY_MAX) {
		sp_log(NULL, SP_ERROR, "capacity %.*s: expected a number from 1 to %u",
		       SP_ARG(text), CACHE_CAPACITY_MAX);
		return -EINVAL;
	}
	cache = calloc(1, sizeof(*cache));
	if (!cache)
		return -ENOMEM;
	cache->capacity = (uint32_t)capacity;
	cache->entries = calloc(capacity, sizeof(*cache->entries));
	cache->buckets = calloc(capacity, sizeof(*cache->buckets));
	if (!cache->entries || !cache->buckets) {
		cache_free(cache);
		return -ENOMEM;
	}
	*state = cache;
	return 0;
}

void cache_free(void *state)
{
	struct cache *cache = state;

	for (uint32_t i = 0; cache->entries && i < cache->capacity; i++)
		free(cache->entries[i].data);
	free(cache->entries);
	free(cache->buckets);
	free(cache);
}

sp_str cache_find(const struct cache *cache, uint64_t key)
{
	const struct cache_entry *entry;

	for (uint32_t i = *bucket_of(cache, key); i > 0; i = entry->after) {
		entry = &cache->entries[i - 1];
		if (entry->key == key)
			return (sp_str){ entry->data, entry->len };
	}
	return (sp_str){ NULL, 0 };
}

static void entry_remove(struct cache *cache, struct cache_entry *entry)
{
	uint32_t number = (uint32_t)(entry - cache->entries) + 1;
	uint32_t *at = bucket_of(cache, entry->key);

	while (*at != number)
		at = &cache->entries[*at - 1].after;
	*at = entry->after;
	free(entry->data);
	entry->data = NULL;
}

int cache_put(struct cache *cache, uint64_t key, sp_str value)
{
	struct cache_entry *entry = &cache->entries[cache->next];
	char *data = malloc(value.len + 1);
	uint32_t *bucket = bucket_of(cache, key);
	int gone = entry->data != NULL;

	if (!data)
		return -ENOMEM;
	if (gone)
		entry_remove(cache, entry);
	memcpy(data, value.data, value.len);
	*entry = (struct cache_entry){
		.key = key, .data = data, .len = value.len, .after = *bucket
	};
	*bucket = cache->next + 1;
	cache->next = (cache->next + 1) % cache->capacity;
	return gone;
}
