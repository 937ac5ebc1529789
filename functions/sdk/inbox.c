// SPDX-License-Identifier: Apache-2.0
#include "functions/sdk/inbox.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "functions/sdk/handover.h"

#define DESC sizeof(struct sp_desc)

void sdk_inbox_init(struct sdk_inbox *inbox, int fd)
{
	memset(inbox, 0, sizeof(*inbox));
	inbox->fd = fd;
}

int sdk_inbox_fill(struct sdk_inbox *inbox, int flags)
{
	char *descs = (char *)inbox->descs;
	size_t room;
	ssize_t n;

	if (inbox->start > 0 && inbox->used > 0)
		memmove(descs, descs + inbox->start, inbox->used);
	inbox->start = 0;
	room = sizeof(inbox->descs) - inbox->used;
	do
		n = recv(inbox->fd, descs + inbox->used, room, flags);
	while (n < 0 && errno == EINTR);
	inbox->more = n > 0 && (size_t)n == room;
	inbox->in_vain = n < 0;
	if (n > 0)
		sdk_handover_received();
	if (n > 0)
		inbox->used += (size_t)n;
	else if (n == 0 ? room > 0 : errno == ECONNRESET)
		inbox->eof = true;
	else if (n < 0 && errno != EAGAIN)
		/* EAGAIN also when a redirect wakes the reader just before its data are there. */
		return -errno;
	return 0;
}

int sdk_inbox_wait_at_most(struct sdk_inbox *inbox, uint64_t ns)
{
	bool near = inbox->timeout_ns > ns - ns / 4 && inbox->timeout_ns <= ns;
	struct timeval limit;

	/* Who has nothing to wait for until some time will soon have again. */
	if (ns == 0 ? inbox->timeout_ns == 0 || !inbox->in_vain : near)
		return 0;
	if (ns > 0) {
		ns = ns - ns / 8;
		ns = ns < 1000 ? 1000 : ns; /* 0 would be for ever */
	}
	limit = (struct timeval){ (time_t)(ns / 1000000000U), (suseconds_t)(ns / 1000 % 1000000) };
	if (setsockopt(inbox->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return -errno;
	inbox->timeout_ns = ns;
	return 0;
}

bool sdk_inbox_pop(struct sdk_inbox *inbox, struct sp_desc *ret)
{
	if (inbox->used < DESC)
		return false;
	memcpy(ret, (char *)inbox->descs + inbox->start, DESC);
	inbox->start += DESC;
	inbox->used -= DESC;
	return true;
}
