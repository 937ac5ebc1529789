// SPDX-License-Identifier: Apache-2.0
#include "functions/sdk/inbox.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define DESC sizeof(struct sp_desc)
#define SPARE (4 * SP_BATCH_MAX) /* grants that name no buffer, and room to read into */

int sdk_inbox_init(struct sdk_inbox *inbox, int fd, uint32_t buffer_count)
{
	size_t size = ((size_t)buffer_count + SPARE) * DESC;
	void *ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (ring == MAP_FAILED)
		return -errno;
	*inbox = (struct sdk_inbox){ .fd = fd, .ring = ring, .size = size };
	return 0;
}

void sdk_inbox_done(struct sdk_inbox *inbox)
{
	if (inbox->ring)
		munmap(inbox->ring, inbox->size);
	inbox->ring = NULL;
}

/* Bytes that one read may bring, from `at` on without wrapping. */
static size_t room_at(const struct sdk_inbox *inbox, size_t at)
{
	size_t room = inbox->size - inbox->used;

	if (room > inbox->size - at)
		room = inbox->size - at;
	return room < SP_BATCH_MAX * DESC ? room : SP_BATCH_MAX * DESC;
}

int sdk_inbox_fill(struct sdk_inbox *inbox, int flags)
{
	size_t at, room;
	ssize_t n;

	if (inbox->used == 0)
		inbox->start = 0; /* the same few cache lines while nothing piles up */
	at = (inbox->start + inbox->used) % inbox->size;
	room = room_at(inbox, at);
	if (room == 0)
		return -EOVERFLOW;
	/* A redirect may wake the reader just before its data are there: EAGAIN although the
	 * socket blocks. */
	do
		n = recv(inbox->fd, inbox->ring + at, room, flags);
	while (n < 0 && (errno == EINTR || (errno == EAGAIN && !(flags & MSG_DONTWAIT))));
	inbox->more = n > 0 && (size_t)n == room;
	if (n > 0)
		inbox->used += (size_t)n;
	else if (n == 0 || errno == ECONNRESET)
		inbox->eof = true;
	else if (errno != EAGAIN)
		return -errno;
	return 0;
}

static struct sp_desc *desc_at(const struct sdk_inbox *inbox, size_t i)
{
	return (struct sp_desc *)(void *)(inbox->ring + (inbox->start + i * DESC) % inbox->size);
}

bool sdk_inbox_pop(struct sdk_inbox *inbox, struct sp_desc *ret)
{
	if (inbox->used < DESC)
		return false;
	*ret = *desc_at(inbox, 0);
	inbox->start = (inbox->start + DESC) % inbox->size;
	inbox->used -= DESC;
	return true;
}

void sdk_inbox_extract(struct sdk_inbox *inbox, uint8_t edge,
		       void (*take)(void *arg, const struct sp_desc *desc), void *arg)
{
	size_t count = inbox->used / DESC, kept = 0, removed;

	for (size_t i = 0; i < count; i++) {
		struct sp_desc *d = desc_at(inbox, i);

		if (d->edge == edge)
			take(arg, d);
		else
			*desc_at(inbox, kept++) = *d;
	}
	removed = count - kept;
	if (removed > 0 && inbox->used % DESC) /* the part of one more goes with them */
		memcpy(desc_at(inbox, kept), desc_at(inbox, count), inbox->used % DESC);
	inbox->used -= removed * DESC;
}
