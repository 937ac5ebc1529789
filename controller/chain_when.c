/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_when.c - the condition of a route: `when: {header: {name: X, value: y}}`,
 * `{topic: t}`, `{status: 404}`, `{path: /x/...}` or `{method: GET}`.
 *
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include <ctype.h>
#include <string.h>

#include "controller/chain_node.h"
#include "controller/chain_value.h"

/* The names that rule.h gives the conditions; RULE_ALWAYS is none that can be written. */
static const char *const when_keys[RULE_KIND_COUNT] = {
#define X(id, name) [RULE_##id] = name,
	RULE_KINDS(X)
#undef X
};

enum header_key { NAME, VALUE, HEADER };
static const char *const header_keys[HEADER] = { "name", "value" };

/* Takes `text` over as the value that is compared. */
static bool put_value(struct chain_parse *parse, const yaml_node_t *node, const char *what,
		      struct rule *ret)
{
	const char *text = chain_node_text(parse, node, what);
	size_t len = text ? strlen(text) : 0;

	if (!text)
		return false;
	if (len == 0 || len >= RULE_VALUE_MAX) {
		chain_errors_add(parse->errors, chain_node_place(node),
				 "%s must have 1 to %d bytes", what, RULE_VALUE_MAX - 1);
		return false;
	}
	memcpy(ret->value, text, len);
	ret->value_len = (uint16_t)len;
	return true;
}

static bool read_header(struct chain_parse *parse, const yaml_node_t *node, struct rule *ret)
{
	const yaml_node_t *v[HEADER];
	const char *name;

	if (!chain_node_take(parse, node, "when.header", header_keys, HEADER, v) ||
	    !chain_node_need(parse, node, "when.header", v[NAME], "name") ||
	    !chain_node_need(parse, node, "when.header", v[VALUE], "value"))
		return false;
	name = chain_node_text(parse, v[NAME], "header name");
	if (!name)
		return false;
	if (!chain_value_is_token(name) || strlen(name) >= RULE_NAME_MAX) {
		chain_errors_add(parse->errors, chain_node_place(v[NAME]),
				 "\"%.80s\" is no header name of 1 to %d bytes", name,
				 RULE_NAME_MAX - 1);
		return false;
	}
	for (size_t i = 0; name[i]; i++)
		ret->name[i] = (char)tolower((unsigned char)name[i]);
	ret->name_len = (uint16_t)strlen(name);
	return put_value(parse, v[VALUE], "header value", ret);
}

static bool read_status(struct chain_parse *parse, const yaml_node_t *node, struct rule *ret)
{
	uint32_t status;

	if (!chain_node_number(parse, node, "status", 100, 599, &status))
		return false;
	ret->status = (uint16_t)status;
	return true;
}

static bool read_path(struct chain_parse *parse, const yaml_node_t *node, struct rule *ret)
{
	if (!put_value(parse, node, "when.path", ret))
		return false;
	if (chain_value_is_path(ret->value))
		return true;
	chain_errors_add(parse->errors, chain_node_place(node),
			 "when.path \"%.80s\" must begin with a slash, without spaces and query; a "
			 "star may only follow the last slash",
			 ret->value);
	return false;
}

static bool read_method(struct chain_parse *parse, const yaml_node_t *node, struct rule *ret)
{
	return chain_node_choice(parse, node, "when.method", chain_methods, CHAIN_METHODS) >= 0 &&
	       put_value(parse, node, "when.method", ret);
}

bool chain_read_when(struct chain_parse *parse, const yaml_node_t *when, struct rule *ret)
{
	const yaml_node_t *v[RULE_KIND_COUNT];
	struct rule rule = *ret;
	unsigned conditions = 0;
	bool ok = false;

	if (!chain_node_take(parse, when, "when", when_keys + 1, RULE_KIND_COUNT - 1, v + 1))
		return false;
	for (int kind = RULE_ALWAYS + 1; kind < RULE_KIND_COUNT; kind++) {
		if (v[kind]) {
			rule.kind = (uint16_t)kind;
			conditions++;
		}
	}
	if (conditions != 1 && chain_node_count(when) != 1) {
		chain_errors_add(parse->errors, chain_node_place(when),
				 "when has %u conditions: it takes exactly one (header, topic, "
				 "status, path or method)",
				 conditions);
		return false;
	}
	if (v[RULE_HEADER])
		ok = read_header(parse, v[RULE_HEADER], &rule);
	else if (v[RULE_TOPIC])
		ok = put_value(parse, v[RULE_TOPIC], "topic", &rule);
	else if (v[RULE_STATUS])
		ok = read_status(parse, v[RULE_STATUS], &rule);
	else if (v[RULE_PATH])
		ok = read_path(parse, v[RULE_PATH], &rule);
	else if (v[RULE_METHOD])
		ok = read_method(parse, v[RULE_METHOD], &rule);
	if (ok)
		*ret = rule;
	return ok;
}
