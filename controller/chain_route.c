/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_route.c - the routes section, and `steps`, its short form.
 *
 * How: names become function numbers and edge numbers. A name that is wrong is an error
 * once; where another is near, the route is read on as if that had been written, so that
 * one typing mistake does not make half of the chain unreachable in the messages.
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/chain_node.h"
#include "controller/chain_value.h"
#include "controller/suggest.h"

enum route_key { FROM, TO, WHEN, JOIN, TEE, ROUTE };
static const char *const route_keys[ROUTE] = { "from", "to", "when", "join", "tee" };

int chain_find_function(struct chain_parse *parse, const yaml_node_t *node, const char *what,
			const char *name, const char *zero, bool *broken)
{
	const char *names[SP_FN_MAX] = { zero };
	size_t count = parse->chain->declared_count + 1;
	char help[SUGGEST_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			names[i] = parse->functions[i].name;
		if (names[i] && !strcmp(names[i], name))
			return (int)i;
	}
	*broken = true;
	chain_errors_add(parse->errors, chain_node_place(node), "%s \"%.80s\": no such function%s",
			 what, name, suggest_text(help, name, names, count));
	return suggest_index(name, names, count);
}

/* Takes an edge that only the routes tell of for declared. Returns its rule.from_edge. */
static int believe_edge(struct chain_parse *parse, struct chain_function *function,
			const yaml_node_t *node, const char *edge)
{
	char **edges;

	if (!chain_value_is_edge(edge) || function->edge_count == SP_EDGE_MAX) {
		chain_errors_add(parse->errors, chain_node_place(node),
				 "edge \"%.80s\" must be 1 to 63 letters, digits, dashes or "
				 "underscores, and one of at most %d",
				 edge, SP_EDGE_MAX);
		return CHAIN_UNKNOWN;
	}
	edges = reallocarray(function->edges, function->edge_count + 1, sizeof(*edges));
	if (edges) {
		function->edges = edges;
		edges[function->edge_count] = strdup(edge);
	}
	if (!edges || !edges[function->edge_count]) {
		parse->errors->failed = -ENOMEM;
		return CHAIN_UNKNOWN;
	}
	return (int)++function->edge_count;
}

/* rule.from_edge of a function's edge, or CHAIN_UNKNOWN after an error. */
static int find_edge(struct chain_parse *parse, int number, const yaml_node_t *node,
		     const char *edge)
{
	struct chain_function *function = &parse->chain->functions[number - 1];
	char list[CHAIN_ERROR_TEXT_MAX / 2] = "no edges";
	size_t used = 0;

	for (size_t i = 0; i < function->edge_count; i++) {
		if (!strcmp(function->edges[i], edge))
			return (int)i + 1;
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
						 i ? ", " : "", function->edges[i]);
	}
	if (!parse->functions[number].described)
		return believe_edge(parse, function, node, edge);
	chain_errors_add(parse->errors, chain_node_place(node),
			 "edge \"%.80s\" is not declared by %.80s (it declares: %s)", edge,
			 parse->functions[number].exec, list);
	return CHAIN_UNKNOWN;
}

static void read_from(struct chain_parse *parse, const yaml_node_t *node, struct chain_route *route)
{
	const char *text = chain_node_text(parse, node, "from");
	const char *dot = text ? strchr(text, '.') : NULL;
	char name[CHAIN_NAME_MAX];
	size_t len = dot ? (size_t)(dot - text) : 0;

	route->at = chain_node_place(node);
	if (!text || len >= sizeof(name)) {
		if (text)
			chain_errors_add(parse->errors, route->at,
					 "route from \"%.80s\": no such function", text);
		route->broken = true;
		return;
	}
	memcpy(name, text, len);
	name[len] = '\0';
	route->from = chain_find_function(parse, node, "route from", dot ? name : text, "ingress",
					  &route->broken);
	if (!dot || route->from < 0)
		return;
	if (route->from == 0)
		chain_errors_add(parse->errors, route->at,
				 "ingress has no edges: write \"from: ingress\" and use \"when\"");
	route->edge = route->from && !route->broken ? find_edge(parse, route->from, node, dot + 1) :
						      CHAIN_UNKNOWN;
	route->broken |= route->edge < 0;
}

