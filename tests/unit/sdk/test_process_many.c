// SPDX-License-Identifier: Apache-2.0
/* test_process_many.c - requests that wait at the same time: as many as the chain file allows, and
 * who waits for a place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sdk/caller.h"

/* ThreadSanitizer has a thread's shadow for each that waits. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MANY 400
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define MANY 400
#endif
#ifndef MANY
#define MANY 10000
#endif

/* The body is the call's timeout in ms. */
static sp_verdict ping(sp_request *req, void *state)
{
	sp_call call = { .fn = ALPHA, .body = SP_S("ping") };

	(void)state;
	call.timeout_ns = strtol(sp_view(req).data, NULL, 10) * (int64_t)MS_NS;
	return caller_print(req, &call);
}

static void open_for(struct rig *rig, uint32_t concurrency)
{
	caller_init(rig);
	rig->table.concurrency = concurrency;
	caller_launch(rig, ping);
}

/* They may leave in several sends. */
static void read_calls(struct rig *rig, struct sp_desc *ret, size_t count)
{
	struct sp_desc got[ALL];

	for (size_t at = 0, n; at < count; at += n) {
		n = rig_read(rig, got);
		assert_int_equal(got[0].edge, ALPHA_EDGE);
		assert_true(at + n <= count);
		memcpy(&ret[at], got, n * sizeof(got[0]));
	}
}

static void the_next_one_waits_for_a_place(void **state)
{
	struct sp_desc calls[4], d[4];
	struct rig rig;

	(void)state;
	open_for(&rig, 2);
	for (uint32_t i = 0; i < 4; i++)
		d[i] = rig_request(&rig, i, "0");
	rig_send(&rig, d, 4);
	read_calls(&rig, calls, 2);
	assert_false(rig_sends(&rig, 20));
	/* Replies get through all the same. */
	caller_answer(&rig, rig_reply(&rig, &calls[1], "pong"));
	caller_expect(&rig, 1, "0 0 pong");
	calls[1] = rig_expect(&rig, ALPHA_EDGE);
	caller_answer(&rig, rig_reply(&rig, &calls[1], "third"));
	caller_expect(&rig, 2, "0 0 third");
	calls[1] = rig_expect(&rig, ALPHA_EDGE);
	caller_answer(&rig, rig_reply(&rig, &calls[0], "first"));
	caller_expect(&rig, 0, "0 0 first");
	caller_answer(&rig, rig_reply(&rig, &calls[1], "fourth"));
	caller_expect(&rig, 3, "0 0 fourth");
	caller_close(&rig);
}

/* The place comes free by a time that is up, while nothing arrives. */
static void a_place_that_a_timeout_frees_is_taken(void **state)
{
	struct sp_desc call, late, d[2];
	struct rig rig;

	(void)state;
	open_for(&rig, 1);
	d[0] = rig_request(&rig, 0, "20");
	d[1] = rig_request(&rig, 1, "0");
	rig_send(&rig, d, 2);
	late = rig_expect(&rig, ALPHA_EDGE);
	caller_expect_cancel(&rig, &late);
	assert_int_equal(rig_expect(&rig, SP_EDGE_REPLY).buf, 0);
	call = rig_expect(&rig, ALPHA_EDGE);
	caller_answer(&rig, rig_reply(&rig, &call, "pong"));
	caller_expect(&rig, 1, "0 0 pong");
	caller_answer(&rig, rig_reply(&rig, &late, "late"));
	caller_close(&rig);
}

/* Whoever waits for a call may hold the place that it would wait for. */
static void calls_need_no_place(void **state)
{
	struct sp_desc outer, inner, d;
	struct rig rig;

	(void)state;
	open_for(&rig, 1);
	caller_ask(&rig, 0, "0");
	outer = rig_expect(&rig, ALPHA_EDGE);
	d = rig_request_of_caller(&rig, 1, "0");
	rig_send(&rig, &d, 1);
	inner = rig_expect(&rig, ALPHA_EDGE);
	caller_answer(&rig, rig_reply(&rig, &inner, "inner"));
	caller_expect(&rig, 1, "0 0 inner");
	caller_answer(&rig, rig_reply(&rig, &outer, "outer"));
	caller_expect(&rig, 0, "0 0 outer");
	caller_close(&rig);
}

/* A process that is slow, or loses its CPU, sends early; that all of these tries do is no
 * accident. */
#define TRIES 500

static void those_that_go_on_leave_together(void **state)
{
	struct sp_desc d[4], calls[4], got[ALL];
	size_t together = 0;
	struct rig rig;

	(void)state;
	open_for(&rig, 32);
	for (int try = 0; try < TRIES && together < 4; try++) {
		size_t count;

		for (uint32_t i = 0; i < 4; i++)
			d[i] = rig_request(&rig, i, "0");
		rig_send(&rig, d, 4);
		read_calls(&rig, calls, 4);
		for (uint32_t i = 0; i < 4; i++)
			calls[i] = rig_reply(&rig, &calls[i], "pong");
		rig_write(&rig, calls, 4 * sizeof(calls[0]));
		for (count = 0; count < 4; count += together)
			together = rig_read(&rig, got);
	}
	assert_int_equal(together, 4);
	caller_close(&rig);
}

/* ---- very many ---- */

static sp_verdict ping_all(sp_request *req, void *state)
{
	sp_call calls[] = { { .fn = ALPHA }, { .fn = BETA }, { .fn = GAMMA } };

	(void)state;
	return sp_call_all(req, calls, 3) == SP_OK ? SP_REPLY : SP_DROP;
}

