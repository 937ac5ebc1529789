// SPDX-License-Identifier: Apache-2.0
#include "sproxy/ends.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define STRANGERS_MAX 16 /* connections of others that are turned away before giving up */

static int listener_open(struct sockaddr_in *ret)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, len) < 0 || listen(fd, STRANGERS_MAX) < 0 ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	*ret = addr;
	return fd;
}

/* Accepts until the connection is the one that `near` made. */
static int accept_own(int listener, const struct sockaddr_in *near)
{
	for (int i = 0; i < STRANGERS_MAX; i++) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		int fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_CLOEXEC);

		if (fd < 0)
			return -errno;
		if (from.sin_port == near->sin_port &&
		    from.sin_addr.s_addr == near->sin_addr.s_addr)
			return fd;
		close(fd);
	}
	return -ECONNABORTED;
}

int ends_tcp_pair(int ret[2])
{
	struct sockaddr_in addr, near;
	socklen_t len = sizeof(near);
	int listener, near_fd, far_fd, r;

	listener = listener_open(&addr);
	if (listener < 0)
		return listener;
	near_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (near_fd < 0) {
		r = -errno;
		close(listener);
		return r;
	}
	if (connect(near_fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    getsockname(near_fd, (struct sockaddr *)&near, &len) < 0)
		far_fd = -errno;
	else
		far_fd = accept_own(listener, &near);
	close(listener);
	if (far_fd < 0) {
		close(near_fd);
		return far_fd;
	}
	ret[0] = near_fd;
	ret[1] = far_fd;
	return 0;
}

int ends_unix_pair(int ret[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret) < 0 ? -errno : 0;
}
