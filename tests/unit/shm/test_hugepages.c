// SPDX-License-Identifier: Apache-2.0
/*
 * test_hugepages.c - who may have hugepages, and what people are told who may not.
 */
#include <errno.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/shm/hugepages.h"

#define NOBODY 65534

/* Runs `work` in a child as an unprivileged user; its value is the child's exit code. */
static void assert_unprivileged(int (*work)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 &&
		    (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
		     setresuid(NOBODY, NOBODY, NOBODY) < 0))
			_exit(99);
		_exit(work());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_lower_stops_at_zero(void **state)
{
	long before = counter_read("nr_overcommit_hugepages");

	(void)state;
	need_hugepages();
	assert_int_equal(shm_hugepages_lower(0), 0);
	assert_int_equal(counter_read("nr_overcommit_hugepages"), before);
	assert_int_equal(shm_hugepages_lower(before + 1000), 0);
	assert_int_equal(counter_read("nr_overcommit_hugepages"), 0);
	limit_set(before);
}

/* More than the machine has: refused at once, the limit untouched. */
static struct {
	long change, limit, sum;
} told;

static void on_change(void *arg, long change, long limit)
{
	assert_ptr_equal(arg, &told);
	told.change = change;
	told.limit = limit;
	told.sum += change;
	assert_int_equal(counter_read("nr_overcommit_hugepages"), limit); /* not yet */
}

static void test_changes_are_told_before(void **state)
{
	struct shm_memory memory;
	size_t size;

	(void)state;
	need_hugepages();
	size = (size_t)(shm_hugepages_available() + 1) * SHM_HUGEPAGE_SIZE;
	shm_hugepages_watch(on_change, &told);
	assert_int_equal(shm_memory_create("w", size, SHM_HUGEPAGES_REQUIRED, &memory, NULL), 0);
	assert_true(memory.overcommit > 0);
	assert_int_equal(told.change, memory.overcommit);
	assert_int_equal(counter_read("nr_overcommit_hugepages"), told.limit + told.change);
	shm_memory_done(&memory);
	shm_hugepages_watch(NULL, NULL);
	assert_int_equal(told.sum, 0);
}

static void test_more_than_memory(void **state)
{
	const size_t size = (size_t)1 << 45;
	struct shm_memory memory = { .fd = 77 };
	struct counters before;
	char why[WHY_SIZE];

	(void)state;
	need_hugepages();
	before = counters_read();
	assert_int_equal(shm_memory_create("t", size, SHM_HUGEPAGES_REQUIRED, &memory, why),
			 -ENOMEM);
	assert_int_equal(memory.fd, 77);
	assert_non_null(strstr(why, "free some memory"));
	assert_counters_equal(counters_read(), before);
}

static int unprivileged_without_pages(void)
{
	struct shm_memory memory = { .fd = 77 };
	size_t size = size_beyond_available();
	char why[WHY_SIZE];
	void *base;

	if (shm_memory_create("t", size, SHM_HUGEPAGES_REQUIRED, &memory, why) != -ENOMEM)
		return 1;
	if (memory.fd != 77 || strstr(why, "sysctl vm.nr_hugepages=") == NULL)
		return 2;
	if (shm_memory_create("t", size, SHM_HUGEPAGES_AUTO, &memory, why) != 0)
		return 3;
	if (memory.huge || memory.overcommit != 0 || strstr(why, "as root") == NULL)
		return 4;
	if (shm_memory_map(memory.fd, size, &base) < 0 || shm_memory_populate(base, size) < 0)
		return 5;
	munmap(base, size);
	shm_memory_done(&memory);
	if (shm_hugepages_may_raise() != -EACCES)
		return 6;
	return 0;
}

static void test_unprivileged_without_pages(void **state)
{
	(void)state;
	if (counter_read("nr_hugepages") < 0)
		skip();
	assert_unprivileged(unprivileged_without_pages);
}

static int unprivileged_with_pages(void)
{
	struct shm_memory memory;
	char why[WHY_SIZE];
	void *base;

	if (shm_memory_create("t", SIZE, SHM_HUGEPAGES_AUTO, &memory, why) != 0)
		return 1;
	if (!memory.huge || memory.overcommit != 0 || why[0] != '\0')
		return 2;
	if (shm_memory_map(memory.fd, SIZE, &base) < 0 || shm_memory_populate(base, SIZE) < 0)
		return 3;
	munmap(base, SIZE);
	shm_memory_done(&memory);
	return 0;
}

/* Pages that the administrator allows are for everyone. */
static void test_unprivileged_with_pages(void **state)
{
	struct counters before;

	(void)state;
	need_hugepages();
	before = counters_read();
	limit_set(before.limit + PAGES);
	assert_int_equal(counter_read("nr_overcommit_hugepages"), before.limit + PAGES);
	assert_true(shm_hugepages_available() >= PAGES);
	assert_unprivileged(unprivileged_with_pages);
	limit_set(before.limit);
	assert_counters_equal(counters_read(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lower_stops_at_zero),
		cmocka_unit_test(test_changes_are_told_before),
		cmocka_unit_test(test_more_than_memory),
		cmocka_unit_test(test_unprivileged_without_pages),
		cmocka_unit_test(test_unprivileged_with_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
