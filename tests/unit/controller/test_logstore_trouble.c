// SPDX-License-Identifier: Apache-2.0
/* A full disk, a folder that cannot be written: lines are lost, and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/logstore.h"
#include "controller/loop.h"

#define WAIT_NS 20000000000ULL

static char folder[] = "/tmp/sprocket-trouble-XXXXXX";
static char said[512];
static unsigned tellings, passed_on;

static void tell(void *arg, const char *sentence)
{
	(void)arg;
	tellings++;
	snprintf(said, sizeof(said), "%s", sentence);
}

static void follow(void *arg, const char *chain, const char *source, const char *time,
		   const char *text)
{
	(void)arg, (void)chain, (void)source, (void)time, (void)text;
	passed_on++;
}

static struct logstore_listener follower = { .line = follow };

/* A disk of 256 KiB that this process alone sees. */
static int setup(void **state)
{
	struct logstore *store;

	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	if (geteuid() == 0 &&
	    (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	     mount("tmpfs", folder, "tmpfs", 0, "size=256k") < 0))
		return -1;
	if (logstore_open(folder, &store) < 0)
		return -1;
	tellings = passed_on = 0;
	logstore_on_trouble(store, tell, NULL);
	logstore_listen(store, &follower);
	*state = store;
	return 0;
}

static int teardown(void **state)
{
	logstore_close(*state);
	if (geteuid() == 0 && umount(folder) < 0)
		return -1;
	return rmdir(folder);
}

static int put(struct logstore *store, size_t len)
{
	char text[4096];

	memset(text, 'x', sizeof(text));
	return logstore_line(store, "shop", "a", 1, text, len);
}

/* Lines are kept again, which is told once it has been calm. */
static void expect_recovery(struct logstore *store, uint64_t lost)
{
	const struct timespec moment = { 0, 10000000 };
	uint64_t end = loop_now_ns() + WAIT_NS;
	char expected[64];

	snprintf(expected, sizeof(expected), "; %llu were lost", (unsigned long long)lost);
	assert_int_equal(put(store, 10), 0);
	while (tellings < 2 && loop_now_ns() < end) {
		assert_int_equal(put(store, 10), 0);
		nanosleep(&moment, NULL);
	}
	assert_int_equal(tellings, 2);
	assert_non_null(strstr(said, "are kept again"));
	assert_non_null(strstr(said, expected));
}

static void count(void *arg, const char *time, const char *source, const char *line)
{
	(void)time, (void)source;
	assert_true(line[0] == 'x' && line[strlen(line) - 1] == 'x');
	++*(unsigned *)arg;
}

static void test_full_disk(void **state)
{
	struct logstore *store = *state;
	unsigned kept = 0, lines = 0;
	char path[64];

	if (geteuid() != 0)
		skip();
	while (put(store, 3000) == 0)
		kept++;
	for (int i = 0; i < 99; i++)
		assert_int_equal(put(store, 4096), -ENOSPC);
	assert_int_equal(logstore_lost(store), 100);
	assert_int_equal(passed_on, kept + 100);
	assert_int_equal(tellings, 1);
	assert_non_null(strstr(said, "No space left on device; make room there"));
	assert_int_equal(logstore_tail(store, "shop", NULL, 10000, count, &lines), 0);
	assert_int_equal(lines, kept); /* whole ones */
	snprintf(path, sizeof(path), "%s/shop/a.log", folder);
	assert_int_equal(unlink(path), 0);
	expect_recovery(store, 100);
}

static void test_read_only(void **state)
{
	struct logstore *store = *state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(mount(NULL, folder, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(put(store, 10), -EROFS);
	assert_int_equal(tellings, 1);
	assert_non_null(strstr(said, "Read-only file system"));
	assert_int_equal(mount(NULL, folder, NULL, MS_REMOUNT, NULL), 0);
	expect_recovery(store, 10);
}

/* The folder's own folder is missing at first; later somebody cleans up. */
static void test_folders_that_go(void **state)
{
	char path[64], missing[80], command[100];
	struct logstore *store;

	(void)state;
	snprintf(path, sizeof(path), "%s/var", folder);
	snprintf(missing, sizeof(missing), "%s/log", path);
	snprintf(command, sizeof(command), "rm -rf %s", missing);
	assert_int_equal(logstore_open(missing, &store), 0);
	assert_int_equal(put(store, 10), -ENOENT);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(put(store, 10), 0);
	assert_int_equal(system(command), 0);
	assert_int_equal(put(store, 10), 0);
	assert_int_equal(access(missing, F_OK), 0);
	assert_int_equal(logstore_lost(store), 1);
	store = logstore_close(store);
	assert_int_equal(system(command), 0);
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_only, setup, teardown),
		cmocka_unit_test_setup_teardown(test_folders_that_go, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