static void read_to(struct chain_parse *parse, const yaml_node_t *node, struct chain_route *route)
{
	const char *text = NULL;
	bool broken = false;

	if (node->type == YAML_SEQUENCE_NODE)
		chain_errors_add(
			parse->errors, chain_node_place(node),
			"a route goes to one function: to: {all: [a, b]} with join: {at: c} "
			"goes to several");
	else
		text = chain_node_text(parse, node, "to");
	if (text)
		route->to = chain_find_function(parse, node, "route to", text, "reply", &broken);
	if (route->from == 0 && route->to == 0 && !broken && !route->broken) {
		chain_errors_add(parse->errors, chain_node_place(node),
				 "ingress cannot go to reply: a function has to answer");
		broken = true;
	}
	route->broken |= broken || !text;
}

static void read_ways(struct chain_parse *parse, const yaml_node_t *const *v,
		      struct chain_route *route)
{
	if (v[TO]->type == YAML_MAPPING_NODE) {
		chain_read_fan_out(parse, v[TO], v[JOIN], route);
		return;
	}
	if (v[JOIN])
		chain_errors_add(parse->errors, chain_node_place(v[JOIN]),
				 "join needs a route to several functions: to: {all: [a, b]}");
	read_to(parse, v[TO], route);
}

static void read_route(struct chain_parse *parse, const yaml_node_t *node,
		       struct chain_route *route)
{
	const yaml_node_t *v[ROUTE];

	*route = (struct chain_route){ .at = chain_node_place(node),
				       .from = CHAIN_UNKNOWN,
				       .to = CHAIN_UNKNOWN };
	if (!chain_node_take(parse, node, "route", route_keys, ROUTE, v)) {
		route->broken = true;
		return;
	}
	if (chain_node_need(parse, node, "route", v[FROM], "from"))
		read_from(parse, v[FROM], route);
	if (chain_node_need(parse, node, "route", v[TO], "to"))
		read_ways(parse, v, route);
	if (v[TEE])
		chain_read_tee(parse, v[TEE], route);
	if (!v[FROM] || !v[TO] || (v[WHEN] && !chain_read_when(parse, v[WHEN], &route->when)))
		route->broken = true;
}

/* Room for `count` routes. */
static int make_routes(struct chain_parse *parse, size_t count)
{
	parse->routes = calloc(count, sizeof(*parse->routes));
	return parse->routes ? 0 : -ENOMEM;
}

int chain_read_routes(struct chain_parse *parse, const yaml_node_t *list)
{
	size_t count = chain_node_count(list);

	parse->routes_at = chain_node_place(list);
	if (!chain_node_list(parse, list, "routes", CHAIN_ROUTES_MAX))
		return 0;
	if (make_routes(parse, count))
		return -ENOMEM;
	for (size_t i = 0; i < count && !chain_errors_full(parse->errors); i++)
		read_route(parse, chain_node_item(parse, list, i),
			   &parse->routes[parse->route_count++]);
	return 0;
}

/* Function of a step; CHAIN_UNKNOWN when it cannot be told. */
static int read_step(struct chain_parse *parse, const yaml_node_t *node, bool *broken)
{
	const char *text = chain_node_text(parse, node, "step");

	if (text)
		return chain_find_function(parse, node, "step", text, NULL, broken);
	*broken = true;
	return CHAIN_UNKNOWN;
}

/* A step that was there before would make two ways out of one function. */
static bool check_step(struct chain_parse *parse, const yaml_node_t *node, int number)
{
	for (size_t i = 0; number > 0 && i < parse->route_count; i++) {
		if (parse->routes[i].to == number) {
			chain_errors_add(parse->errors, chain_node_place(node),
					 "step \"%s\" is there twice: a sequence goes through a "
					 "function once, use routes",
					 chain_source_name(parse, number));
			return false;
		}
	}
	return true;
}

int chain_read_steps(struct chain_parse *parse, const yaml_node_t *list)
{
	bool from_broken = false;
	int from = 0;

	parse->from_steps = true;
	parse->routes_at = chain_node_place(list);
	if (!chain_node_list(parse, list, "steps", SP_FN_MAX))
		return 0;
	if (make_routes(parse, chain_node_count(list) + 1))
		return -ENOMEM;
	for (size_t i = 0; i < chain_node_count(list); i++) {
		const yaml_node_t *item = chain_node_item(parse, list, i);
		bool broken = false;
		int to = read_step(parse, item, &broken);

		broken = broken || !check_step(parse, item, to);
		parse->routes[parse->route_count++] = (struct chain_route){
			.at = chain_node_place(item),
			.from = from,
			.to = to,
			.broken = broken || from_broken,
		};
		from = to;
		from_broken = broken;
	}
	parse->routes[parse->route_count++] = (struct chain_route){
		.at = chain_node_place(list),
		.from = from,
		.broken = from_broken,
	};
	return 0;
}
