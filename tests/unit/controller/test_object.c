/* SPDX-License-Identifier: Apache-2.0 */
/* test_object.c - looking into what the daemon sent, and printing it as YAML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <yaml.h>

#include "controller/cli/object.h"

static void test_places(void **state)
{
	json_t *object = json_loads("{\"a\": {\"b\": \"text\", \"n\": 7}, \"l\": [1]}", 0, NULL);
	char buf[OBJECT_NUMBER_MAX];

	(void)state;
	assert_string_equal(object_text(object, "a.b"), "text");
	assert_string_equal(object_number(object, "a.n", buf), "7");
	assert_null(object_text(object, "a.n"));
	assert_null(object_number(object, "a.b", buf));
	assert_null(object_get(object, "a.b.c"));
	assert_null(object_get(object, "l.b"));
	assert_null(object_get(object, "x.y"));
	assert_null(object_get(object, ""));
	assert_null(object_get(NULL, "a"));
	json_decref(object);
}

static void check_reason(const char *conditions, const char *reason)
{
	json_t *chain =
		json_pack("{s:{s:o}}", "status", "conditions", json_loads(conditions, 0, NULL));

	assert_non_null(chain);
	assert_string_equal(object_reason(chain), reason);
	json_decref(chain);
}

static void test_reason(void **state)
{
	(void)state;
	check_reason("[]", "");
	check_reason("[7, {\"type\": 3}, {\"type\": \"Ready\"}]", "");
	check_reason("[{\"type\": \"Ready\", \"status\": \"True\", \"reason\": \"R\"}]", "");
	check_reason("[{\"type\": \"Ready\", \"status\": \"False\", \"reason\": \"R\"}]", "R");
	check_reason("[{\"type\": \"Ready\", \"status\": \"False\", \"reason\": \"R\"},"
		     " {\"type\": \"Degraded\", \"status\": \"True\", \"reason\": \"D\"}]",
		     "D");
}

/* What a YAML parser reads: the only scalar in `text`, and whether it was quoted. */
static char *scalar_of(const char *text, size_t len, bool *ret_plain)
{
	yaml_parser_t parser;
	yaml_event_t event;
	char *value = NULL;
	bool end = false;

	assert_true(yaml_parser_initialize(&parser));
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	while (!end) {
		assert_true(yaml_parser_parse(&parser, &event));
		if (event.type == YAML_SCALAR_EVENT) {
			assert_null(value);
			value = strdup((const char *)event.data.scalar.value);
			*ret_plain = event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
		}
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return value;
}

static void check_yaml(json_t *value, const char *text, bool plain)
{
	char *out = NULL, *got;
	size_t size;
	bool is_plain = !plain;
	FILE *file = open_memstream(&out, &size);

	assert_non_null(file);
	assert_int_equal(object_print_yaml(value, file), 0);
	fclose(file);
	got = scalar_of(out, size, &is_plain);
	assert_string_equal(got, text);
	assert_int_equal(is_plain, plain);
	free(got);
	free(out);
	json_decref(value);
}

static void test_yaml_keeps_types(void **state)
{
	static const char *const quoted[] = { "",         "1",       "0x1",        "true", "No",
					      "null",     "~",       ".inf",       "- a",  "a: b",
					      "#c",       "a\nb\n",  "2026-01-01", " sp ", "\t",
					      "\xc3\xbc", "a\x1b[0m" };
	static const char *const plain[] = { "parking", "/a/b.yaml", "nullable", "a-b_c" };

	(void)state;
	for (size_t i = 0; i < sizeof(quoted) / sizeof(quoted[0]); i++)
		check_yaml(json_string(quoted[i]), quoted[i], false);
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		check_yaml(json_string(plain[i]), plain[i], true);
	check_yaml(json_integer(7), "7", true);
	check_yaml(json_true(), "true", true);
	check_yaml(json_null(), "null", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_reason),
		cmocka_unit_test(test_yaml_keeps_types),
	};

	return cmocka_run_group_tests_name("object", tests, NULL, NULL);
}
