/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_graph.c - what the routes make as a whole: is every function reached, every edge
 * routed, every way short enough, and does each end.
 *
 * How: one depth-first walk from the ingress over at most SP_FN_MAX nodes. A route to a
 * function that is still on the walk's path closes a cycle; the longest way behind a
 * function is known when the walk leaves it.
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
	enum mark marks[SP_FN_MAX];
	unsigned longest[SP_FN_MAX]; /* functions on the longest way from here, it included */
	int path[SP_FN_MAX];
	int depth;
	bool cyclic;
};

static void say_cycle(struct walk *walk, const struct chain_route *route)
{
	const struct chain_parse *parse = walk->parse;
	char text[CHAIN_ERROR_TEXT_MAX / 2] = "";
	size_t used = 0;
	int i = 0;

	walk->cyclic = true;
	if (parse->max_hops_set)
		return;
	while (walk->path[i] != route->to)
		i++;
	for (; i < walk->depth; i++) {
		if (used < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s -> ",
						 chain_source_name(parse, walk->path[i]));
	}
	chain_errors_add(parse->errors, route->at, "route cycle %s%s: set spec.maxHops", text,
			 chain_source_name(parse, route->to));
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

		if (route->from != number || route->to <= 0)
			continue;
		if (walk->marks[route->to] == MARK_OPEN && !route->broken)
			say_cycle(walk, route);
		if (walk->marks[route->to] == MARK_NEW)
			visit(walk, route->to);
		if (walk->longest[route->to] > longest)
			longest = walk->longest[route->to];
	}
	walk->longest[number] = longest + (number > 0);
	walk->depth--;
	walk->marks[number] = MARK_DONE;
}

/* Can all routes be followed, be it on a guess? */
static bool routes_known(const struct chain_parse *parse)
{
	for (size_t i = 0; i < parse->route_count; i++) {
		if (parse->routes[i].from < 0 || parse->routes[i].to < 0)
			return false;
	}
	return true;
}

static void check_reached(const struct walk *walk)
{
	const struct chain_parse *parse = walk->parse;

	for (int i = 1; i <= (int)parse->chain->function_count; i++) {
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
	for (int i = 1; i <= (int)parse->chain->function_count; i++) {
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
	struct walk walk = { .parse = parse };

	if (parse->route_count == 0) /* there were none, which is an error already */
		return;
	visit(&walk, 0);
	check_edges(parse);
	if (!routes_known(parse))
		return;
	if (parse->chain->function_count && walk.longest[0] == 0)
		chain_errors_add(parse->errors, parse->routes_at,
				 "no route begins at ingress: add {from: ingress, to: %.80s}",
				 parse->functions[1].name ? parse->functions[1].name : "...");
	else
		check_reached(&walk);
	check_hops(&walk);
}
