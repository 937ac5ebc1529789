/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document.c - see document.h.
 */
#include "controller/daemon/document.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "controller/chain_value.h"
#include "controller/chain_yaml.h"

int document_chain(const struct document *document, FILE *errors, struct chain **ret)
{
	return chain_parse_declared(document->file, document->yaml, document->yaml_len, 0,
				    &document->declared, errors, ret, NULL);
}

static json_t *declaration_json(const struct chain_declaration *item)
{
	return json_pack("{s:s, s:s*, s:i, s:s*}", "exec", item->exec, "text", item->text, "error",
			 item->error, "why", item->why);
}

char *document_text(const struct document *document, size_t *ret_len)
{
	json_t *list = json_array(), *root;
	char *text;
	int err = list ? 0 : -1;

	for (size_t i = 0; !err && i < document->declared.count; i++)
		err = json_array_append_new(list, declaration_json(&document->declared.items[i]));
	if (err) {
		json_decref(list);
		return NULL;
	}
	root = json_pack("{s:i, s:s, s:s, s:s%, s:b, s:I, s:I, s:I, s:o}", "version",
			 DOCUMENT_VERSION, "name", document->name, "file", document->file, "yaml",
			 document->yaml, document->yaml_len, "drained", document->drained,
			 "rolledBack", (json_int_t)document->rolled_back, "generation",
			 (json_int_t)document->generation, "created",
			 (json_int_t)document->created_s, "declared", list);
	if (!root)
		return NULL;
	text = json_dumps(root, JSON_INDENT(1));
	json_decref(root);
	if (text)
		*ret_len = strlen(text);
	return text;
}

/* Returns 0, -EBADMSG or -ENOMEM. */
static int read_declaration(const json_t *item, struct chain_declaration *ret)
{
	const json_t *text = json_object_get(item, "text");
	const char *exec = json_string_value(json_object_get(item, "exec"));
	const char *why = json_string_value(json_object_get(item, "why"));
	const json_t *error = json_object_get(item, "error");

	if (!exec || exec[0] != '/' || !json_is_integer(error) ||
	    (json_integer_value(error) ? !why : !json_is_string(text)))
		return -EBADMSG;
	ret->error = (int)json_integer_value(error);
	ret->exec = strdup(exec);
	ret->why = why ? strdup(why) : NULL;
	ret->len = json_string_length(text);
	ret->text = text ? strdup(json_string_value(text)) : NULL;
	return ret->exec && !ret->why == !why && !ret->text == !text ? 0 : -ENOMEM;
}

static int read_declared(const json_t *list, struct chain_declarations *ret)
{
	size_t count = json_array_size(list);
	int err = 0;

	if (!json_is_array(list) || count >= SP_FN_MAX)
		return -EBADMSG;
	ret->items = calloc(count + 1, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	for (size_t i = 0; !err && i < count; i++) {
		ret->count++;
		err = read_declaration(json_array_get(list, i), &ret->items[i]);
	}
	return err;
}

/* Returns 0, -EBADMSG or -ENOMEM; what was read until then is in *ret. */
static int read_root(const json_t *root, struct document *ret)
{
	const json_t *version = json_object_get(root, "version");
	const char *name = json_string_value(json_object_get(root, "name"));
	const char *file = json_string_value(json_object_get(root, "file"));
	const json_t *yaml = json_object_get(root, "yaml");
	const json_t *generation = json_object_get(root, "generation");
	const json_t *created = json_object_get(root, "created");

	if (!json_is_integer(version) || json_integer_value(version) != DOCUMENT_VERSION || !name ||
	    !chain_value_is_label(name) || !file || file[0] != '/' || !json_is_string(yaml) ||
	    json_string_length(yaml) > CHAIN_FILE_MAX || !json_is_integer(generation) ||
	    json_integer_value(generation) < 0 || !json_is_integer(created) ||
	    json_integer_value(created) < 0)
		return -EBADMSG;
	ret->drained = json_is_true(json_object_get(root, "drained"));
	ret->rolled_back = (uint64_t)json_integer_value(json_object_get(root, "rolledBack"));
	ret->generation = (uint64_t)json_integer_value(generation);
	ret->created_s = (uint64_t)json_integer_value(created);
	ret->yaml_len = json_string_length(yaml);
	ret->name = strdup(name);
	ret->file = strdup(file);
	ret->yaml = strdup(json_string_value(yaml));
	if (!ret->name || !ret->file || !ret->yaml)
		return -ENOMEM;
	return read_declared(json_object_get(root, "declared"), &ret->declared);
}

int document_parse(const char *text, size_t len, struct document **ret)
{
	struct document *document;
	json_t *root;
	int err;

	if (len > DOCUMENT_MAX)
		return -EBADMSG;
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	if (!root)
		return -EBADMSG;
	document = calloc(1, sizeof(*document));
	err = document ? read_root(root, document) : -ENOMEM;
	json_decref(root);
	if (err)
		document_free(document);
	else
		*ret = document;
	return err;
}

struct document *document_free(struct document *document)
{
	if (!document)
		return NULL;
	chain_declarations_done(&document->declared);
	free(document->name);
	free(document->file);
	free(document->yaml);
	free(document);
	return NULL;
}
