// SPDX-License-Identifier: Apache-2.0
#include "controller/sandbox_user.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDER "/run/sprocket-users"
#define END_TRIES 100

/* FNV-1a */
static uint32_t hash(const char *name)
{
	uint32_t h = 2166136261U;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619U;
	return h;
}

int sandbox_user_take(const char *name, uid_t *ret)
{
	uint32_t first = hash(name) % SANDBOX_UID_COUNT;
	int fd = -1;

	if (mkdir(FOLDER, 0700) == 0 || errno == EEXIST)
		fd = open(FOLDER "/lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	for (uint32_t i = 0; i < SANDBOX_UID_COUNT; i++) {
		uint32_t n = (first + i) % SANDBOX_UID_COUNT;
		struct flock lock = {
			.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = n, .l_len = 1
		};
		int r;

		if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
			*ret = SANDBOX_UID_FIRST + n;
			return fd;
		}
		if (errno != EAGAIN && errno != EACCES) {
			r = -errno;
			close(fd);
			return r;
		}
	}
	close(fd);
	return -EUSERS;
}

/* True when whoever was to do it was killed first. */
static bool end_once(uid_t uid)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		/* As that user it can reach nobody else, and is nobody that they could reach: one of
		 * them that stopped it would keep us waiting for ever. The kernel signals all of them
		 * in one go, and holds off whoever forks meanwhile. */
		if (setresuid(SANDBOX_UID_END, uid, SANDBOX_UID_END) == 0)
			kill(-1, SIGKILL);
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return pid > 0 && WIFSIGNALED(status);
}

/* Another controller that does the same for another user can be faster. */
void sandbox_user_end(uid_t uid)
{
	for (int i = 0; i < END_TRIES && end_once(uid); i++)
		;
}
