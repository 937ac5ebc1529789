/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_yaml.c - see chain_yaml.h.
 */
#include "controller/chain_yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct scan {
	struct chain_errors *errors;
	unsigned depth;
	unsigned values;
	unsigned documents;
};

static struct chain_place place(yaml_mark_t mark)
{
	return (struct chain_place){ (uint32_t)mark.line + 1, (uint32_t)mark.column + 1 };
}

/* Place of a byte, for errors of the reader, which knows no lines. */
static struct chain_place place_of_byte(const char *text, size_t len, size_t offset)
{
	struct chain_place at = { 1, 1 };

	for (size_t i = 0; i < offset && i < len; i++) {
		if (text[i] == '\n') {
			at.line++;
			at.column = 1;
		} else if ((text[i] & 0xc0) != 0x80) {
			at.column++;
		}
	}
	return at;
}

/* The byte at a place, or NUL. */
static char byte_at(const char *text, size_t len, struct chain_place at)
{
	struct chain_place here = { 1, 1 };

	for (size_t i = 0; i < len; i++) {
		if (here.line == at.line && here.column == at.column)
			return text[i];
		if (text[i] == '\n') {
			here.line++;
			here.column = 1;
		} else if ((text[i] & 0xc0) != 0x80) {
			here.column++;
		}
	}
	return '\0';
}

/* Says what libyaml found wrong. Returns -EINVAL or -ENOMEM. */
static int report(const yaml_parser_t *parser, const char *text, size_t len,
		  struct chain_errors *errors)
{
	struct chain_place at = place(parser->problem_mark);

	/* It does not always say that memory was short: then it names no problem. */
	if (parser->error == YAML_MEMORY_ERROR || !parser->problem)
		return -ENOMEM;
	if (parser->error == YAML_READER_ERROR) {
		at = place_of_byte(text, len, parser->problem_offset);
		chain_errors_add(errors, at, "not a text file: %s", parser->problem);
		return -EINVAL;
	}
	if (byte_at(text, len, at) == '\t') {
		chain_errors_add(errors, at, "a tab: YAML is indented with spaces");
		return -EINVAL;
	}
	if (parser->context && parser->context_mark.line + 1 != at.line)
		chain_errors_add(errors, at, "not YAML: %s %s that begins on line %zu",
				 parser->problem, parser->context, parser->context_mark.line + 1);
	else if (parser->context)
		chain_errors_add(errors, at, "not YAML: %s %s", parser->problem, parser->context);
	else
		chain_errors_add(errors, at, "not YAML: %s", parser->problem);
	return -EINVAL;
}

/* A value begins: returns 0, or -EINVAL when reading on makes no sense. */
static int scan_value(struct scan *scan, yaml_mark_t mark, const yaml_char_t *anchor,
		      const yaml_char_t *tag, bool nests)
{
	if (anchor)
		chain_errors_add(scan->errors, place(mark),
				 "anchor \"&%.80s\": anchors and aliases are not supported, "
				 "write the value out where it is needed",
				 anchor);
	if (tag)
		chain_errors_add(scan->errors, place(mark),
				 "tag \"%.80s\": tags are not supported, leave it out", tag);
	if (++scan->values > CHAIN_VALUES_MAX) {
		chain_errors_add(scan->errors, place(mark), "more than %u values in one file",
				 CHAIN_VALUES_MAX);
		return -EINVAL;
	}
	if (nests && ++scan->depth > CHAIN_DEPTH_MAX) {
		chain_errors_add(scan->errors, place(mark), "nested deeper than %d levels",
				 CHAIN_DEPTH_MAX);
		return -EINVAL;
	}
	return 0;
}

