// SPDX-License-Identifier: Apache-2.0
/* test_process_wait.c - how waits for a reply end otherwise: timeout, deadline, nobody there,
 * nobody interested. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sdk/caller.h"

/* The body is the call's timeout in ms, 0 for none. */
static sp_verdict ping(sp_request *req, void *state)
{
	sp_call call = { .fn = ALPHA, .body = SP_S("ping") };

	(void)state;
	call.timeout_ns = strtol(sp_view(req).data, NULL, 10) * (int64_t)MS_NS;
	return caller_print(req, &call);
}

static void error_text(char text[32], sp_error error)
{
	snprintf(text, 32, "%d 0 ", error);
}

/* The reply that comes in the end is nobody's; its buffer is as good as new. */
static void a_timeout_gives_the_call_up(void **state)
{
	uint64_t begin = rig_now();
	struct sp_desc call, again;
	char text[32];
	struct rig rig;

	(void)state;
	caller_open(&rig, ping);
	caller_ask(&rig, 0, "30");
	call = rig_expect(&rig, ALPHA_EDGE);
	assert_true(rig_slot(&rig, call.buf)->deadline_ns > begin + 29 * MS_NS);
	caller_expect_cancel(&rig, &call);
	assert_true(rig_now() >= begin + 30 * MS_NS);
	error_text(text, SP_ETIMEOUT);
	caller_expect(&rig, 0, text);
	/* Its tag stays in use meanwhile. */
	caller_ask(&rig, 1, "0");
	again = rig_expect(&rig, ALPHA_EDGE);
	assert_int_not_equal(again.home, call.home);
	caller_answer(&rig, rig_reply(&rig, &call, "late"));
	caller_answer(&rig, rig_reply(&rig, &again, "in time"));
	caller_expect(&rig, 1, "0 0 in time");
	assert_int_equal(rig_lent(&rig), CALLER_COUNT);
	for (uint32_t i = 0; i < 2; i++) { /* both buffers are in use again */
		caller_ask(&rig, i, "0");
		call = rig_expect(&rig, ALPHA_EDGE);
		assert_true(call.buf >= CALLER_STOCK + CALLER_COUNT - 2);
		caller_answer(&rig, rig_reply(&rig, &call, "ok"));
		caller_expect(&rig, i, "0 0 ok");
	}
	caller_close(&rig);
}

static void a_call_has_as_long_as_its_request(void **state)
{
	static const char *const timeouts[] = { "0", "60000" };
	char text[32];
	struct rig rig;

	(void)state;
	caller_open(&rig, ping);
	error_text(text, SP_ETIMEOUT);
	for (uint32_t i = 0; i < 2; i++) {
		uint64_t begin = rig_now();
		struct sp_desc call;

		caller_ask_within(&rig, i, timeouts[i], 30 * MS_NS);
		call = rig_expect(&rig, ALPHA_EDGE);
		assert_int_equal(rig_slot(&rig, call.buf)->deadline_ns,
				 rig_slot(&rig, i)->deadline_ns);
		caller_expect_cancel(&rig, &call);
		assert_true(rig_now() >= begin + 30 * MS_NS);
		caller_expect(&rig, i, text);
		caller_answer(&rig, rig_reply(&rig, &call, "late"));
	}
	caller_close(&rig);
}

/* The message needs a buffer first, and there is none. */
static void a_wait_for_a_buffer_takes_of_the_time(void **state)
{
	static const char *const calls[] = { "alpha", NULL };
	const sp_function function = {
		.abi = SP_ABI, .name = "caller", .on_request = ping, .calls = calls
	};
	uint64_t begin = rig_now();
	char text[32];
	struct rig rig;

	(void)state;
	caller_init(&rig);
	assert_int_equal(rig_launch(&rig, &function).type, WIRING_READY);
	rig_expect_refill(&rig, 0, CALLER_COUNT);
	error_text(text, SP_ETIMEOUT);
	caller_ask(&rig, 0, "30");
	caller_expect(&rig, 0, text);
	assert_true(rig_now() >= begin + 30 * MS_NS);
	rig_grant(&rig, CALLER_STOCK, CALLER_COUNT);
	caller_close(&rig);
}

static sp_verdict until_canceled(sp_request *req, void *state)
{
	sp_call calls[] = { { .fn = ALPHA }, { .fn = BETA }, { .fn = GAMMA } };
	sp_call more = { .fn = ALPHA };
	bool was = sp_canceled(req);

	(void)state;
	if (sp_call_all(req, calls, 3) != SP_ECANCELED || calls[2].error != SP_ECANCELED)
		return SP_DROP;
	if (sp_call_one(req, &more) != SP_ECANCELED) /* and none is made any more */
		return SP_DROP;
	return sp_print(req, "%d %d", was, sp_canceled(req)) == 0 ? SP_REPLY : SP_DROP;
}

