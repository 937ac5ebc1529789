/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_ingress.c - the ingress section: where requests come in.
 *
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/chain_node.h"
#include "controller/chain_value.h"

#define INGRESS_PATH_MAX 1024 /* bytes of a path */

enum http_key { HOST, PATH, METHODS, MAX_BODY, HTTP };
static const char *const http_keys[HTTP] = { "host", "path", "methods", "maxBody" };

static int read_host(struct chain_parse *parse, const yaml_node_t *node,
		     struct chain_ingress *ingress)
{
	const char *text = chain_node_text(parse, node, "host");

	if (!text)
		return 0;
	if (!chain_value_is_host(text)) {
		chain_errors_add(parse->errors, chain_node_place(node),
				 "host \"%.80s\" must be a name in lower case without a port, such "
				 "as shop.example, or *.example for its subdomains",
				 text);
		return 0;
	}
	ingress->host = strdup(text);
	return ingress->host ? 0 : -ENOMEM;
}

static bool same_host(const struct chain_ingress *a, const struct chain_ingress *b)
{
	return a->host && b->host ? !strcmp(a->host, b->host) : a->host == b->host;
}

static int read_path(struct chain_parse *parse, const yaml_node_t *node,
		     struct chain_ingress *ingress)
{
	const char *text = chain_node_text(parse, node, "path");

	if (!text)
		return 0;
	if (!chain_value_is_path(text)) {
		chain_errors_add(parse->errors, chain_node_place(node),
				 "path \"%.80s\" must begin with a slash, without spaces and "
				 "query; a star may only follow the last slash",
				 text);
		return 0;
	}
	if (strlen(text) > INGRESS_PATH_MAX) {
		chain_errors_add(parse->errors, chain_node_place(node),
				 "path is longer than %d bytes", INGRESS_PATH_MAX);
		return 0;
	}
	for (uint32_t i = 0; i < parse->chain->ingress_count; i++) {
		const struct chain_ingress *other = &parse->chain->ingress[i];

		if (other->path && other != ingress && same_host(other, ingress) &&
		    !strcmp(other->path, text))
			chain_errors_add(parse->errors, chain_node_place(node),
					 "path \"%.80s\" is already taken by ingress %u: list all "
					 "its methods there",
					 text, i + 1);
	}
	ingress->path = strdup(text);
	return ingress->path ? 0 : -ENOMEM;
}

static int read_methods(struct chain_parse *parse, const yaml_node_t *list,
			struct chain_ingress *ingress)
{
	bool seen[CHAIN_METHODS] = { false };

	_Static_assert(CHAIN_METHODS <= WIRING_METHOD_MAX, "all methods at once fit");
	if (!chain_node_list(parse, list, "methods", CHAIN_METHODS))
		return 0;
	for (size_t i = 0; i < chain_node_count(list); i++) {
		const yaml_node_t *item = chain_node_item(parse, list, i);
		int method = chain_node_choice(parse, item, "method", chain_methods, CHAIN_METHODS);

		if (method < 0)
			continue;
		if (seen[method]) {
			chain_errors_add(parse->errors, chain_node_place(item),
					 "method %s is given twice", chain_methods[method]);
			continue;
		}
		seen[method] = true;
		ingress->methods[ingress->method_count] = strdup(chain_methods[method]);
		if (!ingress->methods[ingress->method_count])
			return -ENOMEM;
		ingress->method_count++;
	}
	return 0;
}

static void read_max_body(struct chain_parse *parse, const yaml_node_t *node,
			  struct chain_ingress *ingress)
{
	uint32_t largest = parse->sizes[parse->size_count - 1];
	char have[CHAIN_SIZE_TEXT_MAX], size[CHAIN_SIZE_TEXT_MAX];
	uint64_t max_body = largest;

	if (node && !chain_node_size(parse, node, "maxBody", 1, SHM_SIZE_MAX, &max_body))
		return;
	if (max_body > largest && !parse->pool_bad)
		chain_errors_add(parse->errors, chain_node_place(node),
				 "maxBody %s is above the largest buffer %s: add %s to "
				 "pool.bufferSizes",
				 chain_value_size_text(max_body, size),
				 chain_value_size_text(largest, have), size);
	ingress->max_body = (uint32_t)max_body;
}

static int read_http(struct chain_parse *parse, const yaml_node_t *node)
{
	struct chain_ingress *ingress = &parse->chain->ingress[parse->chain->ingress_count];
	const yaml_node_t *v[HTTP];
	int err = 0;

	if (!chain_node_take(parse, node, "http", http_keys, HTTP, v))
		return 0;
	parse->chain->ingress_count++;
	if (v[HOST])
		err = read_host(parse, v[HOST], ingress);
	if (!err && chain_node_need(parse, node, "http", v[PATH], "path"))
		err = read_path(parse, v[PATH], ingress);
	if (!err && v[METHODS])
		err = read_methods(parse, v[METHODS], ingress);
	if (!err)
		read_max_body(parse, v[MAX_BODY], ingress);
	return err;
}

int chain_read_ingress(struct chain_parse *parse, const yaml_node_t *list)
{
	static const char *const keys[] = { "http" };
	int err = 0;

	if (!chain_node_list(parse, list, "ingress", WIRING_INGRESS_MAX))
		return 0;
	for (size_t i = 0; !err && i < chain_node_count(list); i++) {
		const yaml_node_t *item = chain_node_item(parse, list, i), *http;

		if (chain_node_take(parse, item, "ingress", keys, 1, &http) &&
		    chain_node_need(parse, item, "ingress", http, "http"))
			err = read_http(parse, http);
	}
	return err;
}
