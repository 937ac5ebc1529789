/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_security.c - the security and secrets sections: what a function may do to the machine.
 *
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/chain_node.h"
#include "controller/chain_value.h"
#include "sproxy/filter.h"

#define PATHS_MAX 64
#define SECRETS_MAX 64
#define SECRET_NAME_MAX 63
#define USER_MAX 32
#define UID_LAST 4294967294U /* the next one means none */

enum security_key { USER, NETWORK, ALLOW, FILES, SECURITY_KEYS };
static const char *const security_keys[SECURITY_KEYS] = { "user", "network", "allow", "files" };

enum files_key { READ, WRITE, FILES_KEYS };
static const char *const files_keys[FILES_KEYS] = { "read", "write" };

static const char *const group_names[FILTER_GROUP_COUNT] = {
#define X(id, name, text) [FILTER_##id] = (name),
	FILTER_GROUPS(X)
#undef X
};

static void paths_free(struct chain_paths *paths)
{
	for (size_t i = 0; i < paths->count; i++)
		free(paths->items[i]);
	free(paths->items);
	*paths = (struct chain_paths){ 0 };
}

void chain_security_free(struct chain_security *security)
{
	paths_free(&security->read);
	paths_free(&security->write);
	free(security->user);
	security->user = NULL;
}

static int paths_copy(const struct chain_paths *from, struct chain_paths *ret)
{
	struct chain_paths copy = { 0 };

	if (from->count == 0)
		return 0;
	copy.items = calloc(from->count, sizeof(*copy.items));
	if (!copy.items)
		return -ENOMEM;
	for (; copy.count < from->count; copy.count++) {
		copy.items[copy.count] = strdup(from->items[copy.count]);
		if (!copy.items[copy.count]) {
			paths_free(&copy);
			return -ENOMEM;
		}
	}
	*ret = copy;
	return 0;
}

/* What the chain says holds for a function that does not say otherwise. */
static int inherit(const struct chain_security *from, struct chain_security *ret)
{
	int r;

	if (from == ret)
		return 0;
	*ret = (struct chain_security){ .host_network = from->host_network,
					.user_kind = from->user_kind,
					.calls = from->calls };
	if (from->user && !(ret->user = strdup(from->user)))
		return -ENOMEM;
	r = paths_copy(&from->read, &ret->read);
	return r == 0 ? paths_copy(&from->write, &ret->write) : r;
}

static bool is_user_name(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return len > 0 && len <= USER_MAX && !text[len] && text[0] != '-' &&
	       (text[0] < '0' || text[0] > '9');
}

static int read_user(struct chain_parse *parse, const yaml_node_t *node, struct chain_security *ret)
{
	const char *text = chain_node_text(parse, node, "security.user");
	uint64_t number;

	if (!text)
		return 0;
	if (!strcmp(text, "auto") || !strcmp(text, "keep")) {
		ret->user_kind = text[0] == 'a' ? CHAIN_USER_AUTO : CHAIN_USER_KEEP;
		return 0;
	}
	if (!is_user_name(text) && (chain_value_number(text, &number) < 0 || number > UID_LAST)) {
		chain_errors_add(parse->errors, chain_node_place(node),
				 "security.user \"%.80s\" must be auto, keep, the name of a user, "
				 "or a number up to %u",
				 text, UID_LAST);
		return 0;
	}
	free(ret->user);
	ret->user = strdup(text);
	ret->user_kind = CHAIN_USER_NAMED;
	return ret->user ? 0 : -ENOMEM;
}

static void read_network(struct chain_parse *parse, const yaml_node_t *node,
			 struct chain_security *ret)
{
	static const char *const names[] = { "none", "host" };
	int i = chain_node_choice(parse, node, "security.network", names, 2);

	if (i >= 0)
		ret->host_network = i == 1;
}

static void read_allow(struct chain_parse *parse, const yaml_node_t *node,
		       struct chain_security *ret)
{
	ret->calls = 0;
	/* An empty list takes back what the chain allows. */
	if (node->type == YAML_SEQUENCE_NODE && chain_node_count(node) == 0)
		return;
	if (!chain_node_list(parse, node, "security.allow", FILTER_GROUP_COUNT))
		return;
	for (size_t i = 0; i < chain_node_count(node); i++) {
		int group = chain_node_choice(parse, chain_node_item(parse, node, i),
					      "security.allow", group_names, FILTER_GROUP_COUNT);

		if (group >= 0)
			ret->calls |= 1U << group;
	}
}

