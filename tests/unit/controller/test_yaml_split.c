/* SPDX-License-Identifier: Apache-2.0 */
/* test_yaml_split.c - several documents in one file, each with the file's line numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/cli/yaml_split.h"

/* The documents of `text` are exactly those that follow it, up to NULL. */
static void check(const char *text, ...)
{
	size_t at = 0, len = strlen(text), size = 77;
	const char *expected;
	va_list args;
	char *copy = malloc(len + 1); /* of the exact size: AddressSanitizer sees its end */

	assert_non_null(copy);
	memcpy(copy, text, len + 1);
	va_start(args, text);
	while ((expected = va_arg(args, const char *))) {
		char *document = yaml_split_next(copy, len, &at, &size);

		assert_non_null(document);
		assert_string_equal(document, expected);
		assert_int_equal(size, strlen(expected));
		free(document);
	}
	va_end(args);
	size = 77;
	assert_null(yaml_split_next(copy, len, &at, &size));
	assert_int_equal(at, len);
	assert_int_equal(size, 77);
	free(copy);
}

static void test_one(void **state)
{
	(void)state;
	check("a: 1\n", "a: 1\n", NULL);
	check("a: 1", "a: 1", NULL);
	check("---\na: 1\n", "---\na: 1\n", NULL);
	check("# about\n\n---\na: 1\n", "\n\n---\na: 1\n", NULL);
	check("%YAML 1.1\n---\na: 1\n", "\n---\na: 1\n", NULL);
}

static void test_none(void **state)
{
	(void)state;
	check("", NULL);
	check("\n# nothing\n---\n...\n--- # still\n", NULL);
	check("---", NULL);
}

static void test_several(void **state)
{
	(void)state;
	check("a: 1\n---\nb: 2\n", "a: 1\n", "\n---\nb: 2\n", NULL);
	check("a: 1\r\n---\r\nb: 2", "a: 1\r\n", "\n---\r\nb: 2", NULL);
	check("--- {a: 1}\n--- {b: 2}\n", "--- {a: 1}\n", "\n--- {b: 2}\n", NULL);
	check("a: 1\n...\n# c\n---\nb: 2\n", "a: 1\n...\n", "\n\n\n---\nb: 2\n", NULL);
	check("a: 1\n---\n# gone\n---\nb: 2\n", "a: 1\n", "\n\n\n---\nb: 2\n", NULL);
}

static void test_no_boundaries(void **state)
{
	(void)state;
	check("a: |\n  ---\n ---\nb: x\n", "a: |\n  ---\n ---\nb: x\n", NULL);
	check("a: 1\n----\n", "a: 1\n----\n", NULL);
	check("a: 1\n---x\n", "a: 1\n---x\n", NULL);
	check("a: 1\n....\n", "a: 1\n....\n", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_no_boundaries),
	};

	return cmocka_run_group_tests_name("yaml_split", tests, NULL, NULL);
}
