/* SPDX-License-Identifier: Apache-2.0 */
/* test_recommendation.c - five products, and those in sight last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sprocket_test.h>

extern const sp_function sp_function_registered;

static char catalogue[2048];

static void make_catalogue(int count)
{
	size_t len = 0;

	for (int i = 0; i < count; i++)
		len += (size_t)snprintf(catalogue + len, sizeof(catalogue) - len,
					"P%d\tname\ttext\tx.svg\tc\tUSD\t1\t0\n", i);
	catalogue[len] = '\0';
}

static void list(void *arg, const sp_test_call *call, sp_test_reply *reply)
{
	(void)arg;
	assert_true(sp_test_equals(call->topic, "list"));
	assert_int_equal(call->body.len, 0);
	reply->body = (sp_str){ catalogue, strlen(catalogue) };
}

/* Which products came, as bits; each may come once. */
static unsigned picked(const sp_test_result *r, int *ret_count)
{
	char text[256];
	unsigned bits = 0;

	assert_int_equal(r->error, SP_OK);
	snprintf(text, sizeof(text), "%.*s", SP_ARG(r->body));
	*ret_count = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), ++*ret_count) {
		unsigned number;

		assert_int_equal(sscanf(line, "P%u", &number), 1);
		assert_false(bits & 1U << number);
		bits |= 1U << number;
	}
	return bits;
}

static void test_five(void **state)
{
	sp_test *t = sp_test_new(&sp_function_registered, NULL);
	const sp_str seen = SP_S("ada\nP0\nP3\nP4\nP8\n");
	unsigned bits, users = 0;
	char body[32];
	int count;

	(void)state;
	make_catalogue(9);
	sp_test_on_call(t, "productcatalog", list, NULL);
	bits = picked(SP_TEST(t, .topic = "list", .body = seen), &count);
	assert_int_equal(count, 5);
	assert_int_equal(bits, 0x1ff & ~(1U | 8U | 16U | 256U));
	assert_int_equal(sp_test_calls(t), 1);
	/* One more in sight than leaves five: it is filled up. */
	bits = picked(SP_TEST(t, .topic = "list", .body = SP_S("ada\nP0\nP1\nP2\nP3\nP4\nP5\n")),
		      &count);
	assert_int_equal(count, 5);
	assert_int_equal(bits & 0x1c0, 0x1c0);
	/* Others get others, and the same one the same. */
	for (int i = 0; i < 20; i++) {
		snprintf(body, sizeof(body), "user-%d\n", i);
		bits = picked(SP_TEST(t, .topic = "list", .body = { body, strlen(body) }), &count);
		assert_int_equal(count, 5);
		assert_int_equal(bits,
				 picked(SP_TEST(t, .topic = "list", .body = { body, strlen(body) }),
					&count));
		users |= bits;
	}
	assert_int_equal(users, 0x1ff);
	make_catalogue(3);
	picked(SP_TEST(t, .topic = "list", .body = seen), &count);
	assert_int_equal(count, 3);
	sp_test_free(t);
}

static void test_refuses(void **state)
{
	sp_test *t = sp_test_new(&sp_function_registered, NULL);
	const sp_test_result *r;

	(void)state;
	assert_int_equal(SP_TEST(t, .topic = "list", .body = SP_S("ada\n"))->error,
			 SP_EUNAVAILABLE);
	sp_test_answer(t, "productcatalog", SP_S("no product\n"));
	assert_int_equal(SP_TEST(t, .topic = "list", .body = SP_S("ada\n"))->error, SP_EUPSTREAM);
	assert_int_equal(SP_TEST(t, .topic = "list", .body = SP_S(""))->error, SP_EINPUT);
	assert_int_equal(SP_TEST(t, .topic = "list", .body = SP_S("ada"))->error, SP_EINPUT);
	r = SP_TEST(t, .topic = "list",
		    .body = SP_S("u\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n"));
	assert_int_equal(r->error, SP_EINPUT);
	assert_int_equal(sp_test_calls(t), 0);
	r = SP_TEST(t, .topic = "get", .body = SP_S("ada\n"));
	assert_true(sp_test_equals(r->error_text, "topic \"get\": expected list"));
	sp_test_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_five),
		cmocka_unit_test(test_refuses),
	};

	return cmocka_run_group_tests_name("recommendation", tests, NULL, NULL);
}
