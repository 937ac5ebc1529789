// SPDX-License-Identifier: Apache-2.0
#include "gateway/front/table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool terminated(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool route_valid(const struct front_route *route)
{
	return terminated(route->chain, sizeof(route->chain)) &&
	       terminated(route->socket, sizeof(route->socket)) && route->socket[0] == '/' &&
	       terminated(route->host, sizeof(route->host)) &&
	       terminated(route->path, sizeof(route->path)) && route->path[0] == '/';
}

static int by_match(const void *a, const void *b)
{
	const struct front_entry *x = a, *y = b;

	return gw_match_compare(&x->match, &y->match);
}

static int by_socket(const void *a, const void *b)
{
	const struct front_entry *x = a, *y = b;

	return strcmp(x->socket, y->socket);
}

/* Numbers the sockets; the entries are sorted by them. */
static void targets_number(struct front_table *table)
{
	for (uint32_t i = 0; i < table->count; i++) {
		struct front_entry *entry = &table->entries[i];

		if (i == 0 || strcmp(entry->socket, entry[-1].socket) != 0)
			table->targets[table->target_count++] = entry->socket;
		entry->target = table->target_count - 1;
	}
}

int front_table_new(struct front_route *routes, uint32_t count, struct front_table **ret)
{
	struct front_table *table;

	for (uint32_t i = 0; i < count; i++)
		if (!route_valid(&routes[i]))
			return -EINVAL;
	table = calloc(1, sizeof(*table));
	if (!table)
		return -ENOMEM;
	table->refs = 1;
	table->count = count;
	table->entries = calloc(count + 1, sizeof(*table->entries));
	table->targets = calloc(count + 1, sizeof(*table->targets));
	if (!table->entries || !table->targets) {
		front_table_unref(table);
		return -ENOMEM;
	}
	table->routes = routes;
	for (uint32_t i = 0; i < count; i++) {
		struct front_entry *entry = &table->entries[i];

		gw_match_init(&entry->match, routes[i].host, routes[i].path);
		entry->chain = routes[i].chain;
		entry->socket = routes[i].socket;
		if (routes[i].max_body > table->max_body)
			table->max_body = routes[i].max_body;
	}
	qsort(table->entries, count, sizeof(*table->entries), by_socket);
	targets_number(table);
	qsort(table->entries, count, sizeof(*table->entries), by_match);
	*ret = table;
	return 0;
}

void front_table_ref(struct front_table *table)
{
	__atomic_add_fetch(&table->refs, 1, __ATOMIC_RELAXED);
}

struct front_table *front_table_unref(struct front_table *table)
{
	if (!table || __atomic_sub_fetch(&table->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return NULL;
	free(table->entries);
	free(table->targets);
	free(table->routes);
	free(table);
	return NULL;
}

const struct front_entry *front_table_find(const struct front_table *table, const char *authority,
					   size_t authority_len, const char *path, size_t path_len)
{
	size_t host_len = gw_match_host_len(authority, authority_len);

	for (uint32_t i = 0; i < table->count; i++) {
		const struct front_entry *entry = &table->entries[i];

		if (gw_match_holds(&entry->match, authority, host_len, path, path_len))
			return entry;
	}
	return NULL;
}
