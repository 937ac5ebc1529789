/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - see store.h.
 */
#include "controller/daemon/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/chain_value.h"

#define SUFFIX ".json"
#define TEMPORARY ".new-" /* begins the name of a file that is being written */

struct store {
	int folder;
	char *path;
};

static int is_temporary(const struct dirent *entry)
{
	return !strncmp(entry->d_name, TEMPORARY, strlen(TEMPORARY));
}

static int is_document(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name), suffix = strlen(SUFFIX);

	return entry->d_name[0] != '.' && len > suffix &&
	       !strcmp(entry->d_name + len - suffix, SUFFIX);
}

/* The names in the folder that `filter` wants, sorted, each and the list of the caller.
 * Returns how many, or -errno. */
static int names_list(struct store *store, int (*filter)(const struct dirent *),
		      struct dirent ***ret)
{
	int count = scandirat(store->folder, ".", ret, filter, alphasort);

	return count < 0 ? -errno : count;
}

static void remove_temporary(struct store *store)
{
	struct dirent **names;
	int count = names_list(store, is_temporary, &names);

	for (int i = 0; i < count; i++) {
		unlinkat(store->folder, names[i]->d_name, 0);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
}

/* Makes a folder and those above it. Returns 0 or -errno. */
static int make_folders(char *path, mode_t mode)
{
	for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST && errno != EROFS)
			return -errno;
		*at = '/';
	}
	return mkdir(path, mode) < 0 && errno != EEXIST && errno != EROFS ? -errno : 0;
}

int store_open(const char *folder, struct store **ret, char why[STORE_WHY_MAX])
{
	struct store *store = calloc(1, sizeof(*store));
	int err = -ENOMEM;

	if (store && asprintf(&store->path, "%s/chains", folder) < 0)
		store->path = NULL;
	if (store && store->path)
		err = make_folders(store->path, 0700);
	if (!err) {
		store->folder = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		err = store->folder < 0 ? -errno : 0;
	}
	if (err) {
		snprintf(why, STORE_WHY_MAX,
			 "the folder for declared chains, %s/chains, cannot be used: %s (choose "
			 "another with --state)",
			 folder, strerror(-err));
		if (store)
			free(store->path);
		free(store);
		return err;
	}
	remove_temporary(store);
	*ret = store;
	return 0;
}

struct store *store_close(struct store *store)
{
	if (!store)
		return NULL;
	close(store->folder);
	free(store->path);
	free(store);
	return NULL;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t done = write(fd, data, len);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0) {
			data += done;
			len -= (size_t)done;
		}
	}
	return 0;
}

/* Writes the file and syncs it. Returns 0 or -errno. */
static int write_file(struct store *store, const char *name, const char *data, size_t len)
{
	int fd = openat(store->folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			0600);
	int err;

	if (fd < 0)
		return -errno;
	err = write_all(fd, data, len);
	if (!err && fsync(fd) < 0)
		err = -errno;
	if (close(fd) < 0 && !err)
		err = -errno;
	return err;
}

int store_save(struct store *store, const struct document *document)
{
	char name[NAME_MAX + 1], fresh[NAME_MAX + 1];
	size_t len;
	char *text = document_text(document, &len);
	int err;

	if (!text)
		return -ENOMEM;
	snprintf(name, sizeof(name), "%s" SUFFIX, document->name);
	snprintf(fresh, sizeof(fresh), TEMPORARY "%s" SUFFIX, document->name);
	err = write_file(store, fresh, text, len);
	free(text);
	if (!err && renameat(store->folder, fresh, store->folder, name) < 0)
		err = -errno;
	if (err)
		unlinkat(store->folder, fresh, 0);
	else if (fsync(store->folder) < 0)
		err = -errno;
	return err;
}

int store_remove(struct store *store, const char *name)
{
	char file[NAME_MAX + 1];

	snprintf(file, sizeof(file), "%s" SUFFIX, name);
	if (unlinkat(store->folder, file, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return fsync(store->folder) < 0 ? -errno : 0;
}

/* Reads a whole file. Returns its length and *ret (the caller's), or -errno. */
static ssize_t read_file(struct store *store, const char *name, char **ret)
{
	int fd = openat(store->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	char *text = NULL;
	ssize_t len;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		len = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_size > (off_t)DOCUMENT_MAX)
		len = -EBADMSG;
	else
		len = (text = malloc((size_t)st.st_size + 1)) ? 0 : -ENOMEM;
	while (text && len < st.st_size) {
		ssize_t got = read(fd, text + len, (size_t)(st.st_size - len));

		if (got == 0)
			break;
		if (got < 0 && errno != EINTR) {
			len = -errno;
			break;
		}
		len += got > 0 ? got : 0;
	}
	close(fd);
	if (len < 0)
		free(text);
	else
		*ret = text;
	return len;
}

/* Returns 0 and *ret; -EBADMSG when the file is no document of this name; -errno. */
static int load(struct store *store, const char *file, struct document **ret)
{
	size_t stem = strlen(file) - strlen(SUFFIX);
	struct document *document = NULL;
	char *text = NULL;
	ssize_t len = read_file(store, file, &text);
	int err = len < 0 ? (int)len : document_parse(text, (size_t)len, &document);

	free(text);
	if (!err && (strlen(document->name) != stem || strncmp(document->name, file, stem) != 0)) {
		document_free(document);
		err = -EBADMSG;
	}
	if (!err)
		*ret = document;
	return err;
}

static void tell_unreadable(struct store *store, const char *file, int err,
			    void (*on_unreadable)(const char *name, const char *why, void *arg),
			    void *arg)
{
	char why[STORE_WHY_MAX + NAME_MAX], name[NAME_MAX + 1];
	size_t len = strlen(file) - strlen(SUFFIX);

	snprintf(name, sizeof(name), "%.*s", (int)len, file);
	snprintf(why, sizeof(why), "%s/%s: %s: apply the chain again", store->path, file,
		 err == -EBADMSG ? "it holds no declared chain" : strerror(-err));
	if (len < CHAIN_NAME_MAX)
		on_unreadable(name, why, arg);
	else
		fprintf(stderr, "sprocketd: %s\n", why);
}

int store_load(struct store *store, void (*on_document)(struct document *document, void *arg),
	       void (*on_unreadable)(const char *name, const char *why, void *arg), void *arg)
{
	struct dirent **names;
	int count = names_list(store, is_document, &names), loaded = 0;

	for (int i = 0; i < count; i++) {
		struct document *document;
		int err = load(store, names[i]->d_name, &document);

		if (err) {
			tell_unreadable(store, names[i]->d_name, err, on_unreadable, arg);
		} else {
			loaded++;
			on_document(document, arg);
		}
		free(names[i]);
	}
	if (count < 0)
		return count;
	free(names);
	return loaded;
}
