// SPDX-License-Identifier: Apache-2.0
/*
 * runtime_routes.c - the kernel's route table while chains change.
 *
 * How: an edge keeps its place in the table as long as anybody may name it: instances that run
 * know places. What a change adds gets free places; what only the chain before had is stale,
 * and leaves the table when nothing that was begun with it can be under way any more. A
 * controller that takes over finds the places in the table itself.
 */
#include <errno.h>
#include <stdlib.h>

#include "controller/runtime_private.h"
#include "controller/tables.h"

/* An edge that no instance is told of any more, but old ones may still use. */
struct stale_edge {
	uint32_t fn;
	uint32_t edge;
	struct sp_route route;
	uint64_t until_ns;
	struct stale_edge *next;
};

static void on_stale(void *arg)
{
	struct runtime *runtime = arg;
	struct stale_edge **at = &runtime->stale;
	uint64_t now = loop_now_ns(), next = 0;

	while (*at) {
		struct stale_edge *edge = *at;

		if (edge->until_ns > now) {
			if (!next || edge->until_ns < next)
				next = edge->until_ns;
			at = &edge->next;
			continue;
		}
		sproxy_route(runtime->proxy, edge->fn, edge->edge, (struct sp_route){ 0 });
		*at = edge->next;
		free(edge);
	}
	if (next)
		loop_arm(runtime->loop, &runtime->stale_timer, next - now);
}

void routes_free(struct runtime *runtime)
{
	while (runtime->stale) {
		struct stale_edge *edge = runtime->stale;

		runtime->stale = edge->next;
		free(edge);
	}
}

static bool is_stale(const struct runtime *runtime, uint32_t fn, uint32_t edge)
{
	const struct stale_edge *e = runtime->stale;

	while (e && (e->fn != fn || e->edge != edge))
		e = e->next;
	return e;
}

static void stale_add(struct runtime *runtime, uint32_t fn, uint32_t edge, struct sp_route route)
{
	uint64_t wait = runtime->chain->timeout_ns + RUNTIME_DRAIN_GRACE_NS;
	struct stale_edge *e;

	if (is_stale(runtime, fn, edge))
		return;
	e = malloc(sizeof(*e));
	if (!e) { /* stays in the table: an edge too many, until the chain is replaced */
		runtime_warn(runtime, "Memory", "an unused edge stays: no memory");
		return;
	}
	*e = (struct stale_edge){ fn, edge, route, loop_now_ns() + wait, runtime->stale };
	runtime->stale = e;
	if (!runtime->stale_timer.armed) {
		runtime->stale_timer.on_time = on_stale;
		runtime->stale_timer.arg = runtime;
		loop_arm(runtime->loop, &runtime->stale_timer, wait);
	}
}

/* Stale edges are in the kernel's table still: their places are taken, unless by the same. */
static void stale_show(const struct runtime *runtime, struct chain *chain)
{
	for (const struct stale_edge *e = runtime->stale; e; e = e->next) {
		struct chain_function *f = &chain->functions[e->fn - 1];

		f->targets[e->edge] = e->route;
		if (e->edge >= f->target_count)
			f->target_count = e->edge + 1;
	}
}

/* Used again: no longer stale. */
static void stale_drop(struct runtime *runtime, uint32_t fn, uint32_t edge)
{
	struct stale_edge **at = &runtime->stale;

	while (*at && ((*at)->fn != fn || (*at)->edge != edge))
		at = &(*at)->next;
	if (*at) {
		struct stale_edge *e = *at;

		*at = e->next;
		free(e);
	}
}

/* What is split stays so, until traffic_switch(). */
static void route_write(struct runtime *runtime, uint32_t fn, uint32_t edge, struct sp_route route)
{
	struct sp_route was = sproxy_route_read(runtime->proxy, fn, edge);

	if (was.kind == route.kind && was.fn == route.fn)
		route.split = was.split;
	sproxy_route(runtime->proxy, fn, edge, route);
}

/* Writes what `is` has, and remembers what only `was` has. */
static void row_switch(struct runtime *runtime, uint32_t fn, const struct chain_function *was,
		       const struct chain_function *is)
{
	for (uint32_t edge = 0; edge < SP_EDGE_MAX; edge++) {
		if (is->targets[edge].kind != SP_ROUTE_NONE) {
			stale_drop(runtime, fn, edge);
			route_write(runtime, fn, edge, is->targets[edge]);
		} else if (was->targets[edge].kind != SP_ROUTE_NONE) {
			stale_add(runtime, fn, edge, was->targets[edge]);
		}
	}
}

int routes_merge(struct runtime *runtime, struct chain *next)
{
	stale_show(runtime, runtime->chain);
	return tables_merge(runtime->chain, next);
}

void routes_switch(struct runtime *runtime, const struct chain *next)
{
	for (uint32_t fn = 1; fn <= next->function_count; fn++)
		row_switch(runtime, fn, &runtime->chain->functions[fn - 1],
			   &next->functions[fn - 1]);
}

int routes_adopt(struct runtime *runtime)
{
	struct chain_function *kernel = calloc(1, sizeof(*kernel));
	int r = kernel ? 0 : -ENOMEM;

	for (uint32_t fn = 1; r == 0 && fn <= runtime->chain->function_count; fn++) {
		struct chain_function *f = &runtime->chain->functions[fn - 1];

		for (uint32_t edge = 0; edge < SP_EDGE_MAX; edge++)
			kernel->targets[edge] = sproxy_route_read(runtime->proxy, fn, edge);
		kernel->target_count = SP_EDGE_MAX;
		r = tables_row_merge(kernel, f);
		if (r == 0)
			row_switch(runtime, fn, kernel, f);
	}
	free(kernel);
	return r;
}
