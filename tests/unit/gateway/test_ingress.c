// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/ingress.h"

static struct wiring_gateway wiring;
static struct gw_ingress_table table;

static void add(const char *path, const char *method, uint32_t max_body)
{
	struct wiring_ingress *in = &wiring.ingress[wiring.ingress_count++];

	assert_int_equal(wiring_put(&wiring.heap, path, &in->path), 0);
	if (method)
		assert_int_equal(wiring_put(&wiring.heap, method, &in->methods[in->method_count++]),
				 0);
	in->max_body = max_body;
}

static int setup(void **state)
{
	(void)state;
	memset(&wiring, 0, sizeof(wiring));
	add("/*", NULL, 1);
	add("/a/*", NULL, 2);
	add("/a/b", "GET", 3);
	add("/a/b/*", "PUT", 4);
	gw_ingress_init(&table, &wiring);
	return 0;
}

static uint32_t found(const char *path)
{
	const struct gw_ingress *entry = gw_ingress_find(&table, path, strlen(path));

	return entry ? entry->max_body : 0;
}

static void test_the_most_specific_wins(void **state)
{
	(void)state;
	assert_int_equal(found("/"), 1);
	assert_int_equal(found("/x"), 1);
	assert_int_equal(found("/a"), 1);
	assert_int_equal(found("/a/"), 2);
	assert_int_equal(found("/a/x"), 2);
	assert_int_equal(found("/a/b"), 3);
	assert_int_equal(found("/a/bc"), 2);
	assert_int_equal(found("/a/b/c"), 4);
	assert_int_equal(found("x"), 0);
	assert_int_equal(table.max_body, 4);
}

static void test_methods(void **state)
{
	const struct gw_ingress *get = gw_ingress_find(&table, "/a/b", 4);
	const struct gw_ingress *put = gw_ingress_find(&table, "/a/b/c", 6);
	const struct gw_ingress *any = gw_ingress_find(&table, "/", 1);

	(void)state;
	assert_true(gw_ingress_allows(get, "GET", 3));
	assert_true(gw_ingress_allows(get, "HEAD", 4));
	assert_false(gw_ingress_allows(get, "get", 3));
	assert_false(gw_ingress_allows(get, "POST", 4));
	assert_int_equal(get->allow_len, 9);
	assert_memory_equal(get->allow, "GET, HEAD", 9);
	assert_false(gw_ingress_allows(put, "HEAD", 4));
	assert_memory_equal(put->allow, "PUT", 3);
	assert_true(gw_ingress_allows(any, "ANYTHING", 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_the_most_specific_wins, setup),
		cmocka_unit_test_setup(test_methods, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
