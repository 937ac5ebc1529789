// SPDX-License-Identifier: Apache-2.0
#include "controller/sandbox_root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/sandbox_fill.h"
#include "controller/sandbox_rules.h"

/* ---- rules ---- */

static int list_add(int ruleset, const char *const *list, size_t count, enum sandbox_access access)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = sandbox_rules_add(ruleset, list[i], access);
	return r;
}

static int own_add(int ruleset, const struct sandbox_paths *paths, uint32_t function)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < paths->count; i++) {
		const struct sandbox_path *p = &paths->items[i];

		if (p->users >> function & 1)
			r = sandbox_rules_add(ruleset, p->path,
					      p->writers >> function & 1 ? SANDBOX_WRITE :
									   SANDBOX_READ);
	}
	return r;
}

/* What a function may reach, beneath the root that the caller has. Returns an fd or -errno. */
static int ruleset_make(const struct sandbox_plan *plan, uint32_t function, bool root)
{
	static const char *const read[] = { "/usr",   "/bin",   "/sbin",   "/lib",
					    "/lib32", "/lib64", "/libx32", "/etc" };
	static const char *const device[] = { "/dev", "/proc" };
	static const char *const write[] = { "/tmp", SANDBOX_CORES };
	const char *secrets = plan->children[function].secrets;
	int fd = sandbox_rules_new(), r;

	if (fd < 0)
		return fd;
	r = list_add(fd, read, sizeof(read) / sizeof(read[0]), SANDBOX_READ);
	if (r == 0)
		r = list_add(fd, device, sizeof(device) / sizeof(device[0]), SANDBOX_DEVICE);
	if (r == 0)
		r = list_add(fd, write, root ? 2 : 1, SANDBOX_WRITE);
	if (r == 0 && secrets[0])
		r = sandbox_rules_add(fd, secrets, SANDBOX_SECRET);
	if (r == 0)
		r = own_add(fd, plan->paths, function);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

/* ---- the child that makes it ---- */

static int ns_open(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void fd_drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The rulesets name what lies in the new root: they are made in it. */
static void rulesets_make(const struct sandbox_plan *plan, struct sandbox_made *made, bool root)
{
	for (uint32_t i = 0; i < plan->chain->function_count; i++) {
		int fd = ruleset_make(plan, i, root);

		made->rulesets[i] = fd < 0 ? -1 : fd;
	}
}

static int mounts_make(const struct sandbox_plan *plan, struct sandbox_made *made)
{
	int r;

	if (unshare(CLONE_NEWNS) < 0) {
		made->mount_error = -errno;
		return 0;
	}
	r = sandbox_fill(plan, made->why);
	if (r < 0)
		return r;
	made->mount_ns = ns_open("mnt");
	return made->mount_ns < 0 ? -errno : 0;
}

static void make(const struct sandbox_plan *plan, struct sandbox_made *made)
{
	if (plan->network) {
		if (unshare(CLONE_NEWNET) == 0)
			made->net_ns = ns_open("net");
		if (made->net_ns < 0)
			made->net_error = -errno;
	}
	if (plan->root)
		made->error = mounts_make(plan, made);
	if (made->error < 0 && !made->why[0])
		snprintf(made->why, sizeof(made->why), "cannot make the functions' root: %s",
			 strerror(-made->error));
	if (made->error == 0)
		rulesets_make(plan, made, made->mount_ns >= 0);
}

static void made_close(struct sandbox_made *made)
{
	fd_drop(&made->mount_ns);
	fd_drop(&made->net_ns);
	for (uint32_t i = 0; i < SP_FN_MAX; i++)
		fd_drop(&made->rulesets[i]);
}

static void made_init(struct sandbox_made *made)
{
	made->mount_ns = made->net_ns = -1;
	made->error = made->mount_error = made->net_error = 0;
	made->why[0] = '\0';
	for (uint32_t i = 0; i < SP_FN_MAX; i++)
		made->rulesets[i] = -1;
}

int sandbox_root_make(const struct sandbox_plan *plan, struct sandbox_made *ret)
{
	struct sandbox_made *made = mmap(NULL, sizeof(*made), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0, r;
	pid_t pid;

	if (made == MAP_FAILED)
		return -errno;
	made_init(made);
	pid = (pid_t)syscall(SYS_clone, SIGCHLD | CLONE_FILES, 0, 0, 0, 0);
	if (pid == 0) {
		make(plan, made);
		syscall(SYS_exit_group, 0); /* nothing of ours is flushed twice */
	}
	r = pid < 0 ? -errno : 0;
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (r == 0 && status != 0)
		made->error = -ECHILD;
	*ret = *made;
	munmap(made, sizeof(*made));
	if (r == 0 && ret->error < 0) {
		made_close(ret);
		r = ret->error;
	}
	return r;
}