static int scan_event(struct scan *scan, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++scan->documents < 2)
			return 0;
		chain_errors_add(scan->errors, place(event->start_mark),
				 "a second document begins here: one chain to a file");
		return -EINVAL;
	case YAML_ALIAS_EVENT:
		chain_errors_add(scan->errors, place(event->start_mark),
				 "alias \"*%.80s\": anchors and aliases are not supported, "
				 "write the value out here",
				 event->data.alias.anchor);
		return chain_errors_full(scan->errors) ? -EINVAL : 0;
	case YAML_SCALAR_EVENT:
		return scan_value(scan, event->start_mark, event->data.scalar.anchor,
				  event->data.scalar.tag, false);
	case YAML_SEQUENCE_START_EVENT:
		return scan_value(scan, event->start_mark, event->data.sequence_start.anchor,
				  event->data.sequence_start.tag, true);
	case YAML_MAPPING_START_EVENT:
		return scan_value(scan, event->start_mark, event->data.mapping_start.anchor,
				  event->data.mapping_start.tag, true);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		scan->depth--;
		return 0;
	default:
		return 0;
	}
}

/* The first pass. Returns 0, -EINVAL with errors, or -ENOMEM. */
static int scan_text(const char *text, size_t len, struct chain_errors *errors)
{
	struct scan scan = { .errors = errors };
	yaml_event_type_t type = YAML_NO_EVENT;
	yaml_parser_t parser;
	yaml_event_t event;
	int err = 0;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	while (!err && type != YAML_STREAM_END_EVENT) {
		if (!yaml_parser_parse(&parser, &event)) {
			err = report(&parser, text, len, errors);
			break;
		}
		type = event.type;
		err = scan_event(&scan, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	if (!err && scan.documents == 0)
		chain_errors_add(errors, (struct chain_place){ 0 },
				 "is empty: a chain begins with \"apiVersion: "
				 "sprocket.dev/v1alpha1\" and \"kind: Chain\"");
	return err ? err : errors->count ? -EINVAL : 0;
}

static int compare_keys(const void *a, const void *b)
{
	const yaml_node_t *const *x = a, *const *y = b;
	int order = strcmp((const char *)(*x)->data.scalar.value,
			   (const char *)(*y)->data.scalar.value);

	/* The later one of equals is the one to complain about. */
	return order ? order : (*x)->start_mark.index < (*y)->start_mark.index ? -1 : 1;
}

/* Reports keys of one mapping that are no words, and those given twice. */
static int check_keys(yaml_document_t *document, const yaml_node_t *map,
		      struct chain_errors *errors)
{
	const yaml_node_pair_t *pairs = map->data.mapping.pairs.start;
	size_t count = (size_t)(map->data.mapping.pairs.top - pairs);
	const yaml_node_t **keys = calloc(count + 1, sizeof(const yaml_node_t *));
	size_t used = 0;

	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const yaml_node_t *key = yaml_document_get_node(document, pairs[i].key);

		if (key->type == YAML_SCALAR_NODE)
			keys[used++] = key;
		else
			chain_errors_add(errors, place(key->start_mark), "a key must be a word");
	}
	qsort(keys, used, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < used; i++) {
		const char *word = (const char *)keys[i]->data.scalar.value;

		if (!strcmp(word, (const char *)keys[i - 1]->data.scalar.value))
			chain_errors_add(errors, place(keys[i]->start_mark),
					 "key \"%.80s\" is already given on line %zu", word,
					 keys[i - 1]->start_mark.line + 1);
	}
	free(keys);
	return 0;
}

static int check_all_keys(yaml_document_t *document, struct chain_errors *errors)
{
	const yaml_node_t *end = document->nodes.top;
	int err = 0;

	for (const yaml_node_t *node = document->nodes.start; !err && node < end; node++) {
		if (node->type == YAML_MAPPING_NODE)
			err = check_keys(document, node, errors);
	}
	return err;
}

int chain_yaml_load(const char *text, size_t len, struct chain_errors *errors, yaml_document_t *ret)
{
	yaml_document_t document;
	yaml_parser_t parser;
	int err = scan_text(text, len, errors);

	if (err)
		return err;
	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (!yaml_parser_load(&parser, &document))
		err = report(&parser, text, len, errors);
	yaml_parser_delete(&parser);
	if (err)
		return err;
	err = check_all_keys(&document, errors);
	if (err)
		yaml_document_delete(&document);
	else
		*ret = document;
	return err;
}
