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

static void add_at(const char *host, const char *path, const char *method, uint32_t max_body)
{
	struct wiring_ingress *in = &wiring.ingress[wiring.ingress_count++];

	assert_int_equal(wiring_put(&wiring.heap, host, &in->host), 0);
	assert_int_equal(wiring_put(&wiring.heap, path, &in->path), 0);
	if (method)
		assert_int_equal(wiring_put(&wiring.heap, method, &in->methods[in->method_count++]),
				 0);
	in->max_body = max_body;
}

static void add(const char *path, const char *method, uint32_t max_body)
{
	add_at("", path, method, max_body);
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

static const struct gw_ingress *find(const char *host, const char *path)
{
	return gw_ingress_find(&table, h2o_iovec_init(host, strlen(host)),
			       h2o_iovec_init(path, strlen(path)));
}

static uint32_t found_at(const char *host, const char *path)
{
	const struct gw_ingress *entry = find(host, path);

	return entry ? entry->max_body : 0;
}

static uint32_t found(const char *path)
{
	return found_at("", path);
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
	const struct gw_ingress *get = find("", "/a/b");
	const struct gw_ingress *put = find("", "/a/b/c");
	const struct gw_ingress *any = find("", "/");

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

static void test_the_host_goes_before_the_path(void **state)
{
	(void)state;
	add_at("shop.example", "/*", NULL, 10);
	add_at("*.example", "/a/*", NULL, 11);
	add_at("*.deep.example", "/*", NULL, 12);
	gw_ingress_init(&table, &wiring);
	assert_int_equal(found_at("shop.example", "/a/b/c"), 10);
	assert_int_equal(found_at("SHOP.Example:8080", "/a/"), 10);
	assert_int_equal(found_at("shop.example.", "/"), 10);
	assert_int_equal(found_at("other.example", "/a/b"), 11);
	assert_int_equal(found_at("other.example", "/x"), 1);
	assert_int_equal(found_at("a.b.deep.example:1", "/a/"), 12);
	assert_int_equal(found_at("deep.example", "/a/"), 11);
	assert_int_equal(found_at("example", "/a/"), 2);
	assert_int_equal(found_at(".example", "/a/"), 2);
	assert_int_equal(found_at("xexample", "/a/"), 2);
	assert_int_equal(found_at("", "/a/b"), 3);
	assert_int_equal(found_at("[::1]:80", "/a/b"), 3);
	assert_int_equal(found_at(":80", "/a/b"), 3);
	add_at("[::1]", "/*", NULL, 13);
	gw_ingress_init(&table, &wiring);
	assert_int_equal(found_at("[::1]:80", "/"), 13);
	assert_int_equal(found_at("[::1]", "/"), 13);
}

static void test_no_host_takes_it(void **state)
{
	(void)state;
	memset(&wiring, 0, sizeof(wiring));
	add_at("a.example", "/*", NULL, 1);
	add_at("*.b.example", "/*", NULL, 2);
	gw_ingress_init(&table, &wiring);
	assert_null(find("", "/"));
	assert_null(find("c.example", "/"));
	assert_null(find("b.example", "/"));
	assert_non_null(find("x.b.example", "/"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_the_most_specific_wins, setup),
		cmocka_unit_test_setup(test_methods, setup),
		cmocka_unit_test_setup(test_the_host_goes_before_the_path, setup),
		cmocka_unit_test(test_no_host_takes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
