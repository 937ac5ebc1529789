// SPDX-License-Identifier: Apache-2.0
/*
 * test_wiring.c - messages, strings and fds between a controller and what it starts. A
 * function may send anything back: nothing it sends may leak an fd here.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "sproxy/wiring.h"
#include "tests/unit/fds.h"

#define FDS_KERNEL_MAX 253 /* SCM_MAX_FD */

struct link {
	int a, b;
	int before; /* fds open */
};

static int setup(void **state)
{
	static struct link l;
	int pair[2];

	l.before = fds_count();
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	l.a = pair[0];
	l.b = pair[1];
	*state = &l;
	return 0;
}

static int teardown(void **state)
{
	struct link *l = *state;

	close(l->a);
	if (l->b >= 0)
		close(l->b);
	assert_int_equal(fds_count(), l->before);
	return 0;
}

/* Sends `count` copies of fd 0 beside `len` bytes, past the checks of wiring_send(). */
static void send_raw(int sock, size_t len, size_t count)
{
	static char bytes[4096];
	union {
		char space[CMSG_SPACE(sizeof(int) * FDS_KERNEL_MAX)];
		struct cmsghdr align;
	} control = { .space = { 0 } };
	struct iovec iov = { bytes, len };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.space,
			    .msg_controllen = CMSG_SPACE(sizeof(int) * count) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * count);
	memset(CMSG_DATA(c), 0, sizeof(int) * count);
	assert_int_equal(sendmsg(sock, &m, 0), len);
}

/* The next message is refused, and no fd of it stays open. */
static void check_refused(struct link *l, size_t size, size_t fd_max)
{
	int fds[WIRING_FD_MAX], before = fds_count();
	size_t count = 77;
	char bytes[64];

	assert_true(size <= sizeof(bytes));
	assert_int_equal(wiring_receive(l->b, bytes, size, fds, fd_max, &count), -EBADMSG);
	assert_int_equal(count, 77);
	assert_int_equal(fds_count(), before);
}

static void test_message_and_fds_arrive(void **state)
{
	struct link *l = *state;
	int files[WIRING_FD_MAX], fds[WIRING_FD_MAX];
	struct wiring_msg msg = { .type = WIRING_LOST, .slot = 3 }, got;
	size_t count = 0;

	for (int i = 0; i < WIRING_FD_MAX; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		files[i] = memfd_create(name, MFD_CLOEXEC);
		assert_true(files[i] >= 0);
	}
	assert_int_equal(wiring_send(l->a, &msg, sizeof(msg), files, WIRING_FD_MAX), 0);
	assert_int_equal(wiring_receive(l->b, &got, sizeof(got), fds, WIRING_FD_MAX, &count),
			 sizeof(got));
	assert_memory_equal(&got, &msg, sizeof(msg));
	assert_int_equal(count, WIRING_FD_MAX);
	for (int i = 0; i < WIRING_FD_MAX; i++) {
		struct stat a, b;

		assert_int_equal(fstat(files[i], &a), 0);
		assert_int_equal(fstat(fds[i], &b), 0);
		assert_int_equal(a.st_ino, b.st_ino); /* the same files, in order */
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		close(files[i]);
		close(fds[i]);
	}
}

static void test_message_without_fds(void **state)
{
	struct link *l = *state;
	char bytes[8] = "", one = 'x';
	size_t count = 77;

	assert_int_equal(wiring_send(l->a, &one, 1, NULL, 0), 0);
	assert_int_equal(wiring_receive(l->b, bytes, sizeof(bytes), NULL, 0, &count), 1);
	assert_int_equal(bytes[0], 'x');
	assert_int_equal(count, 0);
	assert_int_equal(wiring_send(l->a, bytes, sizeof(bytes), NULL, 0), 0);
	assert_int_equal(wiring_receive(l->b, bytes, sizeof(bytes), NULL, 0, NULL), 8);
}

static void test_more_fds_than_wanted(void **state)
{
	struct link *l = *state;

	send_raw(l->a, 1, 1);
	check_refused(l, 8, 0);
	send_raw(l->a, 1, 5);
	check_refused(l, 8, 4);
	send_raw(l->a, 1, WIRING_FD_MAX);
	check_refused(l, 8, WIRING_FD_MAX - 1);
}

