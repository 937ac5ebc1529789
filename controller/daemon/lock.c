// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int say_busy(int fd, const char *folder, char *why)
{
	char pid[16] = "";
	ssize_t len = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[len > 0 ? strcspn(pid, "\n") : 0] = '\0';
	snprintf(why, LOCK_WHY_MAX,
		 "another sprocketd runs here (pid %s, %s): stop it, or use another --run", pid,
		 folder);
	close(fd);
	return -EBUSY;
}

int lock_take(const char *folder, char why[LOCK_WHY_MAX])
{
	char path[PATH_MAX], pid[16];
	int fd = -1, len, err = 0;

	if (snprintf(path, sizeof(path), "%s/sprocketd.pid", folder) >= (int)sizeof(path))
		err = -ENAMETOOLONG;
	else if (mkdir(folder, 0755) < 0 && errno != EEXIST)
		err = -errno;
	else if ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644)) < 0)
		err = -errno;
	if (!err && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return say_busy(fd, folder, why);
		err = -errno;
	}
	len = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (!err && (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)len, 0) != len))
		err = -errno;
	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	snprintf(why, LOCK_WHY_MAX, "%s cannot be used: %s (choose another with --run)", folder,
		 strerror(-err));
	return err;
}
