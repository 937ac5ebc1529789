// SPDX-License-Identifier: Apache-2.0
/* See file_read.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/cli/file_read.h"

#define CHUNK ((size_t)64 << 10)

int file_read_fd(int fd, size_t max, char **ret_text, size_t *ret_len)
{
	size_t len = 0, size = 0;
	char *text = NULL;

	for (;;) {
		ssize_t got;

		if (size - len < 2) {
			char *more = realloc(text, size + CHUNK);

			if (!more) {
				free(text);
				return -ENOMEM;
			}
			text = more;
			size += CHUNK;
		}
		got = read(fd, text + len, size - len - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || len + (size_t)got > max) {
			int err = got < 0 ? -errno : -EFBIG;

			free(text);
			return err;
		}
		if (got == 0)
			break;
		len += (size_t)got;
	}
	text[len] = '\0';
	*ret_text = text;
	*ret_len = len;
	return 0;
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* -EAGAIN: it changed meanwhile. */
static int read_once(int fd, size_t max, char **ret_text, size_t *ret_len)
{
	struct stat before, after;
	size_t len = 0;
	char *text = NULL;
	int r;

	if (fstat(fd, &before) < 0)
		return -errno;
	r = file_read_fd(fd, max, &text, &len);
	if (r < 0)
		return r;
	if (S_ISREG(before.st_mode) &&
	    (fstat(fd, &after) < 0 || !same(&before, &after) || (off_t)len != after.st_size)) {
		free(text);
		return -EAGAIN;
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}

int file_read(const char *path, size_t max, char **ret_text, size_t *ret_len)
{
	int r = -EAGAIN;

	for (int i = 0; i < FILE_READ_TRIES && r == -EAGAIN; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			return -errno;
		r = read_once(fd, max, ret_text, ret_len);
		close(fd);
	}
	return r == -EAGAIN ? -EBUSY : r;
}
