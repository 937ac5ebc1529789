// SPDX-License-Identifier: Apache-2.0
#include "controller/tables.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static uint32_t message_size(size_t struct_size, const struct wiring_heap *heap)
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

static int folder_put(const char *exec, struct wiring_function *ret)
{
	const char *end = exec ? strrchr(exec, '/') : NULL;
	char folder[CHAIN_PATH_MAX];

	snprintf(folder, sizeof(folder), "%.*s", end ? (int)(end - exec) : 0, exec ? exec : "");
	return wiring_put(&ret->heap, folder, &ret->folder);
}

int tables_function(const struct chain *chain, uint32_t index, const struct wiring_worker *workers,
		    uint32_t worker_count, struct wiring_function *ret)
{
	const struct chain_function *f = &chain->functions[index];
	int r;

	if (worker_count > WIRING_FN_WORKER_MAX)
		return -EINVAL;
	memset(ret, 0, sizeof(*ret));
	ret->abi = WIRING_ABI;
	ret->fn = f->traffic.first ? f->traffic.first : index + 1;
	ret->worker_count = worker_count;
	memcpy(ret->workers, workers, worker_count * sizeof(*workers));
	ret->concurrency = f->concurrency;
	ret->max_hops = chain->max_hops;
	ret->fn_count = chain->declared_count;
	ret->layout = chain->layout;
	ret->read_only = f->read_only;
	r = wiring_put(&ret->heap, chain->name, &ret->chain);
	if (r == 0)
		r = wiring_put(&ret->heap, f->name, &ret->name);
	if (r == 0)
		r = folder_put(f->exec, ret);
	if (r == 0)
		r = config_put(&f->config, ret);
	for (uint32_t i = 0; r == 0 && i < chain->declared_count; i++)
		r = wiring_put(&ret->heap, chain->functions[i].name, &ret->fn_names[i + 1]);
	ret->size = message_size(sizeof(*ret), &ret->heap);
	return r;
}

static int ingress_put(const struct chain_ingress *from, struct wiring_heap *heap,
		       struct wiring_ingress *ret)
{
	int r = wiring_put(heap, from->path, &ret->path);

	if (r == 0 && from->host)
		r = wiring_put(heap, from->host, &ret->host);
	for (uint32_t i = 0; r == 0 && i < from->method_count; i++)
		r = wiring_put(heap, from->methods[i], &ret->methods[i]);
	ret->method_count = from->method_count;
	ret->max_body = from->max_body;
	return r;
}

/* Do functions send what no client has sent? */
static bool makes_messages(const struct chain *chain)
{
	bool makes = false;

	for (uint32_t i = 0; i < chain->function_count; i++) {
		const struct rule_table *rules = &chain->functions[i].rules;

		makes |= rules->call_count > 0 || rules->group_count > 0;
		for (uint32_t r = 0; r < rules->count; r++)
			makes |= rules->rules[r].tee_count > 0;
	}
	return makes;
}

/* Whose deadlines count. */
static uint64_t watched(const struct chain *chain)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < chain->function_count; i++) {
		const struct chain_traffic *traffic = &chain->functions[i].traffic;
		uint32_t first = traffic->first ? traffic->first - 1 : i;
		const struct chain_traffic *rules = &chain->functions[first].traffic;

		if (rules->breaker.on || (traffic->first && rules->rollback.on))
			mask |= 1ULL << (i + 1);
	}
	return mask;
}

int tables_gateway(const struct chain *chain, struct wiring_gateway *ret)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->abi = WIRING_ABI;
	ret->timeout_ns = chain->timeout_ns;
	ret->spin_ns = (uint32_t)chain->spin_ns;
	ret->fn_count = chain->declared_count;
	ret->watched = watched(chain);
	ret->ingress_count = chain->ingress_count;
	ret->layout = chain->layout;
	ret->rules = chain->ingress_rules;
	ret->calls = makes_messages(chain);
	ret->wipe_on_free = chain->wipe_on_free;
	ret->connections = chain->connections;
	ret->connections_per_address = chain->connections_per_address;
	ret->max_in_flight = chain->max_in_flight;
	ret->max_queue = chain_queue_max(chain);
	ret->target_ms = (uint32_t)(chain->queue_target_ns / 1000000);
	ret->interval_ms = (uint32_t)(chain->queue_interval_ns / 1000000);
	for (uint32_t i = 0; i < chain->declared_count; i++) {
		ret->idempotent |= (uint64_t)chain->functions[i].idempotent << (i + 1);
		ret->second[i + 1] = (uint8_t)chain->functions[i].traffic.second;
	}
	r = wiring_put(&ret->heap, chain->name, &ret->chain);
	for (uint32_t i = 0; r == 0 && i < chain->declared_count; i++)
		r = wiring_put(&ret->heap, chain->functions[i].name, &ret->fn_names[i + 1]);
	for (uint32_t i = 0; r == 0 && i < chain->ingress_count; i++)
		r = ingress_put(&chain->ingress[i], &ret->heap, &ret->ingress[i]);
	ret->size = message_size(sizeof(*ret), &ret->heap);
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

static bool target_same(const struct sp_route *a, const struct sp_route *b)
{
	return a->kind == b->kind && a->fn == b->fn;
}

/* Where `target` stands in the row, or the first free place; SP_EDGE_MAX: none. */
static uint32_t target_place(const struct sp_route *row, const struct sp_route *target)
{
	uint32_t place = 0;

	while (place < SP_EDGE_MAX && !target_same(&row[place], target))
		place++;
	if (place < SP_EDGE_MAX)
		return place;
	place = 0;
	while (place < SP_EDGE_MAX && row[place].kind != SP_ROUTE_NONE)
		place++;
	return place;
}

/* Every edge that the table names. */
static void rules_move(struct rule_table *table, const uint8_t moved[SP_EDGE_MAX])
{
	for (uint32_t i = 0; i < table->count; i++) {
		struct rule *rule = &table->rules[i];

		rule->wire_edge = moved[rule->wire_edge];
		for (uint8_t t = 0; t < rule->tee_count; t++)
			rule->tees[t] = moved[rule->tees[t]];
	}
	for (uint32_t i = 0; i < table->call_count; i++)
		table->calls[i].edge = moved[table->calls[i].edge];
	for (uint32_t i = 0; i < table->group_count; i++)
		for (uint8_t m = 0; m < table->groups[i].count; m++)
			table->groups[i].members[m].edge = moved[table->groups[i].members[m].edge];
}

int tables_row_merge(const struct chain_function *old, struct chain_function *next)
{
	struct sp_route row[SP_EDGE_MAX] = { 0 }, merged[SP_EDGE_MAX] = { 0 };
	uint8_t moved[SP_EDGE_MAX] = { 0 };
	uint32_t count = 0;

	memcpy(row, old->targets, old->target_count * sizeof(row[0]));
	for (uint32_t i = 0; i < next->target_count; i++) {
		uint32_t place = target_place(row, &next->targets[i]);

		if (place == SP_EDGE_MAX)
			return -ENOSPC;
		row[place] = merged[place] = next->targets[i];
		moved[i] = (uint8_t)place;
		if (place >= count)
			count = place + 1;
	}
	rules_move(&next->rules, moved);
	memcpy(next->targets, merged, sizeof(merged));
	next->target_count = count;
	return 0;
}

int tables_merge(const struct chain *old, struct chain *next)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < next->function_count; i++)
		r = tables_row_merge(&old->functions[i], &next->functions[i]);
	return r;
}
