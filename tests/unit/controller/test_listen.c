// SPDX-License-Identifier: Apache-2.0
/* Listeners: by address, by path, and those that somebody else opened. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/listen.h"
#include "tests/unit/fds.h"

static char folder[] = "/tmp/sprocket-listen-XXXXXX";
static char path[64];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/front.sock", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static int reach(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	assert_true(fd >= 0);
	strcpy(addr.sun_path, path);
	r = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static void test_unix_stale_is_replaced(void **state)
{
	mode_t mask = umask(0077);
	int fds = fds_count(), fd;
	struct stat st;

	(void)state;
	for (int i = 0; i < 2; i++) { /* the second one finds what the first left */
		assert_int_equal(listen_unix(path, 0660, &fd), 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0660);
		assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
		assert_int_equal(reach(), 0);
		assert_int_equal(listen_unix(path, 0660, &(int){ -1 }), -EADDRINUSE);
		assert_int_equal(reach(), 0);
		close(fd);
		assert_int_equal(reach(), -ECONNREFUSED);
	}
	umask(mask);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(fds_count(), fds);
}

static void test_unix_refuses(void **state)
{
	char longer[200];
	FILE *file = fopen(path, "we");
	int fd = -7;

	(void)state;
	assert_non_null(file);
	fclose(file);
	assert_int_equal(listen_unix(path, 0600, &fd), -EEXIST);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(path), 0);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(listen_unix(longer, 0600, &fd), -ENAMETOOLONG);
	assert_int_equal(listen_unix("/nonexistent/front.sock", 0600, &fd), -ENOENT);
	assert_int_equal(fd, -7);
}

static void test_adopt_says_the_address(void **state)
{
	char address[LISTEN_ADDRESS_MAX], again[LISTEN_ADDRESS_MAX];
	int fds[2], fd;

	(void)state;
	assert_int_equal(listen_open("127.0.0.1:0", 2, fds, address), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(listen_adopt(fds[i], again), 0);
		assert_string_equal(again, address);
		close(fds[i]);
	}
	assert_int_equal(listen_unix(path, 0600, &fd), 0);
	assert_int_equal(listen_adopt(fd, again), 0);
	assert_string_equal(again, path);
	close(fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(listen_adopt(fd, again), -EBADF);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(listen_adopt(fd, again), -EINVAL);
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(listen_adopt(fd, again), -ENOTSOCK);
	close(fd);
	assert_string_equal(again, path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unix_stale_is_replaced),
		cmocka_unit_test(test_unix_refuses),
		cmocka_unit_test(test_adopt_says_the_address),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
