// SPDX-License-Identifier: Apache-2.0
/* test_defer.c - tokens that other threads complete. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sdk/step.h"

/* What the thread is to do with the token it is given. */
struct job {
	pthread_t thread;
	sp_request *req; /* NULL: its body stays as it is */
	sp_token *token;
	sp_test *cancel; /* NULL: nobody leaves */
	sp_verdict verdict;
};

static struct job job;

static void *work(void *arg)
{
	struct job *j = arg;

	if (j->req)
		memset(sp_body(j->req).data, '!', sp_body(j->req).len);
	if (j->cancel)
		sp_test_cancel(j->cancel);
	sp_complete(j->token, j->verdict);
	return NULL;
}

static void hand_over(sp_request *req)
{
	job.token = sp_defer(req);
	assert_non_null(job.token);
	assert_int_equal(pthread_create(&job.thread, NULL, work, &job), 0);
}

static int close_job(void **state)
{
	memset(&job, 0, sizeof(job));
	return step_close(state);
}

static sp_verdict wait_for_it(sp_request *req)
{
	sp_verdict given;

	hand_over(req);
	given = sp_await(req);
	pthread_join(job.thread, NULL);
	return given == FOUND ? sp_fail(req, SP_ECONFLICT, "%d", given) : SP_NEXT;
}

static void a_handler_waits_and_goes_on(void **state)
{
	step = wait_for_it;
	job.verdict = FOUND;
	assert_int_equal(SP_TEST(*state, .body = SP_S("page"))->error, SP_ECONFLICT);
	job.verdict = SP_NEXT;
	assert_int_equal(SP_TEST(*state, .body = SP_S("page"))->verdict, SP_NEXT);
}

static sp_verdict complete_first(sp_request *req)
{
	sp_complete(sp_defer(req), FOUND);
	assert_int_equal(sp_await(req), FOUND);
	sp_complete(sp_defer(req), 77);
	assert_int_equal(sp_await(req), 77);
	return NONE;
}

static void it_may_be_complete_before(void **state)
{
	step = complete_first;
	assert_int_equal(SP_TEST(*state, .body = SP_S("page"))->verdict, NONE);
}

static sp_verdict leave_it(sp_request *req)
{
	job.req = req;
	hand_over(req);
	return SP_DEFERRED;
}

static const sp_test_result *run_deferred(void **state, sp_verdict verdict)
{
	const sp_test_result *r;

	step = leave_it;
	job.verdict = verdict;
	r = SP_TEST(*state, .body = SP_S("page"));
	pthread_join(job.thread, NULL);
	return r;
}

static void the_thread_decides(void **state)
{
	const sp_test_result *r = run_deferred(state, NONE);

	assert_int_equal(r->verdict, NONE);
	assert_string_equal(r->edge, "none");
	assert_true(sp_test_equals(r->body, "!!!!"));
}

static void a_thread_that_fails_says_no_more(void **state)
{
	assert_int_equal(run_deferred(state, SP_FAILED)->error, SP_EINTERNAL);
	assert_int_equal(run_deferred(state, 2)->error, SP_EINTERNAL);
	assert_int_equal(run_deferred(state, SP_DEFERRED)->error, SP_EINTERNAL);
}

static sp_verdict no_token(sp_request *req)
{
	(void)req;
	return SP_DEFERRED;
}

static void deferred_needs_a_token(void **state)
{
	step = no_token;
	assert_int_equal(SP_TEST(*state, .body = SP_S("page"))->error, SP_EINTERNAL);
}

static sp_verdict see_it_leave(sp_request *req)
{
	assert_int_equal(sp_canceled(req), 0);
	hand_over(req);
	assert_int_equal(sp_await(req), SP_DROP);
	pthread_join(job.thread, NULL);
	assert_int_equal(sp_canceled(req), 1);
	return SP_DROP;
}

static void nobody_waits_any_more(void **state)
{
	step = see_it_leave;
	job.cancel = *state;
	job.verdict = SP_DROP;
	assert_int_equal(SP_TEST(*state, .body = SP_S("page"))->verdict, SP_DROP);
}

static sp_verdict is_late(sp_request *req)
{
	return sp_canceled(req) ? FOUND : NONE;
}

static void the_deadline_cancels_too(void **state)
{
	step = is_late;
	assert_int_equal(SP_TEST(*state, .remaining_ns = -1)->verdict, FOUND);
	assert_int_equal(SP_TEST(*state, .remaining_ns = 60 * STEP_SECOND_NS)->verdict, NONE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, step_open, close_job)
	const struct CMUnitTest tests[] = {
		T(a_handler_waits_and_goes_on), T(it_may_be_complete_before),
		T(the_thread_decides),          T(a_thread_that_fails_says_no_more),
		T(deferred_needs_a_token),      T(nobody_waits_any_more),
		T(the_deadline_cancels_too),
	};

	return cmocka_run_group_tests_name("defer", tests, NULL, NULL);
}
