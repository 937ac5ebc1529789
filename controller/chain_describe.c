/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_describe.c - see chain_describe.h.
 */
#include "controller/chain_describe.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "bpf/wire.h"
#include "controller/chain_run.h"
#include "controller/chain_value.h"
#include "sproxy/rule.h"
#include "sproxy/wiring.h"

__attribute__((format(printf, 2, 3))) static int say(char *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, CHAIN_WHY_MAX, format, args);
	va_end(args);
	return -EBADMSG;
}

struct names {
	char ***list; /* becomes the caller's, also after an error */
	size_t *count;
	size_t max;
};

/* Names of "edges" or "calls", each once. */
static int read_names(const json_t *root, const char *key, struct names ret, char *why)
{
	const json_t *list = json_object_get(root, key);
	size_t count = json_array_size(list);
	int one = (int)strlen(key) - 1; /* "edge" of "edges" */

	if (list && !json_is_array(list))
		return say(why, "\"%s\" is no list", key);
	if (count > ret.max)
		return say(why, "declares %zu %s; the limit is %zu", count, key, ret.max);
	*ret.list = calloc(count + 1, sizeof(**ret.list));
	if (!*ret.list)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const char *name = json_string_value(json_array_get(list, i));

		if (!name || !chain_value_is_edge(name))
			return say(why, "%.*s %zu has no valid name", one, key, i);
		for (size_t j = 0; j < i; j++) {
			if (!strcmp(name, (*ret.list)[j]))
				return say(why, "declares %.*s \"%s\" twice", one, key, name);
		}
		(*ret.list)[i] = strdup(name);
		if (!(*ret.list)[i])
			return -ENOMEM;
		++*ret.count;
	}
	return 0;
}

static int read_config(const json_t *list, struct chain_description *ret, char *why)
{
	size_t count = json_array_size(list);

	if (list && !json_is_array(list))
		return say(why, "\"config\" is no list");
	if (count > WIRING_CONFIG_MAX)
		return say(why, "declares %zu config keys; the limit is %d", count,
			   WIRING_CONFIG_MAX);
	ret->config = calloc(count + 1, sizeof(*ret->config));
	if (!ret->config)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(list, i);
		const char *name = json_string_value(json_object_get(item, "key"));

		if (!name || !*name)
			return say(why, "config key %zu has no name", i);
		ret->config[i].required = json_is_true(json_object_get(item, "required"));
		ret->config[i].name = strdup(name);
		if (!ret->config[i].name)
			return -ENOMEM;
		ret->config_count++;
	}
	return 0;
}

static int read_root(const json_t *root, struct chain_description *ret, char *why)
{
	const struct names edges = { &ret->edges, &ret->edge_count, SP_EDGE_MAX };
	const struct names calls = { &ret->calls, &ret->call_count, RULE_CALL_MAX };
	const json_t *abi = json_object_get(root, "abi");
	int err;

	if (!json_is_object(root) || !json_is_integer(abi))
		return say(why, "not a Sprocket function: what it prints has no \"abi\"");
	if (json_integer_value(abi) != CHAIN_DESCRIBE_ABI)
		return say(why,
			   "speaks ABI %lld and this runtime %d: build it against this "
			   "runtime's SDK",
			   (long long)json_integer_value(abi), CHAIN_DESCRIBE_ABI);
	err = read_names(root, "edges", edges, why);
	if (!err)
		err = read_names(root, "calls", calls, why);
	return err ? err : read_config(json_object_get(root, "config"), ret, why);
}

int chain_describe_parse(const char *text, size_t len, struct chain_description *ret, char *why)
{
	struct chain_description description = { 0 };
	json_error_t error;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	int err;

	if (!root && json_error_code(&error) == json_error_out_of_memory) {
		say(why, "out of memory");
		return -ENOMEM;
	}
	if (!root)
		return say(why, "not a Sprocket function: what it prints is no JSON (%.80s)",
			   error.text);
	err = read_root(root, &description, why);
	json_decref(root);
	if (err == -ENOMEM)
		say(why, "out of memory");
	if (err)
		chain_description_done(&description);
	else
		*ret = description;
	return err;
}

int chain_describe_judge(int err, const struct chain_output *output, char *why)
{
	const char *complaint = output->complaint;

	if (err == -ETIMEDOUT)
		say(why, "did not end within %d s", CHAIN_DESCRIBE_MS / 1000);
	else if (err == -EMSGSIZE)
		say(why, "printed more than %u KiB", CHAIN_DESCRIBE_MAX >> 10);
	else if (err == -ENOEXEC)
		say(why, "cannot be run: it is neither a program for this machine nor a script "
			 "with a #! line");
	else if (err)
		say(why, "cannot be run: %s%s", strerror(-err),
		    err == -EACCES ? ": chmod a+rx, for it is asked as a user of its own" : "");
	else if (WIFSIGNALED(output->status))
		err = say(why, "died of signal %d (%s)%s%s", WTERMSIG(output->status),
			  strsignal(WTERMSIG(output->status)), *complaint ? ": " : "", complaint);
	else if (WEXITSTATUS(output->status))
		err = say(why, "failed with exit code %d%s%s", WEXITSTATUS(output->status),
			  *complaint ? ": " : "", complaint);
	return err;
}

int chain_describe(const char *exec, struct chain_description *ret, char *why)
{
	char *path = strdup(exec), option[] = "--describe";
	char *argv[] = { path, option, NULL };
	struct chain_output output = { .data = malloc(CHAIN_DESCRIBE_MAX),
				       .size = CHAIN_DESCRIBE_MAX };
	int err = -ENOMEM;

	if (path && output.data)
		err = chain_run(argv, CHAIN_DESCRIBE_MS, &output);
	err = chain_describe_judge(err, &output, why);
	if (!err)
		err = chain_describe_parse(output.data, output.len, ret, why);
	free(output.data);
	free(path);
	return err;
}

void chain_description_done(struct chain_description *description)
{
	for (size_t i = 0; i < description->edge_count; i++)
		free(description->edges[i]);
	for (size_t i = 0; i < description->call_count; i++)
		free(description->calls[i]);
	for (size_t i = 0; i < description->config_count; i++)
		free(description->config[i].name);
	free(description->edges);
	free(description->calls);
	free(description->config);
	*description = (struct chain_description){ 0 };
}

const struct chain_declaration *chain_declarations_find(const struct chain_declarations *declared,
							const char *exec)
{
	for (size_t i = 0; i < declared->count; i++) {
		if (!strcmp(declared->items[i].exec, exec))
			return &declared->items[i];
	}
	return NULL;
}

void chain_declarations_done(struct chain_declarations *declared)
{
	for (size_t i = 0; i < declared->count; i++) {
		free(declared->items[i].exec);
		free(declared->items[i].text);
		free(declared->items[i].why);
	}
	free(declared->items);
	*declared = (struct chain_declarations){ 0 };
}
