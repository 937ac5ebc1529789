/* SPDX-License-Identifier: Apache-2.0 */
/* test_persist.c - the function `persist`: a line for each ticket, always whole. */
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

#define LINE_BYTES 96
#define RECORD(plate, ticket)                                                              \
	"{\"plate\":\"" plate "\",\"box\":[118,127,90,22],\"image\":[320,240],\"holder\":" \
	"\"visitor\",\"minutes\":7,\"ticket\":" ticket "}"

static sp_test *start(const char *file, const char *sync)
{
	const char *config[] = { "file", file, "sync", sync, NULL };

	return sp_test_new(&sp_function_registered, config);
}

/* Line `ticket` of the file begins so. */
static void assert_line(const char *path, int ticket, const char *text)
{
	char line[LINE_BYTES + 1] = "";
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	assert_int_equal(fseek(file, (ticket - 1) * LINE_BYTES, SEEK_SET), 0);
	assert_int_equal(fread(line, 1, LINE_BYTES, file), LINE_BYTES);
	fclose(file);
	assert_memory_equal(line, text, strlen(text));
	assert_int_equal(line[LINE_BYTES - 1], '\n');
	assert_int_equal(strcspn(line, "\n"), LINE_BYTES - 1);
}

static void test_lines(void **state)
{
	char path[] = "/tmp/test_persist.XXXXXX";
	int fd = mkstemp(path);
	const sp_test_result *r;
	sp_test *t;

	(void)state;
	assert_true(fd >= 0);
	t = start(path, "yes");
	assert_non_null(t);
	r = SP_TEST(t, .body = SP_S(RECORD("ZZ-0002", "2")));
	assert_string_equal(r->edge, "next");
	assert_true(sp_test_equals(r->body, RECORD("ZZ-0002", "2")));
	SP_TEST(t, .body = SP_S(RECORD("ZZ-0001", "1")));
	assert_line(path, 1, "    1 ZZ-0001        7 visitor ");
	assert_line(path, 2, "    2 ZZ-0002        7 visitor ");
	SP_TEST(t, .body = SP_S(RECORD("ABCDEFGHIJ", "1")));
	assert_line(path, 1, "    1 ABCDEFGHIJ     7 visitor ");
	assert_int_equal(lseek(fd, 0, SEEK_END), 2 * LINE_BYTES);
	assert_int_equal(sp_test_counter(t, "records_persisted"), 3);
	sp_test_free(t);
	close(fd);
	unlink(path);
}

static void test_unnamed(void **state)
{
	sp_test *t = sp_test_new(&sp_function_registered, NULL);

	(void)state;
	assert_non_null(t);
	assert_int_equal(SP_TEST(t, .body = SP_S(RECORD("ZZ-0001", "99999")))->verdict, SP_NEXT);
	sp_test_free(t);
}

static void test_refused(void **state)
{
	sp_test *t = start("/dev/full", "no");

	(void)state;
	assert_non_null(t);
	assert_int_equal(SP_TEST(t, .body = SP_S("?"))->error, SP_EINPUT);
	assert_int_equal(SP_TEST(t, .body = SP_S(RECORD("ZZ-0001", "0")))->error, SP_EINPUT);
	assert_int_equal(SP_TEST(t, .body = SP_S(RECORD("ZZ-0001", "1")))->error, SP_EUNAVAILABLE);
	assert_non_null(strstr(sp_test_log(t), "No space left"));
	assert_int_equal(sp_test_counter(t, "records_persisted"), 0);
	sp_test_free(t);
	assert_null(start("/no/such/folder/file", "no"));
	assert_null(start("", "maybe"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_unnamed),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("persist", tests, NULL, NULL);
}
