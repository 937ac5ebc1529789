// SPDX-License-Identifier: Apache-2.0
/*
 * runtime_edges.c - what the edges of the kernel's route table are to people.
 *
 * How: a chain's rules name an edge wherever they use it: for routes, joins, tees, calls and
 * fan-outs. One edge may be several of them, since each function has one place in a row for
 * each function that it sends to, and one more for each that it calls.
 */
#include <stdio.h>
#include <string.h>

#include "controller/runtime_stats.h"

const char *edge_kind_name(enum edge_kind kind)
{
	static const char *const names[] = {
#define X(id, name) name,
		RUNTIME_STATS_EDGES(X)
#undef X
	};

	return names[kind];
}

const char *edge_to_name(const struct runtime_stats *stats, const struct edge_stats *edge)
{
	return edge->kind == EDGE_RETURN ? "caller" : stats->functions[edge->to_fn].name;
}

/* What the rules use an edge for. */
struct uses {
	uint32_t routes;
	bool join, tee, call, all;
};

static struct uses uses_of(const struct rule_table *rules, uint32_t edge)
{
	struct uses uses = { 0 };

	for (uint32_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->rules[i];

		uses.join |= rule->group && rule->wire_edge == edge;
		uses.routes += !rule->group && rule->wire_edge == edge;
		for (uint8_t t = 0; t < rule->tee_count; t++)
			uses.tee |= rule->tees[t] == edge;
	}
	for (uint32_t i = 0; i < rules->call_count; i++)
		uses.call |= rules->calls[i].edge == edge;
	for (uint32_t i = 0; i < rules->group_count; i++)
		for (uint8_t m = 0; m < rules->groups[i].count; m++)
			uses.all |= rules->groups[i].members[m].edge == edge;
	return uses;
}

static void name_add(char ret[RUNTIME_STATS_EDGE_NAME_MAX], const char *name)
{
	size_t len = strlen(ret);

	snprintf(ret + len, RUNTIME_STATS_EDGE_NAME_MAX - len, "%s%s", len ? "," : "", name);
}

/* Each name once: several routes may leave by the same one. */
static void name_used(const struct chain_function *f, uint32_t edge,
		      char ret[RUNTIME_STATS_EDGE_NAME_MAX])
{
	struct uses uses = uses_of(&f->rules, edge);
	bool named[RULE_MAX + 1] = { false };

	ret[0] = '\0';
	for (uint32_t i = 0; i < f->rules.count; i++) {
		const struct rule *rule = &f->rules.rules[i];
		uint32_t from = rule->from_edge;

		if (rule->group || rule->wire_edge != edge || from > RULE_MAX || named[from])
			continue;
		named[from] = true;
		name_add(ret, from && from <= f->edge_count ? f->edges[from - 1] : "next");
	}
	if (uses.join)
		name_add(ret, "join");
	if (uses.tee)
		name_add(ret, "tee");
	if (uses.call)
		name_add(ret, "call");
	if (uses.all)
		name_add(ret, "all");
}

bool runtime_stats_is_ingress(const struct chain *chain, uint32_t fn)
{
	for (uint32_t i = 0; i < chain->ingress_rules.count; i++)
		if (chain->ingress_rules.rules[i].wire_edge == fn)
			return true;
	return false;
}

void runtime_stats_edge_name(const struct chain *chain, uint32_t fn, uint32_t edge,
			     char ret[RUNTIME_STATS_EDGE_NAME_MAX])
{
	const char *name = edge == SP_EDGE_REPLY   ? "reply" :
			   edge == SP_EDGE_RELEASE ? "release" :
			   edge == SP_EDGE_REFILL  ? "refill" :
			   edge == SP_EDGE_GRANT   ? "grant" :
			   edge == SP_EDGE_WAKE    ? "wake" :
			   edge == SP_EDGE_CANCEL  ? "cancel" :
						     "";

	if (!*name && fn == SP_GATEWAY_FN)
		name = runtime_stats_is_ingress(chain, edge) ? "ingress" : "retry";
	if (*name || fn > chain->function_count)
		snprintf(ret, RUNTIME_STATS_EDGE_NAME_MAX, "%s", name);
	else
		name_used(&chain->functions[fn - 1], edge, ret);
}

enum edge_kind runtime_stats_edge_kind(const struct chain *chain, uint32_t fn, uint32_t edge)
{
	const struct chain_function *f = fn ? &chain->functions[fn - 1] : NULL;
	uint16_t kind = f && edge < SP_EDGE_MAX ? f->targets[edge].kind : SP_ROUTE_REPLY;
	struct uses uses;

	if (!f)
		return EDGE_ROUTE;
	if (kind == SP_ROUTE_REPLY)
		return f->called_only ? EDGE_RETURN : EDGE_ROUTE;
	if (kind == SP_ROUTE_CALL)
		return EDGE_CALL;
	uses = uses_of(&f->rules, edge);
	return uses.routes || (!uses.join && !uses.tee) ? EDGE_ROUTE :
	       uses.join                                ? EDGE_JOIN :
							  EDGE_TEE;
}
