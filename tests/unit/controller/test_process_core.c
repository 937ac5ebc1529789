// SPDX-License-Identifier: Apache-2.0
/* Core dumps: where they come to be, their names, how many stay. */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/process_core.h"
#include "tests/unit/controller/process_rig.h"

static bool cores_come_to_the_folder(void)
{
	char pattern[128] = "|";
	FILE *in = fopen("/proc/sys/kernel/core_pattern", "re");

	if (in) {
		if (!fgets(pattern, sizeof(pattern), in))
			pattern[0] = '|';
		fclose(in);
	}
	return !strchr("|/@", pattern[0]);
}

static void crash(const char *cores, const char *name, char path[PROCESS_CORE_PATH_MAX])
{
	struct process_spec s = child_spec();
	struct process p;
	char how[96];
	pid_t pid;

	s.core_folder = cores;
	assert_int_equal(process_start(&s, &p), 0);
	pid = p.pid;
	child_reap(&p, how);
	assert_string_equal(how, "signal 11 (Segmentation fault, core dumped)");
	assert_int_equal(process_core_take(cores, name, pid + 1, path), -ENOENT);
	assert_int_equal(process_core_take(cores, name, pid, path), 0);
	assert_int_equal(process_core_take(cores, name, pid, path), -ENOENT);
}

static void test_cores_are_named_and_few(void **state)
{
	char cores[64], path[PROCESS_CORE_PATH_MAX], command[96];
	struct stat st;

	(void)state;
	if (!cores_come_to_the_folder())
		skip();
	snprintf(cores, sizeof(cores), "%s/cores", child_folder);
	child_write("#!/bin/sh\nkill -SEGV $$\n");
	crash(cores, "detect-b", path);
	for (int i = 0; i < PROCESS_CORE_KEPT + 2; i++)
		crash(cores, "detect", path);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 4096);
	snprintf(command, sizeof(command), "test $(ls %s | wc -l) = %d", cores,
		 PROCESS_CORE_KEPT + 1); /* that of detect-b is another function's */
	assert_int_equal(system(command), 0);
}

static void test_no_core_folder_no_core(void **state)
{
	struct process_spec s = child_spec();
	struct process p;

	(void)state;
	child_write("#!/bin/sh\nkill -SEGV $$\n");
	assert_int_equal(process_start(&s, &p), 0);
	child_expect(&p, "signal 11 (Segmentation fault)");
}

/* Files that only look like cores, or lie about their size. */
static void test_garbage_is_no_core(void **state)
{
	static const char head[] = "\x7f"
				   "ELF\2\1\1\0\0\0\0\0\0\0\0\0\4\0";
	char cores[64], path[PROCESS_CORE_PATH_MAX];
	unsigned char block[4096];
	FILE *out;

	(void)state;
	snprintf(cores, sizeof(cores), "%s/garbage", child_folder);
	assert_int_equal(mkdir(cores, 0700), 0);
	for (int fill = 0; fill < 256; fill++) {
		memset(block, fill, sizeof(block));
		memcpy(block, head, sizeof(head));
		block[54] = 56; /* e_phentsize */
		block[55] = 0;
		snprintf(path, sizeof(path), "%s/core.%d", cores, fill);
		out = fopen(path, "we");
		assert_non_null(out);
		assert_int_equal(fwrite(block, sizeof(block), 1, out), 1);
		assert_int_equal(fclose(out), 0);
	}
	assert_int_equal(process_core_take(cores, "fn", 1, path), -ENOENT);
	assert_int_equal(process_core_take("/nonexistent", "fn", 1, path), -ENOENT);
}

/* A function can write what it likes there: it must not keep the controller reading. */
static void test_endless_notes_end_soon(void **state)
{
	Elf64_Ehdr head = { .e_type = ET_CORE,
			    .e_phoff = sizeof(head),
			    .e_phentsize = sizeof(Elf64_Phdr),
			    .e_phnum = UINT16_MAX };
	const Elf64_Phdr segment = { .p_type = PT_NOTE,
				     .p_offset = 4U << 20,
				     .p_filesz = 1U << 20 };
	char cores[64], path[PROCESS_CORE_PATH_MAX];
	time_t begin;
	FILE *out;

	(void)state;
	memcpy(head.e_ident, ELFMAG, SELFMAG);
	snprintf(cores, sizeof(cores), "%s/endless", child_folder);
	assert_int_equal(mkdir(cores, 0700), 0);
	snprintf(path, sizeof(path), "%s/core", cores);
	out = fopen(path, "we");
	assert_non_null(out);
	assert_int_equal(fwrite(&head, sizeof(head), 1, out), 1);
	for (int i = 0; i < UINT16_MAX; i++)
		assert_int_equal(fwrite(&segment, sizeof(segment), 1, out), 1);
	assert_int_equal(ftruncate(fileno(out), 8 << 20), 0);
	assert_int_equal(fclose(out), 0);
	begin = time(NULL);
	assert_int_equal(process_core_take(cores, "fn", 1, path), -ENOENT);
	assert_true(time(NULL) - begin <= 2);
}

/* Names that it made up, of cores that were never taken, do not keep the controller removing. */
static void test_made_up_cores(void **state)
{
	char cores[64], path[PROCESS_CORE_PATH_MAX], command[256];

	(void)state;
	if (!cores_come_to_the_folder())
		skip();
	snprintf(cores, sizeof(cores), "%s/made-up", child_folder);
	snprintf(command, sizeof(command),
		 "mkdir %s && cd %s && seq -f 'fn-%%.0f-20260102T030405Z.core' 2000 | xargs touch",
		 cores, cores);
	assert_int_equal(system(command), 0);
	child_write("#!/bin/sh\nkill -SEGV $$\n");
	crash(cores, "fn", path);
	snprintf(command, sizeof(command), "test $(ls %s | wc -l) -gt 1990", cores);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cores_are_named_and_few),
		cmocka_unit_test(test_no_core_folder_no_core),
		cmocka_unit_test(test_garbage_is_no_core),
		cmocka_unit_test(test_endless_notes_end_soon),
		cmocka_unit_test(test_made_up_cores),
	};

	return cmocka_run_group_tests(tests, child_setup, child_teardown);
}
