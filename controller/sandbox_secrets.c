// SPDX-License-Identifier: Apache-2.0
/* Secrets: copied into memory that is never swapped, each function's into a folder of its own. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/sandbox_fill.h"

/* Neither content nor path of the copy is told: the path it comes from is the operator's. */
static int failed(char why[SANDBOX_WHY_MAX], const struct chain_function *f,
		  const struct chain_pair *secret, int r)
{
	snprintf(why, SANDBOX_WHY_MAX, "secret %s of %s: cannot read %.120s: %s", secret->key,
		 f->name, secret->value, strerror(-r));
	return r;
}

static int copy(int from, int to)
{
	char block[4096];
	size_t total = 0;
	ssize_t n;

	while ((n = read(from, block, sizeof(block))) > 0) {
		total += (size_t)n;
		if (total > SANDBOX_SECRET_MAX)
			n = -EFBIG;
		else if (write(to, block, (size_t)n) != n)
			n = -ENOSPC;
		if (n < 0)
			break;
	}
	if (n == -1)
		n = -errno;
	explicit_bzero(block, sizeof(block));
	return n < 0 ? (int)n : 0;
}

static int secret_fill(const struct sandbox_child *child, const struct chain_pair *secret,
		       const char *folder)
{
	char path[CHAIN_PATH_MAX];
	int from = open(secret->value, O_RDONLY | O_CLOEXEC | O_NONBLOCK), to, r;
	struct stat st;

	if (from < 0)
		return -errno;
	snprintf(path, sizeof(path), "%.3000s/%.64s", folder, secret->key);
	to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	r = to < 0 || fstat(from, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	if (r == 0)
		r = copy(from, to);
	if (r == 0 && child->own_user && fchown(to, child->uid, child->gid) < 0)
		r = -errno;
	close(from);
	if (to >= 0)
		close(to);
	return r;
}

static int function_fill(const struct chain_function *f, const struct sandbox_child *child,
			 const char *base, char why[SANDBOX_WHY_MAX])
{
	char folder[CHAIN_PATH_MAX];

	if (!sandbox_path_join(folder, base, child->secrets) || mkdir(folder, 0500) < 0)
		return failed(why, f, &f->secrets.items[0], -errno);
	for (size_t i = 0; i < f->secrets.count; i++) {
		int r = secret_fill(child, &f->secrets.items[i], folder);

		if (r < 0)
			return failed(why, f, &f->secrets.items[i], r);
	}
	if (child->own_user && chown(folder, child->uid, child->gid) < 0)
		return failed(why, f, &f->secrets.items[0], -errno);
	return 0;
}

int sandbox_secrets_fill(const struct sandbox_plan *plan, const char *base,
			 char why[SANDBOX_WHY_MAX])
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	char place[CHAIN_PATH_MAX];
	bool any = false;

	sandbox_path_join(place, base, SANDBOX_SECRETS);
	for (uint32_t i = 0; i < plan->chain->function_count; i++) {
		const struct chain_function *f = &plan->chain->functions[i];
		int r;

		if (f->secrets.count == 0)
			continue;
		if (!any && (mkdir(place, 0755) < 0 ||
			     mount("ramfs", place, "ramfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
				   "mode=711") < 0))
			return failed(why, f, &f->secrets.items[0], -errno);
		any = true;
		r = function_fill(f, &plan->children[i], base, why);
		if (r < 0)
			return r;
	}
	if (any && mount_setattr(AT_FDCWD, place, 0, &attr, sizeof(attr)) < 0)
		return -errno;
	return 0;
}
