// SPDX-License-Identifier: Apache-2.0
#include "controller/sandbox_fill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BASE "/sys"
#define ROOT_OPTIONS "mode=755,size=1m,nr_inodes=8192"
#define TMP_OPTIONS "mode=1777,size=" SANDBOX_TMP_SIZE ",nr_inodes=8192"
#define LINK_MAX 256

#define READ_ONLY (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

static int failed(char why[SANDBOX_WHY_MAX], const char *what, const char *path)
{
	int r = -errno;

	snprintf(why, SANDBOX_WHY_MAX, "cannot %s %.150s in the functions' root: %s", what, path,
		 strerror(-r));
	return r;
}

bool sandbox_path_join(char ret[CHAIN_PATH_MAX], const char *base, const char *path)
{
	return snprintf(ret, CHAIN_PATH_MAX, "%s%s", base, path) < CHAIN_PATH_MAX;
}

/* Makes the folders above the last part of a path below the base. */
static int parents_make(char *path)
{
	for (char *at = path + strlen(BASE) + 1; (at = strchr(at, '/')); at++) {
		int r;

		*at = '\0';
		r = mkdir(path, 0755);
		*at = '/';
		if (r < 0 && errno != EEXIST)
			return -1;
	}
	return 0;
}

/* Something to mount on: a folder, or a file. */
static int place_make(char *path, bool folder)
{
	struct stat st;
	int fd;

	if (stat(path, &st) == 0)
		return 0;
	if (parents_make(path) < 0)
		return -1;
	if (folder)
		return mkdir(path, 0755);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

/* Shows what lies at `path`. */
static int show(const char *path, const char *as, uint64_t attributes)
{
	struct mount_attr attr = { .attr_set = attributes };
	char place[CHAIN_PATH_MAX];
	struct stat st;

	if (stat(path, &st) < 0)
		return 0;
	if (!sandbox_path_join(place, BASE, as)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (place_make(place, S_ISDIR(st.st_mode)) < 0 ||
	    mount(path, place, NULL, MS_BIND | MS_REC, NULL) < 0 ||
	    (attributes && mount_setattr(AT_FDCWD, place, AT_RECURSIVE, &attr, sizeof(attr)) < 0))
		return -1;
	return 0;
}

/* /lib and the like are links on most machines. */
static int system_show(char why[SANDBOX_WHY_MAX])
{
	static const char *const folders[] = { "/usr",   "/bin",   "/sbin",  "/lib",
					       "/lib32", "/lib64", "/libx32" };
	char to[LINK_MAX + 1], place[CHAIN_PATH_MAX];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		ssize_t n = readlink(folders[i], to, LINK_MAX);
		int r;

		to[n > 0 ? n : 0] = '\0';
		sandbox_path_join(place, BASE, folders[i]);
		r = n > 0 ? symlink(to, place) : show(folders[i], folders[i], READ_ONLY);
		if (r < 0)
			return failed(why, "show", folders[i]);
	}
	return 0;
}

static int files_show(char why[SANDBOX_WHY_MAX])
{
	static const char *const files[] = {
		"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",    "/etc/alternatives",
		"/etc/localtime",   "/etc/timezone",   "/etc/nsswitch.conf",   "/etc/passwd",
		"/etc/group",       "/etc/hosts",      "/etc/resolv.conf",     "/etc/host.conf",
		"/etc/gai.conf",    "/etc/protocols",  "/etc/services",        "/etc/mime.types",
		"/etc/os-release",  "/etc/ssl/certs",  "/etc/ssl/openssl.cnf", "/etc/machine-id",
	};
	static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random",
					       "/dev/urandom" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (show(files[i], files[i], READ_ONLY) < 0)
			return failed(why, "show", files[i]);
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		if (show(devices[i], devices[i], 0) < 0)
			return failed(why, "show", devices[i]);
	return 0;
}

static int links_make(char why[SANDBOX_WHY_MAX])
{
	static const char *const links[][2] = {
		{ "/proc/self/fd", BASE "/dev/fd" }, { "fd/0", BASE "/dev/stdin" },
		{ "fd/1", BASE "/dev/stdout" },      { "fd/2", BASE "/dev/stderr" },
		{ "/tmp", BASE "/dev/shm" },
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlink(links[i][0], links[i][1]) < 0)
			return failed(why, "make", links[i][1]);
	return 0;
}

static int own_mount(const char *type, const char *place, const char *options)
{
	if (mkdir(place, 0755) < 0 && errno != EEXIST)
		return -1;
	return mount(type, place, type, MS_NOSUID | MS_NODEV | MS_NOEXEC, options);
}

/* A /proc that hides the rest is newer than some kernels: then without. */
static int proc_mount(void)
{
	if (own_mount("proc", BASE "/proc", "hidepid=invisible,subset=pid") == 0)
		return 0;
	return own_mount("proc", BASE "/proc", "hidepid=2");
}

static int covered(const struct sandbox_paths *paths, size_t n)
{
	const char *path = paths->items[n].path;
	bool write = paths->items[n].writers != 0;

	if (!strncmp(path, "/usr/", 5) && !write)
		return true;
	for (size_t i = 0; i < paths->count; i++) {
		size_t len = strlen(paths->items[i].path);

		if (i != n && (paths->items[i].writers || !write) &&
		    !strncmp(paths->items[i].path, path, len) && path[len] == '/')
			return true;
	}
	return false;
}

static int by_length(const void *a, const void *b)
{
	const struct sandbox_path *x = a, *y = b;
	size_t m = strlen(x->path), n = strlen(y->path);

	return (m > n) - (m < n);
}

/* The shorter ones first: what is below them goes on top of them. */
static int paths_show(const struct sandbox_paths *given, char why[SANDBOX_WHY_MAX])
{
	struct sandbox_paths paths = *given;

	qsort(paths.items, paths.count, sizeof(paths.items[0]), by_length);
	for (size_t i = 0; i < paths.count; i++) {
		const struct sandbox_path *p = &paths.items[i];
		uint64_t attributes =
			p->writers ? READ_ONLY & ~(uint64_t)MOUNT_ATTR_RDONLY : READ_ONLY;

		if (!covered(&paths, i) && show(p->path, p->path, attributes) < 0)
			return failed(why, "show", p->path);
	}
	return 0;
}

static int cores_show(const char *folder, char why[SANDBOX_WHY_MAX])
{
	if (show(folder, SANDBOX_CORES, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC) <
	    0)
		return failed(why, "show", folder);
	return 0;
}

/* The new root takes the place of the old one. */
static int root_change(char why[SANDBOX_WHY_MAX])
{
	struct mount_attr attr = { .attr_set = READ_ONLY };

	if (mount_setattr(AT_FDCWD, BASE, 0, &attr, sizeof(attr)) < 0 || chdir(BASE) < 0 ||
	    syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return failed(why, "change to", "/");
	return 0;
}

int sandbox_fill(const struct sandbox_plan *plan, char why[SANDBOX_WHY_MAX])
{
	int r;

	umask(0);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("sprocket", BASE, "tmpfs", MS_NOSUID, ROOT_OPTIONS) < 0 ||
	    mkdir(BASE "/tmp", 0755) < 0 || mkdir(BASE "/dev", 0755) < 0 ||
	    mkdir(BASE "/run", 0755) < 0 ||
	    mount("tmpfs", BASE "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, TMP_OPTIONS) < 0)
		return failed(why, "make", "/");
	r = system_show(why);
	if (r == 0)
		r = files_show(why);
	if (r == 0)
		r = links_make(why);
	if (r == 0)
		r = paths_show(plan->paths, why);
	if (r == 0 && plan->core_folder)
		r = cores_show(plan->core_folder, why);
	if (r == 0)
		r = sandbox_secrets_fill(plan, BASE, why);
	if (r == 0 && proc_mount() < 0)
		r = failed(why, "mount", "/proc");
	return r == 0 ? root_change(why) : r;
}
