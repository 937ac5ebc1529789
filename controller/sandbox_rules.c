// SPDX-License-Identifier: Apache-2.0
#include "controller/sandbox_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>

/* linux/landlock.h of Linux 6.12; Debian 12 has that of 6.1. */
struct ruleset_attr_v6 {
	uint64_t handled_access_fs, handled_access_net, scoped;
};
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#define ACCESS_FS_IOCTL_DEV (1ULL << 15)
#define SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define SCOPE_SIGNAL (1ULL << 1)

/* Of linux/landlock.h: the first version has everything up to MAKE_SYM. */
#define FS_V1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define FS_READ \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_FILE                                                      \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | \
	 LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE | ACCESS_FS_IOCTL_DEV)

int sandbox_rules_version(void)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return version < 0 ? -errno : (int)version;
}

/* What a kernel of that version can refuse. */
static uint64_t fs_handled(int version)
{
	uint64_t all = FS_V1;

	if (version >= 2)
		all |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		all |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (version >= 5)
		all |= ACCESS_FS_IOCTL_DEV;
	return all;
}

int sandbox_rules_new(void)
{
	int version = sandbox_rules_version(), fd;
	struct ruleset_attr_v6 attr = { 0 };
	size_t size = version >= 6 ? sizeof(attr) : sizeof(attr.handled_access_fs);

	if (version < 0)
		return version;
	attr.handled_access_fs = fs_handled(version);
	if (version >= 6)
		attr.scoped = SCOPE_SIGNAL | SCOPE_ABSTRACT_UNIX_SOCKET;
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	return fd < 0 ? -errno : fd;
}

static int fd_add(int ruleset, int fd, uint64_t allowed)
{
	struct landlock_path_beneath_attr rule = { .parent_fd = fd };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	rule.allowed_access = allowed & (S_ISDIR(st.st_mode) ? ~0ULL : FS_FILE);
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return -errno;
	return 0;
}

int sandbox_rules_add(int ruleset, const char *path, enum sandbox_access access)
{
	uint64_t all = fs_handled(sandbox_rules_version());
	const uint64_t allowed[] = {
		[SANDBOX_READ] = FS_READ,
		[SANDBOX_SECRET] = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
		[SANDBOX_DEVICE] = FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE |
				   LANDLOCK_ACCESS_FS_TRUNCATE | ACCESS_FS_IOCTL_DEV,
		[SANDBOX_WRITE] = ~0ULL,
	};
	int fd = open(path, O_PATH | O_CLOEXEC), r;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = fd_add(ruleset, fd, allowed[access] & all);
	close(fd);
	return r;
}

int sandbox_rules_enter(int ruleset, int exec_fd)
{
	/* It may have been replaced, or its folder: the rules have what lies there now. */
	int r = exec_fd < 0 ? 0 : fd_add(ruleset, exec_fd, FS_READ);

	if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		r = -errno;
	return r;
}
