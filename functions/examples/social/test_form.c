/* SPDX-License-Identifier: Apache-2.0 */
/* test_form.c - fields are read as they were written, and nothing else is. */
#include <errno.h>

#include "form.h"
#include "test_social.h"

static char value[32];

static int get(const char *form, const char *name)
{
	return form_get(STR(form), name, value, sizeof(value));
}

static void test_get(void **state)
{
	(void)state;
	assert_int_equal(get("a=1&text=Hello%2C+%40grace&b=", "text"), 13);
	assert_string_equal(value, "Hello, @grace");
	assert_int_equal(get("a=1&b=", "b"), 0);
	assert_int_equal(get("aa=1&a=2&a=3", "a"), 1);
	assert_string_equal(value, "2");
	assert_int_equal(get("a=b=c", "a"), 3);
	assert_int_equal(get("a=%C3%a9", "a"), 2);
	assert_string_equal(value, "\xc3\xa9");
	assert_int_equal(get("", "a"), -ENOENT);
	assert_int_equal(get("a", "a"), -ENOENT);
	assert_int_equal(get("ab=1", "a"), -ENOENT);
}

static void test_broken(void **state)
{
	(void)state;
	assert_int_equal(get("a=%", "a"), -EBADMSG);
	assert_int_equal(get("a=%2", "a"), -EBADMSG);
	assert_int_equal(get("a=%2&b=0", "a"), -EBADMSG);
	assert_int_equal(get("a=%zz", "a"), -EBADMSG);
	assert_int_equal(get("a=%00", "a"), -EBADMSG);
	assert_int_equal(get("a=0123456789012345678901234567890", "a"), 31);
	assert_int_equal(get("a=01234567890123456789012345678901", "a"), -EMSGSIZE);
}

/* Every byte that a text may have comes back. */
static void test_all_bytes(void **state)
{
	char text[256], form[1024], back[256];
	struct out out = out_start(form, sizeof(form));

	(void)state;
	for (int i = 1; i < 256; i++)
		text[i - 1] = (char)i;
	text[255] = '\0';
	form_put(&out, "a", SP_S("&="));
	form_put(&out, "text", STR(text));
	assert_false(out.full);
	assert_int_equal(form_get(out_str(&out), "text", back, sizeof(back)), 255);
	assert_string_equal(back, text);
	assert_null(memchr(form, '\n', out.len));
	assert_int_equal(form_get(out_str(&out), "a", back, sizeof(back)), 2);
}

static void test_numbers(void **state)
{
	uint64_t number;

	(void)state;
	assert_int_equal(form_number(SP_S("id=18446744073709551615"), "id", &number), 0);
	assert_true(number == UINT64_MAX);
	assert_int_equal(form_number(SP_S("id=18446744073709551616"), "id", &number), -EBADMSG);
	assert_int_equal(form_number(SP_S("id=0"), "id", &number), -EBADMSG);
	assert_int_equal(form_number(SP_S("id="), "id", &number), -EBADMSG);
	assert_int_equal(form_number(SP_S("id=1x"), "id", &number), -EBADMSG);
	assert_int_equal(form_number(SP_S(""), "id", &number), -EBADMSG);
}

static void test_lists(void **state)
{
	sp_str list = SP_S("a\n\nb\n"), item;

	(void)state;
	assert_int_equal(list_next(&list, '\n', &item), 0);
	assert_str(item, "a");
	assert_int_equal(list_next(&list, '\n', &item), 0);
	assert_str(item, "");
	assert_int_equal(list_next(&list, '\n', &item), 0);
	assert_str(item, "b");
	assert_int_equal(list_next(&list, '\n', &item), -ENOENT);
}

static void test_full(void **state)
{
	char text[8];
	struct out out = out_start(text, sizeof(text));

	(void)state;
	out_add(&out, SP_S("12345678"));
	assert_false(out.full);
	out_add(&out, SP_S("9"));
	assert_true(out.full);
	assert_int_equal(out.len, 8);
}

static void test_json(void **state)
{
	char text[64];
	struct out out = out_start(text, sizeof(text));

	(void)state;
	out_json(&out, SP_S("a\"b\\c\nd\te\x01\xc3\xa9"));
	assert_str(out_str(&out), "\"a\\\"b\\\\c\\nd\\te\\u0001\xc3\xa9\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get),       cmocka_unit_test(test_broken),
		cmocka_unit_test(test_all_bytes), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_lists),     cmocka_unit_test(test_full),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests_name("form", tests, NULL, NULL);
}
