/* SPDX-License-Identifier: Apache-2.0 */
/* test_scan.c - URLs and mentions are found, and where they end. */
#include <errno.h>

#include "scan.h"
#include "test_social.h"

static struct scan scan;

static int look(const char *text)
{
	return scan_text(STR(text), &scan);
}

static void test_urls(void **state)
{
	(void)state;
	assert_int_equal(look("see https://example.org/a?b=c, (http://x.y/z) and http://last."), 0);
	assert_int_equal(scan.url_count, 3);
	assert_str(scan.urls[0], "https://example.org/a?b=c");
	assert_str(scan.urls[1], "http://x.y/z");
	assert_str(scan.urls[2], "http://last");
	assert_int_equal(look("http:// https:// xhttp://a ftp://a http:/a"), 0);
	assert_int_equal(scan.url_count, 0);
	assert_int_equal(look("http://a/@grace"), 0);
	assert_int_equal(scan.url_count, 1);
	assert_int_equal(scan.name_count, 0);
}

static void test_mentions(void **state)
{
	(void)state;
	assert_int_equal(look("@ada, (@grace) and @ada again: mail@ken, @@linus @ @Barbara"), 0);
	assert_int_equal(scan.name_count, 3);
	assert_str(scan.names[0], "ada");
	assert_str(scan.names[1], "grace");
	assert_str(scan.names[2], "linus");
	assert_int_equal(look("@abcdefghijklmnop @abcdefghijklmnopq"), 0);
	assert_int_equal(scan.name_count, 1);
	assert_int_equal(look(""), 0);
	assert_int_equal(scan.name_count + scan.url_count, 0);
}

static void test_too_many(void **state)
{
	(void)state;
	assert_int_equal(look("@a @b @c @d @e @f @g @h @a"), 0);
	assert_int_equal(look("@a @b @c @d @e @f @g @h @i"), -E2BIG);
	assert_int_equal(look("http://a http://a http://a http://a http://a http://a http://a "
			      "http://a"),
			 0);
	assert_int_equal(look("http://a http://a http://a http://a http://a http://a http://a "
			      "http://a http://a"),
			 -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_mentions),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
