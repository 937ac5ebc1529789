/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_file_read.c - files that change while they are read. fstat() (fstat64 to the linker) is
 * wrapped: the second one of each reading may change the file before it looks.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/cli/file_read.h"

static char path[] = "/tmp/sprocket-file-read-XXXXXX";
static int changes;     /* how many readings are still to be disturbed */
static const char *put; /* what is written over the file then */
static int looks;

int __real_fstat64(int fd, struct stat *ret);
int __wrap_fstat64(int fd, struct stat *ret);

static void write_file(const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

int __wrap_fstat64(int fd, struct stat *ret)
{
	if (looks++ % 2 == 1 && changes > 0) {
		changes--;
		write_file(put);
		/* whatever the clock's steps: it is another time */
		assert_int_equal(utimensat(AT_FDCWD, path,
					   (struct timespec[]){ { 0, UTIME_OMIT },
								{ 1000 + looks, 0 } },
					   0),
				 0);
	}
	return __real_fstat64(fd, ret);
}

static void check(int disturbed, const char *text, int expected)
{
	char *got = (char *)(uintptr_t)0x77;
	size_t len = 77;

	write_file("before");
	looks = 0;
	changes = disturbed;
	put = text;
	assert_int_equal(file_read(path, 64, &got, &len), expected);
	if (expected < 0) {
		assert_ptr_equal(got, (void *)0x77);
		assert_int_equal(len, 77);
		return;
	}
	assert_string_equal(got, text);
	assert_int_equal(len, strlen(text));
	free(got);
}

static void test_quiet(void **state)
{
	(void)state;
	check(0, "before", 0);
	assert_int_equal(looks, 2);
}

static void test_changes(void **state)
{
	(void)state;
	check(1, "longer than before", 0);
	check(2, "same_6", 0); /* the size stays: the time tells */
	assert_int_equal(looks, 6);
	check(FILE_READ_TRIES, "always", -EBUSY);
	assert_int_equal(changes, 0);
}

static void test_limits(void **state)
{
	char text[65 + 1];
	char *got = NULL;
	size_t len = 77;

	(void)state;
	memset(text, 'x', 65);
	text[65] = '\0';
	write_file(text);
	assert_int_equal(file_read(path, 64, &got, &len), -EFBIG);
	assert_int_equal(file_read("/tmp", 64, &got, &len), -EISDIR);
	assert_int_equal(file_read("/nowhere/at/all", 64, &got, &len), -ENOENT);
	assert_null(got);
	assert_int_equal(file_read(path, 65, &got, &len), 0);
	assert_int_equal(len, 65);
	free(got);
}

static void test_pipe(void **state)
{
	char name[32], *got;
	size_t len;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "from a pipe", 11), 11);
	close(fds[1]);
	snprintf(name, sizeof(name), "/dev/fd/%d", fds[0]);
	assert_int_equal(file_read(name, 64, &got, &len), 0);
	assert_string_equal(got, "from a pipe");
	free(got);
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_pipe),
	};
	int fd = mkstemp(path), failed;

	if (fd < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests_name("file_read", tests, NULL, NULL);
	unlink(path);
	return failed;
}
