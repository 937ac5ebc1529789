/* SPDX-License-Identifier: Apache-2.0 */
/* test_timelines.c - where a post stands, and what is answered. */
#include <stdio.h>

#include "test_social.h"

#define RECORD "id=7&author=1&text=Hello,+%40ken&mentions=3&media=1.png,2.jpg"
#define POST                                                                                \
	"{\"id\":\"7\",\"author\":\"ada\",\"text\":\"Hello, @ken\",\"mentions\":[\"ken\"]," \
	"\"media\":[\"1.png\",\"2.jpg\"]}"

static char asked_ids[256];

static void mock_store(void *arg, const sp_test_call *call, sp_test_reply *reply)
{
	assert_true(sp_test_equals(call->topic, "read"));
	assert_true(call->body.len < sizeof(asked_ids));
	memcpy(asked_ids, call->body.data, call->body.len);
	asked_ids[call->body.len] = '\0';
	reply->body = STR((const char *)arg);
}

static sp_test *begin(const char *followers, const char *records)
{
	sp_test *t = start("users", "ada,grace,ken,linus");

	assert_non_null(t);
	asked_ids[0] = '\0';
	sp_test_answer(t, "graph", STR(followers));
	sp_test_on_call(t, "store", mock_store, (void *)(uintptr_t)records);
	return t;
}

static const sp_test_result *look(sp_test *t, const char *path)
{
	return SP_TEST(t, .method = "GET", .path = path);
}

static void test_post(void **state)
{
	sp_test *t = begin("1\n2\n", RECORD "\n");
	const sp_test_result *r =
		SP_TEST(t, .path = "/compose", .topic = "post", .body = SP_S(RECORD));

	(void)state;
	assert_int_equal(r->verdict, SP_REPLY);
	assert_int_equal(r->status, 201);
	assert_str(r->body, POST "\n");
	assert_str(sp_test_header(t, "content-type"), "application/json");
	/* ada's own; home of grace who follows and of ken who is mentioned */
	assert_int_equal(sp_test_counter(t, "timelines_written"), 3);
	assert_str(look(t, "/timeline/ada")->body, "{\"user\":\"ada\",\"posts\":[" POST "]}\n");
	assert_string_equal(asked_ids, "7\n");
	assert_str(look(t, "/home/grace")->body, "{\"user\":\"grace\",\"posts\":[" POST "]}\n");
	assert_str(look(t, "/home/ken")->body, "{\"user\":\"ken\",\"posts\":[" POST "]}\n");
	assert_str(look(t, "/home/ada")->body, "{\"user\":\"ada\",\"posts\":[]}\n");
	assert_int_equal(sp_test_calls(t), 0);
	assert_str(look(t, "/timeline/linus")->body, "{\"user\":\"linus\",\"posts\":[]}\n");
	sp_test_free(t);
}

static void test_limit(void **state)
{
	sp_test *t = begin("", "");
	char record[64];

	(void)state;
	for (int i = 1; i <= 30; i++) {
		snprintf(record, sizeof(record), "id=%d&author=1&text=a&mentions=&media=", i);
		assert_int_equal(SP_TEST(t, .topic = "post", .body = STR(record))->status, 201);
	}
	assert_int_equal(look(t, "/timeline/ada?limit=2")->status, 200);
	assert_string_equal(asked_ids, "30\n29\n");
	look(t, "/timeline/ada");
	assert_string_equal(asked_ids, "30\n29\n28\n27\n26\n25\n24\n23\n22\n21\n");
	look(t, "/timeline/ada?limit=20");
	assert_true(strlen(asked_ids) > 50);
	assert_int_equal(look(t, "/timeline/ada?limit=21")->error, SP_EINPUT);
	assert_int_equal(look(t, "/timeline/ada?limit=0")->error, SP_EINPUT);
	assert_int_equal(look(t, "/timeline/ada?count=1")->error, SP_EINPUT);
	sp_test_free(t);
}

static void test_refused(void **state)
{
	sp_test *t = begin("", "");

	(void)state;
	assert_int_equal(look(t, "/timeline/nobody")->error, SP_ENOTFOUND);
	assert_int_equal(look(t, "/home/")->error, SP_ENOTFOUND);
	assert_int_equal(SP_TEST(t, .topic = "post", .body = SP_S("id=7"))->error, SP_EINPUT);
	assert_int_equal(SP_TEST(t, .topic = "post",
				 .body = SP_S("id=7&author=9&text=a&mentions=&media="))
				 ->error,
			 SP_EINPUT);
	assert_int_equal(SP_TEST(t, .body = SP_S(RECORD))->error, SP_EINPUT);
	assert_int_equal(sp_test_counter(t, "timelines_written"), 0);
	sp_test_free(t);
}

/* Without an answer of graph nothing is written: the client may send the post again. */
static void test_graph_fails(void **state)
{
	sp_test *t = start("users", "ada,grace,ken,linus");
	const sp_test_result *r = SP_TEST(t, .topic = "post", .body = SP_S(RECORD));

	(void)state;
	assert_int_equal(r->error, SP_EUPSTREAM);
	assert_int_equal(sp_test_counter(t, "timelines_written"), 0);
	sp_test_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_post),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_graph_fails),
	};

	return cmocka_run_group_tests_name("timelines", tests, NULL, NULL);
}
