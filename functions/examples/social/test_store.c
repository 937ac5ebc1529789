/* SPDX-License-Identifier: Apache-2.0 */
/* test_store.c - posts are kept, found and forgotten. */
#include <stdio.h>

#include "test_social.h"

static const sp_test_result *keep(sp_test *t, const char *record)
{
	return SP_TEST(t, .topic = "post", .body = STR(record));
}

static const sp_test_result *find(sp_test *t, const char *ids)
{
	return SP_TEST(t, .topic = "read", .body = STR(ids));
}

static void test_keep_and_find(void **state)
{
	sp_test *t = start("capacity", "10");
	const sp_test_result *r = keep(t, "id=7&text=a");

	(void)state;
	assert_int_equal(r->verdict, SP_NEXT);
	assert_str(r->body, "id=7&text=a");
	assert_int_equal(keep(t, "id=8&text=b")->verdict, SP_NEXT);
	r = find(t, "8\n9\n7\n");
	assert_int_equal(r->verdict, SP_REPLY);
	assert_str(r->body, "id=8&text=b\nid=7&text=a\n");
	assert_str(find(t, "9")->body, "");
	assert_str(find(t, "")->body, "");
	assert_int_equal(keep(t, "id=7&text=c")->error, SP_ECONFLICT);
	assert_int_equal(sp_test_counter(t, "posts_stored"), 2);
	sp_test_free(t);
}

static void test_bounded(void **state)
{
	sp_test *t = start("capacity", "3");
	char record[64], ids[512] = "";

	(void)state;
	for (int i = 1; i <= 20; i++) {
		snprintf(record, sizeof(record), "id=%d&text=a", i);
		assert_int_equal(keep(t, record)->verdict, SP_NEXT);
		snprintf(record, sizeof(record), "%d\n", i);
		strcat(ids, record);
	}
	assert_str(find(t, ids)->body, "id=18&text=a\nid=19&text=a\nid=20&text=a\n");
	assert_int_equal(sp_test_counter(t, "posts_forgotten"), 17);
	sp_test_free(t);
}

static void test_refused(void **state)
{
	sp_test *t = start("capacity", "3");
	char ids[256] = "";

	(void)state;
	assert_int_equal(keep(t, "text=a")->error, SP_EINPUT);
	assert_int_equal(keep(t, "id=0")->error, SP_EINPUT);
	assert_int_equal(find(t, "x")->error, SP_EINPUT);
	for (int i = 0; i < 65; i++)
		strcat(ids, "1\n");
	assert_int_equal(find(t, ids)->error, SP_EINPUT);
	assert_int_equal(SP_TEST(t, .body = SP_S("id=1"))->error, SP_EINPUT);
	sp_test_free(t);
	assert_null(start("capacity", "none"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keep_and_find),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
