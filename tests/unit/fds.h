/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fds.h - which fds this process has open, for tests that nothing leaks.
 */
#ifndef SPROCKET_TESTS_UNIT_FDS_H
#define SPROCKET_TESTS_UNIT_FDS_H

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static inline int fds_count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = -3; /* ".", ".." and the directory itself */

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* Lets the process open `more` fds from now on. Returns the limit for fds_limit_reset(). */
static inline struct rlimit fds_limit(rlim_t more)
{
	struct rlimit before, tight;
	int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(lowest >= 0);
	assert_int_equal(fcntl(lowest + 1, F_GETFD), -1); /* nothing open above: limit is exact */
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	tight = before;
	tight.rlim_cur = (rlim_t)lowest + more;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	return before;
}

static inline void fds_limit_reset(struct rlimit before)
{
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

#endif
