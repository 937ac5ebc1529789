/* SPDX-License-Identifier: Apache-2.0 */
/* The fdstore: what it keeps, its limits, and its program. */
#include "tests/unit/controller/fdstore_rig.h"

#define MANY 2000
#define MANY_FDS 6
#define PUTS 10000
#define RSS_MAX_KIB 1024
#define SHADOW_MIN_KIB (1 << 24) /* what a sanitizer reserves is more */

static void test_put_list_replace_remove(void **state)
{
	struct fdstore_rig *f = *state;
	int fds[2] = { fdstore_rig_file("a"), fdstore_rig_file("b") },
	    before = fdstore_rig_fds(f->pid);
	struct fdstore_rig_seen seen = { .take = true };

	assert_int_equal(fdstore_put(f->store, "one", "data", 4, fds, 2), 0);
	assert_int_equal(fdstore_rig_fds(f->pid), before + 2);
	assert_int_equal(fdstore_list(f->store, fdstore_rig_count, &seen), 0);
	assert_int_equal(seen.entries, 1);
	assert_string_equal(seen.last.name, "one");
	assert_int_equal(seen.last.len, 4);
	assert_string_equal(seen.last.data, "data");
	fdstore_rig_file_check(seen.last.fds[0], "a");
	fdstore_rig_file_check(seen.last.fds[1], "b");
	close(seen.last.fds[0]);
	close(seen.last.fds[1]);

	assert_int_equal(fdstore_set(f->store, "one", "new", 3), 0);
	assert_int_equal(fdstore_rig_fds(f->pid), before + 2);
	assert_int_equal(fdstore_put(f->store, "one", "", 0, fds + 1, 1), 0);
	assert_int_equal(fdstore_rig_fds(f->pid), before + 1);
	seen = (struct fdstore_rig_seen){ .take = true };
	assert_int_equal(fdstore_list(f->store, fdstore_rig_count, &seen), 0);
	assert_int_equal(seen.last.len, 0);
	fdstore_rig_file_check(seen.last.fds[0], "b");
	close(seen.last.fds[0]);

	assert_int_equal(fdstore_remove(f->store, "one"), 0);
	assert_int_equal(fdstore_remove(f->store, "one"), 0);
	assert_int_equal(fdstore_set(f->store, "one", "x", 1), -ENOENT);
	assert_int_equal(fdstore_rig_fds(f->pid), before);
	close(fds[0]);
	close(fds[1]);
}

static int stop_at_once(struct fdstore_entry *entry, void *arg)
{
	(void)entry;
	++*(int *)arg;
	return 7;
}

static void test_list_stops_and_leaks_nothing(void **state)
{
	struct fdstore_rig *f = *state;
	int fd = fdstore_rig_file("x"), calls = 0, before = fds_count();
	struct fdstore_rig_seen seen = { 0 };

	for (char name[] = "0"; name[0] < '5'; name[0]++)
		assert_int_equal(fdstore_put(f->store, name, name, 1, &fd, 1), 0);
	assert_int_equal(fdstore_list(f->store, stop_at_once, &calls), 7);
	assert_int_equal(calls, 1);
	assert_int_equal(fdstore_list(f->store, fdstore_rig_count, &seen), 0);
	assert_int_equal(seen.entries, 5);
	assert_int_equal(fds_count(), before);
	/* Removing what is being given passes over nothing. */
	assert_int_equal(fdstore_list(f->store, fdstore_rig_remove, f->store), 0);
	seen = (struct fdstore_rig_seen){ 0 };
	assert_int_equal(fdstore_list(f->store, fdstore_rig_count, &seen), 0);
	assert_int_equal(seen.entries, 0);
	close(fd);
}

static void test_limits(void **state)
{
	static char data[FDSTORE_DATA_MAX + 1];
	struct fdstore_rig *f = *state;
	char name[FDSTORE_NAME_MAX + 1] = "";
	int fds[FDSTORE_FD_MAX + 1], before = fdstore_rig_fds(f->pid);
	struct fdstore_rig_seen seen = { 0 };

	memset(data, 'd', sizeof(data));
	memset(name, 'n', FDSTORE_NAME_MAX);
	for (size_t i = 0; i <= FDSTORE_FD_MAX; i++)
		fds[i] = STDIN_FILENO;
	assert_int_equal(fdstore_put(f->store, name, NULL, 0, NULL, 0), -ENAMETOOLONG);
	assert_int_equal(fdstore_put(f->store, "", NULL, 0, NULL, 0), -EINVAL);
	assert_int_equal(fdstore_put(f->store, "n", data, sizeof(data), NULL, 0), -E2BIG);
	assert_int_equal(fdstore_put(f->store, "n", NULL, 0, fds, FDSTORE_FD_MAX + 1), -E2BIG);
	assert_int_equal(fdstore_put(f->store, "n", NULL, 0, (int[]){ -1 }, 1), -EBADF);
	name[FDSTORE_NAME_MAX - 1] = '\0';
	assert_int_equal(fdstore_put(f->store, name, data, FDSTORE_DATA_MAX, fds, FDSTORE_FD_MAX),
			 0);
	assert_int_equal(fdstore_list(f->store, fdstore_rig_count, &seen), 0);
	assert_string_equal(seen.last.name, name);
	assert_int_equal(seen.last.len, FDSTORE_DATA_MAX);
	assert_memory_equal(seen.last.data, data, FDSTORE_DATA_MAX);
	assert_int_equal(seen.fds, FDSTORE_FD_MAX);
	assert_int_equal(fdstore_rig_fds(f->pid), before + FDSTORE_FD_MAX);
	assert_int_equal(fdstore_quit(f->store), -EBUSY);
}

