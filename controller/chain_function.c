/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_function.c - the functions section: what each function is and how many of it run.
 *
 * How: an item that cannot be read still takes its number, so that routes to it resolve
 * and one mistake is one error. `image` speaks to a cluster; here it is accepted and
 * means nothing.
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/chain_node.h"
#include "controller/chain_value.h"

#define CONCURRENCY_DEFAULT 32
#define CONCURRENCY_MAX UINT16_MAX /* sp_function_slots.behind */
#define ENV_MAX 256
#define INSTANCES_TOTAL_MAX (SP_INST_MAX - 2) /* slot 0 is none, one is a gateway worker */

enum function_key {
	NAME,
	EXEC,
	IMAGE,
	CONFIG,
	ENV,
	CONCURRENCY,
	CONTAINER_CONCURRENCY,
	INSTANCES,
	RESOURCES,
	WORKERS,
	CALLS,
	SECURITY,
	SECRETS,
	IDEMPOTENT,
	MAX_IN_FLIGHT,
	TRAFFIC,
	ROLLBACK,
	BREAKER,
	HANG_TIMEOUT,
	FUNCTION
};
static const char *const function_keys[FUNCTION] = {
	"name",
	"exec",
	"image",
	"config",
	"env",
	"concurrency",
	"containerConcurrency",
	"instances",
	"resources",
	"workers",
	"calls",
	"security",
	"secrets",
	"idempotent",
	"maxInFlight",
	"traffic",
	"rollback",
	"breaker",
	"hangTimeout",
};

enum env_key { ENV_NAME, ENV_VALUE, ENV_KEYS };
static const char *const env_keys[ENV_KEYS] = { "name", "value" };

static void read_name(struct chain_parse *parse, const yaml_node_t *node, int number)
{
	struct chain_function *function = &parse->chain->functions[number - 1];
	const char *text = chain_node_text(parse, node, "function name");

	if (!text)
		return;
	parse->functions[number].name = text;
	if (!chain_value_is_label(text)) {
		chain_errors_add(parse->errors, chain_node_place(node),
				 "function name \"%.80s\" must be 1 to 63 of a-z, 0-9 and inner "
				 "dashes",
				 text);
		return;
	}
	if (!strcmp(text, "ingress") || !strcmp(text, "reply"))
		chain_errors_add(parse->errors, chain_node_place(node),
				 "function name \"%s\" has a meaning of its own in routes: choose "
				 "another",
				 text);
	for (int i = 1; i < number && !function->traffic.first; i++) {
		if (parse->functions[i].name && !strcmp(parse->functions[i].name, text)) {
			chain_errors_add(parse->errors, chain_node_place(node),
					 "function name \"%s\" is already taken on line %u", text,
					 parse->functions[i].at.line);
			break;
		}
	}
	memcpy(function->name, text, strlen(text) + 1);
	memcpy(function->label, text, strlen(text) + 1);
}

