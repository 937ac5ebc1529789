// SPDX-License-Identifier: Apache-2.0
/*
 * test_memory.c - the pool's memory: seals, reservation, what is left behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/shm/hugepages.h"

static void check_seals(int fd, size_t size)
{
	struct stat st;

	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, (off_t)(size + SHM_HUGEPAGE_SIZE)), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, size);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void test_ordinary(void **state)
{
	struct shm_memory memory;
	char why[WHY_SIZE] = "old";
	void *base, *again;

	(void)state;
	assert_int_equal(shm_memory_create("t", SIZE, SHM_HUGEPAGES_NEVER, &memory, why), 0);
	assert_false(memory.huge);
	assert_int_equal(memory.overcommit, 0);
	assert_string_equal(why, "");
	check_seals(memory.fd, SIZE);
	assert_int_equal(shm_memory_map(memory.fd, SIZE, &base), 0);
	assert_int_equal(shm_memory_map(memory.fd, SIZE, &again), 0);
	assert_false(shm_memory_populated(memory.fd, SIZE));
	assert_int_equal(shm_memory_populate(base, SIZE), 0);
	assert_true(shm_memory_populated(memory.fd, SIZE));
	assert_int_equal(fallocate(memory.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096),
			 0);
	assert_false(shm_memory_populated(memory.fd, SIZE));
	assert_false(shm_memory_populated(-1, SIZE));
	memset(base, 0x5a, SIZE);
	assert_int_equal(((unsigned char *)again)[SIZE - 1], 0x5a);
	shm_memory_done(&memory);
	assert_int_equal(memory.fd, -1);
	shm_memory_done(&memory);
	shm_memory_done(NULL);
	assert_int_equal(((unsigned char *)again)[0], 0x5a); /* lives on while mapped */
	munmap(base, SIZE);
	munmap(again, SIZE);
}

static void test_bad_sizes(void **state)
{
	struct shm_memory memory = { .fd = 77 };
	void *base = &memory;

	(void)state;
	assert_int_equal(shm_memory_create("t", 0, SHM_HUGEPAGES_NEVER, &memory, NULL), -EINVAL);
	assert_int_equal(shm_memory_create("t", SIZE + 4096, SHM_HUGEPAGES_NEVER, &memory, NULL),
			 -EINVAL);
	assert_int_equal(memory.fd, 77);
	assert_int_equal(shm_memory_create("t", SIZE, SHM_HUGEPAGES_NEVER, &memory, NULL), 0);
	assert_int_equal(shm_memory_map(memory.fd, SIZE + 4096, &base), -EINVAL);
	assert_int_equal(shm_memory_map(memory.fd, 0, &base), -EINVAL);
	assert_int_equal(shm_memory_map(-1, SIZE, &base), -EBADF);
	assert_ptr_equal(base, &memory);
	shm_memory_done(&memory);
}

static void test_populate_fails_without_memory(void **state)
{
	void *base = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(base, MAP_FAILED);
	munmap(base, SIZE);
	assert_int_equal(shm_memory_populate(base, SIZE), -ENOMEM);
}

static void test_huge(void **state)
{
	struct counters before;
	struct shm_memory memory;
	char why[WHY_SIZE] = "old";
	void *base;

	(void)state;
	need_hugepages();
	before = counters_read();
	assert_int_equal(shm_memory_create("t", SIZE, SHM_HUGEPAGES_REQUIRED, &memory, why), 0);
	assert_true(memory.huge);
	assert_string_equal(why, "");
	/* Every page is promised before anyone has mapped it. */
	assert_int_equal(counters_read().reserved, before.reserved + PAGES);
	assert_int_equal(counters_read().limit, before.limit + memory.overcommit);
	check_seals(memory.fd, SIZE);
	assert_int_equal(shm_memory_map(memory.fd, SIZE, &base), 0);
	assert_false(shm_memory_populated(memory.fd, SIZE));
	assert_int_equal(shm_memory_populate(base, SIZE), 0);
	assert_true(shm_memory_populated(memory.fd, SIZE));
	assert_int_equal(counters_read().reserved, before.reserved);
	munmap(base, SIZE);
	shm_memory_done(&memory);
	assert_counters_equal(counters_read(), before);
}