/* Our own limit of open fds is an error of one call. */
static void test_list_without_room_for_fds(void **state)
{
	struct fdstore_rig *f = *state;
	int fds[8] = { 0 };
	struct fdstore_rig_seen seen = { 0 };
	struct rlimit before;

	assert_int_equal(fdstore_put(f->store, "n", NULL, 0, fds, 8), 0);
	before = fds_limit(4);
	assert_int_equal(fdstore_list(f->store, fdstore_rig_count, &seen), -EMFILE);
	fds_limit_reset(before);
	assert_int_equal(fdstore_list(f->store, fdstore_rig_count, &seen), 0);
	assert_int_equal(seen.fds, 8);
}

static void test_many_entries(void **state)
{
	struct fdstore_rig *f = *state;
	int fds[MANY_FDS];
	struct fdstore_rig_seen seen = { 0 };
	int64_t began = fdstore_rig_now_ms();

	for (size_t i = 0; i < MANY_FDS; i++)
		fds[i] = fdstore_rig_file("m");
	for (int i = 0; i < MANY; i++) {
		char name[32];

		snprintf(name, sizeof(name), "chain/instance-%d", i);
		assert_int_equal(fdstore_put(f->store, name, name, strlen(name), fds, MANY_FDS), 0);
	}
	assert_int_equal(fdstore_list(f->store, fdstore_rig_count, &seen), 0);
	began = fdstore_rig_now_ms() - began;
	print_message("# %d entries put and listed in %d ms\n", MANY, (int)began);
	assert_in_range(began, 0, 1000);
	assert_int_equal(seen.entries, MANY);
	assert_int_equal(seen.fds, MANY * MANY_FDS);
	for (size_t i = 0; i < MANY_FDS; i++)
		close(fds[i]);
}

static void test_puts_leak_nothing(void **state)
{
	struct fdstore_rig *f = *state;
	int fds[2] = { fdstore_rig_file("a"), fdstore_rig_file("b") };
	int before = fdstore_rig_fds(f->pid), here = fds_count();

	for (int i = 0; i < PUTS; i++) {
		char name[8];

		snprintf(name, sizeof(name), "%d", i % 10);
		assert_int_equal(fdstore_put(f->store, name, name, 1, fds, 2), 0);
	}
	assert_int_equal(fdstore_rig_fds(f->pid), before + 20);
	assert_int_equal(fdstore_list(f->store, fdstore_rig_remove, f->store), 0);
	assert_int_equal(fdstore_rig_fds(f->pid), before);
	assert_int_equal(fds_count(), here);
	close(fds[0]);
	close(fds[1]);
}

static void test_fds_work_after_a_restart(void **state)
{
	struct fdstore_rig *f = *state;
	struct fdstore_rig_seen seen = { .take = true };
	int pair[2];
	char c = 0;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fdstore_put(f->store, "pair", NULL, 0, &pair[0], 1), 0);
	close(pair[0]);
	assert_int_equal(write(pair[1], "p", 1), 1); /* no EPIPE: the end is kept open */
	fdstore_rig_reopen(f);
	assert_int_equal(fdstore_list(f->store, fdstore_rig_count, &seen), 0);
	assert_int_equal(read(seen.last.fds[0], &c, 1), 1);
	assert_int_equal(c, 'p');
	assert_int_equal(write(seen.last.fds[0], "q", 1), 1);
	assert_int_equal(read(pair[1], &c, 1), 1);
	close(seen.last.fds[0]);
	close(pair[1]);
}

static long status_kib(pid_t pid, const char *key)
{
	char path[64], line[256];
	long kib = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			kib = strtol(line + strlen(key) + 1, NULL, 10);
	fclose(file);
	return kib;
}

static void test_program_is_small_private_and_stubborn(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT,  SIGHUP,  SIGQUIT, SIGPIPE,
				       SIGTSTP, SIGUSR1, SIGALRM, SIGPROF };
	struct fdstore_rig *f = *state;
	struct stat st;
	char link[64], to[64] = "";

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		assert_int_equal(kill(f->pid, signals[i]), 0);
	assert_int_equal(fdstore_put(f->store, "n", "x", 1, (int[]){ 0 }, 1), 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	assert_int_equal(getsid(f->pid) == getsid(0), 0);
	snprintf(link, sizeof(link), "/proc/%d/cwd", f->pid);
	assert_true(readlink(link, to, sizeof(to) - 1) > 0);
	assert_string_equal(to, "/");
	/* stdin, stdout, stderr, listener, client, the entry's */
	assert_int_equal(fdstore_rig_fds(f->pid), 6);
	if (status_kib(f->pid, "VmSize") < SHADOW_MIN_KIB) {
		print_message("# %ld KiB resident\n", status_kib(f->pid, "VmRSS"));
		assert_in_range(status_kib(f->pid, "VmRSS"), 1, RSS_MAX_KIB);
	}
}

#define WITH_PROGRAM(test) \
	cmocka_unit_test_setup_teardown(test, fdstore_rig_setup, fdstore_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PROGRAM(test_put_list_replace_remove),
		WITH_PROGRAM(test_list_stops_and_leaks_nothing),
		WITH_PROGRAM(test_limits),
		WITH_PROGRAM(test_list_without_room_for_fds),
		WITH_PROGRAM(test_many_entries),
		WITH_PROGRAM(test_puts_leak_nothing),
		WITH_PROGRAM(test_fds_work_after_a_restart),
		WITH_PROGRAM(test_program_is_small_private_and_stubborn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
