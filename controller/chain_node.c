/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_node.c - see chain_node.h.
 */
#include "controller/chain_node.h"

#include <errno.h>
#include <string.h>

#include "controller/chain_value.h"
#include "controller/suggest.h"

/* Keys that the format reserves and this release does not read. */
static const char *const later_keys[] = {
	"qos", "scale", "security", "traffic", "deadLetter",
};

struct chain_place chain_node_place(const yaml_node_t *node)
{
	return (struct chain_place){ (uint32_t)node->start_mark.line + 1,
				     (uint32_t)node->start_mark.column + 1 };
}

static const char *type_name(const yaml_node_t *node)
{
	switch (node->type) {
	case YAML_SEQUENCE_NODE:
		return "a list";
	case YAML_MAPPING_NODE:
		return "a mapping";
	default:
		return "a single value";
	}
}

static bool is_null(const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;

	return node->type == YAML_SCALAR_NODE &&
	       node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!*text || !strcmp(text, "~") || !strcmp(text, "null"));
}

static bool has_type(struct chain_parse *parse, const yaml_node_t *node, const char *what,
		     yaml_node_type_t type, const char *wanted)
{
	if (is_null(node))
		chain_errors_add(parse->errors, chain_node_place(node), "%s has no value", what);
	else if (node->type != type)
		chain_errors_add(parse->errors, chain_node_place(node), "%s must be %s, not %s",
				 what, wanted, type_name(node));
	else
		return true;
	return false;
}

const char *chain_node_text(struct chain_parse *parse, const yaml_node_t *node, const char *what)
{
	const char *text;

	if (!has_type(parse, node, what, YAML_SCALAR_NODE, "a single value"))
		return NULL;
	text = (const char *)node->data.scalar.value;
	if (strlen(text) == node->data.scalar.length)
		return text;
	chain_errors_add(parse->errors, chain_node_place(node), "%s has a NUL in it", what);
	return NULL;
}

bool chain_node_map(struct chain_parse *parse, const yaml_node_t *node, const char *what)
{
	return has_type(parse, node, what, YAML_MAPPING_NODE, "a mapping");
}

static void unknown_key(struct chain_parse *parse, const yaml_node_t *key, const char *what,
			const char *const *keys, size_t count)
{
	const char *word = (const char *)key->data.scalar.value;
	char help[SUGGEST_TEXT_MAX];

	for (size_t i = 0; i < sizeof(later_keys) / sizeof(later_keys[0]); i++) {
		if (!strcmp(word, later_keys[i])) {
			chain_errors_add(parse->errors, chain_node_place(key),
					 "\"%s\" is not supported yet", word);
			return;
		}
	}
	chain_errors_add(parse->errors, chain_node_place(key), "unknown key \"%.80s\" in %s%s",
			 word, what, suggest_text(help, word, keys, count));
}

bool chain_node_take(struct chain_parse *parse, const yaml_node_t *node, const char *what,
		     const char *const *keys, size_t count, const yaml_node_t **ret)
{
	if (!chain_node_map(parse, node, what))
		return false;
	memset(ret, 0, count * sizeof(*ret));
	for (size_t i = 0; i < chain_node_count(node); i++) {
		const yaml_node_t *key = chain_node_key(parse, node, i);
		size_t k = 0;

		if (key->type != YAML_SCALAR_NODE) /* reported by chain_yaml_load() */
			continue;
		while (k < count && strcmp((const char *)key->data.scalar.value, keys[k]))
			k++;
		if (k < count)
			ret[k] = chain_node_value(parse, node, i);
		else
			unknown_key(parse, key, what, keys, count);
	}
	return true;
}

bool chain_node_need(struct chain_parse *parse, const yaml_node_t *map, const char *what,
		     const yaml_node_t *value, const char *key)
{
	if (!value)
		chain_errors_add(parse->errors, chain_node_place(map), "%s has no \"%s\"", what,
				 key);
	return value;
}

bool chain_node_list(struct chain_parse *parse, const yaml_node_t *node, const char *what,
		     size_t max)
{
	size_t count;

	if (!has_type(parse, node, what, YAML_SEQUENCE_NODE, "a list"))
		return false;
	count = chain_node_count(node);
	if (count == 0)
		chain_errors_add(parse->errors, chain_node_place(node), "%s is empty", what);
	else if (count > max)
		chain_errors_add(parse->errors, chain_node_place(node),
				 "%s has %zu items; the limit is %zu", what, count, max);
	return count > 0 && count <= max;
}