static void test_two_at_once(void **state)
{
	struct shm_memory one, two;
	struct counters before;
	void *base;

	(void)state;
	need_hugepages();
	before = counters_read();
	assert_int_equal(shm_memory_create("a", SIZE, SHM_HUGEPAGES_REQUIRED, &one, NULL), 0);
	assert_int_equal(shm_memory_create("b", SIZE, SHM_HUGEPAGES_REQUIRED, &two, NULL), 0);
	assert_int_equal(counters_read().reserved, before.reserved + 2 * PAGES);
	shm_memory_done(&one);
	/* The other one keeps what it was promised. */
	assert_int_equal(counters_read().reserved, before.reserved + PAGES);
	assert_int_equal(shm_memory_map(two.fd, SIZE, &base), 0);
	assert_int_equal(shm_memory_populate(base, SIZE), 0);
	munmap(base, SIZE);
	shm_memory_done(&two);
	assert_counters_equal(counters_read(), before);
}

/* Several processes raise and lower at once: the lock makes the sum come out right. */
static void test_many_at_once(void **state)
{
	enum { PROCESSES = 6, ROUNDS = 20 };
	struct counters before;
	pid_t pids[PROCESSES];
	int status;

	(void)state;
	need_hugepages();
	before = counters_read();
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] != 0)
			continue;
		for (int round = 0; round < ROUNDS; round++) {
			struct shm_memory memory;

			if (shm_memory_create("m", SIZE, SHM_HUGEPAGES_REQUIRED, &memory, NULL))
				_exit(1);
			shm_memory_done(&memory);
		}
		_exit(0);
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_counters_equal(counters_read(), before);
}

static void test_killed_holder(void **state)
{
	struct counters before;
	struct shm_memory memory;
	long raised = 0;
	int pipe_fds[2];
	void *base;
	pid_t pid;

	(void)state;
	need_hugepages();
	before = counters_read();
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		size_t size = size_beyond_available();

		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed assertion must not leave us */
		if (shm_memory_create("k", size, SHM_HUGEPAGES_REQUIRED, &memory, NULL) < 0 ||
		    shm_memory_map(memory.fd, size, &base) < 0 ||
		    shm_memory_populate(base, size) < 0)
			_exit(1);
		if (write(pipe_fds[1], &memory.overcommit, sizeof(long)) != sizeof(long))
			_exit(1);
		for (;;)
			pause();
	}
	close(pipe_fds[1]);
	assert_int_equal(read(pipe_fds[0], &raised, sizeof(raised)), sizeof(raised));
	close(pipe_fds[0]);
	assert_true(raised >= PAGES);
	assert_true(counters_read().surplus >= before.surplus + PAGES);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	/* The kernel gives the pages back by itself, the limit is ours to lower. */
	assert_int_equal(counters_read().surplus, before.surplus);
	assert_int_equal(counters_read().limit, before.limit + raised);
	assert_int_equal(shm_hugepages_lower(raised), 0);
	assert_counters_equal(counters_read(), before);
}

/* A function can punch holes into the shared memory. That must not kill the others. */
static void test_hole_is_no_sigbus(void **state)
{
	const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	size_t size = size_beyond_available();
	struct counters before;
	struct shm_memory memory;
	int status;
	void *base;
	pid_t pid;

	(void)state;
	need_hugepages();
	before = counters_read();
	assert_int_equal(shm_memory_create("h", size, SHM_HUGEPAGES_REQUIRED, &memory, NULL), 0);
	assert_int_equal(shm_memory_map(memory.fd, size, &base), 0);
	assert_int_equal(shm_memory_populate(base, size), 0);
	assert_int_equal(fallocate(memory.fd, mode, 0, (off_t)size), 0);
	assert_true(counters_read().surplus < before.surplus + PAGES);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		for (size_t at = 0; at < size; at += SHM_HUGEPAGE_SIZE)
			((volatile char *)base)[at] = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	munmap(base, size);
	shm_memory_done(&memory);
	assert_counters_equal(counters_read(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ordinary),
		cmocka_unit_test(test_bad_sizes),
		cmocka_unit_test(test_populate_fails_without_memory),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_killed_holder),
		cmocka_unit_test(test_hole_is_no_sigbus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