/* `exec` from the folder of the file. Returns 0 and *ret, -ENAMETOOLONG or -ENOMEM. */
static int absolute_path(const char *file, const char *exec, char **ret)
{
	const char *slash = strrchr(file, '/');
	int folder = slash ? (int)(slash - file) : 0;
	char cwd[CHAIN_PATH_MAX] = "";
	char *path;
	int len;

	while (!strncmp(exec, "./", 2))
		exec += 2;
	if (exec[0] != '/' && file[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return -errno;
	if (exec[0] == '/')
		len = asprintf(&path, "%s", exec);
	else if (file[0] == '/')
		len = asprintf(&path, "%.*s/%s", folder, file, exec);
	else
		len = asprintf(&path, "%s%s%.*s/%s", cwd, folder ? "/" : "", folder, file, exec);
	if (len < 0)
		return -ENOMEM;
	if (len >= CHAIN_PATH_MAX) {
		free(path);
		return -ENAMETOOLONG;
	}
	*ret = path;
	return 0;
}

static int read_exec(struct chain_parse *parse, const yaml_node_t *node, int number)
{
	struct chain_function *function = &parse->chain->functions[number - 1];
	const char *text = chain_node_text(parse, node, "exec");
	int err;

	if (!text)
		return 0;
	if (!*text) {
		chain_errors_add(parse->errors, chain_node_place(node), "exec is empty");
		return 0;
	}
	err = absolute_path(parse->chain->file, text, &function->exec);
	if (err == -ENOMEM)
		return err;
	if (err)
		chain_errors_add(parse->errors, chain_node_place(node), "exec \"%.80s\": %s", text,
				 strerror(-err));
	parse->functions[number].exec = text;
	parse->functions[number].exec_at = chain_node_place(node);
	return 0;
}

static int add_pair(struct chain_pairs *pairs, const char *key, const char *value)
{
	struct chain_pair *pair = &pairs->items[pairs->count];

	pair->key = strdup(key);
	pair->value = strdup(value);
	pairs->count++;
	return pair->key && pair->value ? 0 : -ENOMEM;
}

/* Room for as many pairs as the node has entries. Returns false after an error. */
static bool make_pairs(struct chain_parse *parse, const yaml_node_t *node, const char *what,
		       size_t max, struct chain_pairs *ret)
{
	size_t count = chain_node_count(node);

	if (count > max) {
		chain_errors_add(parse->errors, chain_node_place(node),
				 "%s has %zu entries; the limit is %zu", what, count, max);
		return false;
	}
	ret->items = calloc(count + 1, sizeof(*ret->items));
	if (!ret->items)
		parse->errors->failed = -ENOMEM;
	return ret->items;
}

static const char *pair_value(struct chain_parse *parse, const yaml_node_t *node,
			      const char *section, const char *key)
{
	char what[CHAIN_NAME_MAX + 16];

	snprintf(what, sizeof(what), "%s \"%.*s\"", section, CHAIN_NAME_MAX - 1, key);
	return chain_node_text(parse, node, what);
}

static int read_config(struct chain_parse *parse, const yaml_node_t *node, int number)
{
	struct chain_function *function = &parse->chain->functions[number - 1];
	size_t bytes = 2 * CHAIN_NAME_MAX; /* the names of chain and function */
	int err = 0;

	if (!chain_node_map(parse, node, "config") ||
	    !make_pairs(parse, node, "config", WIRING_CONFIG_MAX, &function->config))
		return 0;
	parse->functions[number].config = node;
	for (size_t i = 0; !err && i < chain_node_count(node); i++) {
		const yaml_node_t *key = chain_node_key(parse, node, i);
		const char *word = key->type == YAML_SCALAR_NODE ?
					   chain_node_text(parse, key, "config key") :
					   NULL;
		const char *value =
			word ? pair_value(parse, chain_node_value(parse, node, i), "config", word) :
			       NULL;

		if (!value)
			continue;
		bytes += strlen(word) + strlen(value) + 2;
		err = add_pair(&function->config, word, value);
	}
	if (bytes > WIRING_HEAP_MAX)
		chain_errors_add(parse->errors, chain_node_place(node),
				 "config has more than %u KiB of text: name a file in it instead",
				 WIRING_HEAP_MAX >> 10);
	return err;
}

static int add_env(struct chain_parse *parse, struct chain_pairs *env, const yaml_node_t *name,
		   const yaml_node_t *value)
{
	const char *key =
		name->type == YAML_SCALAR_NODE ? chain_node_text(parse, name, "env name") : NULL;
	const char *text = key ? pair_value(parse, value, "env", key) : NULL;

	if (!text)
		return 0;
	if (!*key || strchr(key, '=') || !strcmp(key, WIRING_ENV)) {
		chain_errors_add(parse->errors, chain_node_place(name),
				 "env name \"%.80s\" cannot be used", key);
		return 0;
	}
	for (size_t i = 0; i < env->count; i++) {
		if (!strcmp(env->items[i].key, key)) {
			chain_errors_add(parse->errors, chain_node_place(name),
					 "env name \"%.80s\" is given twice", key);
			return 0;
		}
	}
	return add_pair(env, key, text);
}

/* A mapping, or the list of {name, value} that Knative writes. */
static int read_env(struct chain_parse *parse, const yaml_node_t *node, struct chain_pairs *env)
{
	bool list = node->type == YAML_SEQUENCE_NODE;
	int err = 0;

	if ((!list && !chain_node_map(parse, node, "env")) ||
	    !make_pairs(parse, node, "env", ENV_MAX, env))
		return 0;
	for (size_t i = 0; !err && i < chain_node_count(node); i++) {
		const yaml_node_t *v[ENV_KEYS], *item;

		if (!list) {
			err = add_env(parse, env, chain_node_key(parse, node, i),
				      chain_node_value(parse, node, i));
			continue;
		}
		item = chain_node_item(parse, node, i);
		if (chain_node_take(parse, item, "env", env_keys, ENV_KEYS, v) &&
		    chain_node_need(parse, item, "env", v[ENV_NAME], "name") &&
		    chain_node_need(parse, item, "env", v[ENV_VALUE], "value"))
			err = add_env(parse, env, v[ENV_NAME], v[ENV_VALUE]);
	}
	return err;
}

static void read_counts(struct chain_parse *parse, const yaml_node_t *const *v,
			struct chain_function *function)
{
	function->concurrency = CONCURRENCY_DEFAULT;
	if (v[CONCURRENCY] && v[CONTAINER_CONCURRENCY])
		chain_errors_add(parse->errors, chain_node_place(v[CONTAINER_CONCURRENCY]),
				 "concurrency and containerConcurrency say the same: keep one");
	if (v[CONCURRENCY])
		chain_node_number(parse, v[CONCURRENCY], "concurrency", 1, CONCURRENCY_MAX,
				  &function->concurrency);
	else if (v[CONTAINER_CONCURRENCY])
		chain_node_number(parse, v[CONTAINER_CONCURRENCY], "containerConcurrency", 0,
				  CONCURRENCY_MAX, &function->concurrency);
	if (function->concurrency == 0) /* Knative's word for no limit */
		function->concurrency = CONCURRENCY_MAX;
	if (v[INSTANCES])
		parse->instances_bad |= !chain_node_number(parse, v[INSTANCES], "instances", 0,
							   SP_FN_INST_MAX, &function->instances);
	if (v[WORKERS])
		parse->instances_bad |=
			!chain_node_number(parse, v[WORKERS], "workers", 1, WIRING_FN_WORKER_MAX,
					   &function->workers);
	if (function->instances * function->workers > SP_FN_INST_MAX) {
		chain_errors_add(parse->errors, chain_node_place(v[WORKERS]),
				 "instances %u x workers %u is %u; a function has at most %d "
				 "threads: lower one of them",
				 function->instances, function->workers,
				 function->instances * function->workers, SP_FN_INST_MAX);
		parse->instances_bad = true;
	}
}

/* Without an executable there is nothing to run, but a file for a cluster may be checked. */
static bool need_exec(struct chain_parse *parse, const yaml_node_t *node,
		      const yaml_node_t *const *v)
{
	if (v[EXEC] || (v[IMAGE] && (parse->flags & CHAIN_NO_DESCRIBE)))
		return v[EXEC];
	if (v[TRAFFIC]) /* each revision has its own; what is missing is said there */
		return false;
	return chain_node_need(parse, node, "function", v[EXEC], "exec");
}

int chain_read_function(struct chain_parse *parse, const yaml_node_t *node)
{
	int number = (int)++parse->chain->function_count;
	struct chain_function *function = &parse->chain->functions[number - 1];
	struct chain_source *source = &parse->functions[number];
	const yaml_node_t *v[FUNCTION];
	bool exec;
	int err = 0;

	function->concurrency = CONCURRENCY_DEFAULT;
	function->workers = 1;
	source->at = chain_node_place(node);
	if (!chain_node_take(parse, node, "function", function_keys, FUNCTION, v))
		return 0;
	if (chain_node_need(parse, node, "function", v[NAME], "name"))
		read_name(parse, v[NAME], number);
	exec = need_exec(parse, node, v);
	if (!function->traffic.first) {
		source->exec_node = exec ? v[EXEC] : NULL;
		err = chain_read_traffic(parse, v[TRAFFIC], v[ROLLBACK], v[BREAKER], number);
	}
	if (!err && source->exec_node)
		err = read_exec(parse, source->exec_node, number);
	if (v[IMAGE])
		chain_node_text(parse, v[IMAGE], "image");
	read_counts(parse, v, function);
	chain_read_resources(parse, v[RESOURCES], v[HANG_TIMEOUT], function);
	chain_read_admission(parse, v[IDEMPOTENT], v[MAX_IN_FLIGHT], function);
	if (!err)
		err = chain_read_security(parse, v[SECURITY], &function->security);
	if (!err)
		err = chain_read_secrets(parse, v[SECRETS], number);
	source->calls = v[CALLS];
	if (!err && v[CONFIG])
		err = read_config(parse, v[CONFIG], number);
	if (!err && v[ENV])
		err = read_env(parse, v[ENV], &function->env);
	return err;
}

int chain_read_functions(struct chain_parse *parse, const yaml_node_t *list)
{
	uint32_t total = 0;
	bool threads = false;
	int err = 0;

	if (!chain_node_list(parse, list, "functions", SP_FN_MAX - 1))
		return 0;
	for (size_t i = 0; !err && i < chain_node_count(list); i++)
		err = chain_read_function(parse, chain_node_item(parse, list, i));
	if (!err)
		err = chain_add_revisions(parse, list);
	for (uint32_t i = 0; i < parse->chain->function_count; i++) {
		const struct chain_function *f = &parse->chain->functions[i];

		total += (f->instances ? f->instances : 1) * f->workers;
		threads |= f->workers > 1;
	}
	if (total > INSTANCES_TOTAL_MAX) {
		chain_errors_add(parse->errors, chain_node_place(list),
				 "instances%s add up to %u; a chain has at most %d",
				 threads ? " x workers" : "", total, INSTANCES_TOTAL_MAX);
		parse->instances_bad = true;
	}
	return err;
}
