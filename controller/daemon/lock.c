// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define ORPHANED_MS 2000 /* an unlucky child has executed its program by then, or is dead, too */
#define PAUSE_MS 5

/* Is whoever wrote the file gone? */
static bool owner_gone(int fd)
{
	char text[16] = "";
	int pid;

	return pread(fd, text, sizeof(text) - 1, 0) > 0 && sscanf(text, "%d", &pid) == 1 &&
	       pid > 0 && kill(pid, 0) < 0 && errno == ESRCH;
}

/* A daemon that was killed while it started a process has left the lock to it until that executes
 * its program: whoever comes at once waits for this. */
static int lock_wait(int fd)
{
	for (int ms = 0;; ms += PAUSE_MS) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return -errno;
		if (ms >= ORPHANED_MS || !owner_gone(fd))
			return -EWOULDBLOCK;
		poll(NULL, 0, PAUSE_MS);
	}
}

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
	if (!err)
		err = lock_wait(fd);
	if (err == -EWOULDBLOCK)
		return say_busy(fd, folder, why);
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
