// SPDX-License-Identifier: Apache-2.0
#include "controller/logstore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/clock.h"
#include "controller/logstore_file.h"
#include "controller/logstore_text.h"
#include "controller/loop.h"

struct open_file {
	int fd;        /* -1: none */
	uint64_t turn; /* of its last line */
	char chain[LOGSTORE_NAME_MAX];
	char source[LOGSTORE_NAME_MAX];
};

struct logstore {
	char folder[LOGSTORE_FOLDER_MAX];
	uint64_t turn;
	uint64_t lost;
	uint64_t lost_before; /* the trouble began */
	uint64_t failed_ns;   /* when a line was lost last; 0: no trouble */
	logstore_tell_fn *tell;
	void *tell_arg;
	struct logstore_listener *listeners;
	struct logstore_listener *upcoming; /* the one called next */
	struct open_file files[LOGSTORE_OPEN_MAX];
	char line[LOGSTORE_LINE_MAX + 1];
};

const char *logstore_folder(const struct logstore *store)
{
	return store->folder;
}

bool logstore_is_name(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return len > 0 && len < LOGSTORE_NAME_MAX && !text[len];
}

void logstore_path(const struct logstore *store, const char *chain, const char *source,
		   unsigned age, char ret[LOGSTORE_PATH_MAX])
{
	int n = snprintf(ret, LOGSTORE_PATH_MAX, "%s/%s/%s" LOGSTORE_SUFFIX, store->folder, chain,
			 source);

	if (age > 0)
		snprintf(ret + n, LOGSTORE_PATH_MAX - (size_t)n, ".%u", age);
}

int logstore_open(const char *folder, struct logstore **ret)
{
	struct logstore *store;

	if (strlen(folder) >= LOGSTORE_FOLDER_MAX)
		return -ENAMETOOLONG;
	store = calloc(1, sizeof(*store));
	if (!store)
		return -ENOMEM;
	strcpy(store->folder, folder);
	for (size_t i = 0; i < LOGSTORE_OPEN_MAX; i++)
		store->files[i].fd = -1;
	*ret = store;
	return 0;
}

static void file_close(struct open_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
	file->turn = 0;
}

struct logstore *logstore_close(struct logstore *store)
{
	if (!store)
		return NULL;
	for (size_t i = 0; i < LOGSTORE_OPEN_MAX; i++)
		file_close(&store->files[i]);
	free(store);
	return NULL;
}

/* ---- trouble ---- */

void logstore_on_trouble(struct logstore *store, logstore_tell_fn *tell, void *arg)
{
	store->tell = tell;
	store->tell_arg = arg;
}

uint64_t logstore_lost(const struct logstore *store)
{
	return store->lost;
}

static void failed(struct logstore *store, int error)
{
	char sentence[LOGSTORE_FOLDER_MAX + 160];
	bool told = store->failed_ns != 0;

	store->failed_ns = loop_now_ns();
	if (!told)
		store->lost_before = store->lost;
	store->lost++;
	if (told || !store->tell)
		return;
	snprintf(sentence, sizeof(sentence),
		 "log lines are lost: cannot write below %s: %s; make room there, or make it "
		 "writable",
		 store->folder, strerror(-error));
	store->tell(store->tell_arg, sentence);
}

static void kept(struct logstore *store)
{
	char sentence[LOGSTORE_FOLDER_MAX + 80];

	if (store->failed_ns == 0 || loop_now_ns() - store->failed_ns < LOGSTORE_CALM_NS)
		return;
	store->failed_ns = 0;
	if (!store->tell)
		return;
	snprintf(sentence, sizeof(sentence),
		 "log lines are kept again below %s; %" PRIu64 " were lost", store->folder,
		 store->lost - store->lost_before);
	store->tell(store->tell_arg, sentence);
}

/* ---- files ---- */

static struct open_file *file_find(struct logstore *store, const char *chain, const char *source)
{
	for (size_t i = 0; i < LOGSTORE_OPEN_MAX; i++) {
		struct open_file *f = &store->files[i];

		if (f->fd >= 0 && strcmp(f->source, source) == 0 && strcmp(f->chain, chain) == 0)
			return f;
	}
	return NULL;
}

/* A place for one more: the one that has not been used for longest. */
static struct open_file *file_oldest(struct logstore *store)
{
	struct open_file *oldest = &store->files[0];

	for (size_t i = 1; i < LOGSTORE_OPEN_MAX; i++)
		if (store->files[i].turn < oldest->turn)
			oldest = &store->files[i];
	file_close(oldest);
	return oldest;
}

static int folder_make(const char *path)
{
	return mkdir(path, 0750) < 0 && errno != EEXIST ? -errno : 0;
}

