// SPDX-License-Identifier: Apache-2.0
/* Splits, gates and watches: words that the program reads on its way. */
#include <string.h>

#include "sproxy/state.h"

void sproxy_split(struct sproxy *proxy, uint32_t fn, uint32_t other, uint32_t share)
{
	const uint32_t split = share > 0 ? SP_SPLIT(other, share) : 0;

	if (share > SP_SPLIT_ALL || other >= SP_FN_MAX || fn == SP_GATEWAY_FN)
		return;
	for (uint32_t i = 0; i < SP_FN_MAX * SP_EDGE_MAX; i++) {
		struct sp_route route = sproxy_route_read(proxy, i / SP_EDGE_MAX, i % SP_EDGE_MAX);

		if ((route.kind != SP_ROUTE_FUNCTION && route.kind != SP_ROUTE_CALL) ||
		    route.fn != fn || route.split == split)
			continue;
		route.split = split;
		sproxy_route(proxy, i / SP_EDGE_MAX, i % SP_EDGE_MAX, route);
	}
}

void sproxy_gate(struct sproxy *proxy, uint32_t fn, enum sp_gate gate, uint32_t probes)
{
	struct sp_function_slots *f = &proxy->functions[fn % SP_FN_MAX];

	for (uint32_t i = 0; i < f->count; i++)
		__atomic_store_n(&proxy->instances[f->slot[i]].probes, probes, __ATOMIC_RELAXED);
	/* The program looks at the gate first. */
	__atomic_store_n(&f->gate, (uint8_t)gate, __ATOMIC_RELEASE);
}

enum sp_gate sproxy_gate_read(const struct sproxy *proxy, uint32_t fn)
{
	return (enum sp_gate)proxy->functions[fn % SP_FN_MAX].gate;
}

void sproxy_watch(struct sproxy *proxy, uint32_t slot)
{
	if (slot < SP_INST_MAX)
		__atomic_store_n(&proxy->instances[slot].watch, 1, __ATOMIC_RELEASE);
}
