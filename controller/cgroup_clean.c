// SPDX-License-Identifier: Apache-2.0
/* cgroup_clean.c - the control groups that killed controllers have left. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "controller/cgroup.h"
#include "controller/cgroup_file.h"
#include "controller/runstate_file.h"

#define DEPTH_MAX 8 /* below a mount */
#define DYING_MS 500

struct cleaning {
	FILE *report;
	bool dry_run;
	bool sweep; /* empty ones alone, of those that outlive; nothing is waited for */
	int left;
};

static void say(const struct cleaning *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(const struct cleaning *c, const char *format, ...)
{
	va_list args;

	if (!c->report)
		return;
	va_start(args, format);
	vfprintf(c->report, format, args);
	va_end(args);
	fputc('\n', c->report);
}

static bool populated(const char *folder)
{
	uint64_t pid;

	return cgroup_read_number(folder, "cgroup.procs", NULL, &pid) == 0;
}

/* Is whoever made it gone? */
static bool abandoned(pid_t maker, uint64_t start)
{
	uint64_t now;

	return runstate_process_start(maker, &now) < 0 || now != start;
}

/* Once what was killed in it is gone. */
static int folder_remove(const char *folder)
{
	for (int i = 0; i < DYING_MS / 10; i++) {
		if (rmdir(folder) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			break;
		poll(NULL, 0, 10);
	}
	return -errno;
}

/* Returns true when it is one of ours, living or left. */
static bool group_clean(struct cleaning *c, const char *folder, const char *name)
{
	bool outlives;
	uint64_t start;
	pid_t maker;
	int r;

	if (!cgroup_name_parse(name, &maker, &start, &outlives))
		return false;
	if (!abandoned(maker, start))
		return true;
	if (outlives && populated(folder)) /* the next controller has adopted them, or will */
		return true;
	if (c->sweep) {
		if (outlives)
			rmdir(folder);
		return true;
	}
	if (c->dry_run) {
		c->left++;
		say(c, "control group %s was left", folder);
		return true;
	}
	cgroup_folder_kill(folder);
	r = folder_remove(folder);
	c->left += r < 0;
	if (r < 0)
		say(c, "could not remove control group %s: %s", folder, strerror(-r));
	else
		say(c, "removed control group %s", folder);
	return true;
}

static void tree_clean(struct cleaning *c, const char *folder, int depth)
{
	DIR *dir = opendir(folder);
	struct dirent *item;

	while (dir && (item = readdir(dir))) {
		char path[CGROUP_PATH_MAX];
		int n;

		if (item->d_type != DT_DIR || item->d_name[0] == '.')
			continue;
		n = snprintf(path, sizeof(path), "%s/%s", folder, item->d_name);
		if (n < (int)sizeof(path) && !group_clean(c, path, item->d_name) &&
		    depth < DEPTH_MAX)
			tree_clean(c, path, depth + 1);
	}
	if (dir)
		closedir(dir);
}

static void mounts_clean(struct cleaning *c)
{
	char folder[CGROUP_PATH_MAX];

	for (unsigned n = 0; cgroup_mount_nth(n, folder) == 0; n++)
		tree_clean(c, folder, 0);
}

int cgroup_clean(FILE *report, bool dry_run)
{
	struct cleaning c = { .report = report, .dry_run = dry_run };

	mounts_clean(&c);
	return c.left;
}

void cgroup_sweep(void)
{
	struct cleaning c = { .sweep = true };

	mounts_clean(&c);
}
