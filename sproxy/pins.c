// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "sproxy/state.h"

#define FOLDER_MODE 0700
#define PIN_PATH_MAX 4096
#define PIN_NAME_MAX 32

/* A bpffs takes no dots in names: they become colons in the last part of the path. */
int pins_path(const char *folder, char **ret)
{
	char *path, *name;
	size_t len = strlen(folder);

	if (len == 0 || len > PIN_PATH_MAX - PIN_NAME_MAX || folder[0] != '/')
		return -EINVAL;
	path = strdup(folder);
	if (!path)
		return -ENOMEM;
	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	for (name = strrchr(path, '/'); *name; name++)
		if (*name == '.')
			*name = ':';
	*ret = path;
	return 0;
}

/* Cuts the last part off. False when none is left. */
static bool path_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return false;
	*slash = '\0';
	return true;
}

/* Whether what there is of the path lies on a bpffs. 0, -ENOTSUP, or -errno. */
static int path_check(const char *path)
{
	struct statfs fs;
	char *up = strdup(path);
	int r;

	if (!up)
		return -ENOMEM;
	do
		r = statfs(up, &fs) < 0 ? -errno : 0;
	while (r == -ENOENT && path_up(up));
	free(up);
	if (r == 0 && (unsigned long)fs.f_type != BPF_FS_MAGIC)
		return -ENOTSUP;
	return r == -ENOENT ? -ENOTSUP : r;
}

/* The folder must be new; those above it are made where they are missing. */
static int folder_make(const char *path)
{
	char *up;
	int r;

	if (mkdir(path, FOLDER_MODE) == 0)
		return 0;
	if (errno != ENOENT)
		return -errno;
	up = strdup(path);
	if (!up)
		return -ENOMEM;
	r = path_up(up) ? folder_make(up) : -ENOENT;
	free(up);
	if (r < 0 && r != -EEXIST)
		return r;
	return mkdir(path, FOLDER_MODE) < 0 ? -errno : 0;
}

static void pin_path(char path[PIN_PATH_MAX], const char *folder, int map)
{
	snprintf(path, PIN_PATH_MAX, "%s/%s", folder, map_name((enum sproxy_map)map));
}

int pins_make(const struct sproxy *proxy)
{
	char path[PIN_PATH_MAX];
	int r = path_check(proxy->pins);

	if (r == 0)
		r = folder_make(proxy->pins);
	if (r < 0)
		return r;
	for (int i = 0; i < MAP_COUNT; i++) {
		pin_path(path, proxy->pins, i);
		if (bpf_obj_pin(proxy->maps[i], path) < 0) {
			r = -errno;
			pins_remove(proxy->pins);
			return r;
		}
	}
	return 0;
}

int pins_open(struct sproxy *proxy)
{
	char path[PIN_PATH_MAX];
	int r = path_check(proxy->pins);

	for (int i = 0; r == 0 && i < MAP_COUNT; i++) {
		pin_path(path, proxy->pins, i);
		proxy->maps[i] = bpf_obj_get(path);
		if (proxy->maps[i] < 0)
			r = -errno;
	}
	return r;
}

int pins_remove(const char *path)
{
	struct dirent *entry;
	int r = path_check(path);
	DIR *folder;

	if (r < 0)
		return r;
	folder = opendir(path);
	if (!folder)
		return errno == ENOENT ? 0 : -errno;
	while (r == 0 && (entry = readdir(folder)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    unlinkat(dirfd(folder), entry->d_name, 0) < 0)
			r = -errno;
	closedir(folder);
	if (r == 0 && rmdir(path) < 0)
		r = -errno;
	return r;
}

int sproxy_remove_pins(const char *folder)
{
	char *path;
	int r = pins_path(folder, &path);

	if (r < 0)
		return r;
	r = pins_remove(path);
	free(path);
	return r;
}
