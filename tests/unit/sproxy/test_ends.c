// SPDX-License-Identifier: Apache-2.0
/*
 * test_ends.c - the socket pairs of an instance: connected to each other and to nobody
 * else, and nothing left open when one cannot be made.
 *
 * How: strangers are real connections, made at the only moment that counts, between the
 * listener and the pair's own connect(): the linker sends that call here first
 * (-Wl,--wrap=connect).
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "sproxy/ends.h"
#include "tests/unit/fds.h"

#define STRANGERS_MAX 32

static int strangers[STRANGERS_MAX];
static int stranger_count;

int __real_connect(int fd, const struct sockaddr *addr, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len);

int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	for (int i = 0; i < stranger_count; i++) {
		strangers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_true(strangers[i] >= 0);
		assert_int_equal(__real_connect(strangers[i], addr, len), 0);
	}
	return __real_connect(fd, addr, len);
}

static void check_close_on_exec(const int pair[2])
{
	for (int i = 0; i < 2; i++)
		assert_true(fcntl(pair[i], F_GETFD) & FD_CLOEXEC);
}

static void check_connected(const int pair[2])
{
	char byte;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(send(pair[i], "x", 1, MSG_NOSIGNAL), 1);
		assert_int_equal(recv(pair[1 - i], &byte, 1, 0), 1);
		assert_int_equal(byte, 'x');
		assert_int_equal(recv(pair[i], &byte, 1, MSG_DONTWAIT), -1);
	}
	check_close_on_exec(pair);
}

static void check_closes(const int pair[2])
{
	char byte;

	close(pair[0]);
	assert_int_equal(recv(pair[1], &byte, 1, 0), 0);
	close(pair[1]);
}

static int type_of(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, option, &value, &len), 0);
	return value;
}

static void test_tcp_pair(void **state)
{
	int before = fds_count(), pair[2];
	struct sockaddr_in name, peer;
	socklen_t len = sizeof(name);

	(void)state;
	assert_int_equal(ends_tcp_pair(pair), 0);
	assert_int_equal(fds_count(), before + 2); /* the listener is gone */
	check_connected(pair);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(type_of(pair[i], SO_DOMAIN), AF_INET);
		assert_int_equal(type_of(pair[i], SO_TYPE), SOCK_STREAM);
	}
	assert_int_equal(getsockname(pair[0], (struct sockaddr *)&name, &len), 0);
	assert_int_equal(getpeername(pair[1], (struct sockaddr *)&peer, &len), 0);
	assert_int_equal(name.sin_port, peer.sin_port);
	assert_int_equal(name.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	check_closes(pair);
	assert_int_equal(fds_count(), before);
}

static void test_unix_pair(void **state)
{
	int before = fds_count(), pair[2];

	(void)state;
	assert_int_equal(ends_unix_pair(pair), 0);
	assert_int_equal(fds_count(), before + 2);
	check_connected(pair);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(type_of(pair[i], SO_DOMAIN), AF_UNIX);
		assert_int_equal(type_of(pair[i], SO_TYPE), SOCK_STREAM);
	}
	check_closes(pair);
	assert_int_equal(fds_count(), before);
}

static void test_many_pairs(void **state)
{
	int before = fds_count(), pairs[64][2];

	(void)state;
	for (int i = 0; i < 64; i++)
		assert_int_equal(ends_tcp_pair(pairs[i]), 0);
	for (int i = 0; i < 64; i++)
		check_connected(pairs[i]);
	for (int i = 0; i < 64; i++)
		check_closes(pairs[i]);
	assert_int_equal(fds_count(), before);
}

/* Makes a pair while `count` others connect first. */
static int pair_among_strangers(int count, int pair[2])
{
	int r;

	stranger_count = count;
	r = ends_tcp_pair(pair);
	stranger_count = 0;
	return r;
}

static void check_strangers_turned_away(int count)
{
	char byte;

	for (int i = 0; i < count; i++) {
		assert_true(recv(strangers[i], &byte, 1, 0) <= 0); /* end or reset */
		close(strangers[i]);
	}
}

static void test_strangers_are_turned_away(void **state)
{
	static const int counts[] = { 1, 2, 15 };
	int before = fds_count(), pair[2];

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		assert_int_equal(pair_among_strangers(counts[i], pair), 0);
		check_strangers_turned_away(counts[i]);
		check_connected(pair);
		check_closes(pair);
		assert_int_equal(fds_count(), before);
	}
}

static void test_too_many_strangers(void **state)
{
	int before = fds_count(), pair[2] = { 77, 77 };

	(void)state;
	assert_int_equal(pair_among_strangers(16, pair), -ECONNABORTED);
	check_strangers_turned_away(16);
	assert_int_equal(pair[0], 77);
	assert_int_equal(pair[1], 77);
	assert_int_equal(fds_count(), before);
}

/* A TCP pair needs three fds for a moment: the listener and both ends. */
static void test_no_fds_left(void **state)
{
	int before = fds_count(), pair[2] = { 77, 77 }, tcp, local;
	struct rlimit limit;

	(void)state;
	for (rlim_t more = 0; more < 3; more++) {
		limit = fds_limit(more);
		tcp = ends_tcp_pair(pair);
		local = more < 2 ? ends_unix_pair(pair) : -EMFILE;
		fds_limit_reset(limit);
		assert_int_equal(tcp, -EMFILE);
		assert_int_equal(local, -EMFILE);
		assert_int_equal(pair[0], 77);
		assert_int_equal(pair[1], 77);
		assert_int_equal(fds_count(), before);
	}
	limit = fds_limit(3);
	tcp = ends_tcp_pair(pair);
	fds_limit_reset(limit);
	assert_int_equal(tcp, 0);
	check_closes(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp_pair),
		cmocka_unit_test(test_unix_pair),
		cmocka_unit_test(test_many_pairs),
		cmocka_unit_test(test_strangers_are_turned_away),
		cmocka_unit_test(test_too_many_strangers),
		cmocka_unit_test(test_no_fds_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
