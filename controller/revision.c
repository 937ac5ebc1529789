// SPDX-License-Identifier: Apache-2.0
#include "controller/revision.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/hash.h"

static void hash_pairs(uint64_t *hash, const struct chain_pairs *pairs)
{
	hash_add(hash, &pairs->count, sizeof(pairs->count));
	for (size_t i = 0; i < pairs->count; i++) {
		hash_text(hash, pairs->items[i].key);
		hash_text(hash, pairs->items[i].value);
	}
}

static void hash_file(uint64_t *hash, const struct stat *st)
{
	const uint64_t identity[] = { (uint64_t)st->st_dev, (uint64_t)st->st_ino,
				      (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec,
				      (uint64_t)st->st_mtim.tv_nsec };

	hash_add(hash, identity, sizeof(identity));
}

static void hash_paths(uint64_t *hash, const struct chain_paths *paths)
{
	hash_add(hash, &paths->count, sizeof(paths->count));
	for (size_t i = 0; i < paths->count; i++)
		hash_text(hash, paths->items[i]);
}

/* What a process may do is settled when it starts; so is what its secrets say. The defaults
 * leave the hash as it was before there were others. */
static void hash_security(uint64_t *hash, const struct chain_function *f)
{
	const struct chain_security *s = &f->security;
	const uint32_t numbers[] = { s->host_network, s->user_kind, s->calls };
	struct stat st;

	if (!s->host_network && s->user_kind == CHAIN_USER_AUTO && !s->calls && !s->read.count &&
	    !s->write.count && !f->secrets.count)
		return;
	hash_add(hash, numbers, sizeof(numbers));
	hash_text(hash, s->user ? s->user : "");
	hash_paths(hash, &s->read);
	hash_paths(hash, &s->write);
	hash_pairs(hash, &f->secrets);
	for (size_t i = 0; i < f->secrets.count; i++)
		if (stat(f->secrets.items[i].value, &st) == 0)
			hash_file(hash, &st);
}

static void name_make(const struct chain *chain, const struct chain_function *f,
		      const struct stat *st, char ret[REVISION_NAME_MAX])
{
	static const char letters[] = "0123456789abcdefghijklmnopqrstuv";
	uint64_t hash = HASH_START;

	hash_file(&hash, st);
	hash_text(&hash, f->name);
	hash_pairs(&hash, &f->config);
	hash_pairs(&hash, &f->env);
	hash_add(&hash, &chain->max_hops, sizeof(chain->max_hops));
	for (size_t i = 0; i < f->edge_count; i++)
		hash_text(&hash, f->edges[i]);
	if (f->call_count > 0)
		hash_add(&hash, &f->call_count, sizeof(f->call_count));
	for (size_t i = 0; i < f->call_count; i++)
		hash_text(&hash, f->calls[i]);
	hash_security(&hash, f);
	if (f->workers > 1) /* a process has as many threads all its life */
		hash_add(&hash, &f->workers, sizeof(f->workers));
	if (f->read_only) /* it maps the pool once */
		hash_add(&hash, &f->read_only, sizeof(f->read_only));
	for (int i = 0; i < 12; i++, hash >>= 5)
		ret[i] = letters[hash % 32];
	ret[12] = '\0';
}

struct revision *revision_adopt(const char *name, int exec_fd)
{
	struct revision *revision = calloc(1, sizeof(*revision));

	if (!revision) {
		close(exec_fd);
		return NULL;
	}
	revision->references = 1;
	revision->exec_fd = exec_fd;
	snprintf(revision->name, sizeof(revision->name), "%s", name);
	return revision;
}

int revision_open(const struct chain *chain, uint32_t index, struct revision **ret)
{
	const struct chain_function *f = &chain->functions[index];
	char name[REVISION_NAME_MAX];
	struct revision *revision;
	struct stat st;
	int fd = open(f->exec, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	name_make(chain, f, &st, name);
	revision = revision_adopt(name, fd);
	if (!revision)
		return -ENOMEM;
	*ret = revision;
	return 0;
}

struct revision *revision_get(struct revision *revision)
{
	revision->references++;
	return revision;
}

struct revision *revision_put(struct revision *revision)
{
	if (!revision || --revision->references > 0)
		return NULL;
	close(revision->exec_fd);
	free(revision);
	return NULL;
}
