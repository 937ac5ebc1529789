/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_table.c - from routes to the tables that processes and kernel read.
 *
 * How: a source is a function (or the ingress) and one of its edges. Routes of one source
 * are rules in the order of the file, of which the first that matches wins; the kernel's
 * row of a function has one target for each place that its routes, tees, fan-outs and calls
 * lead to. Routes that can
 * never be reached, and sources that may match nothing, are errors.
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include <string.h>

#include "controller/chain_node.h"

static bool same_source(const struct chain_route *a, const struct chain_route *b)
{
	return a->from == b->from && a->edge == b->edge;
}

static bool same_condition(const struct rule *a, const struct rule *b)
{
	return a->kind == b->kind && a->status == b->status && a->name_len == b->name_len &&
	       a->value_len == b->value_len && !memcmp(a->name, b->name, a->name_len) &&
	       !memcmp(a->value, b->value, a->value_len);
}

/* "search" or "search.unknown_plate". */
static const char *source_text(const struct chain_parse *parse, const struct chain_route *route,
			       char *buf, size_t size)
{
	const char *name = chain_source_name(parse, route->from);

	if (route->edge > 0)
		snprintf(buf, size, "%s.%s", name,
			 parse->chain->functions[route->from - 1].edges[route->edge - 1]);
	else
		snprintf(buf, size, "%s", name);
	return buf;
}

/* Is there an earlier route that takes all that this one could? */
static bool check_reached(struct chain_parse *parse, const struct chain_route *route)
{
	char source[2 * CHAIN_NAME_MAX];

	for (const struct chain_route *other = parse->routes; other < route; other++) {
		if (other->broken || !same_source(other, route))
			continue;
		if (other->when.kind == RULE_ALWAYS)
			chain_errors_add(parse->errors, route->at,
					 "route is never used: the one on line %u takes all that "
					 "comes from \"%s\"",
					 other->at.line,
					 source_text(parse, route, source, sizeof(source)));
		else if (same_condition(&other->when, &route->when))
			chain_errors_add(parse->errors, route->at,
					 "route is never used: the one on line %u has the same "
					 "condition",
					 other->at.line);
		else
			continue;
		return false;
	}
	return true;
}

/* Is the route the last of its source, and conditional? Then nothing catches the rest. */
static void check_default(struct chain_parse *parse, const struct chain_route *route)
{
	const struct chain_route *end = parse->routes + parse->route_count;
	char source[2 * CHAIN_NAME_MAX];

	if (route->when.kind == RULE_ALWAYS)
		return;
	/* A broken route of the same source counts: it may have been meant as the default. */
	for (const struct chain_route *other = parse->routes; other < end; other++) {
		if (other != route && same_source(other, route) &&
		    (other > route || other->broken || other->when.kind == RULE_ALWAYS))
			return;
	}
	source_text(parse, route, source, sizeof(source));
	chain_errors_add(parse->errors, route->at,
			 "routes from \"%s\" have no default: add {from: %s, to: ...} without "
			 "\"when\" after them",
			 source, source);
}

uint8_t chain_target(struct chain_parse *parse, struct chain_place at, int number,
		     enum sp_route_kind kind, int fn)
{
	struct chain_function *function = &parse->chain->functions[number - 1];
	struct sp_route target = { .kind = (uint16_t)kind, .fn = (uint16_t)fn };
	uint32_t i = 0;

	while (i < function->target_count && memcmp(&function->targets[i], &target, sizeof(target)))
		i++;
	if (i == SP_EDGE_MAX) {
		chain_errors_add(parse->errors, at,
				 "\"%s\" has more than %d ways out, calls and tees included",
				 chain_source_name(parse, number), SP_EDGE_MAX);
		return 0;
	}
	if (i == function->target_count)
		function->targets[function->target_count++] = target;
	return (uint8_t)i;
}

/* rule.group of the route's fan-out; routes with the same share one. */
static uint8_t find_group(struct chain_parse *parse, const struct chain_route *route)
{
	struct rule_table *table = &parse->chain->functions[route->from - 1].rules;
	struct rule_group group = route->group;
	uint32_t i = 0;

	for (uint8_t m = 0; m < group.count; m++)
		group.members[m].edge = chain_target(parse, route->at, route->from, SP_ROUTE_CALL,
						     group.members[m].fn);
	while (i < table->group_count && memcmp(&table->groups[i], &group, sizeof(group)) != 0)
		i++;
	if (i == RULE_GROUP_MAX) {
		chain_errors_add(parse->errors, route->at, "more than %d joins after \"%s\"",
				 RULE_GROUP_MAX, chain_source_name(parse, route->from));
		return 0;
	}
	if (i == table->group_count)
		table->groups[table->group_count++] = group;
	return (uint8_t)(i + 1);
}

/* Where a function's route goes. */
static void add_ways(struct chain_parse *parse, const struct chain_route *route, struct rule *rule)
{
	rule->wire_edge = chain_target(parse, route->at, route->from,
				       route->to ? SP_ROUTE_FUNCTION : SP_ROUTE_REPLY, route->to);
	rule->answers = !route->to;
	if (route->group.count)
		rule->group = find_group(parse, route);
	rule->tee_count = route->tee_count;
	for (uint8_t i = 0; i < route->tee_count; i++)
		rule->tees[i] = chain_target(parse, route->at, route->from, SP_ROUTE_FUNCTION,
					     route->tees[i]);
}

static void add_rule(struct chain_parse *parse, const struct chain_route *route)
{
	struct rule_table *table = route->from ? &parse->chain->functions[route->from - 1].rules :
						 &parse->chain->ingress_rules;
	struct rule *rule = &table->rules[table->count];

	if (table->count == RULE_MAX) {
		chain_errors_add(parse->errors, route->at, "more than %d routes from \"%s\"",
				 RULE_MAX, chain_source_name(parse, route->from));
		return;
	}
	*rule = route->when;
	rule->from_edge = (uint8_t)route->edge;
	if (route->from)
		add_ways(parse, route, rule);
	else
		rule->wire_edge = (uint8_t)route->to;
	table->count++;
}

void chain_build_tables(struct chain_parse *parse)
{
	for (size_t i = 0; i < parse->route_count && !chain_errors_full(parse->errors); i++) {
		const struct chain_route *route = &parse->routes[i];

		if (route->broken || !check_reached(parse, route))
			continue;
		check_default(parse, route);
		add_rule(parse, route);
	}
}
