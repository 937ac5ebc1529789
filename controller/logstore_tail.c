// SPDX-License-Identifier: Apache-2.0
/*
 * logstore_tail.c - the last lines of a chain, read backwards.
 *
 * How: each source has a reader that steps back line by line through its files, the youngest
 * first. The youngest line of all readers is taken until there are enough.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/logstore_file.h"
#include "controller/logstore_text.h"

#define BLOCK_SIZE (2 * LOGSTORE_LINE_MAX)
#define SOURCE_MAX 512

struct reader {
	char source[LOGSTORE_NAME_MAX];
	unsigned age; /* of the file that is read */
	off_t from;   /* offset in it of the block's first byte */
	size_t used;  /* bytes of the block not read yet */
	const char *line;
	size_t len; /* of the line; 0: no more */
	char *block;
};

struct line {
	const char *source;
	char *text;
};

struct tail {
	const struct logstore *store;
	const char *chain;
	struct reader *readers;
	size_t reader_count;
	struct line *lines; /* the youngest first */
	size_t line_count;
	size_t bytes;
};

/* Fills the block from what the file has before it. -errno when it cannot be read. */
static int block_fill(const struct tail *tail, struct reader *r)
{
	off_t room = (off_t)(BLOCK_SIZE - r->used), n = r->from < room ? r->from : room;
	char path[LOGSTORE_PATH_MAX];
	ssize_t got;
	int fd;

	logstore_path(tail->store, tail->chain, r->source, r->age, path);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	memmove(r->block + n, r->block, r->used);
	got = pread(fd, r->block, (size_t)n, r->from - n);
	close(fd);
	if (got != n)
		return -EIO;
	r->from -= n;
	r->used += (size_t)n;
	return 0;
}

/* Puts the reader behind the end of the file of its age. False when there is none. */
static bool file_begin(const struct tail *tail, struct reader *r)
{
	char path[LOGSTORE_PATH_MAX];
	struct stat st;

	logstore_path(tail->store, tail->chain, r->source, r->age, path);
	r->used = 0;
	r->from = 0;
	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	r->from = st.st_size;
	return true;
}

static bool is_line(const char *text, size_t len)
{
	return len > CLOCK_TEXT_LEN && text[CLOCK_TEXT_LEN] == ' ' && !memchr(text, '\0', len);
}

/* Takes what stands behind the last newline but one; -EAGAIN when the block must grow. */
static int block_take(struct reader *r)
{
	size_t end = r->used - (r->block[r->used - 1] == '\n');
	const char *before = memrchr(r->block, '\n', end);

	if (!before && r->from > 0 && r->used < BLOCK_SIZE)
		return -EAGAIN;
	r->line = before ? before + 1 : r->block;
	r->len = (size_t)(r->block + end - r->line);
	r->used = (size_t)(r->line - r->block);
	return 0;
}

/* Steps back to the line before; `len` is 0 when there is none. */
static void reader_step(const struct tail *tail, struct reader *r)
{
	r->len = 0;
	while (r->age <= LOGSTORE_OLD) {
		if (r->used == 0 && r->from == 0) {
			r->age++;
			if (r->age <= LOGSTORE_OLD)
				file_begin(tail, r);
		} else if (r->used == 0 || block_take(r) < 0) {
			if (block_fill(tail, r) < 0)
				r->used = 0, r->from = 0; /* on with the older one */
		} else if (is_line(r->line, r->len)) {
			return;
		}
	}
	r->len = 0;
}

static int reader_add(struct tail *tail, const char *source)
{
	struct reader *r = &tail->readers[tail->reader_count];

	snprintf(r->source, sizeof(r->source), "%s", source);
	r->block = malloc(BLOCK_SIZE);
	if (!r->block)
		return -ENOMEM;
	tail->reader_count++;
	file_begin(tail, r);
	reader_step(tail, r);
	return 0;
}

/* The source that a file is of: "detect-0" of "detect-0.log" and "detect-0.log.1" (which may
 * be all there is when the disk was full after a rotation). */