static void test_more_fds_than_there_is_room(void **state)
{
	struct link *l = *state;

	for (size_t count = WIRING_FD_MAX + 1; count < WIRING_FD_MAX + 4; count++) {
		send_raw(l->a, 1, count);
		check_refused(l, 8, WIRING_FD_MAX);
	}
	send_raw(l->a, 1, FDS_KERNEL_MAX);
	check_refused(l, 8, WIRING_FD_MAX);
}

static void test_longer_than_the_room(void **state)
{
	struct link *l = *state;

	send_raw(l->a, 9, 3);
	check_refused(l, 8, 4);
	assert_int_equal(wiring_send(l->a, "123456789", 9, NULL, 0), 0);
	check_refused(l, 8, 4);
}

/* An empty message looks like EOF, whose fds nobody would close. */
static void test_empty_message_with_fds(void **state)
{
	struct link *l = *state;

	send_raw(l->a, 0, 2);
	check_refused(l, 8, 4);
}

/* Where the kernel can: an fd nobody wants never gets here, so nobody has to close it. */
static void test_fds_refused(void **state)
{
	struct link *l = *state;
	int fd = l->a;

	wiring_refuse_fds(l->b);
	if (wiring_send(l->a, "x", 1, &fd, 1) == 0)
		skip(); /* before Linux 6.16 */
	assert_int_equal(wiring_send(l->a, "x", 1, &fd, 1), -EPERM);
	assert_int_equal(wiring_send(l->a, "x", 1, NULL, 0), 0);
	assert_int_equal(wiring_send(l->b, "x", 1, &fd, 1), 0); /* this way they may pass */
}

static void test_no_fds_left(void **state)
{
	struct link *l = *state;
	int fds[4], before = fds_count();
	struct rlimit limit;
	size_t count = 77;
	ssize_t r;
	char byte;

	send_raw(l->a, 1, 4);
	limit = fds_limit(2);
	r = wiring_receive(l->b, &byte, 1, fds, 4, &count);
	fds_limit_reset(limit);
	assert_int_equal(r, -EBADMSG);
	assert_int_equal(count, 77);
	assert_int_equal(fds_count(), before);
}

static void test_end(void **state)
{
	struct link *l = *state;
	size_t count = 77;
	int fds[4];
	char byte;

	signal(SIGPIPE, SIG_DFL); /* whatever the caller has set: there is none */
	assert_int_equal(wiring_send(l->b, "x", 1, NULL, 0), 0);
	close(l->b);
	l->b = -1;
	assert_int_equal(wiring_send(l->a, "x", 1, NULL, 0), -EPIPE);
	/* What was sent before the end is still there. */
	assert_int_equal(wiring_receive(l->a, &byte, 1, fds, 4, &count), 1);
	assert_int_equal(wiring_receive(l->a, &byte, 1, fds, 4, &count), 0);
	assert_int_equal(wiring_receive(l->a, &byte, 1, fds, 4, &count), 0);
}

/* The other side dies with our message unread: its last words, then EOF, and no error. */
static void test_reset(void **state)
{
	struct link *l = *state;
	size_t count = 77;
	char byte;

	assert_int_equal(wiring_send(l->a, "x", 1, NULL, 0), 0);
	assert_int_equal(wiring_send(l->b, "y", 1, NULL, 0), 0);
	close(l->b);
	l->b = -1;
	assert_int_equal(wiring_receive(l->a, &byte, 1, NULL, 0, &count), 1);
	assert_int_equal(byte, 'y');
	assert_int_equal(wiring_receive(l->a, &byte, 1, NULL, 0, &count), 0);
}