size_t chain_node_count(const yaml_node_t *node)
{
	if (node->type == YAML_SEQUENCE_NODE)
		return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	if (node->type == YAML_MAPPING_NODE)
		return (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
	return 0;
}

const yaml_node_t *chain_node_item(const struct chain_parse *parse, const yaml_node_t *list,
				   size_t i)
{
	return yaml_document_get_node(parse->document, list->data.sequence.items.start[i]);
}

const yaml_node_t *chain_node_key(const struct chain_parse *parse, const yaml_node_t *map, size_t i)
{
	return yaml_document_get_node(parse->document, map->data.mapping.pairs.start[i].key);
}

const yaml_node_t *chain_node_value(const struct chain_parse *parse, const yaml_node_t *map,
				    size_t i)
{
	return yaml_document_get_node(parse->document, map->data.mapping.pairs.start[i].value);
}

bool chain_node_number(struct chain_parse *parse, const yaml_node_t *node, const char *what,
		       uint32_t min, uint32_t max, uint32_t *ret)
{
	const char *text = chain_node_text(parse, node, what);
	uint64_t value;
	int err;

	if (!text)
		return false;
	err = chain_value_number(text, &value);
	if (!err && value >= min && value <= max) {
		*ret = (uint32_t)value;
		return true;
	}
	chain_errors_add(parse->errors, chain_node_place(node),
			 "%s \"%.80s\" must be a whole number from %u to %u", what, text, min, max);
	return false;
}

bool chain_node_size(struct chain_parse *parse, const yaml_node_t *node, const char *what,
		     uint64_t min, uint64_t max, uint64_t *ret)
{
	const char *text = chain_node_text(parse, node, what);
	char low[CHAIN_SIZE_TEXT_MAX], high[CHAIN_SIZE_TEXT_MAX];
	uint64_t value;
	int err;

	if (!text)
		return false;
	err = chain_value_size(text, &value);
	if (!err && value >= min && value <= max) {
		*ret = value;
		return true;
	}
	if (err == -EINVAL)
		chain_errors_add(parse->errors, chain_node_place(node),
				 "%s \"%.80s\" is no size: write bytes as 4096, 64Ki, 1Mi or 1Gi",
				 what, text);
	else
		chain_errors_add(parse->errors, chain_node_place(node),
				 "%s %.80s must be from %s to %s", what, text,
				 chain_value_size_text(min, low), chain_value_size_text(max, high));
	return false;
}

bool chain_node_duration(struct chain_parse *parse, const yaml_node_t *node, const char *what,
			 uint64_t min_ns, uint64_t max_ns, uint64_t *ret_ns)
{
	const char *text = chain_node_text(parse, node, what);
	char low[CHAIN_SIZE_TEXT_MAX], high[CHAIN_SIZE_TEXT_MAX];
	uint64_t ns;
	int err;

	if (!text)
		return false;
	err = chain_value_duration(text, &ns);
	if (!err && ns >= min_ns && ns <= max_ns) {
		*ret_ns = ns;
		return true;
	}
	if (err == -EINVAL)
		chain_errors_add(
			parse->errors, chain_node_place(node),
			"%s \"%.80s\" is no duration: write it as 20us, 50ms, 2s, 1m or 1h", what,
			text);
	else
		chain_errors_add(parse->errors, chain_node_place(node),
				 "%s %.80s must be from %s to %s", what, text,
				 chain_value_duration_text(min_ns, low),
				 chain_value_duration_text(max_ns, high));
	return false;
}

int chain_node_choice(struct chain_parse *parse, const yaml_node_t *node, const char *what,
		      const char *const *names, size_t count)
{
	const char *text = chain_node_text(parse, node, what);
	char help[SUGGEST_TEXT_MAX], list[CHAIN_ERROR_TEXT_MAX / 2] = "";
	size_t used = 0;

	if (!text)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(text, names[i]))
			return (int)i;
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
						 i ? ", " : "", names[i]);
	}
	chain_errors_add(parse->errors, chain_node_place(node), "%s \"%.80s\" must be %s%s%s", what,
			 text, count > 1 ? "one of " : "", list,
			 suggest_text(help, text, names, count > 1 ? count : 0));
	return -1;
}
