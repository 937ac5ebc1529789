// SPDX-License-Identifier: Apache-2.0
#include "controller/cgroup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KILL_ROUNDS 8

struct mount {
	int version;
	char root[CGROUP_PATH_MAX]; /* the group that is mounted there */
	char point[CGROUP_PATH_MAX];
	char options[256]; /* v1: its controllers are among them */
};

/* The next line of mountinfo that is one of a cgroup hierarchy; false at the end. */
static bool mount_next(FILE *file, struct mount *ret)
{
	char line[2 * CGROUP_PATH_MAX + 512], type[32], *rest;

	while (fgets(line, sizeof(line), file)) {
		rest = strstr(line, " - ");
		if (!rest ||
		    sscanf(line, "%*s %*s %*s %1023s %1023s", ret->root, ret->point) != 2 ||
		    sscanf(rest, " - %31s %*s %255s", type, ret->options) != 2)
			continue;
		ret->version = !strcmp(type, "cgroup2") ? 2 : !strcmp(type, "cgroup") ? 1 : 0;
		if (ret->version)
			return true;
	}
	return false;
}

/* Is `word` one of those in a list with commas (or spaces, or an end of line) between them? */
static bool listed(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += len)
		if ((at == list || strchr(", ", at[-1])) && strchr(", \n", at[len]))
			return true;
	return false;
}

/* The line of /proc/PID/cgroup for a controller, v2 when it is NULL: its path. */
static bool path_of(pid_t pid, const char *controller, char ret[CGROUP_PATH_MAX])
{
	char name[64], line[CGROUP_PATH_MAX + 256];
	bool found = false;
	FILE *file;

	snprintf(name, sizeof(name), pid ? "/proc/%d/cgroup" : "/proc/self/cgroup", (int)pid);
	file = fopen(name, "re");
	while (file && !found && fgets(line, sizeof(line), file)) {
		char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		found = controller ? names[1] && listed(names + 1, controller) : !names[1];
		snprintf(ret, CGROUP_PATH_MAX, "%.1000s", path);
	}
	if (file)
		fclose(file);
	return found;
}

/* What the mount shows of a group; false: it lies outside. */
static bool place(const struct mount *mount, const char *path, char ret[CGROUP_PATH_MAX])
{
	size_t len = !strcmp(mount->root, "/") ? 0 : strlen(mount->root);

	if (strncmp(path, mount->root, len) != 0 || (path[len] && path[len] != '/'))
		return false;
	path += len;
	if (!strcmp(path, "/"))
		path = "";
	return snprintf(ret, CGROUP_PATH_MAX, "%s%s", mount->point, path) < CGROUP_PATH_MAX;
}

static bool unified_has(const char *folder, const char *controller)
{
	char path[CGROUP_PATH_MAX + 32], line[256] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/cgroup.controllers", folder);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	return listed(line, controller);
}

int cgroup_find(pid_t pid, enum cgroup_kind kind, char ret[CGROUP_PATH_MAX])
{
	const char *controller = cgroup_kind_name(kind);
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char path[CGROUP_PATH_MAX];
	struct mount mount;
	int version = 0;

	while (file && !version && mount_next(file, &mount)) {
		bool own = mount.version == 1;

		if (own && !listed(mount.options, controller))
			continue;
		if (!path_of(pid, own ? controller : NULL, path) || !place(&mount, path, ret))
			continue;
		if (own || unified_has(ret, controller))
			version = mount.version;
	}
	if (file)
		fclose(file);
	return version;
}

int cgroup_mount_nth(unsigned n, char ret[CGROUP_PATH_MAX])
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	struct mount mount;
	int r = -ENOENT;

	while (file && r < 0 && mount_next(file, &mount))
		if (n-- == 0) {
			memcpy(ret, mount.point, CGROUP_PATH_MAX);
			r = 0;
		}
	if (file)
		fclose(file);
	return r;
}

static int file_open(const char *folder, const char *file, int flags)
{
	char path[CGROUP_PATH_MAX + 64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int cgroup_write(const char *folder, const char *file, const char *text)
{
	int fd = file_open(folder, file, O_WRONLY), r = 0;

	if (fd < 0)
		return fd;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

int cgroup_read_number(const char *folder, const char *file, const char *key, uint64_t *ret)
{
	int fd = file_open(folder, file, O_RDONLY);
	char text[1024], *at = text;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	while (key && at && (strncmp(at, key, strlen(key)) != 0 || at[strlen(key)] != ' ')) {
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	if (!at || sscanf(at + (key ? strlen(key) : 0), "%" SCNu64, ret) != 1)
		return -ENODATA;
	return 0;
}

/* Returns how many there were. */
static unsigned kill_round(const char *folder)
{
	char path[CGROUP_PATH_MAX + 64];
	unsigned count = 0;
	FILE *file;
	int pid;

	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	file = fopen(path, "re");
	while (file && fscanf(file, "%d", &pid) == 1)
		if (pid > 0 && kill(pid, SIGKILL) == 0)
			count++;
	if (file)
		fclose(file);
	return count;
}

/* Where the kernel does not do it (v2, since Linux 5.14): nobody may be born, then all of those
 * that are there. Whoever was being born at that moment is found in the next round. */
void cgroup_folder_kill(const char *folder)
{
	unsigned left = 1;

	if (cgroup_write(folder, "cgroup.kill", "1") == 0)
		return;
	cgroup_write(folder, "pids.max", "0");
	for (int i = 0; i < KILL_ROUNDS && left > 0; i++)
		left = kill_round(folder);
}

bool cgroup_name_parse(const char *name, pid_t *pid, uint64_t *start, bool *outlives)
{
	char kind;
	int number;

	if (sscanf(name, CGROUP_PREFIX "%d-%" SCNu64 "-%c.", &number, start, &kind) != 3 ||
	    number <= 0 || !strchr("kr", kind))
		return false;
	*pid = number;
	*outlives = kind == 'k';
	return true;
}