static void test_errors(void **state)
{
	struct link *l = *state;
	int fds[WIRING_FD_MAX + 1] = { 0 };
	size_t count = 77;
	char byte;

	assert_int_equal(wiring_send(l->a, "x", 1, fds, WIRING_FD_MAX + 1), -EINVAL);
	fds[1] = -1;
	assert_int_equal(wiring_send(l->a, "x", 1, fds, 2), -EBADF);
	assert_int_equal(fcntl(l->b, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(wiring_receive(l->b, &byte, 1, fds, 4, &count), -EAGAIN);
	assert_int_equal(wiring_receive(-1, &byte, 1, fds, 4, &count), -EBADF);
	assert_int_equal(count, 77);
}

static void test_strings(void **state)
{
	static struct wiring_heap heap;
	static char text[WIRING_HEAP_MAX + 1];
	struct wiring_string a, empty, b = { 7, 7 };

	(void)state;
	heap.used = 0;
	assert_int_equal(wiring_put(&heap, "hello", &a), 0);
	assert_int_equal(wiring_put(&heap, "", &empty), 0);
	assert_int_equal(heap.used, 7);
	assert_string_equal(wiring_get(&heap, a), "hello");
	assert_string_equal(wiring_get(&heap, empty), "");
	assert_ptr_equal(wiring_get(&heap, empty), heap.data + 6);
	memset(text, 'a', WIRING_HEAP_MAX - 7);
	assert_int_equal(wiring_put(&heap, text, &b), -ENOSPC); /* no room for the NUL */
	assert_int_equal(heap.used, 7);
	assert_int_equal(b.off, 7);
	assert_int_equal(wiring_put(&heap, text + 1, &b), 0);
	assert_int_equal(heap.used, WIRING_HEAP_MAX);
	assert_string_equal(wiring_get(&heap, b), text + 1);
	assert_int_equal(wiring_put(&heap, "", &b), -ENOSPC);
}

static void test_strings_out_of_bounds(void **state)
{
	static const struct wiring_string bad[] = {
		{ 6, 0 },
		{ 7, 0 },
		{ 0, 6 },
		{ 0, 7 },
		{ 3, 3 },
		{ UINT32_MAX, 0 },
		{ 0, UINT32_MAX },
		{ 1, UINT32_MAX },
		{ UINT32_MAX, UINT32_MAX },
		{ 0, 4 }, /* no NUL there */
		{ WIRING_HEAP_MAX, 0 },
		{ WIRING_HEAP_MAX - 1, 1 },
	};
	static struct wiring_heap heap;
	struct wiring_string s;

	(void)state;
	memset(&heap, 'x', sizeof(heap));
	heap.used = 0;
	assert_int_equal(wiring_put(&heap, "hello", &s), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_string_equal(wiring_get(&heap, bad[i]), "");
	heap.used = UINT32_MAX; /* the heap itself lies */
	assert_string_equal(wiring_get(&heap, (struct wiring_string){ WIRING_HEAP_MAX, 0 }), "");
	assert_string_equal(wiring_get(&heap, (struct wiring_string){ 1U << 31, 1 }), "");
}

static int inherited(const char *value)
{
	assert_int_equal(setenv(WIRING_ENV, value, 1), 0);
	return wiring_inherited();
}

static void test_inherited(void **state)
{
	struct link *l = *state;
	char text[16];

	unsetenv(WIRING_ENV);
	assert_int_equal(wiring_inherited(), -ENOENT);
	assert_int_equal(fcntl(l->b, F_SETFD, 0), 0);
	snprintf(text, sizeof(text), "%d", l->b);
	assert_int_equal(inherited(text), l->b);
	assert_true(fcntl(l->b, F_GETFD) & FD_CLOEXEC);
	assert_null(getenv(WIRING_ENV));
	assert_int_equal(wiring_inherited(), -ENOENT);
}

static void test_inherited_garbage(void **state)
{
	static const char *const garbage[] = { "",
					       "x",
					       "-1",
					       "9999",
					       "1048577",
					       "4294967299",
					       "99999999999999999999",
					       "-99999999999999999999",
					       "0x3" };
	struct link *l = *state;
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char text[16];

	for (size_t i = 0; i < sizeof(garbage) / sizeof(*garbage); i++)
		assert_int_equal(inherited(garbage[i]), -EINVAL);
	snprintf(text, sizeof(text), "%dx", l->b);
	assert_int_equal(inherited(text), -EINVAL);
	snprintf(text, sizeof(text), "%d ", l->b);
	assert_int_equal(inherited(text), -EINVAL);
	snprintf(text, sizeof(text), "%d", file); /* open, but no socket */
	assert_int_equal(inherited(text), -EINVAL);
	close(file);
	assert_int_equal(inherited(text), -EINVAL); /* closed by now */
	unsetenv(WIRING_ENV);
}

#define LINKED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LINKED(test_message_and_fds_arrive),
		LINKED(test_message_without_fds),
		LINKED(test_more_fds_than_wanted),
		LINKED(test_more_fds_than_there_is_room),
		LINKED(test_longer_than_the_room),
		LINKED(test_empty_message_with_fds),
		LINKED(test_fds_refused),
		LINKED(test_no_fds_left),
		LINKED(test_end),
		LINKED(test_reset),
		LINKED(test_errors),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_strings_out_of_bounds),
		LINKED(test_inherited),
		LINKED(test_inherited_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
