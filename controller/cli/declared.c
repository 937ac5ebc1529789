// SPDX-License-Identifier: Apache-2.0
/* See declared.h. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/chain_value.h"
#include "controller/chain_yaml.h"
#include "controller/cli/cli.h"
#include "controller/cli/declared.h"
#include "controller/cli/file_read.h"
#include "controller/cli/yaml_split.h"

#define STANDARD_INPUT "<stdin>"

static void fail(struct declared_list *list, const char *file, const char *why)
{
	fprintf(stderr, "sprocket %s: %s: %s\n", list->command, file, why);
	list->code = cli_worse(list->code, CLI_FAILED);
}

static const yaml_node_t *value_of(yaml_document_t *document, const yaml_node_t *map,
				   const char *key)
{
	if (!map || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
	     pair < map->data.mapping.pairs.top; pair++) {
		const yaml_node_t *node = yaml_document_get_node(document, pair->key);

		if (node && node->type == YAML_SCALAR_NODE &&
		    strcmp((const char *)node->data.scalar.value, key) == 0)
			return yaml_document_get_node(document, pair->value);
	}
	return NULL;
}

/* The chain's name, copied; NULL with the error added. */
static char *find_name(yaml_document_t *document, struct chain_errors *errors)
{
	const yaml_node_t *root = yaml_document_get_root_node(document);
	const yaml_node_t *name = value_of(document, value_of(document, root, "metadata"), "name");
	const yaml_node_t *near = name ? name : root;
	struct chain_place at = { (uint32_t)near->start_mark.line + 1,
				  (uint32_t)near->start_mark.column + 1 };
	const char *text;

	if (!name || name->type != YAML_SCALAR_NODE) {
		chain_errors_add(errors, at, "metadata.name is missing: which chain is this?");
		return NULL;
	}
	text = (const char *)name->data.scalar.value;
	if (chain_value_is_label(text))
		return strdup(text);
	chain_errors_add(errors, at,
			 "metadata.name: \"%s\" is no name: 1 to 63 of a-z, 0-9 and inner dashes",
			 text);
	return NULL;
}

static char *name_of(struct declared_list *list, const char *shown, const char *text, size_t len)
{
	struct chain_errors *errors = calloc(1, sizeof(*errors));
	yaml_document_t document;
	char *name = NULL;

	if (errors && chain_yaml_load(text, len, errors, &document) == 0) {
		if (yaml_document_get_root_node(&document))
			name = find_name(&document, errors);
		yaml_document_delete(&document);
	}
	if (errors && errors->count) {
		chain_errors_print(errors, shown, stderr);
		list->code = cli_worse(list->code, CLI_INVALID);
		free(name);
		name = NULL;
	} else if (!name) {
		fail(list, shown, strerror(ENOMEM));
	}
	if (errors)
		chain_errors_done(errors);
	free(errors);
	return name;
}

static void free_item(struct declared *item)
{
	free(item->shown);
	free(item->path);
	free(item->name);
	free(item->text);
}

/* Two texts for one name would replace each other for ever. */
static bool is_twice(struct declared_list *list, const struct declared *item)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->items[i].name, item->name) != 0)
			continue;
		fprintf(stderr,
			"%s: declares chain \"%s\", as %s does: give one of them another name\n",
			item->shown, item->name, list->items[i].shown);
		list->code = cli_worse(list->code, CLI_INVALID);
		return true;
	}
	return false;
}

/* Takes `text`. */
static void add_document(struct declared_list *list, const char *shown, const char *path,
			 char *text, size_t len)
{
	struct declared item = { .text = text, .len = len };
	struct declared *items;

	item.name = name_of(list, shown, text, len);
	if (!item.name) {
		free_item(&item);
		return;
	}
	item.shown = strdup(shown);
	item.path = strdup(path);
	items = realloc(list->items, (list->count + 1) * sizeof(*items));
	if (items)
		list->items = items;
	if (!items || !item.shown || !item.path) {
		fail(list, shown, strerror(ENOMEM));
		free_item(&item);
	} else if (list->count == DECLARED_MAX) {
		fail(list, shown, "more than 4096 chains at once");
		free_item(&item);
	} else if (is_twice(list, &item)) {
		free_item(&item);
	} else {
		items[list->count++] = item;
	}
}

static void add_text(struct declared_list *list, const char *shown, const char *path,
		     const char *text, size_t len)
{
	size_t at = 0, size, found = 0;
	char *document;

	while ((document = yaml_split_next(text, len, &at, &size))) {
		add_document(list, shown, path, document, size);
		found++;
	}
	if (at < len)
		fail(list, shown, strerror(ENOMEM));
	else if (!found)
		fail(list, shown, "there is no chain in it");
}

/* The sentences say the limits. */
_Static_assert(CHAIN_FILE_MAX == 1048576, "1 MiB");
_Static_assert(DECLARED_MAX == 4096, "4096 chains");

static const char *why(int err)
{
	switch (err) {
	case -EBUSY:
		return "changes while it is read: try again when it is written";
	case -EFBIG:
		return "is larger than 1 MiB, the limit of a chain file";
	default:
		return strerror(-err);
	}
}

static void read_file(struct declared_list *list, const char *file)
{
	bool is_input = strcmp(file, "-") == 0;
	const char *shown = is_input ? STANDARD_INPUT : file;
	char *text = NULL, *folder = NULL, *path = NULL;
	size_t len;
	int r = is_input ? file_read_fd(STDIN_FILENO, CHAIN_FILE_MAX, &text, &len) :
			   file_read(file, CHAIN_FILE_MAX, &text, &len);

	if (r < 0) {
		fail(list, shown, why(r));
		return;
	}
	/* Relative paths in the file are relative to its folder: links are not followed. */
	if (*file != '/')
		folder = getcwd(NULL, 0);
	if ((*file != '/' && !folder) ||
	    asprintf(&path, "%s%s%s", folder ? folder : "", folder ? "/" : "", file) < 0)
		fail(list, shown, strerror(errno));
	else
		add_text(list, shown, path, text, len);
	free(path);
	free(folder);
	free(text);
}

static int is_yaml(const struct dirent *entry)
{
	const char *end = strrchr(entry->d_name, '.');

	return end && end != entry->d_name && (!strcmp(end, ".yaml") || !strcmp(end, ".yml"));
}

static void read_folder(struct declared_list *list, const char *folder)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_yaml, alphasort);

	if (count < 0) {
		fail(list, folder, strerror(errno));
		return;
	}
	if (count == 0)
		fail(list, folder, "no *.yaml or *.yml in this folder");
	for (int i = 0; i < count; i++) {
		char *file;

		if (asprintf(&file, "%s/%s", folder, entries[i]->d_name) < 0) {
			fail(list, folder, strerror(ENOMEM));
		} else {
			read_file(list, file);
			free(file);
		}
		free(entries[i]);
	}
	free(entries);
}

void declared_read(struct declared_list *list, const char *target)
{
	struct stat at;

	if (strcmp(target, "-") != 0 && stat(target, &at) == 0 && S_ISDIR(at.st_mode))
		read_folder(list, target);
	else
		read_file(list, target);
}

void declared_done(struct declared_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free_item(&list->items[i]);
	free(list->items);
	*list = (struct declared_list){ 0 };
}
