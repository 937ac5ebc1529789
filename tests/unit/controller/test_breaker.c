// SPDX-License-Identifier: Apache-2.0
/* Windows of errors, breakers, and percentages written anew; time is a number here. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/breaker.h"
#include "controller/chain_edit.h"

#define SECOND 1000000000ULL

static const struct chain_traffic rules = {
	.breaker = { .on = true, .error_rate = 5000, .min_requests = 10, .window_ns = 10 * SECOND },
	.breaker_open_ns = 5 * SECOND,
};

static uint64_t now;
static struct error_counts counts;

/* So many requests, of which so many went wrong, within a time. */
static void happens(uint64_t requests, uint64_t errors, uint64_t ns)
{
	now += ns;
	counts.requests += requests;
	counts.errors += errors;
}

static bool look(struct breaker *b, uint32_t ready)
{
	struct error_counts c;

	return breaker_look(b, &rules, now, &counts, ready, &c);
}

static int begin(void **state)
{
	static struct breaker b;

	now = 1000 * SECOND;
	counts = (struct error_counts){ .requests = 5000, .errors = 300 };
	memset(&b, 0, sizeof(b));
	breaker_begin(&b, &rules, now, &counts);
	*state = &b;
	return 0;
}

static void test_window_forgets_what_is_old(void **state)
{
	struct error_window w;
	struct error_counts c;

	(void)state;
	error_window_begin(&w, 10 * SECOND, now, &counts);
	for (int i = 0; i < 1000; i++) {
		happens(10, i < 500, SECOND / 10);
		c = error_window_look(&w, now, &counts);
		if (i >= 110 && i < 500) {
			assert_in_range(c.requests, 950, 1000);
			assert_in_range(c.errors, 95, 100);
		}
		if (i > 605)
			assert_int_equal(c.errors, 0);
	}
	/* Nobody looked for long: no more than what is new counts. */
	happens(7, 3, 3600 * SECOND);
	c = error_window_look(&w, now, &counts);
	assert_in_range(c.requests, 7, 20);
	assert_int_equal(c.errors, 3);
}

static void test_limit_is_reached_exactly(void **state)
{
	const struct chain_limit limit = { .on = true, .error_rate = 25, .min_requests = 400 };

	(void)state;
	assert_false(error_limit_passed(&limit, &(struct error_counts){ 399, 399, 0 }));
	assert_true(error_limit_passed(&limit, &(struct error_counts){ 400, 1, 0 }));
	assert_false(error_limit_passed(&limit, &(struct error_counts){ 401, 1, 0 }));
	assert_false(error_limit_passed(&limit, &(struct error_counts){ 1000, 0, 0 }));
}

static void test_opens_at_the_limit_only(void **state)
{
	struct breaker *b = *state;

	happens(9, 9, SECOND);
	assert_false(look(b, 1));
	happens(90, 40, SECOND);
	assert_false(look(b, 1));
	happens(1, 1, SECOND);
	assert_true(look(b, 1));
	assert_int_equal(b->state, BREAKER_OPEN);
	assert_int_equal(b->opened, 1);
}

static void open_it(struct breaker *b)
{
	happens(20, 20, SECOND);
	assert_true(look(b, 1));
	assert_int_equal(b->state, BREAKER_OPEN);
}

static void test_probes_close_it(void **state)
{
	struct breaker *b = *state;

	open_it(b);
	happens(0, 0, 5 * SECOND - 1);
	assert_false(look(b, 1));
	happens(0, 0, 1);
	assert_false(look(b, 0)); /* without an instance it stays open */
	assert_true(look(b, 1));
	assert_int_equal(b->state, BREAKER_HALF_OPEN);
	happens(BREAKER_PROBES - 1, 0, SECOND);
	assert_false(look(b, 1));
	happens(1, 0, 3600 * SECOND);
	assert_true(look(b, 1));
	assert_int_equal(b->state, BREAKER_CLOSED);
	/* What was before is forgotten. */
	happens(9, 9, SECOND);
	assert_false(look(b, 1));
}

static void test_a_bad_probe_opens_it_again(void **state)
{
	struct breaker *b = *state;

	open_it(b);
	happens(0, 0, 5 * SECOND);
	assert_true(look(b, 1));
	happens(BREAKER_PROBES, 1, SECOND);
	assert_true(look(b, 1));
	assert_int_equal(b->state, BREAKER_OPEN);
	assert_int_equal(b->opened, 2);
	happens(0, 0, 5 * SECOND);
	assert_true(look(b, 1));
	assert_int_equal(b->state, BREAKER_HALF_OPEN);
}

static void test_resumes(void **state)
{
	struct breaker *b = *state;

	breaker_resume(b, BREAKER_OPEN, now, &counts);
	happens(0, 0, 4 * SECOND);
	assert_false(look(b, 1));
	happens(0, 0, SECOND);
	assert_true(look(b, 1));
	assert_int_equal(b->state, BREAKER_HALF_OPEN);
}

static void edited(const char *text, const char *function, uint32_t first, int err,
		   const char *expected)
{
	const uint32_t percents[2] = { first, 100 - first };
	char *ret = NULL;
	size_t len = 0;

	assert_int_equal(chain_edit_traffic(text, strlen(text), function, percents, &ret, &len),
			 err);
	if (err == 0) {
		assert_string_equal(ret, expected);
		assert_int_equal(len, strlen(expected));
	}
	free(ret);
}

static void test_percentages_are_written_anew(void **state)
{
	(void)state;
	edited("# \xc3\xa4\nspec:\n  functions:\n  - {name: a}\n  - name: b\n    traffic: # who\n"
	       "    - {percent: 90, revision: x}\n    - revision: y\n      percent:  10  # few\n",
	       "b", 5, 0,
	       "# \xc3\xa4\nspec:\n  functions:\n  - {name: a}\n  - name: b\n    traffic: # who\n"
	       "    - {percent: 5, revision: x}\n    - revision: y\n      percent:  95  # few\n");
	edited("spec: {functions: [{name: a}]}", "a", 5, -ENOENT, NULL);
	edited("spec: {functions: [{name: a}]}", "b", 5, -ENOENT, NULL);
	edited("spec: {functions: {name: a}}", "a", 5, -ENOENT, NULL);
	edited("spec: {functions: [{name: a, traffic: [{percent: 100}]}]}", "a", 5, -ENOENT, NULL);
	edited("spec: {functions: [{name: a, traffic: [&x {percent: 50}, *x]}]}", "a", 5, -ENOENT,
	       NULL);
	edited("[", "a", 5, -ENOENT, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, begin)
		TEST(test_window_forgets_what_is_old),   TEST(test_limit_is_reached_exactly),
		TEST(test_opens_at_the_limit_only),      TEST(test_probes_close_it),
		TEST(test_a_bad_probe_opens_it_again),   TEST(test_resumes),
		TEST(test_percentages_are_written_anew),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
