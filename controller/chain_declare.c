/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_declare.c - what the executables declare, compared with what the file says of them.
 *
 * How: each executable is asked once, however many functions use it. Edges and calls go into
 * the chain, in the executable's order; the config keys are compared with the file's. Where an
 * executable cannot be asked, the edges and calls that the file names are believed. What
 * executables said before is believed without looking at them: they may be gone, and their
 * processes run.
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/chain_describe.h"
#include "controller/chain_node.h"
#include "controller/suggest.h"

static bool has_key(const struct chain_function *function, const char *name)
{
	for (size_t i = 0; i < function->config.count; i++) {
		if (!strcmp(function->config.items[i].key, name))
			return true;
	}
	return false;
}

static bool declares(const struct chain_description *description, const char *key)
{
	for (size_t i = 0; i < description->config_count; i++) {
		if (!strcmp(description->config[i].name, key))
			return true;
	}
	return false;
}

static void undeclared_key(struct chain_parse *parse, int number, const yaml_node_t *key,
			   const struct chain_description *description)
{
	const char *word = (const char *)key->data.scalar.value;
	const char *names[WIRING_CONFIG_MAX];
	char help[SUGGEST_TEXT_MAX], list[CHAIN_ERROR_TEXT_MAX / 2] = "no keys";
	size_t used = 0;

	for (size_t i = 0; i < description->config_count; i++) {
		names[i] = description->config[i].name;
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
						 i ? ", " : "", names[i]);
	}
	chain_errors_add(parse->errors, chain_node_place(key),
			 "config key \"%.80s\" is not declared by %.80s (it declares: %s)%s", word,
			 parse->functions[number].exec, list,
			 suggest_text(help, word, names, description->config_count));
}

static void check_config(struct chain_parse *parse, int number,
			 const struct chain_description *description)
{
	const struct chain_source *source = &parse->functions[number];
	const struct chain_function *function = &parse->chain->functions[number - 1];

	for (size_t i = 0; source->config && i < chain_node_count(source->config); i++) {
		const yaml_node_t *key = chain_node_key(parse, source->config, i);

		if (key->type == YAML_SCALAR_NODE &&
		    !declares(description, (const char *)key->data.scalar.value))
			undeclared_key(parse, number, key, description);
	}
	for (size_t i = 0; i < description->config_count; i++) {
		const char *name = description->config[i].name;

		if (description->config[i].required && !has_key(function, name))
			chain_errors_add(parse->errors,
					 source->config ? chain_node_place(source->config) :
							  source->at,
					 "config of \"%.80s\" has no \"%.80s\", which %.80s "
					 "requires",
					 source->name ? source->name : "", name, source->exec);
	}
}

/* Is it a file that can be run? */
static bool check_file(struct chain_parse *parse, int number)
{
	const char *path = parse->chain->functions[number - 1].exec;
	const char *exec = parse->functions[number].exec;
	struct stat st;

	if (stat(path, &st) < 0)
		chain_errors_add(parse->errors, parse->functions[number].exec_at,
				 "exec \"%.80s\": %s (paths begin at this file's folder)", exec,
				 errno == ENOENT ? "no such file" : strerror(errno));
	else if (!S_ISREG(st.st_mode))
		chain_errors_add(parse->errors, parse->functions[number].exec_at,
				 "exec \"%.80s\" is %s, not a program", exec,
				 S_ISDIR(st.st_mode) ? "a folder" : "no plain file");
	else if (access(path, X_OK) < 0)
		chain_errors_add(parse->errors, parse->functions[number].exec_at,
				 "exec \"%.80s\" is not executable: chmod +x it", exec);
	else
		return true;
	return false;
}

static int copy_names(char **from, size_t count, char ***ret, size_t *ret_count)
{
	*ret = calloc(count + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (; *ret_count < count; ++*ret_count) {
		(*ret)[*ret_count] = strdup(from[*ret_count]);
		if (!(*ret)[*ret_count])
			return -ENOMEM;
	}
	return 0;
}

/* Takes a description over for `number` and the later functions of the same executable. */
static int apply(struct chain_parse *parse, int number, const struct chain_description *description)
{
	const char *path = parse->chain->functions[number - 1].exec;
	int err = 0;

	for (int i = number; !err && i <= (int)parse->chain->function_count; i++) {
		struct chain_function *function = &parse->chain->functions[i - 1];

		if (!function->exec || strcmp(function->exec, path))
			continue;
		err = copy_names(description->edges, description->edge_count, &function->edges,
				 &function->edge_count);
		if (!err)
			err = copy_names(description->calls, description->call_count,
					 &function->calls, &function->call_count);
		parse->functions[i].described = true;
		check_config(parse, i, description);
	}
	return err;
}

/* An executable that failed once is not asked again. */
static bool asked_before(const struct chain_parse *parse, int number)
{
	const struct chain_function *functions = parse->chain->functions;

	for (int i = 1; i < number; i++) {
		if (functions[i - 1].exec &&
		    !strcmp(functions[i - 1].exec, functions[number - 1].exec))
			return true;
	}
	return false;
}

/* Takes what the executable says, from those `known` or by running it. Returns 0, -ENOMEM, or
 * -errno and a sentence in `why`. */
static int description_get(const struct chain_parse *parse, const char *exec,
			   const struct chain_declaration *known, struct chain_description *ret,
			   char why[CHAIN_WHY_MAX])
{
	if (!parse->known)
		return chain_describe(exec, ret, why);
	if (known && !known->error)
		return chain_describe_parse(known->text, known->len, ret, why);
	snprintf(why, CHAIN_WHY_MAX, "%s",
		 known ? known->why : "was not asked: apply the file again");
	return -EBADMSG;
}

static int ask(struct chain_parse *parse, int number)
{
	const char *exec = parse->chain->functions[number - 1].exec;
	const struct chain_declaration *known =
		parse->known ? chain_declarations_find(parse->known, exec) : NULL;
	struct chain_description description;
	char why[CHAIN_WHY_MAX];
	int err;

	if (!(known && !known->error) && !check_file(parse, number))
		return 0;
	err = description_get(parse, exec, known, &description, why);
	if (err == -ENOMEM)
		return err;
	if (err) {
		chain_errors_add(parse->errors, parse->functions[number].exec_at,
				 "%.80s --describe: %s", parse->functions[number].exec, why);
		return 0;
	}
	err = apply(parse, number, &description);
	chain_description_done(&description);
	return err;
}

int chain_read_declarations(struct chain_parse *parse)
{
	int err = 0;

	if (parse->flags & CHAIN_NO_DESCRIBE)
		return 0;
	for (int i = 1; !err && i <= (int)parse->chain->function_count; i++) {
		if (parse->chain->functions[i - 1].exec && !asked_before(parse, i))
			err = ask(parse, i);
	}
	return err;
}