/* Between them there is enough for one: when each had a part of it, neither could go on. */
static void two_that_need_several_do_not_wait_for_each_other(void **state)
{
	static const char *const calls[] = { "alpha", "beta", "gamma", NULL };
	const sp_function function = {
		.abi = SP_ABI, .name = "caller", .on_request = ping_all, .calls = calls
	};
	struct sp_desc call[3], d[2], got[ALL];
	struct rig rig;

	(void)state;
	caller_init(&rig);
	assert_int_equal(rig_launch(&rig, &function).type, WIRING_READY);
	rig_expect_refill(&rig, 0, CALLER_COUNT);
	for (uint32_t i = 0; i < 2; i++)
		d[i] = rig_request(&rig, i, "x");
	rig_send(&rig, d, 2);
	for (uint32_t i = 0; i < 3; i++) {
		rig_grant(&rig, CALLER_STOCK + i, 1);
		if (i < 2)
			rig_expect(&rig, SP_EDGE_REFILL);
	}
	for (uint32_t round = 0; round < 2; round++) {
		for (uint8_t i = 0; i < 3; i++) {
			do
				rig_read(&rig, got);
			while (got[0].edge == SP_EDGE_REFILL);
			assert_int_equal(got[0].edge, ALPHA_EDGE + i);
			call[i] = got[0];
		}
		for (uint32_t i = 0; i < 3; i++)
			caller_answer(&rig, rig_reply(&rig, &call[i], "pong"));
		do
			rig_read(&rig, got);
		while (got[0].edge == SP_EDGE_REFILL);
		assert_int_equal(got[0].edge, SP_EDGE_REPLY);
		assert_int_equal(got[0].buf, round);
		assert_int_equal(got[0].flags, 0);
	}
	caller_close(&rig);
}

static sp_verdict take_large(sp_request *req, void *state)
{
	(void)state;
	return sp_alloc(req, 10000).data ? SP_REPLY : SP_DROP;
}

/* Nothing of the smallest class is lent, and nobody needs it: that is no reason to wait. */
static void a_class_is_not_waited_for_by_those_of_another(void **state)
{
	const struct shm_class *c;
	struct rig rig;

	(void)state;
	caller_init(&rig);
	assert_int_equal(rig_launch(&rig, &(sp_function){ .abi = SP_ABI,
							  .name = "large",
							  .on_request = take_large })
				 .type,
			 WIRING_READY);
	rig_expect_refill(&rig, 0, CALLER_COUNT);
	caller_ask(&rig, 0, "x");
	c = &rig.table.layout.classes[rig_expect(&rig, SP_EDGE_REFILL).buf];
	assert_true(c > rig.table.layout.classes && c->size >= 10000);
	rig_grant(&rig, c->first, 1);
	caller_expect(&rig, 0, "x");
	rig_grant(&rig, CALLER_STOCK, CALLER_COUNT);
	caller_close(&rig);
}

struct flood {
	struct rig rig;
	struct sp_desc *calls;
	uint32_t called;
	uint32_t answered;
	uint32_t granted;
};

static void flood_take(struct flood *f)
{
	struct rig *rig = &f->rig;
	struct sp_desc got[ALL];
	size_t count = rig_read(rig, got);

	for (size_t i = 0; i < count; i++) {
		switch (got[i].edge) {
		case SP_EDGE_REFILL:
			rig_grant(rig, MANY + f->granted, got[i].len);
			f->granted += got[i].len;
			break;
		case ALPHA_EDGE:
			f->calls[f->called++] = got[i];
			break;
		case SP_EDGE_REPLY:
			assert_memory_equal(rig_body(rig, got[i].buf), "0 0 ", 4);
			assert_memory_equal(rig_body(rig, got[i].buf) + 4, "pong", 4);
			f->answered++;
			break;
		default: /* what is above the limit of the stock */
			assert_int_equal(got[i].edge, SP_EDGE_RELEASE);
		}
	}
}

static void very_many_wait_at_once(void **state)
{
	static const uint32_t size = 64;
	struct flood f = { .calls = calloc(MANY, sizeof(struct sp_desc)) };
	struct rig *rig = &f.rig;

	(void)state;
	assert_non_null(f.calls);
	caller_init(rig);
	rig_layout(rig, &size, 1, 3 * MANY);
	rig->table.concurrency = MANY;
	assert_int_equal(rig_launch(rig, &(sp_function){ .abi = SP_ABI,
							 .name = "flood",
							 .on_request = ping,
							 .calls = (const char *const[]){ "alpha",
											 NULL } })
				 .type,
			 WIRING_READY);
	for (uint32_t i = 0; i < MANY; i++) {
		caller_ask(rig, i, "0");
		while (rig_sends(rig, 0))
			flood_take(&f);
	}
	while (f.called < MANY)
		flood_take(&f);
	assert_int_equal(f.answered, 0);
	for (uint32_t i = 0; i < MANY; i++) {
		caller_answer(rig, rig_reply(rig, &f.calls[i * 7919ULL % MANY], "pong"));
		while (rig_sends(rig, 0))
			flood_take(&f);
	}
	while (f.answered < MANY)
		flood_take(&f);
	assert_true(rig_lent(rig) <= 64);
	caller_close(rig);
	free(f.calls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_one_waits_for_a_place),
		cmocka_unit_test(a_place_that_a_timeout_frees_is_taken),
		cmocka_unit_test(calls_need_no_place),
		cmocka_unit_test(those_that_go_on_leave_together),
		cmocka_unit_test(two_that_need_several_do_not_wait_for_each_other),
		cmocka_unit_test(a_class_is_not_waited_for_by_those_of_another),
		cmocka_unit_test(very_many_wait_at_once),
	};

	return cmocka_run_group_tests_name("process_many", tests, NULL, NULL);
}