static void a_request_is_canceled_with_its_calls(void **state)
{
	struct sp_desc d, calls[3];
	struct rig rig;

	(void)state;
	caller_open(&rig, until_canceled);
	d = caller_ask(&rig, 0, "x");
	for (uint8_t i = 0; i < 3; i++)
		calls[i] = rig_expect(&rig, ALPHA_EDGE + i);
	d.gen++;
	rig_cancel(&rig, &d); /* of another that was in that buffer */
	assert_false(rig_sends(&rig, 20));
	d.gen--;
	rig_cancel(&rig, &d);
	for (uint8_t i = 0; i < 3; i++)
		caller_expect_cancel(&rig, &calls[i]);
	caller_expect(&rig, 0, "0 1");
	for (uint8_t i = 0; i < 3; i++)
		caller_answer(&rig, rig_refuse(&rig, &calls[i], SP_ECANCELED, ""));
	caller_close(&rig);
}

/* In one send or in two. */
static void expect_done_and_failed(struct rig *rig, uint32_t done, uint32_t failed)
{
	static const char text[] = "nobody waits for it any more";
	struct sp_desc got[ALL], d[2] = { 0 };

	for (size_t at = 0, n; at < 2; at += n) {
		n = rig_read(rig, got);
		assert_true(at + n <= 2);
		memcpy(&d[at], got, n * sizeof(got[0]));
	}
	assert_int_equal(d[0].buf, done);
	assert_int_equal(d[0].flags, 0);
	assert_int_equal(d[1].buf, failed);
	assert_int_equal(d[1].flags, SP_DESC_FAILED | SP_DESC_BLAMELESS);
	assert_int_equal(rig_slot(rig, failed)->error, SP_ECANCELED);
	assert_int_equal(d[1].len, strlen(text));
	assert_memory_equal(rig_body(rig, failed), text, d[1].len);
}

static void one_that_has_not_begun_is_never_handled(void **state)
{
	struct sp_desc a, b, call;
	struct rig rig;

	(void)state;
	caller_init(&rig);
	rig.table.concurrency = 1;
	caller_launch(&rig, ping);
	a = caller_ask(&rig, 0, "0");
	call = rig_expect(&rig, ALPHA_EDGE);
	for (int round = 0; round < 2; round++) {
		/* One that has left, which is nothing to it; that must not hide the next. */
		b = rig_request(&rig, 1, "0");
		b.gen += 100 + (uint32_t)round;
		rig_cancel(&rig, &b);
		b.gen += 100;
		rig_send(&rig, &b, 1);
		rig_cancel(&rig, &b);
		caller_answer(&rig, rig_reply(&rig, &call, "pong"));
		expect_done_and_failed(&rig, a.buf, 1);
		a = caller_ask(&rig, 2, "0"); /* the first is not made twice */
		call = rig_expect(&rig, ALPHA_EDGE);
	}
	caller_answer(&rig, rig_reply(&rig, &call, "pong"));
	caller_expect(&rig, 2, "0 0 pong");
	caller_close(&rig);
}

/* What a caller has back as stock it calls with again, and its generation is the same. */
static void a_late_cancel_does_not_end_the_next_call(void **state)
{
	struct sp_desc d, call, got[ALL];
	struct rig rig;

	(void)state;
	caller_open(&rig, ping);
	for (int round = 0; round < 3; round++) {
		d = rig_request_of_caller(&rig, 0, "0");
		rig_send(&rig, &d, 1);
		call = rig_expect(&rig, ALPHA_EDGE);
		caller_answer(&rig, rig_reply(&rig, &call, "pong"));
		assert_int_equal(rig_read(&rig, got), 1);
		assert_int_equal(got[0].edge, SP_EDGE_REPLY);
		assert_int_equal(got[0].flags, 0);
		assert_int_equal(got[0].home, RIG_CALLER);
		rig_cancel(&rig, &d); /* given up while its answer was on the way */
	}
	caller_close(&rig);
}

static void a_call_that_nobody_took_is_made_again(void **state)
{
	struct sp_desc call, again;
	uint64_t begin;
	struct rig rig;

	(void)state;
	caller_open(&rig, ping);
	caller_ask(&rig, 0, "0");
	call = rig_expect(&rig, ALPHA_EDGE);
	begin = rig_now();
	for (int i = 0; i < 3; i++) {
		caller_answer(&rig, rig_return(&rig, &call, 0));
		again = rig_expect(&rig, ALPHA_EDGE);
		assert_int_equal(again.buf, call.buf);
		assert_int_equal(again.len, 4);
		assert_memory_equal(rig_body(&rig, call.buf), "ping", 4);
		call = again;
	}
	assert_true(rig_now() - begin >= 7 * MS_NS); /* after 1, 2 and 4 ms */
	caller_answer(&rig, rig_reply(&rig, &call, "at last"));
	caller_expect(&rig, 0, "0 0 at last");
	caller_close(&rig);
}

