/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_load.c - see chain.h: the order in which a chain file is read and judged.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/chain_node.h"
#include "controller/chain_yaml.h"

#define TIMEOUT_DEFAULT_NS UINT64_C(30000000000)
#define MAX_HOPS_DEFAULT 32

/* Untouched, its many functions and rules take no memory. */
static struct chain *chain_new(const char *path)
{
	struct chain *chain = mmap(NULL, sizeof(*chain), PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (chain == MAP_FAILED)
		return NULL;
	chain->timeout_ns = TIMEOUT_DEFAULT_NS;
	chain->max_hops = MAX_HOPS_DEFAULT;
	chain->file = strdup(path);
	return chain->file ? chain : chain_free(chain);
}

static void free_pairs(struct chain_pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		free(pairs->items[i].key);
		free(pairs->items[i].value);
	}
	free(pairs->items);
}

struct chain *chain_free(struct chain *chain)
{
	if (!chain)
		return NULL;
	for (uint32_t i = 0; i < chain->function_count; i++) {
		struct chain_function *function = &chain->functions[i];

		for (size_t e = 0; e < function->edge_count; e++)
			free(function->edges[e]);
		free(function->edges);
		for (size_t c = 0; c < function->call_count; c++)
			free(function->calls[c]);
		free(function->calls);
		free(function->exec);
		free_pairs(&function->config);
		free_pairs(&function->env);
		free_pairs(&function->secrets);
		chain_security_free(&function->security);
	}
	for (uint32_t i = 0; i < chain->ingress_count; i++) {
		for (uint32_t m = 0; m < chain->ingress[i].method_count; m++)
			free(chain->ingress[i].methods[m]);
		free(chain->ingress[i].host);
		free(chain->ingress[i].path);
	}
	chain_security_free(&chain->security);
	free(chain->file);
	free(chain->listen);
	munmap(chain, sizeof(*chain));
	return NULL;
}

/* Reads the document into parse->chain. Returns 0, also with errors added, or -ENOMEM. */
static int read_document(struct chain_parse *parse, yaml_document_t *document)
{
	int err;

	parse->document = document;
	err = chain_read_root(parse, yaml_document_get_root_node(document));
	if (err)
		return err;
	chain_build_tables(parse);
	chain_check_graph(parse);
	chain_check_memory(parse);
	chain_finish_revisions(parse);
	return chain_compute_pool(parse);
}

/* Parses `text` into an empty chain. Returns 0, -EINVAL with errors added, or -ENOMEM. */
static int parse_text(struct chain *chain, const char *text, size_t len, unsigned flags,
		      const struct chain_declarations *known, struct chain_errors *errors)
{
	struct chain_parse *parse;
	yaml_document_t document;
	int err;

	if (len > CHAIN_FILE_MAX) {
		chain_errors_add(errors, (struct chain_place){ 0 },
				 "is larger than %u MiB, the limit of a chain file",
				 CHAIN_FILE_MAX >> 20);
		return -EINVAL;
	}
	parse = calloc(1, sizeof(*parse));
	if (!parse)
		return -ENOMEM;
	parse->chain = chain;
	parse->errors = errors;
	parse->flags = flags;
	parse->known = known;
	err = chain_yaml_load(text, len, errors, &document);
	if (!err) {
		err = read_document(parse, &document);
		yaml_document_delete(&document);
	}
	free(parse->routes);
	free(parse);
	if (err)
		return err;
	return errors->failed ? errors->failed : errors->count ? -EINVAL : 0;
}

int chain_parse_declared(const char *path, const char *text, size_t len, unsigned flags,
			 const struct chain_declarations *known, FILE *errors, struct chain **ret,
			 unsigned *ret_errors)
{
	struct chain_errors *found = calloc(1, sizeof(*found));
	struct chain *chain = chain_new(path);
	int err = -ENOMEM;

	if (found && chain)
		err = parse_text(chain, text, len, flags, known, found);
	if (err == -EINVAL) {
		chain_errors_print(found, path, errors);
		if (ret_errors)
			*ret_errors = found->count;
	} else if (err) {
		fprintf(errors, "%s: %s\n", path, strerror(-err));
	}
	if (!err) {
		*ret = chain;
		chain = NULL;
	}
	chain_free(chain);
	if (found)
		chain_errors_done(found);
	free(found);
	return err;
}

int chain_parse(const char *path, const char *text, size_t len, unsigned flags, FILE *errors,
		struct chain **ret, unsigned *ret_errors)
{
	return chain_parse_declared(path, text, len, flags, NULL, errors, ret, ret_errors);
}

static bool contains(char *const *list, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(list[i], text))
			return true;
	}
	return false;
}

int chain_execs(const char *path, const char *text, size_t len, char ***ret, size_t *ret_count)
{
	struct chain_errors *ignored = calloc(1, sizeof(*ignored));
	struct chain *chain = chain_new(path);
	char **list = calloc(SP_FN_MAX, sizeof(*list));
	size_t count = 0;
	int err = ignored && chain && list ? 0 : -ENOMEM;

	if (!err)
		err = parse_text(chain, text, len, CHAIN_NO_DESCRIBE, NULL, ignored);
	if (err == -EINVAL)
		err = 0;
	for (uint32_t i = 0; !err && i < chain->function_count; i++) {
		char **exec = &chain->functions[i].exec;

		if (!*exec || contains(list, count, *exec))
			continue;
		list[count++] = *exec;
		*exec = NULL;
	}
	chain_free(chain);
	if (ignored)
		chain_errors_done(ignored);
	free(ignored);
	if (err) {
		free(list);
		return err;
	}
	*ret = list;
	*ret_count = count;
	return 0;
}

/* Reads at most one byte more than a chain file may have. Returns its length or -errno. */
static ssize_t read_file(const char *path, char *buf)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t got = fd < 0 ? -1 : 1;
	int err;

	while (got > 0 && len <= CHAIN_FILE_MAX) {
		got = read(fd, buf + len, CHAIN_FILE_MAX + 1 - len);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			len += (size_t)got;
	}
	err = errno;
	if (fd >= 0)
		close(fd);
	return got < 0 ? -err : (ssize_t)len;
}

/* The file itself, or that of a folder. */
static const char *file_in(const char *path, char folder_file[CHAIN_PATH_MAX])
{
	struct stat st;
	int len = 0;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		len = snprintf(folder_file, CHAIN_PATH_MAX, "%s/" CHAIN_FILE_NAME, path);
	return len > 0 && len < CHAIN_PATH_MAX ? folder_file : path;
}

int chain_load(const char *path, unsigned flags, FILE *errors, struct chain **ret,
	       unsigned *ret_errors)
{
	char *text = malloc(CHAIN_FILE_MAX + 1), folder_file[CHAIN_PATH_MAX];
	ssize_t len;
	int err;

	path = file_in(path, folder_file);
	len = text ? read_file(path, text) : -ENOMEM;
	err = (int)len;
	if (len < 0)
		fprintf(errors, "%s: cannot be read: %s\n", path, strerror(-err));
	else
		err = chain_parse(path, text, (size_t)len, flags, errors, ret, ret_errors);
	free(text);
	return err;
}
