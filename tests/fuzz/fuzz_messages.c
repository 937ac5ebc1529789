// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_messages.c - any bytes as a control message: what the controller's children and its store
 * of fds say over their sockets, and the page that a function shares with its controller.
 *
 * How: the first byte says which (modulo 4) and, in its upper half, how many fds come along; the
 * rest is the message, really sent and received. The page changes while it is read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controller/fdstore_wire.h"
#include "gateway/ingress.h"
#include "gateway/tables.h"
#include "sproxy/wiring.h"
#include "tests/fuzz/mutator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 60000, FDS = 15 };

static int fds[FDS + 1], pair[2];
static volatile size_t sink;

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void once(void)
{
	if (pair[1])
		return;
	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	for (int i = 0; i <= FDS; i++) {
		fds[i] = dup(2);
		require(fds[i] >= 0);
	}
}

/* The lowest fd that is free: no fd stays open, whatever becomes of a message. */
static int fd_free(void)
{
	int fd = dup(2);

	require(fd >= 0);
	close(fd);
	return fd;
}

static void touch(const char *text)
{
	sink += strlen(text);
}

static void gateway_read(const struct wiring_gateway *w, ssize_t len)
{
	struct gw_ingress_table table;
	const struct gw_ingress *found;

	if (gw_tables_fault(w, len))
		return;
	for (uint32_t i = 0; i < SP_FN_MAX; i++)
		touch(wiring_get(&w->heap, w->fn_names[i]));
	gw_ingress_init(&table, w);
	found = gw_ingress_find(&table, h2o_iovec_init(H2O_STRLIT("a.b:80")),
				h2o_iovec_init(H2O_STRLIT("/x")));
	if (found)
		sink += gw_ingress_allows(found, "GET", 3);
}

static void wiring_read(const uint8_t *data, size_t size, size_t fd_count, size_t room)
{
	static struct wiring_gateway message;
	int got[FDS + 1];
	size_t count = 0;
	ssize_t n;

	require(wiring_send(pair[0], data, size, fds, fd_count) == 0);
	n = wiring_receive(pair[1], &message, room, got, FDS / 2, &count);
	require(n != 0 && (n < 0 || (size_t)n == size) && (n < 0 || count == fd_count));
	for (size_t i = 0; n > 0 && i < count; i++)
		close(got[i]);
	if (n > 0 && room == sizeof(message)) {
		message.size = (uint32_t)n; /* or hardly any would be looked at */
		gateway_read(&message, n);
	}
}

static void store_read(const uint8_t *data, size_t size, size_t fd_count)
{
	static struct fdstore_message message;
	struct fdstore_fds got;
	ssize_t n;

	require(wiring_send(pair[0], data, size, fds, fd_count) == 0);
	n = fdstore_receive(pair[1], &message, &got);
	if (n >= 0) {
		touch(message.name);
		require((size_t)n + FDSTORE_HEAD_SIZE == size && got.count == fd_count);
	}
	fdstore_fds_close(&got);
}

static void way_check(const struct rule_way *way)
{
	require(way->tee_count <= RULE_TEE_MAX && way->group.count <= RULE_MEMBER_MAX);
}

static void page_read(const uint8_t *data, size_t size)
{
	static struct wiring_page page;
	static struct rule_table rules;
	static union {
		struct shm_header h;
		char space[4096];
	} slot;
	struct rule_call call;
	struct rule_way way;

	memset(&page, 0, sizeof(page));
	memcpy(&page.active, data,
	       size < sizeof(page) - offsetof(struct wiring_page, active) ?
		       size :
		       sizeof(page) - offsetof(struct wiring_page, active));
	shm_header_init(&slot.h, sizeof(slot));
	sink += (size_t)shm_meta_put_at(&slot.h, &slot.h, 0, "/path", 5, &slot.h.path);
	sink += (size_t)shm_meta_put_at(&slot.h, &slot.h, 0, "topic", 5, &slot.h.topic);
	mutator_begin(&page.active, sizeof(page) - offsetof(struct wiring_page, active),
		      (uint32_t)size);
	for (uint32_t i = 0; i < 8; i++) {
		if (wiring_page_find(&page, i % 3, &slot.h, &slot.h, &way) == 0)
			way_check(&way);
		sink += (size_t)wiring_page_call(&page, i * 7, &call);
		wiring_page_rules(&page, &rules);
	}
	mutator_end();
	/* Alone, the last table written holds. */
	wiring_page_rules(&page, &rules);
	require(wiring_page_find(&page, 0, &slot.h, &slot.h, &way) == -ENOENT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t fd_count;
	uint8_t which;
	int fd;

	once();
	if (size < 2 || size > MESSAGE_MAX)
		return 0;
	which = data[0] % 4;
	fd_count = data[0] >> 4;
	data++;
	size--;
	fd = fd_free();
	if (which == 0)
		wiring_read(data, size, fd_count, sizeof(struct wiring_msg));
	else if (which == 1)
		wiring_read(data, size, fd_count, sizeof(struct wiring_gateway));
	else if (which == 2)
		store_read(data, size, fd_count);
	else
		page_read(data, size);
	require(fd_free() == fd);
	return 0;
}
