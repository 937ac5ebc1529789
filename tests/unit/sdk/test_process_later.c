// SPDX-License-Identifier: Apache-2.0
/* test_process_later.c - requests that another thread completes: after the handler returned,
 * before, while it waits, and when it does not care any more. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sdk/caller.h"

#define MANY 1000

/* ---- the child: a library with a thread of its own ---- */

/* Completes what it was given once there are `due` of them, the oldest first; 0: not yet. */
struct library {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	sp_token *tokens[MANY];
	sp_verdict verdicts[MANY];
	uint32_t count;
	uint32_t done;
	uint32_t due;
	bool ends;
};

static void *library_run(void *arg)
{
	struct library *l = arg;

	pthread_mutex_lock(&l->lock);
	while (!l->ends) {
		if (l->due == 0 || l->count < l->due || l->done == l->count) {
			pthread_cond_wait(&l->changed, &l->lock);
			continue;
		}
		sp_complete(l->tokens[l->done], l->verdicts[l->done]);
		if (++l->done == l->count) {
			l->count = l->done = l->due = 0;
			pthread_cond_broadcast(&l->changed);
		}
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

static int library_begin(sp_worker *worker, void **state)
{
	static struct library l = { .lock = PTHREAD_MUTEX_INITIALIZER,
				    .changed = PTHREAD_COND_INITIALIZER };

	(void)worker;
	*state = &l;
	return -pthread_create(&l.thread, NULL, library_run, &l);
}

static void library_end(void *state)
{
	struct library *l = state;

	pthread_mutex_lock(&l->lock);
	l->ends = true;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
}

static void library_put(struct library *l, sp_token *token, sp_verdict verdict)
{
	pthread_mutex_lock(&l->lock);
	l->tokens[l->count] = token;
	l->verdicts[l->count++] = verdict;
	pthread_mutex_unlock(&l->lock);
}

/* Has it complete what it has once it is `due`; waits for that when told so. */
static void library_go(struct library *l, uint32_t due, bool wait)
{
	pthread_mutex_lock(&l->lock);
	l->due = due;
	pthread_cond_broadcast(&l->changed);
	while (wait && l->count > 0)
		pthread_cond_wait(&l->changed, &l->lock);
	pthread_mutex_unlock(&l->lock);
}

/*
 * The first letter says what to do: p(ut the token down, deferred), P (the same, SP_REPLY),
 * F (SP_FAILED), x (edge 9, which there is not), g(o: all that are down are completed), m(any: go
 * when MANY are down), b(efore: completed when the handler returns), a(wait), i(gnore it: the
 * token is down and the handler returns SP_NEXT), t(wice completed), n(o token), n is SP_NEXT.
 */
static sp_verdict later(sp_request *req, void *state)
{
	struct library *l = state;
	sp_token *token;
	sp_verdict v;

	switch (sp_view(req).data[0]) {
	case 'p':
		library_put(l, sp_defer(req), SP_NEXT);
		return SP_DEFERRED;
	case 'P':
		library_put(l, sp_defer(req), SP_REPLY);
		return SP_DEFERRED;
	case 'F':
		library_put(l, sp_defer(req), SP_FAILED);
		return SP_DEFERRED;
	case 'x':
		library_put(l, sp_defer(req), 9);
		return SP_DEFERRED;
	case 'm':
		library_put(l, sp_defer(req), SP_NEXT);
		library_go(l, MANY, false);
		return SP_DEFERRED;
	case 'b':
		library_put(l, sp_defer(req), SP_REPLY);
		library_go(l, 1, true);
		return SP_DEFERRED;
	case 'a':
		library_put(l, sp_defer(req), SP_REPLY);
		v = sp_await(req);
		return sp_print(req, "%d %d", v, sp_canceled(req)) == 0 ? SP_REPLY : SP_DROP;
	case 'i':
		library_put(l, sp_defer(req), SP_REPLY);
		return SP_NEXT;
	case 'g':
		library_go(l, 1, false);
		return SP_NEXT;
	case 't':
		token = sp_defer(req);
		sp_complete(token, SP_REPLY);
		sp_complete(token, SP_DROP);
		return SP_DEFERRED;
	case 'd':
		return SP_DEFERRED;
	default:
		return SP_NEXT;
	}
}

/* ---- the test ---- */

static void open_for(struct rig *rig, uint32_t concurrency)
{
	const sp_function function = { .abi = SP_ABI,
				       .name = "later",
				       .on_request = later,
				       .init = library_begin,
				       .fini = library_end };

	rig_init(rig);
	rig_rule(rig, 0, 5);
	rig->table.concurrency = concurrency;
	assert_int_equal(rig_launch(rig, &function).type, WIRING_READY);
}

static void pass(struct rig *rig, uint32_t index, const char *body)
{
	caller_ask(rig, index, body);
	assert_int_equal(rig_expect(rig, 5).buf, index);
}

static void a_deferred_request_goes_when_it_is_complete(void **state)
{
	struct rig rig;

	(void)state;
	open_for(&rig, 32);
	caller_ask(&rig, 0, "put");
	pass(&rig, 1, "n"); /* the thread is free meanwhile */
	pass(&rig, 1, "go");
	assert_int_equal(rig_expect(&rig, 5).buf, 0);
	caller_ask(&rig, 0, "P");
	pass(&rig, 1, "go");
	caller_expect(&rig, 0, "P");
	caller_ask(&rig, 0, "F");
	pass(&rig, 1, "go");
	caller_expect_failed(&rig, 0, SP_EINTERNAL, "fn failed without saying why");
	caller_ask(&rig, 0, "x");
	pass(&rig, 1, "go");
	caller_expect_failed(&rig, 0, SP_EINTERNAL, "fn returned edge 9, but declares 0");
	caller_ask(&rig, 0, "d");
	caller_expect_failed(&rig, 0, SP_EINTERNAL, "fn returned SP_DEFERRED without sp_defer");
	assert_int_equal(rig.wake, 4);
	caller_close(&rig);
}

static void it_may_be_complete_before_the_handler_returns(void **state)
{
	struct rig rig;

	(void)state;
	open_for(&rig, 32);
	for (uint32_t i = 0; i < 20; i++) {
		caller_ask(&rig, i, "before");
		caller_expect(&rig, i, "before");
	}
	caller_close(&rig);
}

static void the_first_of_two_completions_holds(void **state)
{
	struct rig rig;

	(void)state;
	open_for(&rig, 32);
	for (uint32_t i = 0; i < 3; i++) {
		caller_ask(&rig, i, "twice");
		caller_expect(&rig, i, "twice");
	}
	rig_eof(&rig);
	assert_int_equal(rig_wait(&rig), 0);
	assert_non_null(strstr(rig_log(&rig), "called twice on one token"));
}

static void a_handler_may_wait_for_it(void **state)
{
	struct sp_desc d;
	char text[16];
	struct rig rig;

	(void)state;
	open_for(&rig, 32);
	snprintf(text, sizeof(text), "%d 0", SP_REPLY);
	caller_ask(&rig, 0, "await");
	pass(&rig, 1, "n");
	pass(&rig, 1, "go");
	caller_expect(&rig, 0, text);
	/* Cancelled or not: who holds the token may still touch the body. */
	snprintf(text, sizeof(text), "%d 1", SP_REPLY);
	d = caller_ask(&rig, 0, "await");
	pass(&rig, 1, "n");
	rig_cancel(&rig, &d);
	assert_false(rig_sends(&rig, 20));
	pass(&rig, 1, "go");
	caller_expect(&rig, 0, text);
	caller_close(&rig);
}

static void one_that_nobody_waits_for_harms_nobody(void **state)
{
	struct rig rig;

	(void)state;
	open_for(&rig, 1); /* its place is free at once */
	for (uint32_t i = 0; i < 8; i++)
		pass(&rig, i, "ignore");
	pass(&rig, 8, "n");
	pass(&rig, 9, "go");
	for (uint32_t i = 0; i < 8; i++) { /* whoever comes now may get its memory */
		caller_ask(&rig, i, "before");
		caller_expect(&rig, i, "before");
	}
	caller_close(&rig);
}

static void a_deferred_request_has_a_place(void **state)
{
	struct rig rig;

	(void)state;
	open_for(&rig, 2);
	caller_ask(&rig, 0, "put");
	caller_ask(&rig, 1, "put");
	caller_ask(&rig, 2, "n");
	assert_false(rig_sends(&rig, 20));
	rig_eof(&rig); /* none of them is answered any more */
	rig_drain(&rig);
	assert_int_equal(rig_wait(&rig), 0);
}

static void a_thousand_at_once(void **state)
{
	uint32_t seen = 0, next = 0;
	struct sp_desc got[ALL];
	struct rig rig;

	(void)state;
	open_for(&rig, MANY);
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < MANY; i++)
			caller_ask(&rig, i, "many");
		for (seen = next = 0; seen < MANY;) {
			size_t n = rig_read(&rig, got);

			for (size_t i = 0; i < n; i++) { /* in the order they were completed */
				assert_int_equal(got[i].edge, 5);
				assert_int_equal(got[i].buf, next++);
			}
			seen += (uint32_t)n;
		}
	}
	assert_true(rig.wake <= 3 * MANY);
	caller_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deferred_request_goes_when_it_is_complete),
		cmocka_unit_test(it_may_be_complete_before_the_handler_returns),
		cmocka_unit_test(the_first_of_two_completions_holds),
		cmocka_unit_test(a_handler_may_wait_for_it),
		cmocka_unit_test(one_that_nobody_waits_for_harms_nobody),
		cmocka_unit_test(a_deferred_request_has_a_place),
		cmocka_unit_test(a_thousand_at_once),
	};

	return cmocka_run_group_tests_name("process_later", tests, NULL, NULL);
}
