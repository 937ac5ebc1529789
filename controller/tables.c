// SPDX-License-Identifier: Apache-2.0
#include "controller/tables.h"

#include <errno.h>
#include <string.h>

uint32_t tables_size(size_t struct_size, const struct wiring_heap *heap)
{
	return (uint32_t)(struct_size - sizeof(heap->data) + heap->used);
}

static int config_put(const struct chain_pairs *config, struct wiring_function *ret)
{
	int r = 0;

	if (config->count > WIRING_CONFIG_MAX)
		return -ENOSPC;
	for (size_t i = 0; r == 0 && i < config->count; i++) {
		r = wiring_put(&ret->heap, config->items[i].key, &ret->config[i].key);
		if (r == 0)
			r = wiring_put(&ret->heap, config->items[i].value, &ret->config[i].value);
	}
	ret->config_count = (uint32_t)config->count;
	return r;
}

int tables_function(const struct chain *chain, uint32_t index, uint32_t slot, uint32_t home,
		    struct wiring_function *ret)
{
	const struct chain_function *f = &chain->functions[index];
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->abi = WIRING_ABI;
	ret->slot = slot;
	ret->fn = index + 1;
	ret->home = home;
	ret->max_hops = chain->max_hops;
	ret->layout = chain->layout;
	r = wiring_put(&ret->heap, chain->name, &ret->chain);
	if (r == 0)
		r = wiring_put(&ret->heap, f->name, &ret->name);
	if (r == 0)
		r = config_put(&f->config, ret);
	ret->size = tables_size(sizeof(*ret), &ret->heap);
	return r;
}

static int ingress_put(const struct chain_ingress *from, struct wiring_heap *heap,
		       struct wiring_ingress *ret)
{
	int r = wiring_put(heap, from->path, &ret->path);

	for (uint32_t i = 0; r == 0 && i < from->method_count; i++)
		r = wiring_put(heap, from->methods[i], &ret->methods[i]);
	ret->method_count = from->method_count;
	ret->max_body = from->max_body;
	return r;
}

int tables_gateway(const struct chain *chain, struct wiring_gateway *ret)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->abi = WIRING_ABI;
	ret->timeout_ns = chain->timeout_ns;
	ret->fn_count = chain->function_count;
	ret->ingress_count = chain->ingress_count;
	ret->layout = chain->layout;
	ret->rules = chain->ingress_rules;
	r = wiring_put(&ret->heap, chain->name, &ret->chain);
	for (uint32_t i = 0; r == 0 && i < chain->function_count; i++)
		r = wiring_put(&ret->heap, chain->functions[i].name, &ret->fn_names[i + 1]);
	for (uint32_t i = 0; r == 0 && i < chain->ingress_count; i++)
		r = ingress_put(&chain->ingress[i], &ret->heap, &ret->ingress[i]);
	ret->size = tables_size(sizeof(*ret), &ret->heap);
	return r;
}

int tables_routes(const struct chain *chain, struct sproxy *proxy)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < chain->function_count; i++) {
		const struct chain_function *f = &chain->functions[i];
		struct sp_route own = { .kind = SP_ROUTE_FUNCTION, .fn = (uint16_t)(i + 1) };

		r = sproxy_route(proxy, SP_GATEWAY_FN, i + 1, own);
		for (uint32_t edge = 0; r == 0 && edge < f->target_count; edge++)
			r = sproxy_route(proxy, i + 1, edge, f->targets[edge]);
	}
	return r;
}
