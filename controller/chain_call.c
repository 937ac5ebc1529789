/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_call.c - the calls of each function: whom it asks, and what its code calls them.
 *
 * How: `calls: [rates]` where the code's name is the function's, `calls: {rates: currency}`
 * where it is not. The code knows a call by its index, so they are kept in the order in which
 * the executable declares them; each of its calls must lead somewhere, and to a function that
 * is named here. Where the executable cannot be asked, the file is believed.
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/chain_node.h"
#include "controller/chain_value.h"
#include "controller/suggest.h"

/* Takes a call that only the file tells of for declared. Returns its index or CHAIN_UNKNOWN. */
static int believe_call(struct chain_parse *parse, struct chain_function *function,
			const yaml_node_t *node, const char *name)
{
	char **calls;

	if (!chain_value_is_edge(name)) {
		chain_errors_add(parse->errors, chain_node_place(node),
				 "call \"%.80s\" must be 1 to 63 letters, digits, dashes or "
				 "underscores",
				 name);
		return CHAIN_UNKNOWN;
	}
	calls = reallocarray(function->calls, function->call_count + 1, sizeof(*calls));
	if (calls) {
		function->calls = calls;
		calls[function->call_count] = strdup(name);
	}
	if (!calls || !calls[function->call_count]) {
		parse->errors->failed = -ENOMEM;
		return CHAIN_UNKNOWN;
	}
	return (int)function->call_count++;
}

/* Index of the function's call `name`, or CHAIN_UNKNOWN after an error. */
static int find_call(struct chain_parse *parse, int number, const yaml_node_t *node,
		     const char *name)
{
	struct chain_function *function = &parse->chain->functions[number - 1];
	char list[CHAIN_ERROR_TEXT_MAX / 2] = "no calls", help[SUGGEST_TEXT_MAX];
	size_t used = 0;

	for (size_t i = 0; i < function->call_count; i++) {
		if (!strcmp(function->calls[i], name))
			return (int)i;
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
						 i ? ", " : "", function->calls[i]);
	}
	if (!parse->functions[number].described)
		return believe_call(parse, function, node, name);
	chain_errors_add(parse->errors, chain_node_place(node),
			 "call \"%.80s\" is not declared by %.80s (it declares: %s)%s", name,
			 parse->functions[number].exec, list,
			 suggest_text(help, name, (const char *const *)function->calls,
				      function->call_count));
	return CHAIN_UNKNOWN;
}

/* One item of `calls`; `key` is NULL in a list, where one name says both. */
static void read_call(struct chain_parse *parse, int number, const yaml_node_t *key,
		      const yaml_node_t *value, struct chain_source *source)
{
	struct chain_function *function = &parse->chain->functions[number - 1];
	const char *to = chain_node_text(parse, value, "call");
	const char *name = key ? chain_node_text(parse, key, "call name") : to;
	bool broken = false;
	int fn = to && name ? chain_find_function(parse, value, "call of", to, NULL, &broken) :
			      CHAIN_UNKNOWN;
	int index;

	if (fn < 0 || (broken && !key))
		name = fn < 0 ? NULL : parse->functions[fn].name;
	index = name ? find_call(parse, number, key ? key : value, name) : CHAIN_UNKNOWN;
	if (index < 0) {
		source->calls_unknown = true;
		return;
	}
	if (function->rules.calls[index].fn)
		chain_errors_add(parse->errors, chain_node_place(value), "calls names \"%s\" twice",
				 name);
	function->rules.calls[index].fn = (uint8_t)fn;
}

static bool has_function(const struct chain_parse *parse, const char *name)
{
	for (uint32_t i = 1; i <= parse->chain->declared_count; i++) {
		if (parse->functions[i].name && !strcmp(parse->functions[i].name, name))
			return true;
	}
	return false;
}

/* Does the code call what the file does not name? */
static void check_all_there(struct chain_parse *parse, int number)
{
	const struct chain_source *source = &parse->functions[number];
	const struct chain_function *function = &parse->chain->functions[number - 1];
	char list[CHAIN_ERROR_TEXT_MAX / 2] = "";
	size_t used = 0;

	for (size_t i = 0; i < function->call_count && used < sizeof(list); i++) {
		const char *name = function->calls[i];

		if (!function->rules.calls[i].fn)
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s: %s",
						 used ? ", " : "", name,
						 has_function(parse, name) ? name : "FUNCTION");
	}
	if (used && !source->calls_unknown)
		chain_errors_add(parse->errors,
				 source->calls ? chain_node_place(source->calls) : source->at,
				 "\"%.80s\" does not say where all calls of %.80s go: add calls: "
				 "{%s}",
				 source->name ? source->name : "?", source->exec, list);
}

static void add_targets(struct chain_parse *parse, int number)
{
	struct chain_function *function = &parse->chain->functions[number - 1];
	const struct chain_source *source = &parse->functions[number];

	function->rules.call_count = (uint32_t)function->call_count;
	for (size_t i = 0; i < function->call_count; i++) {
		struct rule_call *call = &function->rules.calls[i];

		if (call->fn)
			call->edge =
				chain_target(parse, source->at, number, SP_ROUTE_CALL, call->fn);
	}
}

void chain_read_calls(struct chain_parse *parse)
{
	for (int number = 1; number <= (int)parse->chain->declared_count; number++) {
		struct chain_source *source = &parse->functions[number];
		const yaml_node_t *node = source->calls;
		bool map = node && node->type == YAML_MAPPING_NODE;
		size_t count = node ? chain_node_count(node) : 0;

		if (map ? count > RULE_CALL_MAX :
			  node && !chain_node_list(parse, node, "calls", RULE_CALL_MAX)) {
			if (map)
				chain_errors_add(parse->errors, chain_node_place(node),
						 "calls has %zu items; the limit is %d", count,
						 RULE_CALL_MAX);
			source->calls_unknown = true;
			continue;
		}
		for (size_t i = 0; i < count; i++)
			read_call(parse, number, map ? chain_node_key(parse, node, i) : NULL,
				  map ? chain_node_value(parse, node, i) :
					chain_node_item(parse, node, i),
				  source);
		check_all_there(parse, number);
		add_targets(parse, number);
	}
}
