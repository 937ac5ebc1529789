// SPDX-License-Identifier: Apache-2.0
/* The daemon's socket: where it is, and whether somebody listens there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "controller/cli/client_private.h"

#define STEP_NS 10000000L

static const char *socket_chosen;

void client_use_socket(const char *path)
{
	socket_chosen = path;
}

const char *client_socket_path(void)
{
	const char *path = socket_chosen ? socket_chosen : getenv(CLIENT_SOCKET_ENV);

	return path && *path ? path : CLIENT_SOCKET_DEFAULT;
}

int client_socket_try(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, r;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
	close(fd);
	return r;
}

void client_socket_wait(const char *path)
{
	const struct timespec step = { .tv_nsec = STEP_NS };

	for (long left = CLIENT_START_MS * 1000000L; left > 0; left -= STEP_NS) {
		int r = client_socket_try(path);

		if (r != -ENOENT && r != -ECONNREFUSED)
			return;
		nanosleep(&step, NULL);
	}
}