static bool source_of(const char *file, char ret[LOGSTORE_NAME_MAX])
{
	const char *suffix = strstr(file, LOGSTORE_SUFFIX);
	size_t len = suffix ? (size_t)(suffix - file) : LOGSTORE_NAME_MAX;

	if (len >= LOGSTORE_NAME_MAX)
		return false;
	memcpy(ret, file, len);
	ret[len] = '\0';
	suffix += strlen(LOGSTORE_SUFFIX);
	return (!*suffix || strcmp(suffix, ".1") == 0) && logstore_is_name(ret);
}

static bool reader_there(const struct tail *tail, const char *source)
{
	for (size_t i = 0; i < tail->reader_count; i++)
		if (strcmp(tail->readers[i].source, source) == 0)
			return true;
	return false;
}

static int readers_add(struct tail *tail, const char *wanted)
{
	char folder[LOGSTORE_PATH_MAX], source[LOGSTORE_NAME_MAX];
	const struct dirent *entry;
	int r = 0;
	DIR *dir;

	snprintf(folder, sizeof(folder), "%s/%s", logstore_folder(tail->store), tail->chain);
	dir = opendir(folder);
	while (r == 0 && dir && tail->reader_count < SOURCE_MAX && (entry = readdir(dir)))
		if (source_of(entry->d_name, source) && !reader_there(tail, source) &&
		    (!wanted || logstore_source_is(source, wanted)))
			r = reader_add(tail, source);
	if (dir)
		closedir(dir);
	return r;
}

static struct reader *youngest(const struct tail *tail)
{
	struct reader *best = NULL;

	for (size_t i = 0; i < tail->reader_count; i++) {
		struct reader *r = &tail->readers[i];

		if (r->len > 0 && (!best || memcmp(r->line, best->line, CLOCK_TEXT_LEN) > 0))
			best = r;
	}
	return best;
}

static int lines_take(struct tail *tail, unsigned max)
{
	struct reader *r;

	while (tail->line_count < max && tail->bytes < LOGSTORE_TAIL_BYTES &&
	       (r = youngest(tail))) {
		char *text = strndup(r->line, r->len);

		if (!text)
			return -ENOMEM;
		tail->bytes += r->len;
		tail->lines[tail->line_count++] =
			(struct line){ .source = r->source, .text = text };
		reader_step(tail, r);
	}
	return 0;
}

static void lines_give(const struct tail *tail, logstore_tail_fn *on_line, void *arg)
{
	for (size_t i = tail->line_count; i > 0; i--) {
		const struct line *line = &tail->lines[i - 1];

		line->text[CLOCK_TEXT_LEN] = '\0';
		on_line(arg, line->text, line->source, line->text + CLOCK_TEXT_LEN + 1);
	}
}

static void tail_done(struct tail *tail)
{
	for (size_t i = 0; i < tail->reader_count; i++)
		free(tail->readers[i].block);
	for (size_t i = 0; i < tail->line_count; i++)
		free(tail->lines[i].text);
	free(tail->readers);
	free(tail->lines);
}

int logstore_tail(struct logstore *store, const char *chain, const char *source, unsigned lines,
		  logstore_tail_fn *on_line, void *arg)
{
	struct tail tail = { .store = store, .chain = chain };
	int r;

	if (!logstore_is_name(chain) || (source && !logstore_is_name(source)))
		return -EINVAL;
	if (lines > LOGSTORE_TAIL_MAX)
		lines = LOGSTORE_TAIL_MAX;
	tail.readers = calloc(SOURCE_MAX, sizeof(*tail.readers));
	tail.lines = calloc(lines + 1U, sizeof(*tail.lines));
	r = tail.readers && tail.lines ? 0 : -ENOMEM;
	if (r == 0)
		r = readers_add(&tail, source);
	if (r == 0)
		r = lines_take(&tail, lines);
	if (r == 0)
		lines_give(&tail, on_line, arg);
	tail_done(&tail);
	return r;
}
