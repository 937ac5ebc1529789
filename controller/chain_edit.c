// SPDX-License-Identifier: Apache-2.0
#include "controller/chain_edit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define REVISIONS 2

static bool is_text(const yaml_node_t *node, const char *text)
{
	return node && node->type == YAML_SCALAR_NODE &&
	       !strcmp((const char *)node->data.scalar.value, text);
}

static yaml_node_t *value_of(yaml_document_t *document, const yaml_node_t *map, const char *key)
{
	if (!map || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
	     pair < map->data.mapping.pairs.top; pair++)
		if (is_text(yaml_document_get_node(document, pair->key), key))
			return yaml_document_get_node(document, pair->value);
	return NULL;
}

static yaml_node_t *function_find(yaml_document_t *document, const char *name)
{
	yaml_node_t *spec = value_of(document, yaml_document_get_root_node(document), "spec");
	yaml_node_t *list = value_of(document, spec, "functions");

	if (!list || list->type != YAML_SEQUENCE_NODE)
		return NULL;
	for (const yaml_node_item_t *item = list->data.sequence.items.start;
	     item < list->data.sequence.items.top; item++) {
		yaml_node_t *function = yaml_document_get_node(document, *item);

		if (is_text(value_of(document, function, "name"), name))
			return function;
	}
	return NULL;
}

/* Where in the text, in bytes: marks count characters. */
static size_t offset_of(const char *text, size_t len, const yaml_mark_t *mark)
{
	size_t at = 0, characters = mark->index;

	while (characters > 0 && at < len) {
		at++;
		while (at < len && ((unsigned char)text[at] & 0xc0) == 0x80)
			at++;
		characters--;
	}
	return at;
}

static int numbers_find(yaml_document_t *document, const char *function,
			const yaml_node_t *ret[REVISIONS])
{
	yaml_node_t *list = value_of(document, function_find(document, function), "traffic");

	if (!list || list->type != YAML_SEQUENCE_NODE ||
	    list->data.sequence.items.top - list->data.sequence.items.start != REVISIONS)
		return -ENOENT;
	for (size_t i = 0; i < REVISIONS; i++) {
		ret[i] = value_of(document,
				  yaml_document_get_node(document,
							 list->data.sequence.items.start[i]),
				  "percent");
		if (!ret[i] || ret[i]->type != YAML_SCALAR_NODE)
			return -ENOENT;
	}
	return 0;
}

static int write_over(const char *text, size_t len, const yaml_node_t *const nodes[REVISIONS],
		      const uint32_t percents[REVISIONS], char **ret, size_t *ret_len)
{
	FILE *out = open_memstream(ret, ret_len);
	size_t at = 0;

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < REVISIONS; i++) {
		size_t begin = offset_of(text, len, &nodes[i]->start_mark);

		fwrite(text + at, 1, begin - at, out);
		fprintf(out, "%u", percents[i]);
		at = offset_of(text, len, &nodes[i]->end_mark);
	}
	fwrite(text + at, 1, len - at, out);
	return fclose(out) == 0 ? 0 : -ENOMEM;
}

int chain_edit_traffic(const char *text, size_t len, const char *function,
		       const uint32_t percents[2], char **ret, size_t *ret_len)
{
	const yaml_node_t *nodes[REVISIONS];
	yaml_document_t document;
	yaml_parser_t parser;
	int err = -ENOENT;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &document)) {
		err = numbers_find(&document, function, nodes);
		/* An anchor could make both one. */
		if (err == 0 && nodes[0]->start_mark.index >= nodes[1]->start_mark.index)
			err = -ENOENT;
		if (err == 0)
			err = write_over(text, len, nodes, percents, ret, ret_len);
		yaml_document_delete(&document);
	}
	yaml_parser_delete(&parser);
	return err;
}
