// SPDX-License-Identifier: Apache-2.0
#include "sproxy/wiring.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

int wiring_put(struct wiring_heap *heap, const char *text, struct wiring_string *ret)
{
	size_t len = strlen(text);

	if (len + 1 > WIRING_HEAP_MAX - heap->used)
		return -ENOSPC;
	memcpy(heap->data + heap->used, text, len + 1);
	ret->off = heap->used;
	ret->len = (uint32_t)len;
	heap->used += (uint32_t)len + 1;
	return 0;
}

const char *wiring_get(const struct wiring_heap *heap, struct wiring_string s)
{
	uint32_t used = heap->used < WIRING_HEAP_MAX ? heap->used : WIRING_HEAP_MAX;

	if (s.off >= used || s.len >= used - s.off || heap->data[s.off + s.len])
		return "";
	return heap->data + s.off;
}

void wiring_page_rules(struct wiring_page *page, const struct rule_table *rules)
{
	uint32_t next = __atomic_load_n(&page->active, __ATOMIC_RELAXED) + 1;

	/* A reader of the table that is overwritten finds `active` changed when it is done. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	memcpy(&page->rules[next & 1], rules, sizeof(*rules));
	__atomic_store_n(&page->active, next, __ATOMIC_RELEASE);
}

/* True: `active` has changed since it was *before, so what was read meanwhile may be torn. */
static bool page_changed(const struct wiring_page *page, uint32_t *before)
{
	uint32_t was = *before;

	__atomic_thread_fence(__ATOMIC_ACQUIRE); /* pairs with wiring_page_rules() */
	*before = __atomic_load_n(&page->active, __ATOMIC_ACQUIRE);
	return *before != was;
}

int wiring_page_find(const struct wiring_page *page, uint32_t from_edge,
		     const struct shm_header *header, const struct shm_header *slot,
		     struct rule_way *ret)
{
	uint32_t active = __atomic_load_n(&page->active, __ATOMIC_ACQUIRE);
	int r;

	do
		r = rule_find(&page->rules[active & 1], from_edge, header, slot, ret);
	while (page_changed(page, &active));
	return r;
}

int wiring_page_call(const struct wiring_page *page, uint32_t call, struct rule_call *ret)
{
	uint32_t active = __atomic_load_n(&page->active, __ATOMIC_ACQUIRE);
	int r;

	do
		r = rule_call(&page->rules[active & 1], call, ret);
	while (page_changed(page, &active));
	return r;
}

int wiring_send(int sock, const void *msg, size_t len, const int *fds, size_t fd_count)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * WIRING_FD_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)msg, .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (fd_count > WIRING_FD_MAX)
		return -EINVAL;
	if (fd_count > 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		m.msg_control = control.space;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
	}
	do
		n = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	return 0;
}

/* Moves the fds of a message to `fds`; closes those that do not fit. */
static int fds_take(struct msghdr *m, int *fds, size_t fd_max, size_t *ret_count)
{
	size_t count = 0;
	bool fits = !(m->msg_flags & MSG_CTRUNC);

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (fits && count < fd_max) {
				fds[count++] = fd;
			} else {
				fits = false;
				close(fd);
			}
		}
	}
	if (!fits) {
		while (count > 0)
			close(fds[--count]);
		return -EBADMSG;
	}
	*ret_count = count;
	return 0;
}

ssize_t wiring_receive(int sock, void *msg, size_t size, int *fds, size_t fd_max,
		       size_t *ret_fd_count)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * WIRING_FD_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = msg, .iov_len = size };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.space,
			    .msg_controllen = sizeof(control) };
	size_t count = 0;
	ssize_t n;
	int r;

	/* ECONNRESET: it died with messages of ours unread. What it has sent is still to come. */
	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return -errno;
	r = fds_take(&m, fds, fd_max, &count);
	if (r < 0)
		return r;
	/* An empty message with fds would pass for EOF, and nobody would close them. */
	if (m.msg_flags & MSG_TRUNC || (n == 0 && count > 0)) {
		while (count > 0)
			close(fds[--count]);
		return -EBADMSG;
	}
	if (ret_fd_count)
		*ret_fd_count = count;
	return n;
}

void wiring_refuse_fds(int sock)
{
	int off = 0;

	setsockopt(sock, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off));
}

int wiring_inherited(void)
{
	const char *text = getenv(WIRING_ENV);
	struct stat st;
	char *end;
	long fd;

	if (!text)
		return -ENOENT;
	errno = 0;
	fd = strtol(text, &end, 10);
	if (errno || end == text || *end || fd < 0 || fd > 1 << 20 || fstat((int)fd, &st) < 0 ||
	    !S_ISSOCK(st.st_mode))
		return -EINVAL;
	if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	unsetenv(WIRING_ENV);
	return (int)fd;
}

int wiring_cpu_pin(uint32_t cpu)
{
	cpu_set_t set;

	if (cpu == UINT32_MAX)
		return 0;
	if (cpu >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}