static int file_create(const struct logstore *store, const char *chain, const char *source)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
	char path[LOGSTORE_PATH_MAX], folder[LOGSTORE_PATH_MAX];
	int fd, r;

	logstore_path(store, chain, source, 0, path);
	fd = open(path, flags, 0640);
	if (fd < 0 && errno == ENOENT) {
		snprintf(folder, sizeof(folder), "%s/%s", store->folder, chain);
		r = folder_make(store->folder);
		if (r == 0)
			r = folder_make(folder);
		if (r < 0)
			return r;
		fd = open(path, flags, 0640);
	}
	return fd < 0 ? -errno : fd;
}

static int file_open(struct logstore *store, const char *chain, const char *source,
		     struct open_file **ret)
{
	struct open_file *f = file_find(store, chain, source);
	struct stat st;
	int fd;

	if (f && (fstat(f->fd, &st) < 0 || st.st_nlink == 0)) {
		file_close(f); /* somebody has removed it */
		f = NULL;
	}
	if (!f) {
		f = file_oldest(store);
		fd = file_create(store, chain, source);
		if (fd < 0)
			return fd;
		f->fd = fd;
		strcpy(f->chain, chain);
		strcpy(f->source, source);
	}
	f->turn = ++store->turn;
	*ret = f;
	return 0;
}

/* Every file becomes one older; the oldest goes. */
static int rotate(const struct logstore *store, const struct open_file *f)
{
	char from[LOGSTORE_PATH_MAX], to[LOGSTORE_PATH_MAX];

	for (unsigned age = LOGSTORE_OLD; age > 0; age--) {
		logstore_path(store, f->chain, f->source, age - 1, from);
		logstore_path(store, f->chain, f->source, age, to);
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

static int append(int fd, const char *line, size_t len, off_t size)
{
	ssize_t n;

	do
		n = write(fd, line, len);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)len)
		return 0;
	if (n < 0)
		return -errno;
	if (ftruncate(fd, size) < 0) /* half a line would spoil the next one */
		return -errno;
	return -ENOSPC;
}

static int line_keep(struct logstore *store, const char *chain, const char *source,
		     const char *line, size_t len)
{
	struct open_file *f;
	struct stat st;
	int r = file_open(store, chain, source, &f);

	if (r == 0 && fstat(f->fd, &st) < 0)
		r = -errno;
	if (r == 0 && st.st_size > 0 && (size_t)st.st_size + len > LOGSTORE_FILE_MAX) {
		r = rotate(store, f);
		file_close(f);
		if (r == 0)
			r = file_open(store, chain, source, &f);
		st.st_size = 0;
	}
	return r < 0 ? r : append(f->fd, line, len, st.st_size);
}

/* ---- lines ---- */

static void pass_on(struct logstore *store, const char *chain, const char *source, const char *time,
		    const char *text)
{
	struct logstore_listener *l;

	for (l = store->listeners; l; l = store->upcoming) {
		store->upcoming = l->next;
		l->line(l->arg, chain, source, time, text);
	}
}

int logstore_line(struct logstore *store, const char *chain, const char *source,
		  uint64_t realtime_ns, const char *text, size_t len)
{
	char *at = store->line + CLOCK_TEXT_LEN + 1;
	size_t clean;
	int r;

	if (!logstore_is_name(chain) || !logstore_is_name(source))
		return -EINVAL;
	clock_text(realtime_ns, store->line);
	clean = logstore_text(text, len < LOGSTORE_TEXT_MAX ? len : LOGSTORE_TEXT_MAX, at);
	store->line[CLOCK_TEXT_LEN] = ' ';
	at[clean] = '\n';
	r = line_keep(store, chain, source, store->line, CLOCK_TEXT_LEN + 1 + clean + 1);
	if (r < 0)
		failed(store, r);
	else
		kept(store);
	store->line[CLOCK_TEXT_LEN] = '\0';
	at[clean] = '\0';
	pass_on(store, chain, source, store->line, at);
	return r;
}

void logstore_listen(struct logstore *store, struct logstore_listener *listener)
{
	listener->next = store->listeners;
	store->listeners = listener;
}

void logstore_unlisten(struct logstore *store, struct logstore_listener *listener)
{
	if (store->upcoming == listener)
		store->upcoming = listener->next;
	for (struct logstore_listener **l = &store->listeners; *l; l = &(*l)->next) {
		if (*l == listener) {
			*l = listener->next;
			return;
		}
	}
}

void logstore_remove(struct logstore *store, const char *chain)
{
	char folder[LOGSTORE_PATH_MAX];
	const struct dirent *entry;
	DIR *dir;

	if (!logstore_is_name(chain))
		return;
	for (size_t i = 0; i < LOGSTORE_OPEN_MAX; i++)
		if (strcmp(store->files[i].chain, chain) == 0)
			file_close(&store->files[i]);
	snprintf(folder, sizeof(folder), "%s/%s", store->folder, chain);
	dir = opendir(folder);
	while (dir && (entry = readdir(dir)))
		if (strstr(entry->d_name, LOGSTORE_SUFFIX))
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(folder);
}
