/* SPDX-License-Identifier: Apache-2.0 */
/* test_search.c - the function `search`, and with it how records are read and written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <sprocket_test.h>

#define RECORD(plate) "{\"plate\":\"" plate "\",\"box\":[118,127,90,22],\"image\":[320,240]"

extern const sp_function sp_function_registered;

static sp_test *test;

static int setup(void **state)
{
	(void)state;
	test = sp_test_new(&sp_function_registered, NULL);
	return test ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	test = sp_test_free(test);
	return 0;
}

static void test_known(void **state)
{
	const sp_test_result *r = SP_TEST(test, .body = SP_S(RECORD("AB-1234") "}"));

	(void)state;
	assert_string_equal(r->edge, "next");
	assert_true(sp_test_equals(
		r->body, RECORD("AB-1234") ",\"holder\":\"Ada Lovelace\",\"minutes\":95}"));
	assert_int_equal(sp_test_counter(test, "plates_known"), 1);
}

static void test_unknown(void **state)
{
	const sp_test_result *r = SP_TEST(test, .body = SP_S(RECORD("ZZ-9999") "}"));

	(void)state;
	assert_string_equal(r->edge, "unknown_plate");
	assert_true(sp_test_equals(r->body, RECORD("ZZ-9999") "}"));
	assert_int_equal(sp_test_counter(test, "plates_unknown"), 1);
}

static void test_no_record(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"{}",
		"hello",
		RECORD("AB-1234"),
		RECORD("AB-1234") "} ",
		RECORD("AB-1234") ",}",
		RECORD("ab-1234") "}",
		RECORD("AB-12345678") "}",
		RECORD("AB-1234") ",\"ticket\":1}",
		RECORD("AB-1234") ",\"holder\":\"x\"}",
		RECORD("AB-1234") ",\"holder\":\"a\\\"b\",\"minutes\":1}",
		"{\"plate\":\"AB-1234\",\"box\":[-1,127,90,22],\"image\":[320,240]}",
		"{\"plate\":\"AB-1234\",\"box\":[118,127,90],\"image\":[320,240]}",
		"{\"plate\":\"AB-1234\",\"box\":[118,127,90,22],\"image\":[320,999999]}",
	};
	char nul[] = RECORD("AB-1234") "}";
	char *large = calloc(1, 300);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (SP_TEST(test, .body = { bad[i], strlen(bad[i]) })->error != SP_EINPUT)
			fail_msg("not refused: %s", bad[i]);
	assert_int_equal(SP_TEST(test, .body = { nul, sizeof(nul) })->error, SP_EINPUT);
	assert_non_null(large);
	memcpy(large, nul, sizeof(nul));
	assert_int_equal(SP_TEST(test, .body = { large, 300 })->error, SP_EINPUT);
	free(large);
}

static sp_test *with_table(const char *text)
{
	char path[] = "/tmp/test_search.XXXXXX";
	const char *config[] = { "table", path, NULL };
	int fd = mkstemp(path);
	sp_test *t;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	t = sp_test_new(&sp_function_registered, config);
	unlink(path);
	return t;
}

static void test_table_file(void **state)
{
	sp_test *t = with_table("ZZ-9999 7 Zoe\n");

	(void)state;
	assert_non_null(t);
	assert_string_equal(SP_TEST(t, .body = SP_S(RECORD("ZZ-9999") "}"))->edge, "next");
	assert_string_equal(SP_TEST(t, .body = SP_S(RECORD("AB-1234") "}"))->edge, "unknown_plate");
	sp_test_free(t);
}

/* A relative name is looked for beside the executable, whatever the working directory. */
static void test_table_beside(void **state)
{
	static const char *const config[] = { "table", "table.txt", NULL };
	char cwd[4096];
	sp_test *t;

	(void)state;
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(chdir("/"), 0);
	t = sp_test_new(&sp_function_registered, config);
	assert_int_equal(chdir(cwd), 0);
	assert_non_null(t);
	assert_string_equal(SP_TEST(t, .body = SP_S(RECORD("KT-0042") "}"))->edge, "next");
	sp_test_free(t);
}

static void test_bad_table(void **state)
{
	static const char *const config[] = { "table", "no-such-table.txt", NULL };

	(void)state;
	assert_null(with_table("ZZ-9999 Zoe\n"));
	assert_null(sp_test_new(&sp_function_registered, config));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_known, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_record, setup, teardown),
		cmocka_unit_test(test_table_file),
		cmocka_unit_test(test_table_beside),
		cmocka_unit_test(test_bad_table),
	};

	return cmocka_run_group_tests_name("search", tests, NULL, NULL);
}
