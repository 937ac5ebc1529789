// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/front_files.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/front/front_wiring.h"

#define CHANGES (IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB)

static void on_quiet(void *arg)
{
	struct front_files *files = arg;

	files->on_change(files->arg);
}

static void on_watch(void *arg, uint32_t events)
{
	struct front_files *files = arg;
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	(void)events;
	while (read(files->watch.fd, buf, sizeof(buf)) > 0)
		;
	loop_arm(files->loop, &files->quiet, FRONT_FILES_QUIET_NS);
}

static int folder_watch(int fd, const char *path)
{
	char *copy = strdup(path);
	int r;

	if (!copy)
		return -ENOMEM;
	r = inotify_add_watch(fd, dirname(copy), CHANGES) < 0 ? -errno : 0;
	free(copy);
	return r;
}

int front_files_init(struct front_files *files, struct loop *loop,
		     const char *const paths[FRONT_FILES], void (*on_change)(void *arg), void *arg)
{
	int r = 0;

	*files = (struct front_files){ .loop = loop, .on_change = on_change, .arg = arg };
	memcpy(files->paths, paths, sizeof(files->paths));
	files->watch =
		(struct loop_source){ inotify_init1(IN_CLOEXEC | IN_NONBLOCK), on_watch, files };
	files->quiet = (struct loop_timer){ .on_time = on_quiet, .arg = files };
	if (files->watch.fd < 0)
		return -errno;
	for (int i = 0; i < FRONT_FILES && r == 0; i++)
		if (paths[i])
			r = folder_watch(files->watch.fd, paths[i]);
	if (r == 0)
		r = loop_add(loop, &files->watch, EPOLLIN);
	if (r < 0)
		front_files_done(files);
	return r;
}

static int file_read(const char *path, struct front_bytes *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r = 0;
	struct front_bytes b = { NULL, 0 };
	struct stat st;
	ssize_t n = -1;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_size > FRONT_FILE_MAX)
		r = -EFBIG;
	else if (!(b.data = malloc(FRONT_FILE_MAX + 1)))
		r = -ENOMEM;
	else if ((n = read(fd, b.data, FRONT_FILE_MAX + 1)) < 0)
		r = -errno;
	else if (n > FRONT_FILE_MAX)
		r = -EFBIG;
	close(fd);
	if (r < 0) {
		free(b.data);
		return r;
	}
	b.len = (size_t)n;
	*ret = b;
	return 0;
}

static void bytes_free(struct front_bytes *b)
{
	if (b->data)
		explicit_bzero(b->data, b->len);
	free(b->data);
	*b = (struct front_bytes){ NULL, 0 };
}

static bool same(const struct front_bytes *a, const struct front_bytes *b)
{
	return a->len == b->len && !a->data == !b->data &&
	       (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

int front_files_read(struct front_files *files, const char **ret_path)
{
	struct front_bytes bytes[FRONT_FILES] = { { NULL, 0 } };
	bool changed = false;
	int r = 0;

	for (int i = 0; i < FRONT_FILES && r == 0; i++) {
		if (!files->paths[i])
			continue;
		r = file_read(files->paths[i], &bytes[i]);
		if (r < 0)
			*ret_path = files->paths[i];
		changed |= r == 0 && !same(&bytes[i], &files->bytes[i]);
	}
	for (int i = 0; i < FRONT_FILES; i++) {
		bytes_free(r < 0 ? &bytes[i] : &files->bytes[i]);
		if (r == 0)
			files->bytes[i] = bytes[i];
	}
	return r < 0 ? r : changed;
}

int front_files_memfd(const void *data, size_t len)
{
	int fd = memfd_create("front", MFD_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	if (len > 0 && write(fd, data, len) != (ssize_t)len) {
		r = errno ? -errno : -EIO;
		close(fd);
		return r;
	}
	return fd;
}

int front_files_memfds(const struct front_files *files, int ret[FRONT_FILES])
{
	int count = 0;

	for (int i = 0; i < FRONT_FILES; i++) {
		int fd;

		if (!files->bytes[i].data)
			continue;
		fd = front_files_memfd(files->bytes[i].data, files->bytes[i].len);
		if (fd < 0) {
			while (count > 0)
				close(ret[--count]);
			return fd;
		}
		ret[count++] = fd;
	}
	return count;
}

void front_files_done(struct front_files *files)
{
	int fd = files->watch.fd;

	loop_remove(files->loop, &files->watch);
	loop_disarm(files->loop, &files->quiet);
	if (fd >= 0)
		close(fd);
	for (int i = 0; i < FRONT_FILES; i++)
		bytes_free(&files->bytes[i]);
}
