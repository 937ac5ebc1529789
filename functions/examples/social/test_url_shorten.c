/* SPDX-License-Identifier: Apache-2.0 */
/* test_url_shorten.c - a key for each URL, and back. */
#include <stdio.h>

#include "test_social.h"

/* The key of one URL. */
static void shorten(sp_test *t, const char *url, char ret[16])
{
	const sp_test_result *r =
		SP_TEST(t, .path = "/compose", .topic = "shorten", .body = STR(url));

	assert_int_equal(r->verdict, SP_REPLY);
	assert_int_equal(r->body.len, 12);
	assert_int_equal(r->body.data[11], '\n');
	memcpy(ret, r->body.data, 11);
	ret[11] = '\0';
}

static const sp_test_result *resolve(sp_test *t, const char *key)
{
	char path[64];

	snprintf(path, sizeof(path), "/s/%s", key);
	return SP_TEST(t, .method = "GET", .path = path);
}

static void test_there_and_back(void **state)
{
	sp_test *t = start("capacity", "10");
	char a[16], b[16], again[16];

	(void)state;
	shorten(t, "http://a", a);
	shorten(t, "http://b", b);
	shorten(t, "http://a", again);
	assert_string_equal(a, again);
	assert_string_not_equal(a, b);
	assert_int_equal(resolve(t, a)->status, 302);
	assert_str(sp_test_header(t, "location"), "http://a");
	assert_int_equal(resolve(t, b)->status, 302);
	assert_str(sp_test_header(t, "location"), "http://b");
	assert_int_equal(sp_test_counter(t, "urls_shortened"), 2);
	sp_test_free(t);
}

static void test_several(void **state)
{
	sp_test *t = start("capacity", "10");
	const sp_test_result *r =
		SP_TEST(t, .topic = "shorten", .body = SP_S("http://a\nhttp://b\nhttp://a\n"));

	(void)state;
	assert_int_equal(r->body.len, 36);
	assert_memory_equal(r->body.data, r->body.data + 24, 12);
	sp_test_free(t);
}

static void test_bounded(void **state)
{
	sp_test *t = start("capacity", "2");
	char a[16], b[16], c[16];

	(void)state;
	shorten(t, "http://a", a);
	shorten(t, "http://b", b);
	shorten(t, "http://c", c);
	assert_int_equal(resolve(t, a)->error, SP_ENOTFOUND);
	assert_int_equal(resolve(t, b)->status, 302);
	assert_int_equal(resolve(t, c)->status, 302);
	assert_int_equal(sp_test_counter(t, "urls_forgotten"), 1);
	sp_test_free(t);
}

static void test_refused(void **state)
{
	static const char *const keys[] = {
		"", "0", "0000000000", "000000000000", "0000000000-", "00000000000"
	};
	sp_test *t = start("capacity", "2");

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_int_equal(resolve(t, keys[i])->error, SP_ENOTFOUND);
	assert_int_equal(SP_TEST(t, .body = SP_S("http://a"))->error, SP_EINPUT);
	sp_test_free(t);
	assert_null(start("capacity", "0"));
	assert_null(start("capacity", "1000001"));
	assert_null(start("capacity", "all"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("url_shorten", tests, NULL, NULL);
}
