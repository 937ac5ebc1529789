/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hugepages.h - the machine's hugepage counters, for tests of the pool's memory.
 *
 * How: tests compare the counters before and after, so nothing else may take hugepages
 * meanwhile: run them alone (is_parallel: false). Without root or hugetlb they skip.
 */
#ifndef SPROCKET_TESTS_UNIT_SHM_HUGEPAGES_H
#define SPROCKET_TESTS_UNIT_SHM_HUGEPAGES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shm/hugepages.h"
#include "shm/memory.h"

#define SYSFS "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define PAGES 8L
#define SIZE ((size_t)PAGES * SHM_HUGEPAGE_SIZE)
#define WHY_SIZE 256

struct counters {
	long total, free, reserved, surplus, limit;
};

static inline long counter_read(const char *name)
{
	char path[128];
	long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), SYSFS "%s", name);
	file = fopen(path, "re");
	if (file == NULL)
		return -1;
	if (fscanf(file, "%ld", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

static inline void limit_set(long value)
{
	FILE *file = fopen(SYSFS "nr_overcommit_hugepages", "we");

	assert_non_null(file);
	fprintf(file, "%ld", value);
	assert_int_equal(fclose(file), 0);
}

static inline struct counters counters_read(void)
{
	return (struct counters){
		.total = counter_read("nr_hugepages"),
		.free = counter_read("free_hugepages"),
		.reserved = counter_read("resv_hugepages"),
		.surplus = counter_read("surplus_hugepages"),
		.limit = counter_read("nr_overcommit_hugepages"),
	};
}

static inline void assert_counters_equal(struct counters now, struct counters before)
{
	assert_int_equal(now.total, before.total);
	assert_int_equal(now.free, before.free);
	assert_int_equal(now.reserved, before.reserved);
	assert_int_equal(now.surplus, before.surplus);
	assert_int_equal(now.limit, before.limit);
}

static inline void need_hugepages(void)
{
	int err = shm_hugepages_may_raise();

	if (err == 0)
		return;
	print_message("skipped: cannot raise the hugepage limit: %s\n", strerror(-err));
	skip();
}

/* Pages that nobody could have without a higher limit. */
static inline size_t size_beyond_available(void)
{
	return (size_t)(shm_hugepages_available() + PAGES) * SHM_HUGEPAGE_SIZE;
}

#endif
