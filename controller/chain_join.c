/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_join.c - routes that more than one function takes: `to: {all: [a, b]}` with its
 * `join`, and `tee`.
 *
 * How: the functions of `all` read one body at the same time, and what they answer goes on to
 * the join's function; those of `tee` read along, and nobody waits for them. Both need a
 * function that sends, since the ingress has no memory of its own to wait in.
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include <string.h>

#include "controller/chain_node.h"
#include "controller/chain_value.h"

#define MS UINT64_C(1000000)

enum to_key { ALL, TO };
static const char *const to_keys[TO] = { "all" };

enum join_key { AT, WAIT, TIMEOUT, ON_TIMEOUT, JOIN };
static const char *const join_keys[JOIN] = { "at", "wait", "timeout", "onTimeout" };

static const char *const on_timeout_names[] = { "fail", "partial" };

/* Functions of a list, each once. Returns how many are in `ret`. */
static uint8_t read_functions(struct chain_parse *parse, const yaml_node_t *list, const char *key,
			      const char *what, size_t max, struct chain_route *route, uint8_t *ret)
{
	uint8_t count = 0;

	if (!chain_node_list(parse, list, key, max)) {
		route->broken = route->unknown = true;
		return 0;
	}
	for (size_t i = 0; i < chain_node_count(list); i++) {
		const yaml_node_t *item = chain_node_item(parse, list, i);
		const char *text = chain_node_text(parse, item, what);
		bool reply = text && !strcmp(text, "reply");
		int fn = text && !reply ? chain_find_function(parse, item, what, text, NULL,
							      &route->broken) :
					  CHAIN_UNKNOWN;

		if (reply)
			chain_errors_add(parse->errors, chain_node_place(item),
					 "%s takes functions, not reply", key);
		if (fn < 0) {
			route->broken = route->unknown = true;
		} else if (memchr(ret, fn, count)) {
			chain_errors_add(parse->errors, chain_node_place(item),
					 "%s names \"%s\" twice", key,
					 chain_source_name(parse, fn));
			route->broken = true;
		} else {
			ret[count++] = (uint8_t)fn;
		}
	}
	return count;
}

/* "all", "any", or how many. */
static void read_wait(struct chain_parse *parse, const yaml_node_t *node, struct chain_route *route)
{
	const char *text = chain_node_text(parse, node, "join.wait");
	uint64_t count = 0;

	if (text && !strcmp(text, "any"))
		route->group.need = 1;
	else if (text && strcmp(text, "all") &&
		 (chain_value_number(text, &count) || count < 1 || count > route->group.count))
		chain_errors_add(
			parse->errors, chain_node_place(node),
			"join.wait \"%.80s\" must be all, any, or a number from 1 to %u, as "
			"many as \"all\" has",
			text, route->group.count);
	else if (count)
		route->group.need = (uint8_t)count;
}

static void read_join_timeout(struct chain_parse *parse, const yaml_node_t *node,
			      struct chain_route *route)
{
	uint64_t limit = parse->chain->timeout_ns;
	uint64_t *ret = &route->group.timeout_ns;

	if (!chain_node_duration(parse, node, "join.timeout", CHAIN_DURATION_MIN_NS,
				 CHAIN_DURATION_MAX_NS, ret) ||
	    *ret < limit)
		return;
	chain_errors_add(
		parse->errors, chain_node_place(node),
		"join.timeout %s can never pass: the chain's timeout is %llums; lower it, or "
		"leave it out",
		chain_node_text(parse, node, "join.timeout"), (unsigned long long)(limit / MS));
}

static void read_at(struct chain_parse *parse, const yaml_node_t *node, struct chain_route *route)
{
	const char *text = chain_node_text(parse, node, "join.at");

	if (text && !strcmp(text, "reply"))
		chain_errors_add(parse->errors, chain_node_place(node),
				 "join.at cannot be reply: name a function, which makes one answer "
				 "of all");
	else if (text)
		route->to = chain_find_function(parse, node, "join.at", text, NULL, &route->broken);
	route->broken |= route->to <= 0;
}

static void read_join(struct chain_parse *parse, const yaml_node_t *join, struct chain_route *route)
{
	const yaml_node_t *v[JOIN];
	int choice;

	if (!chain_node_take(parse, join, "join", join_keys, JOIN, v)) {
		route->broken = true;
		return;
	}
	if (chain_node_need(parse, join, "join", v[AT], "at"))
		read_at(parse, v[AT], route);
	else
		route->broken = true;
	if (v[WAIT])
		read_wait(parse, v[WAIT], route);
	if (v[TIMEOUT])
		read_join_timeout(parse, v[TIMEOUT], route);
	if (!v[ON_TIMEOUT])
		return;
	choice = chain_node_choice(parse, v[ON_TIMEOUT], "join.onTimeout", on_timeout_names,
				   sizeof(on_timeout_names) / sizeof(on_timeout_names[0]));
	route->group.partial = choice > 0;
}

/* Only a function can hand a body to several. Returns false after an error. */
static bool check_from(struct chain_parse *parse, const yaml_node_t *node, const char *what,
		       struct chain_route *route)
{
	if (route->from != 0)
		return true;
	chain_errors_add(parse->errors, chain_node_place(node),
			 "ingress cannot %s: put a function first, and have its route do so", what);
	route->broken = true;
	return false;
}

void chain_read_fan_out(struct chain_parse *parse, const yaml_node_t *to, const yaml_node_t *join,
			struct chain_route *route)
{
	uint8_t members[RULE_MEMBER_MAX] = { 0 };
	const yaml_node_t *v[TO];

	if (!check_from(parse, to, "go to several functions", route))
		return;
	if (!chain_node_take(parse, to, "route to", to_keys, TO, v) ||
	    !chain_node_need(parse, to, "route to", v[ALL], "all")) {
		route->broken = true;
		return;
	}
	route->group.count = read_functions(parse, v[ALL], "all", "route to all of",
					    RULE_MEMBER_MAX, route, members);
	route->group.need = route->group.count;
	for (uint8_t i = 0; i < route->group.count; i++)
		route->group.members[i].fn = members[i];
	if (join) {
		read_join(parse, join, route);
		return;
	}
	chain_errors_add(
		parse->errors, chain_node_place(to),
		"route to all has no join: add join: {at: FUNCTION}, the function that the "
		"answers go to");
	route->broken = true;
}

void chain_read_tee(struct chain_parse *parse, const yaml_node_t *tee, struct chain_route *route)
{
	if (check_from(parse, tee, "have a tee", route))
		route->tee_count = read_functions(parse, tee, "tee", "tee to", RULE_TEE_MAX, route,
						  route->tees);
}
