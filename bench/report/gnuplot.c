// SPDX-License-Identifier: Apache-2.0
/*
 * gnuplot.c - has gnuplot draw the PNGs.
 *
 * How: in a folder of its own inside the report's; what is whole is renamed into its place.
 */
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/report/page.h"

extern char **environ;

/* A file without a name that reads as `text`; -errno. */
static int text_file(const char *text, size_t len)
{
	int fd = memfd_create("gnuplot", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, text + at, len - at);

		if (n <= 0) {
			int r = n < 0 ? -errno : -EIO;

			close(fd);
			return r;
		}
		at += (size_t)n;
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* What gnuplot said last, in one line. */
static void last_line(int fd, char *to, size_t size)
{
	off_t end = lseek(fd, 0, SEEK_END), from = end > 200 ? end - 200 : 0;
	ssize_t n = pread(fd, to, size - 1 < 200 ? size - 1 : 200, from);

	to[n > 0 ? n : 0] = '\0';
	for (char *s = to; *s; s++)
		if ((unsigned char)*s < 0x20)
			*s = ' ';
}

/* Returns its status as waitpid() has it, or -errno. -d: nobody's own settings. */
static int spawn(const char *folder, int input, int messages)
{
	char *const argv[] = { (char[]){ "gnuplot" }, (char[]){ "-d" }, NULL };
	posix_spawn_file_actions_t actions;
	int r, status;
	pid_t pid;

	r = posix_spawn_file_actions_init(&actions);
	if (r)
		return -r;
	r = posix_spawn_file_actions_addchdir_np(&actions, folder);
	r = r ? r : posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	r = r ? r : posix_spawn_file_actions_adddup2(&actions, messages, STDOUT_FILENO);
	r = r ? r : posix_spawn_file_actions_adddup2(&actions, messages, STDERR_FILENO);
	r = r ? r : posix_spawnp(&pid, "gnuplot", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (r)
		return -r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status;
}

static int move_all(const struct bench_page *page, const char *from, const char *to)
{
	int r = 0;

	for (size_t i = 0; i < page->file_count; i++) {
		char *old = NULL, *new = NULL;

		if (asprintf(&old, "%s/%s", from, page->files[i]) < 0)
			old = NULL;
		if (asprintf(&new, "%s/%s", to, page->files[i]) < 0)
			new = NULL;
		if (!old || !new)
			r = -ENOMEM;
		else if (r == 0 && rename(old, new))
			r = -errno;
		else if (r < 0)
			unlink(old);
		free(old);
		free(new);
	}
	return r;
}

static int draw(const struct bench_page *page, const char *part, const char *folder,
		char error[BENCH_ERROR_TEXT])
{
	int input = text_file(page->commands, page->commands_len);
	int messages = memfd_create("messages", MFD_CLOEXEC);
	char said[201] = "";
	int r = input < 0 ? input : messages < 0 ? -errno : spawn(part, input, messages);

	if (r == -ENOENT) {
		snprintf(error, BENCH_ERROR_TEXT,
			 "index.html is written, but no PNGs: gnuplot is not there; install the "
			 "package gnuplot-nox");
	} else if (r == 0) {
		r = move_all(page, part, folder);
		if (r == -ENOENT)
			r = -EIO;
	} else if (r > 0) {
		last_line(messages, said, sizeof(said));
		r = -EIO;
	}
	if (r < 0 && r != -ENOENT)
		snprintf(error, BENCH_ERROR_TEXT,
			 "index.html is written, but no PNGs: gnuplot: %s %s", strerror(-r), said);
	if (input >= 0)
		close(input);
	if (messages >= 0)
		close(messages);
	return r;
}

/* What gnuplot left there when it failed goes with the folder. */
static void remove_folder(const struct bench_page *page, const char *part)
{
	for (size_t i = 0; i < page->file_count; i++) {
		char *path;

		if (asprintf(&path, "%s/%s", part, page->files[i]) < 0)
			continue;
		unlink(path);
		free(path);
	}
	rmdir(part);
}

int bench_gnuplot(const char *folder, const struct bench_page *page, char error[BENCH_ERROR_TEXT])
{
	char *part = NULL;
	int r;

	if (asprintf(&part, "%s/.png-XXXXXX", folder) < 0)
		return -ENOMEM;
	if (!mkdtemp(part)) {
		r = -errno;
		snprintf(error, BENCH_ERROR_TEXT, "%s: %s; --out names another folder", folder,
			 strerror(-r));
	} else {
		r = draw(page, part, folder, error);
		remove_folder(page, part);
	}
	free(part);
	return r;
}
