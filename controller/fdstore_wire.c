// SPDX-License-Identifier: Apache-2.0
#include "controller/fdstore_wire.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KERNEL_FD_MAX 253 /* SCM_MAX_FD: all that one message can bring is taken, and closed */

union control {
	char space[CMSG_SPACE(sizeof(int) * KERNEL_FD_MAX)];
	struct cmsghdr align;
};

void fdstore_fds_close(struct fdstore_fds *fds)
{
	for (size_t i = 0; i < fds->count; i++)
		if (fds->fd[i] >= 0)
			close(fds->fd[i]);
	fds->count = 0;
}

int fdstore_send(int sock, const struct fdstore_message *message, size_t len,
		 const struct fdstore_fds *fds)
{
	union control control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)message,
			     .iov_len = FDSTORE_HEAD_SIZE + len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (fds && fds->count > 0) {
		size_t size = sizeof(int) * fds->count;
		struct cmsghdr *c;

		m.msg_control = control.space;
		m.msg_controllen = CMSG_SPACE(size);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(c), fds->fd, size);
	}
	do
		n = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET || errno == ENOTCONN ? -EPIPE : -errno;
	return 0;
}

/* Moves what fits to `fds` and closes the rest. Returns false when there is a rest. */
static bool fds_take(struct msghdr *m, struct fdstore_fds *fds)
{
	bool fits = true;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (fds->count < FDSTORE_FD_MAX) {
				fds->fd[fds->count++] = fd;
			} else {
				fits = false;
				close(fd);
			}
		}
	}
	return fits;
}

static ssize_t message_check(const struct fdstore_message *message, ssize_t n, int flags, bool fits)
{
	if (n == 0)
		return -EPIPE;
	if (flags & MSG_CTRUNC)
		return -EMFILE;
	if (!fits || flags & MSG_TRUNC)
		return -E2BIG;
	if ((size_t)n < FDSTORE_HEAD_SIZE || message->magic != FDSTORE_MAGIC ||
	    !memchr(message->name, '\0', sizeof(message->name)))
		return -EBADMSG;
	return n - (ssize_t)FDSTORE_HEAD_SIZE;
}

ssize_t fdstore_receive(int sock, struct fdstore_message *message, struct fdstore_fds *fds)
{
	union control control;
	struct iovec iov = { .iov_base = message, .iov_len = sizeof(*message) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.space,
			    .msg_controllen = sizeof(control) };
	ssize_t n;
	bool fits;

	fds->count = 0;
	message->op = 0; /* of a message too short to have one */
	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET || errno == ENOTCONN ? -EPIPE : -errno;
	fits = fds_take(&m, fds);
	n = message_check(message, n, m.msg_flags, fits);
	if (n < 0)
		fdstore_fds_close(fds);
	return n;
}
