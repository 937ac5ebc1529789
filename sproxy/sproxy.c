// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sproxy/state.h"

void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static size_t table_size(size_t count, size_t entry)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (count * entry + page - 1) / page * page;
}

/* NULL with errno when it cannot be mapped. Children have no use for it: each page of it would be
 * copied to them, and taken away when they execute something, which was a third of their start. */
static void *table_map(const struct sproxy *proxy, enum sproxy_map map, size_t count, size_t entry)
{
	void *p = mmap(NULL, table_size(count, entry), PROT_READ | PROT_WRITE, MAP_SHARED,
		       proxy->maps[map], 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, table_size(count, entry), MADV_DONTFORK);
	return p;
}

static int tables_map(struct sproxy *proxy)
{
	proxy->owners = table_map(proxy, MAP_owners, proxy->buffer_count, sizeof(struct sp_owner));
	proxy->instances = table_map(proxy, MAP_instances, SP_INST_MAX, sizeof(struct sp_instance));
	proxy->functions =
		table_map(proxy, MAP_functions, SP_FN_MAX, sizeof(struct sp_function_slots));
	proxy->routes =
		table_map(proxy, MAP_routes, SP_FN_MAX * SP_EDGE_MAX, sizeof(struct sp_route));
	proxy->settings = table_map(proxy, MAP_settings, 1, sizeof(struct sp_settings));
	if (!proxy->owners || !proxy->instances || !proxy->functions || !proxy->routes ||
	    !proxy->settings)
		return -errno;
	return 0;
}

static void table_unmap(void *table, size_t count, size_t entry)
{
	if (table)
		munmap(table, table_size(count, entry));
}

static void tables_unmap(struct sproxy *proxy)
{
	table_unmap(proxy->owners, proxy->buffer_count, sizeof(struct sp_owner));
	table_unmap(proxy->instances, SP_INST_MAX, sizeof(struct sp_instance));
	table_unmap(proxy->functions, SP_FN_MAX, sizeof(struct sp_function_slots));
	table_unmap(proxy->routes, SP_FN_MAX * SP_EDGE_MAX, sizeof(struct sp_route));
	table_unmap(proxy->settings, 1, sizeof(struct sp_settings));
}

static int proxy_new(const struct sproxy_options *options, struct sproxy **ret)
{
	struct sproxy *proxy;
	int r = 0;

	if (options->buffer_count == 0 || options->fn_count >= SP_FN_MAX)
		return -EINVAL;
	proxy = calloc(1, sizeof(*proxy));
	if (!proxy)
		return -ENOMEM;
	proxy->buffer_count = options->buffer_count;
	proxy->fn_count = options->fn_count;
	proxy->sink[0] = proxy->sink[1] = -1;
	for (size_t i = 0; i < MAP_COUNT; i++)
		proxy->maps[i] = -1;
	for (size_t i = 0; i < SP_INST_MAX; i++)
		proxy->slots[i].kept = (struct sproxy_kept){ -1, -1 };
	if (options->pins)
		r = pins_path(options->pins, &proxy->pins);
	if (r < 0) {
		free(proxy);
		return r;
	}
	*ret = proxy;
	return 0;
}

/* What follows once the maps are there, however they came. */
static int proxy_start(struct sproxy *proxy)
{
	int r = tables_map(proxy);

	if (r == 0)
		r = rings_open(proxy);
	return r == 0 ? sink_open(proxy) : r;
}

int sproxy_open(const struct sproxy_options *options, struct sproxy **ret)
{
	struct sproxy *proxy;
	int r = proxy_new(options, &proxy);

	if (r < 0)
		return r;
	r = program_load(proxy);
	if (r == 0)
		r = proxy_start(proxy);
	/* Last: whoever finds all the pins finds a chain that works. */
	if (r == 0 && proxy->pins)
		r = pins_make(proxy);
	if (r < 0) {
		sproxy_leave(proxy); /* not its pins: they may be another's */
		return r;
	}
	*ret = proxy;
	return 0;
}

int sproxy_adopt(const struct sproxy_options *options, struct sproxy **ret)
{
	struct sproxy *proxy;
	int r;

	if (!options->pins)
		return -EINVAL;
	r = proxy_new(options, &proxy);
	if (r < 0)
		return r;
	r = pins_open(proxy);
	if (r == 0)
		r = program_check(proxy);
	if (r == 0)
		r = proxy_start(proxy);
	if (r == 0)
		r = program_replace(proxy);
	if (r < 0) {
		sproxy_leave(proxy);
		return r;
	}
	functions_repair(proxy);
	sproxy_tap(proxy, false); /* whoever listened is gone */
	*ret = proxy;
	return 0;
}

struct sproxy *sproxy_leave(struct sproxy *proxy)
{
	if (!proxy)
		return NULL;
	rings_close(proxy);
	tables_unmap(proxy);
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++) {
		close_fd(&proxy->slots[slot].kept.send);
		close_fd(&proxy->slots[slot].kept.receive);
	}
	for (size_t i = 0; i < MAP_COUNT; i++)
		close_fd(&proxy->maps[i]);
	close_fd(&proxy->sink[0]);
	close_fd(&proxy->sink[1]);
	free(proxy->pins);
	free(proxy);
	return NULL;
}

struct sproxy *sproxy_close(struct sproxy *proxy)
{
	uint32_t used[SP_INST_MAX];
	size_t count = 0;

	if (!proxy)
		return NULL;
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++)
		if (proxy->slots[slot].used)
			used[count++] = slot;
	sproxy_detach_many(proxy, used, count);
	if (proxy->pins)
		pins_remove(proxy->pins);
	return sproxy_leave(proxy);
}

int sproxy_route(struct sproxy *proxy, uint32_t fn, uint32_t edge, struct sp_route route)
{
	uint64_t word;

	if (fn >= SP_FN_MAX || edge >= SP_EDGE_MAX || route.fn >= SP_FN_MAX)
		return -EINVAL;
	/* One store, so that the program sees the old route or the new one. */
	memcpy(&word, &route, sizeof(word));
	__atomic_store_n((uint64_t *)(void *)&proxy->routes[fn * SP_EDGE_MAX + edge], word,
			 __ATOMIC_RELEASE);
	return 0;
}

struct sp_route sproxy_route_read(const struct sproxy *proxy, uint32_t fn, uint32_t edge)
{
	struct sp_route route = { 0 };
	uint64_t word;

	if (fn >= SP_FN_MAX || edge >= SP_EDGE_MAX)
		return route;
	word = __atomic_load_n((uint64_t *)(void *)&proxy->routes[fn * SP_EDGE_MAX + edge],
			       __ATOMIC_ACQUIRE);
	memcpy(&route, &word, sizeof(route));
	return route;
}

struct sp_owner *sproxy_owners(struct sproxy *proxy)
{
	return proxy->owners;
}

struct sp_instance *sproxy_instances(struct sproxy *proxy)
{
	return proxy->instances;
}

int sproxy_owners_fd(const struct sproxy *proxy)
{
	return proxy->maps[MAP_owners];
}

int sproxy_instances_fd(const struct sproxy *proxy)
{
	return proxy->maps[MAP_instances];
}