static void until_its_time_is_up(void **state)
{
	uint64_t begin = rig_now();
	struct sp_desc got[ALL];
	char text[32];
	struct rig rig;

	(void)state;
	caller_open(&rig, ping);
	caller_ask(&rig, 0, "50");
	for (;;) {
		assert_int_equal(rig_read(&rig, got), 1);
		if (got[0].edge != ALPHA_EDGE)
			break;
		caller_answer(&rig, rig_return(&rig, &got[0], 0));
	}
	assert_int_equal(got[0].edge, SP_EDGE_REPLY);
	assert_true(rig_now() >= begin + 50 * MS_NS);
	error_text(text, SP_EUNAVAILABLE);
	assert_memory_equal(rig_body(&rig, 0), text, strlen(text));
	assert_int_equal(rig_lent(&rig), CALLER_COUNT); /* nobody has it: nothing to cancel */
	caller_close(&rig);
}

/* Whoever was called had begun: it may not be made again. */
static void what_was_sent_on_to_nobody_is_not_made_again(void **state)
{
	struct sp_desc call, other;
	char text[32];
	struct rig rig;

	(void)state;
	caller_open(&rig, ping);
	error_text(text, SP_EUNAVAILABLE);
	caller_ask(&rig, 0, "0");
	call = rig_expect(&rig, ALPHA_EDGE);
	caller_answer(&rig, rig_return(&rig, &call, SP_DESC_FAILED));
	caller_expect(&rig, 0, text);
	caller_ask(&rig, 0, "0");
	other = rig_expect(&rig, ALPHA_EDGE);
	assert_int_equal(other.buf, call.buf);
	/* Where others read its payload it is not written again. */
	rig.buffers[other.buf].refs = 1;
	caller_answer(&rig, rig_return(&rig, &other, SP_DESC_FAILED));
	caller_expect_release(&rig, other.buf);
	caller_expect(&rig, 0, text);
	rig.buffers[other.buf].refs = 0;
	caller_close(&rig);
}

/* The kernel says that it was called by who had the slot before: the tag means another call. */
static void what_was_called_before_us_is_no_answer(void **state)
{
	struct sp_desc call, stray;
	struct rig rig;

	(void)state;
	caller_open(&rig, ping);
	caller_ask(&rig, 0, "0");
	call = rig_expect(&rig, ALPHA_EDGE);
	stray = rig_request(&rig, 900, "not yours");
	rig.buffers[900] = (struct rig_buffer){ .hold = RIG_STOCK, .gen = stray.gen };
	stray.edge = SP_EDGE_REPLY;
	stray.flags = SP_DESC_UNDELIVERABLE;
	stray.home = call.home;
	caller_answer(&rig, stray);
	caller_expect_release(&rig, 900);
	caller_answer(&rig, rig_reply(&rig, &call, "yours"));
	caller_expect(&rig, 0, "0 0 yours");
	caller_close(&rig);
}

static void eof_ends_what_waits(void **state)
{
	struct rig rig;

	(void)state;
	caller_open(&rig, ping);
	for (uint32_t i = 0; i < 3; i++) {
		caller_ask(&rig, i, i == 2 ? "60000" : "0");
		rig_expect(&rig, ALPHA_EDGE);
	}
	rig_eof(&rig);
	rig_drain(&rig);
	assert_int_equal(rig_lent(&rig), 3); /* what is out is taken back from who has it */
	assert_int_equal(rig_wait(&rig), 0);
	assert_string_equal(rig_log(&rig), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_timeout_gives_the_call_up),
		cmocka_unit_test(a_call_has_as_long_as_its_request),
		cmocka_unit_test(a_wait_for_a_buffer_takes_of_the_time),
		cmocka_unit_test(a_request_is_canceled_with_its_calls),
		cmocka_unit_test(one_that_has_not_begun_is_never_handled),
		cmocka_unit_test(a_late_cancel_does_not_end_the_next_call),
		cmocka_unit_test(a_call_that_nobody_took_is_made_again),
		cmocka_unit_test(until_its_time_is_up),
		cmocka_unit_test(what_was_sent_on_to_nobody_is_not_made_again),
		cmocka_unit_test(what_was_called_before_us_is_no_answer),
		cmocka_unit_test(eof_ends_what_waits),
	};

	return cmocka_run_group_tests_name("process_wait", tests, NULL, NULL);
}
