// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/front_routes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/daemon/front_files.h"

static int text_copy(char *to, size_t size, const char *from)
{
	size_t len = strlen(from);

	if (len >= size)
		return -ENAMETOOLONG;
	memcpy(to, from, len + 1);
	return 0;
}

static int route_fill(struct front_route *route, const char *chain, const char *socket_path,
		      const struct chain_ingress *ingress)
{
	memset(route, 0, sizeof(*route));
	route->max_body = ingress->max_body;
	if (text_copy(route->chain, sizeof(route->chain), chain) < 0 ||
	    text_copy(route->socket, sizeof(route->socket), socket_path) < 0 ||
	    text_copy(route->host, sizeof(route->host), ingress->host ? ingress->host : "") < 0)
		return -ENAMETOOLONG;
	return text_copy(route->path, sizeof(route->path), ingress->path);
}

static uint32_t count_of(const struct front_routes *routes, const char *chain)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < routes->count; i++)
		count += strcmp(routes->items[i].chain, chain) == 0;
	return count;
}

int front_routes_add(struct front_routes *routes, const char *chain, const char *socket_path,
		     const struct chain_ingress *ingress, uint32_t count)
{
	uint32_t others = routes->count - count_of(routes, chain), n = 0;
	struct front_route *items;
	int r = 0;

	if (others + count > FRONT_ROUTE_MAX)
		return -ENOSPC;
	items = calloc(others + count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	for (uint32_t i = 0; i < routes->count; i++)
		if (strcmp(routes->items[i].chain, chain) != 0)
			items[n++] = routes->items[i];
	for (uint32_t i = 0; i < count && r == 0; i++)
		r = route_fill(&items[n++], chain, socket_path, &ingress[i]);
	if (r < 0) {
		free(items);
		return r;
	}
	free(routes->items);
	*routes = (struct front_routes){ items, n };
	return 0;
}

bool front_routes_remove(struct front_routes *routes, const char *chain)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < routes->count; i++)
		if (strcmp(routes->items[i].chain, chain) != 0)
			routes->items[n++] = routes->items[i];
	if (n == routes->count)
		return false;
	routes->count = n;
	return true;
}

bool front_routes_conflict(const struct front_routes *routes, const char *chain,
			   const struct chain_ingress *ingress, uint32_t count, char *why,
			   size_t size)
{
	for (uint32_t i = 0; i < routes->count; i++) {
		const struct front_route *route = &routes->items[i];

		if (strcmp(route->chain, chain) == 0)
			continue;
		for (uint32_t j = 0; j < count; j++) {
			const char *host = ingress[j].host ? ingress[j].host : "";

			if (strcmp(host, route->host) != 0 ||
			    strcmp(ingress[j].path, route->path) != 0)
				continue;
			snprintf(why, size,
				 "path \"%.80s\" of %s%.80s is taken by chain \"%s\": give the "
				 "ingress another host or path",
				 route->path, *host ? "host " : "any host", host, route->chain);
			return true;
		}
	}
	return false;
}

int front_routes_memfd(const struct front_routes *routes)
{
	return front_files_memfd(routes->items, routes->count * sizeof(*routes->items));
}

void front_routes_done(struct front_routes *routes)
{
	free(routes->items);
	*routes = (struct front_routes){ NULL, 0 };
}
