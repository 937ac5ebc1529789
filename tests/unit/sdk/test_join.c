// SPDX-License-Identifier: Apache-2.0
/* test_join.c - what a fan-out brings: parts at its join, bodies that others read. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sdk/step.h"

static sp_verdict merge(sp_request *req)
{
	sp_part part;

	assert_int_equal(sp_part_count(req), 3);
	assert_int_equal(sp_part_at(req, 0, &part), 0);
	assert_true(sp_test_equals(part.function, "price"));
	assert_int_equal(part.error, SP_OK);
	assert_int_equal(part.status, 202);
	assert_true(sp_test_equals(part.body, "12.50"));
	assert_int_equal(sp_part_at(req, 1, &part), 0);
	assert_true(sp_test_equals(part.function, "stock"));
	assert_int_equal(part.error, SP_ECONFLICT);
	assert_true(sp_test_equals(part.body, "sold out"));
	assert_int_equal(sp_part_at(req, 2, &part), 0);
	assert_true(sp_test_equals(part.function, "taste"));
	assert_true(sp_test_equals(part.body, "page"));
	assert_ptr_equal(part.body.data, sp_view(req).data);
	assert_int_equal(sp_part_at(req, 3, &part), -ENOENT);
	return sp_set_body(req, "merged", 6) == 0 ? SP_REPLY : SP_DROP;
}

static void parts_come_in_order(void **state)
{
	const sp_test_part parts[] = {
		{ .function = "price", .status = 202, .body = SP_S("12.50") },
		{ .function = "stock", .error = SP_ECONFLICT, .body = SP_S("sold out") },
		{ .function = "taste", .unchanged = 1 },
	};
	const sp_test_result *r;

	step = merge;
	r = SP_TEST(*state, .body = SP_S("page"), .parts = parts, .part_count = 3);
	assert_int_equal(r->verdict, SP_REPLY);
	assert_true(sp_test_equals(r->body, "merged"));
}

static sp_verdict no_parts(sp_request *req)
{
	sp_part part;

	assert_int_equal(sp_part_count(req), 0);
	assert_int_equal(sp_part_at(req, 0, &part), -ENOENT);
	return SP_NEXT;
}

static void other_requests_have_none(void **state)
{
	step = no_parts;
	assert_int_equal(SP_TEST(*state, .body = SP_S("page"))->verdict, SP_NEXT);
}

static sp_verdict look(sp_request *req)
{
	assert_true(sp_test_equals(sp_view(req), "page"));
	return SP_NEXT;
}

static sp_verdict change(sp_request *req)
{
	const char *lent = sp_view(req).data;
	sp_buf body = sp_body(req);

	assert_ptr_not_equal(body.data, lent);
	assert_int_equal(body.len, 4);
	body.data[0] = 'P';
	assert_true(sp_test_equals(sp_view(req), "Page"));
	return SP_NEXT;
}

static sp_verdict replace(sp_request *req)
{
	return sp_print(req, "<%.*s>", SP_ARG(sp_view(req))) == 0 ? SP_NEXT : SP_DROP;
}

static void a_lent_body_is_copied_when_written(void **state)
{
	const sp_test_result *r;

	step = look;
	r = SP_TEST(*state, .body = SP_S("page"), .shared = 1);
	assert_int_equal(r->verdict, SP_NEXT);
	assert_true(sp_test_equals(r->body, "page"));
	step = change;
	r = SP_TEST(*state, .body = SP_S("page"), .shared = 1);
	assert_int_equal(r->verdict, SP_NEXT);
	assert_true(sp_test_equals(r->body, "Page"));
	step = replace;
	r = SP_TEST(*state, .body = SP_S("page"), .shared = 1);
	assert_true(sp_test_equals(r->body, "<page>"));
}

/* The copy needs a buffer of its own only when the request's has no room. */
static sp_verdict change_large(sp_request *req)
{
	sp_buf body = sp_body(req);

	if (!body.data)
		return SP_NEXT;
	body.data[0] = 'P';
	return SP_NEXT;
}

static void a_copy_that_cannot_be_made_fails_the_request(void **state)
{
	static char large[60000];
	const sp_str body = { large, sizeof(large) };

	step = change_large;
	sp_test_deny(*state, 1);
	assert_int_equal(SP_TEST(*state, .body = body, .shared = 1)->verdict, SP_FAILED);
	sp_test_deny(*state, 0);
	assert_int_equal(SP_TEST(*state, .body = body, .shared = 1)->verdict, SP_NEXT);
}

static sp_verdict scribble(sp_request *req)
{
	*(char *)(uintptr_t)sp_view(req).data = 'P';
	return SP_NEXT;
}

static void run_scribble(sp_test *t)
{
	step = scribble;
	SP_TEST(t, .body = SP_S("page"), .shared = 1);
}

static void a_write_to_a_lent_body_ends_the_process(void **state)
{
	step_expect_end(run_scribble, *state, SIGSEGV, "");
}

/* The parts show what was fanned out, whatever becomes of the request's own body. */
static sp_verdict keep_the_part(sp_request *req)
{
	sp_part part;

	assert_int_equal(sp_part_at(req, 0, &part), 0);
	assert_int_equal(sp_set_body(req, "new", 3), 0);
	assert_true(sp_test_equals(part.body, "page"));
	assert_int_equal(sp_part_at(req, 0, &part), 0);
	assert_true(sp_test_equals(part.body, "page"));
	return SP_NEXT;
}

static void a_part_outlives_the_body(void **state)
{
	const sp_test_part parts[] = { { .function = "price", .unchanged = 1 } };
	const sp_test_result *r;

	step = keep_the_part;
	for (uint8_t shared = 0; shared < 2; shared++) {
		r = SP_TEST(*state, .body = SP_S("page"), .parts = parts, .part_count = 1,
			    .shared = shared);
		assert_int_equal(r->verdict, SP_NEXT);
		assert_true(sp_test_equals(r->body, "new"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STEP_TEST(parts_come_in_order),
		STEP_TEST(other_requests_have_none),
		STEP_TEST(a_lent_body_is_copied_when_written),
		STEP_TEST(a_copy_that_cannot_be_made_fails_the_request),
		STEP_TEST(a_part_outlives_the_body),
		STEP_TEST(a_write_to_a_lent_body_ends_the_process),
	};

	return cmocka_run_group_tests_name("join", tests, NULL, NULL);
}
