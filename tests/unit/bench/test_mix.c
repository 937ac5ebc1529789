// SPDX-License-Identifier: Apache-2.0
/* Mixes: added to, read from files with good and bad lines, chosen from by weight, filled in. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/load/mix.h"

#define SHOP_USERS 512U

static const char *shop_mix; /* functions/examples/boutique/mix.txt */
static char folder[] = "/tmp/test-mix-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

/* Reads a file with that content. */
static int read_text(struct bench_mix *mix, const char *text, unsigned page,
		     char error[BENCH_ERROR_TEXT])
{
	char path[64];
	FILE *file;
	int r;

	snprintf(path, sizeof(path), "%s/mix.txt", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	r = bench_mix_read(mix, path, page, error);
	unlink(path);
	return r;
}

static void assert_text(const char *text, size_t len, const char *expected)
{
	if (len != strlen(expected) || memcmp(text, expected, len) != 0)
		fail_msg("'%.*s' is not '%s'", (int)len, text, expected);
}

static void test_add(void **state)
{
	char path[] = "/upper", body[] = "hello";
	struct bench_request r = { .method = "POST",
				   .path = path,
				   .host = "hello.example",
				   .body = body,
				   .body_len = 5,
				   .headers = { { "x-a", "1" } },
				   .header_count = 1,
				   .expected = "HELLO",
				   .expected_len = 5,
				   .verify = BENCH_VERIFY_BYTES };
	struct bench_mix mix;

	(void)state;
	bench_mix_init(&mix);
	assert_int_equal(bench_mix_add(&mix, &r, 3), 0);
	path[1] = body[0] = 'X'; /* it has copies */
	r.path = "/{user}";
	r.host = r.body = NULL;
	r.body_len = r.header_count = 0;
	assert_int_equal(bench_mix_add(&mix, &r, 0), 1);
	assert_string_equal(mix.requests[0].path, "/upper");
	assert_string_equal(mix.requests[0].host, "hello.example");
	assert_string_equal(mix.requests[0].headers[0].value, "1");
	assert_text(mix.requests[0].body, mix.requests[0].body_len, "hello");
	assert_text(mix.requests[0].expected, mix.requests[0].expected_len, "HELLO");
	assert_false(mix.requests[0].filled);
	assert_null(mix.requests[1].host);
	assert_null(mix.requests[1].body);
	assert_true(mix.requests[1].filled);
	assert_int_equal(mix.visit_count, 1);
	assert_int_equal(mix.weight, 3);
	bench_mix_done(&mix);
}

static int add_with(struct bench_mix *mix, const char *path, const char *name, const char *value)
{
	struct bench_request r = {
		.method = "GET", .path = path, .headers = { { name, value } }, .header_count = 1
	};

	return bench_mix_add(mix, &r, 1);
}

static void test_limits(void **state)
{
	char longest[BENCH_PATH_MAX + 1], value[BENCH_VALUE_MAX + 1];
	struct bench_mix mix;

	(void)state;
	bench_mix_init(&mix);
	memset(longest, 'a', sizeof(longest));
	memset(value, 'v', sizeof(value));
	longest[0] = '/';
	longest[BENCH_PATH_MAX] = value[BENCH_VALUE_MAX] = 0;
	assert_int_equal(add_with(&mix, longest, "a", "b"), -E2BIG);
	longest[BENCH_PATH_MAX - 1] = 0;
	assert_int_equal(add_with(&mix, longest, "a", "b"), 0);
	memcpy(longest, "/{user}", 7); /* it might grow */
	assert_int_equal(add_with(&mix, longest, "a", "b"), -E2BIG);
	assert_int_equal(add_with(&mix, "/", "a", value), -E2BIG);
	assert_int_equal(add_with(&mix, "nopath", "a", "b"), -EINVAL);
	assert_int_equal(add_with(&mix, "/a b", "a", "b"), -EINVAL);
	assert_int_equal(add_with(&mix, "/a\r\n", "a", "b"), -EINVAL);
	assert_int_equal(add_with(&mix, "/", "Upper", "b"), -EINVAL);
	assert_int_equal(add_with(&mix, "/", "", "b"), -EINVAL);
	assert_int_equal(add_with(&mix, "/", "a:", "b"), -EINVAL);
	assert_int_equal(add_with(&mix, "/", "a", "b\nc: d"), -EINVAL);
	assert_int_equal(mix.request_count, 1);
	for (unsigned i = 1; i < BENCH_REQUESTS_MAX; i++)
		assert_int_equal(add_with(&mix, "/", "a", "b c"), i);
	assert_int_equal(add_with(&mix, "/", "a", "b"), -E2BIG);
	bench_mix_done(&mix);
}

static void test_read(void **state)
{
	char error[BENCH_ERROR_TEXT], file[64];
	struct bench_mix mix;
	FILE *body;

	(void)state;
	snprintf(file, sizeof(file), "%s/body.bin", folder);
	body = fopen(file, "w");
	assert_non_null(body);
	fwrite("\0one\n", 1, 5, body);
	fclose(body);
	bench_mix_init(&mix);
	assert_int_equal(read_text(&mix,
				   "# comment\n\n"
				   "3 GET /a\n"
				   "header X-One: 1 and more\r\n"
				   "header host: shop.example\n"
				   "2 POST /b {\"user\": {user}, \"at\": {x}}\n"
				   "+ POST /c @body.bin\n"
				   "header content-type: image/png\n"
				   "header x-one:\n"
				   "1\tPOST   /d\ta=b",
				   0, error),
			 0);
	unlink(file);
	assert_int_equal(mix.request_count, 4);
	assert_int_equal(mix.visit_count, 3);
	assert_int_equal(mix.visits[1].steps, 2);
	assert_int_equal(mix.visits[1].first, 1);
	assert_int_equal(mix.weight, 6);
	assert_int_equal(mix.requests[0].header_count, 0);
	assert_null(mix.requests[0].host);
	assert_string_equal(mix.requests[1].host, "shop.example");
	assert_int_equal(mix.requests[1].header_count, 2);
	assert_string_equal(mix.requests[1].headers[0].name, "x-one");
	assert_string_equal(mix.requests[1].headers[0].value, "1 and more");
	assert_string_equal(mix.requests[1].headers[1].value, "application/x-www-form-urlencoded");
	assert_true(mix.requests[1].filled);
	assert_memory_equal(mix.requests[2].body, "\0one\n", 5);
	assert_int_equal(mix.requests[2].body_len, 5);
	assert_false(mix.requests[2].filled);
	assert_string_equal(mix.requests[3].path, "/d");
	assert_text(mix.requests[3].body, mix.requests[3].body_len, "a=b");
	assert_int_equal(mix.requests[3].header_count, 1);
	assert_string_equal(mix.requests[3].headers[0].value, "image/png");
	bench_mix_done(&mix);
}

static void test_read_wrong(void **state)
{
	static const struct {
		const char *text;
		unsigned page;
		int code;
		const char *told;
	} cases[] = {
		{ "1 GET /\nx GET /\n", 0, -EINVAL, "mix.txt:2: 'x' is no weight" },
		{ "0 GET /\n", 0, -EINVAL, ":1: '0' is no weight (1 to " },
		{ "4294967296 GET /\n", 0, -EINVAL, ":1: '4294967296' is no weight" },
		{ "-1 GET /\n", 0, -EINVAL, ":1: '-1' is no weight" },
		{ "+ GET /\n", 0, -EINVAL, ":1: + goes on with a visit" },
		{ "# a\n1 GET\n", 0, -EINVAL, ":2: not a request: write WEIGHT METHOD /PATH" },
		{ "1 GET path\n", 0, -EINVAL, ":1: not a request" },
		{ "1 POST / @missing\n", 0, -ENOENT, ":1: cannot read the body's file missing" },
		{ "1 POST / @.\n", 0, -EIO, ":1: cannot read the body's file ." },
		{ "header cookie\n", 0, -EINVAL, ":1: not a header: write header NAME: VALUE" },
		{ "header a b: c\n", 0, -EINVAL, ":1: not a header" },
		{ "# nothing\n", 0, -EINVAL, "no request in it" },
		{ "1 GET /\n2 GET /\n+ GET /\n", 3, -EINVAL, "has no page 3: choose 1 to 2" },
	};
	struct bench_request kept = { .method = "GET", .path = "/kept" };
	char error[BENCH_ERROR_TEXT];
	struct bench_mix mix;

	(void)state;
	bench_mix_init(&mix);
	assert_int_equal(bench_mix_add(&mix, &kept, 5), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		error[0] = 0;
		assert_int_equal(read_text(&mix, cases[i].text, cases[i].page, error),
				 cases[i].code);
		if (!strstr(error, cases[i].told))
			fail_msg("%s: told \"%s\"", cases[i].text, error);
		assert_int_equal(mix.request_count, 1);
		assert_int_equal(mix.visit_count, 1);
		assert_int_equal(mix.weight, 5);
	}
	bench_mix_done(&mix);
	assert_int_equal(bench_mix_read(&mix, "/nonexistent", 0, error), -ENOENT);
	assert_non_null(strstr(error, "/nonexistent"));
}

static char *fill(const struct bench_users *u, uint32_t user, const char *text)
{
	static char to[256];
	int len = bench_users_fill(u, user, text, strlen(text), to, sizeof(to) - 1);

	assert_true(len >= 0);
	to[len] = 0;
	return to;
}

static void test_fill(void **state)
{
	struct bench_request r = { .method = "GET", .path = "/" };
	struct bench_users u;
	struct bench_mix mix;
	uint32_t user;
	char to[16];

	(void)state;
	bench_mix_init(&mix);
	assert_int_equal(bench_users_init(&u, &mix, 2, 1, 1), -EINVAL);
	assert_int_equal(bench_mix_add(&mix, &r, 1), 0);
	assert_int_equal(bench_users_init(&u, &mix, 0, 1, 1), -EINVAL);
	assert_int_equal(bench_users_init(&u, &mix, 2, 4294967294, 1), 0);
	bench_users_next(&u, &user);
	assert_int_equal(user, 0);
	bench_users_next(&u, &user);
	assert_int_equal(user, 1);
	u.users[1] = (struct bench_user){ .product = 1, .quantity = 10, .currency = 5 };
	assert_string_equal(fill(&u, 1, "/p/{product}?q={quantity}&c={currency}{user}"),
			    "/p/66VCHSJNUP?q=10&c=TRY4294967295");
	assert_string_equal(fill(&u, 0, "{user}"), "4294967294");
	assert_string_equal(fill(&u, 1, "{ {user {} {users} {{user}}"),
			    "{ {user {} {users} {4294967295}");
	assert_string_equal(fill(&u, 1, ""), "");
	assert_int_equal(bench_users_fill(&u, 0, "{product}123456", 15, to, sizeof(to)), 16);
	assert_int_equal(bench_users_fill(&u, 0, "{product}1234567", 16, to, sizeof(to)), -E2BIG);
	assert_int_equal(bench_users_fill(&u, 0, "{product}", 9, to, 9), -E2BIG);
	assert_true(bench_text_filled("a{{user}", 8));
	assert_false(bench_text_filled("a{{user}", 7));
	bench_users_done(&u);
	bench_mix_done(&mix);
}

/* Visits are as frequent as their weights say, and every step is asked in its order. */
static void test_turns(void **state)
{
	char error[BENCH_ERROR_TEXT];
	uint32_t last[SHOP_USERS] = { 0 }, user;
	unsigned asked[10] = { 0 }, visits = 0;
	struct bench_users u;
	struct bench_mix mix;

	(void)state;
	bench_mix_init(&mix);
	assert_int_equal(bench_mix_read(&mix, shop_mix, 0, error), 0);
	assert_int_equal(mix.request_count, 9);
	assert_int_equal(mix.visit_count, 6);
	assert_int_equal(mix.weight, 19);
	assert_int_equal(bench_users_init(&u, &mix, SHOP_USERS, 1, 1), 0);
	for (unsigned i = 0; i < 1000 * SHOP_USERS; i++) {
		uint32_t request = bench_users_next(&u, &user);

		assert_int_equal(user, i % SHOP_USERS);
		if (request == 4 || request == 7 || request == 8)
			assert_int_equal(last[user], request - 1);
		last[user] = request;
		asked[request]++;
	}
	for (unsigned v = 0; v < mix.visit_count; v++)
		visits += asked[mix.visits[v].first];
	for (unsigned v = 0; v < mix.visit_count; v++) {
		double part = mix.visits[v].weight / 19.0, n = visits;

		assert_true(fabs(asked[mix.visits[v].first] - n * part) <
			    5 * sqrt(n * part * (1 - part)));
	}
	bench_users_done(&u);
	bench_mix_done(&mix);
}

/* What is added to the one that was chosen has its share. */
static void test_choose(void **state)
{
	struct bench_request other = { .method = "GET", .path = "/other" };
	char error[BENCH_ERROR_TEXT];
	unsigned counts[5] = { 0 };
	struct bench_users u;
	struct bench_mix mix;
	uint32_t user;

	(void)state;
	bench_mix_init(&mix);
	assert_int_equal(read_text(&mix, "90 GET /a\n1 GET /b\n+ GET /c\n9 GET /d\n", 0, error), 0);
	assert_int_equal(bench_mix_choose(&mix, 4), -ERANGE);
	assert_int_equal(bench_mix_choose(&mix, 0), -ERANGE);
	assert_int_equal(bench_mix_choose(&mix, 2), 0);
	assert_int_equal(mix.weight, 1);
	assert_int_equal(bench_mix_add(&mix, &other, 3), 4);
	assert_int_equal(bench_users_init(&u, &mix, 1, 1, 1), 0);
	for (unsigned i = 0; i < 10000; i++)
		counts[bench_users_next(&u, &user)]++;
	assert_int_equal(counts[0] + counts[3], 0);
	assert_in_range(counts[1], 1800, 2200); /* a quarter of the visits, of two steps */
	assert_in_range(counts[2], counts[1] - 1, counts[1]);
	bench_users_done(&u);
	bench_mix_done(&mix);
}

/* The shop's lines, word by word, as they are sent. */
static void test_shop(void **state)
{
	char error[BENCH_ERROR_TEXT];
	const struct bench_request *cart;
	struct bench_users u;
	struct bench_mix mix;
	uint32_t user;

	(void)state;
	bench_mix_init(&mix);
	assert_int_equal(bench_mix_read(&mix, shop_mix, 4, error), 0);
	assert_int_equal(mix.request_count, 2);
	assert_int_equal(bench_users_init(&u, &mix, SHOP_USERS, 1, 1), 0);
	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(bench_users_next(&u, &user), 0);
	u.users[11].product = 8;
	u.users[11].quantity = 3;
	assert_string_equal(fill(&u, 11, mix.requests[0].path), "/product/6E92ZMYYFZ");
	assert_int_equal(mix.requests[0].header_count, 1);
	assert_string_equal(mix.requests[0].headers[0].name, "cookie");
	assert_string_equal(fill(&u, 11, mix.requests[0].headers[0].value),
			    "shop_session-id=bench-12");
	cart = &mix.requests[1];
	assert_string_equal(cart->method, "POST");
	assert_true(cart->filled);
	assert_string_equal(fill(&u, 11, cart->body), "product_id=6E92ZMYYFZ&quantity=3");
	assert_int_equal(cart->header_count, 2);
	assert_string_equal(cart->headers[1].name, "content-type");
	assert_string_equal(cart->headers[1].value, "application/x-www-form-urlencoded");
	bench_users_done(&u);
	bench_mix_done(&mix);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),  cmocka_unit_test(test_limits),
		cmocka_unit_test(test_read), cmocka_unit_test(test_read_wrong),
		cmocka_unit_test(test_fill), cmocka_unit_test(test_turns),
		cmocka_unit_test(test_shop), cmocka_unit_test(test_choose),
	};

	if (argc != 2)
		return 2;
	shop_mix = argv[1];
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