static bool has_dots(const char *path)
{
	size_t len = strlen(path);

	return strstr(path, "/../") || (len >= 3 && !strcmp(path + len - 3, "/.."));
}

static const char *read_path(struct chain_parse *parse, const yaml_node_t *node, const char *what)
{
	const char *text = chain_node_text(parse, node, what);

	if (!text)
		return NULL;
	if (text[0] == '/' && text[1] && !has_dots(text) && strlen(text) < CHAIN_PATH_MAX)
		return text;
	chain_errors_add(parse->errors, chain_node_place(node),
			 "%s \"%.80s\" must be an absolute path without \"..\", and not / itself",
			 what, text);
	return NULL;
}

static int read_paths(struct chain_parse *parse, const yaml_node_t *node, const char *what,
		      struct chain_paths *ret)
{
	paths_free(ret);
	if (node->type == YAML_SEQUENCE_NODE && chain_node_count(node) == 0)
		return 0;
	if (!chain_node_list(parse, node, what, PATHS_MAX))
		return 0;
	ret->items = calloc(chain_node_count(node), sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	for (size_t i = 0; i < chain_node_count(node); i++) {
		const char *path = read_path(parse, chain_node_item(parse, node, i), what);

		if (!path)
			continue;
		ret->items[ret->count] = strdup(path);
		if (!ret->items[ret->count++])
			return -ENOMEM;
	}
	return 0;
}

static int read_files(struct chain_parse *parse, const yaml_node_t *node,
		      struct chain_security *ret)
{
	const yaml_node_t *v[FILES_KEYS];
	int err = 0;

	if (!chain_node_take(parse, node, "security.files", files_keys, FILES_KEYS, v))
		return 0;
	if (v[READ])
		err = read_paths(parse, v[READ], "security.files.read", &ret->read);
	if (!err && v[WRITE])
		err = read_paths(parse, v[WRITE], "security.files.write", &ret->write);
	return err;
}

int chain_read_security(struct chain_parse *parse, const yaml_node_t *node,
			struct chain_security *ret)
{
	const yaml_node_t *v[SECURITY_KEYS];
	int err = inherit(&parse->chain->security, ret);

	if (err || !node ||
	    !chain_node_take(parse, node, "security", security_keys, SECURITY_KEYS, v))
		return err;
	if (v[USER])
		err = read_user(parse, v[USER], ret);
	if (v[NETWORK])
		read_network(parse, v[NETWORK], ret);
	if (v[ALLOW])
		read_allow(parse, v[ALLOW], ret);
	if (!err && v[FILES])
		err = read_files(parse, v[FILES], ret);
	return err;
}

static bool is_secret_name(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= SECRET_NAME_MAX && text[0] != '.' &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
		       len;
}

static int read_secret(struct chain_parse *parse, const yaml_node_t *key, const yaml_node_t *value,
		       struct chain_pairs *ret)
{
	const char *name = key->type == YAML_SCALAR_NODE ?
				   chain_node_text(parse, key, "name of a secret") :
				   NULL;
	const char *path = name ? read_path(parse, value, "the file of a secret") : NULL;
	struct chain_pair *pair = &ret->items[ret->count];

	if (!path)
		return 0;
	if (!is_secret_name(name)) {
		chain_errors_add(parse->errors, chain_node_place(key),
				 "name of a secret \"%.80s\" must be 1 to %d letters, digits, "
				 "dashes, underscores and inner dots",
				 name, SECRET_NAME_MAX);
		return 0;
	}
	pair->key = strdup(name);
	pair->value = strdup(path);
	ret->count++;
	return pair->key && pair->value ? 0 : -ENOMEM;
}

int chain_read_secrets(struct chain_parse *parse, const yaml_node_t *node, int number)
{
	struct chain_pairs *secrets = &parse->chain->functions[number - 1].secrets;
	int err = 0;

	if (!node || !chain_node_map(parse, node, "secrets"))
		return 0;
	if (chain_node_count(node) > SECRETS_MAX) {
		chain_errors_add(parse->errors, chain_node_place(node),
				 "secrets has %zu entries; the limit is %d", chain_node_count(node),
				 SECRETS_MAX);
		return 0;
	}
	secrets->items = calloc(chain_node_count(node) + 1, sizeof(*secrets->items));
	if (!secrets->items)
		return -ENOMEM;
	for (size_t i = 0; !err && i < chain_node_count(node); i++)
		err = read_secret(parse, chain_node_key(parse, node, i),
				  chain_node_value(parse, node, i), secrets);
	return err;
}
