/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_graph.c - what the routes make as a whole: is every function reached, every edge
 * routed, every way short enough, and does each end.
 *
 * How: depth-first walks over at most SP_FN_MAX nodes. The first follows all ways of a request
 * from the ingress, calls and fan-outs included: what it does not see is not reached, and the
 * longest way behind a function is known when the walk leaves it. The second follows routes
 * and tees alone: one to a function that is still on the walk's path closes a cycle. A call
 * that comes back to its caller is no cycle but recursion, which only maxHops can end.
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include <string.h>

#include "controller/chain_node.h"

enum mark {
	MARK_NEW,  /* not seen yet */
	MARK_OPEN, /* on the path that is being walked */
	MARK_DONE, /* all behind it was seen */
};

struct walk {
	struct chain_parse *parse;
	bool calls; /* follows them */
	enum mark marks[SP_FN_MAX];
	unsigned longest[SP_FN_MAX]; /* functions on the longest way from here, it included */
	int path[SP_FN_MAX];
	int depth;
	bool cyclic;
};

static void say_cycle(const struct walk *walk, const struct chain_route *route, int to)
{
	const struct chain_parse *parse = walk->parse;
	char text[CHAIN_ERROR_TEXT_MAX / 2] = "";
	size_t used = 0;
	int i = 0;

	if (parse->max_hops_set)
		return;
	while (walk->path[i] != to)
		i++;
	for (; i < walk->depth; i++) {
		if (used < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s -> ",
						 chain_source_name(parse, walk->path[i]));
	}
	chain_errors_add(parse->errors, route->at, "route cycle %s%s: set spec.maxHops", text,
			 chain_source_name(parse, to));
}

static void visit(struct walk *walk, int number);

/* One way out of the function that the walk is at; `route` is NULL for a call's. */
static void follow(struct walk *walk, const struct chain_route *route, int to, unsigned *longest)
{
	if (walk->marks[to] == MARK_OPEN) {
		walk->cyclic = true;
		if (!walk->calls && !route->broken)
			say_cycle(walk, route, to);
	}
	if (walk->marks[to] == MARK_NEW)
		visit(walk, to);
	if (walk->longest[to] > *longest)
		*longest = walk->longest[to];
}

static void follow_calls(struct walk *walk, int number, unsigned *longest)
{
	const struct rule_table *rules = &walk->parse->chain->functions[number - 1].rules;

	for (uint32_t i = 0; i < rules->call_count; i++) {
		if (rules->calls[i].fn) /* else it has an error */
			follow(walk, NULL, rules->calls[i].fn, longest);
	}
}

/* The walk. Recursion is bounded by SP_FN_MAX: an open function is not entered again. */
static void visit(struct walk *walk, int number)
{
	const struct chain_parse *parse = walk->parse;
	unsigned longest = 0;

	walk->marks[number] = MARK_OPEN;
	walk->path[walk->depth++] = number;
	for (size_t i = 0; i < parse->route_count; i++) {
		const struct chain_route *route = &parse->routes[i];

		if (route->from != number)
			continue;
		for (uint8_t m = 0; walk->calls && m < route->group.count; m++)
			follow(walk, route, route->group.members[m].fn, &longest);
		for (uint8_t t = 0; t < route->tee_count; t++)
			follow(walk, route, route->tees[t], &longest);
		if (route->to > 0)
			follow(walk, route, route->to, &longest);
	}
	if (walk->calls && number > 0)
		follow_calls(walk, number, &longest);
	walk->longest[number] = longest + (number > 0);
	walk->depth--;
	walk->marks[number] = MARK_DONE;
}

/* Finds the route cycles behind what `all` has reached, and which functions only calls reach. */
static void walk_routes(const struct walk *all)
{
	struct walk walk = { .parse = all->parse };
	struct chain *chain = all->parse->chain;

	visit(&walk, 0);
	for (uint32_t i = 1; i <= chain->declared_count; i++)
		chain->functions[i - 1].called_only = walk.marks[i] == MARK_NEW;
	for (int i = 1; i <= (int)chain->declared_count; i++) {
		if (walk.marks[i] == MARK_NEW && all->marks[i] != MARK_NEW)
			visit(&walk, i);
	}
}

/* Can all ways be followed, be it on a guess? */
static bool routes_known(const struct chain_parse *parse)
{
	for (size_t i = 0; i < parse->route_count; i++) {
		const struct chain_route *route = &parse->routes[i];

		if (route->from < 0 || route->to < 0 || route->unknown)
			return false;
	}
	for (uint32_t i = 1; i <= parse->chain->declared_count; i++) {
		if (parse->functions[i].calls_unknown)
			return false;
	}
	return true;
}

static void check_reached(const struct walk *walk)
{
	const struct chain_parse *parse = walk->parse;

	for (int i = 1; i <= (int)parse->chain->declared_count; i++) {
		const struct chain_source *source = &parse->functions[i];

		if (walk->marks[i] == MARK_NEW && source->name)
			chain_errors_add(parse->errors, source->at,
					 "function \"%.80s\" cannot be reached from ingress",
					 source->name);
	}
}

static void check_hops(const struct walk *walk)
{
	const struct chain_parse *parse = walk->parse;

	if (!walk->cyclic && walk->longest[0] > parse->chain->max_hops)
		chain_errors_add(parse->errors, parse->max_hops_at,
				 "the longest way through the chain has %u functions, maxHops is "
				 "%u: set spec.maxHops: %u",
				 walk->longest[0], parse->chain->max_hops, walk->longest[0]);
}

/* Is a route of this edge there, or one that may have been meant for it? */
static bool edge_routed(const struct chain_parse *parse, int number, int edge)
{
	for (size_t i = 0; i < parse->route_count; i++) {
		const struct chain_route *route = &parse->routes[i];

		if (route->from == number && (route->edge == edge || route->edge < 0))
			return true;
	}
	return false;
}

static void check_edges(const struct chain_parse *parse)
{
	for (int i = 1; i <= (int)parse->chain->declared_count; i++) {
		const struct chain_function *function = &parse->chain->functions[i - 1];
		const struct chain_source *source = &parse->functions[i];

		for (int e = 0; e < (int)function->edge_count; e++) {
			if (edge_routed(parse, i, e + 1))
				continue;
			chain_errors_add(parse->errors, source->at,
					 "edge \"%s\" of %.80s has no route: add {from: %s.%s, to: "
					 "...}%s",
					 function->edges[e], source->exec,
					 source->name ? source->name : "?", function->edges[e],
					 parse->from_steps ? " and write routes instead of steps" :
							     "");
		}
	}
}

void chain_check_graph(struct chain_parse *parse)
{
	struct walk walk = { .parse = parse, .calls = true };

	if (parse->route_count == 0) /* there were none, which is an error already */
		return;
	visit(&walk, 0);
	walk_routes(&walk);
	check_edges(parse);
	if (!routes_known(parse))
		return;
	if (parse->chain->declared_count && walk.longest[0] == 0)
		chain_errors_add(parse->errors, parse->routes_at,
				 "no route begins at ingress: add {from: ingress, to: %.80s}",
				 parse->functions[1].name ? parse->functions[1].name : "...");
	else
		check_reached(&walk);
	check_hops(&walk);
}
