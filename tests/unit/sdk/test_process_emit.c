// SPDX-License-Identifier: Apache-2.0
/* test_process_emit.c - extra messages of a real process, and tees: what leaves when. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sdk/caller.h"

static sp_verdict emit_all(sp_request *req, void *state)
{
	sp_buf message = sp_alloc(req, 100), body;

	(void)state;
	memcpy(message.data, "built", message.len = 5);
	if (sp_emit(req, FOUND, SP_S("copied")) < 0 || sp_emit_message(req, FOUND, message) < 0 ||
	    sp_emit_same(req, SP_NEXT) < 0)
		return SP_DROP;
	body = sp_body(req);
	body.data[0] = 'R';
	return SP_REPLY;
}

static void messages_leave_before_what_they_refer_to(void **state)
{
	struct sp_desc got[ALL], d;
	struct rig rig;

	(void)state;
	caller_open(&rig, emit_all);
	caller_ask(&rig, 0, CALLER_BODY);
	d = rig_expect(&rig, 5);
	caller_check_reference(&rig, &d, 0);
	assert_int_equal(rig_slot(&rig, d.buf)->alone, 1);
	assert_int_equal(rig_slot(&rig, d.buf)->path.len, 5);
	assert_int_equal(rig_read(&rig, got), 2);
	assert_int_equal(got[0].edge, 6);
	assert_memory_equal(rig_body(&rig, got[0].buf), "copied", 6);
	assert_int_equal(got[0].len, 6);
	assert_memory_equal(rig_body(&rig, got[1].buf), "built", 5);
	assert_int_equal(rig_slot(&rig, got[1].buf)->alone, 1);
	assert_int_equal(rig_slot(&rig, got[1].buf)->hops, 1);
	d = caller_expect_moved(&rig, 0);
	assert_memory_equal(rig_body(&rig, d.buf), "Root body", 9);
	assert_memory_equal(rig_body(&rig, 0), CALLER_BODY, 9);
	assert_int_equal(rig_slot(&rig, d.buf)->alone, 0);
	caller_close(&rig);
}

/* Each leaves where the other's message goes. */
static sp_verdict emit_across(sp_request *req, void *state)
{
	bool first = sp_view(req).data[0] == '1';

	(void)state;
	if (sp_emit_same(req, first ? FOUND : SP_NEXT) < 0)
		return SP_DROP;
	return first ? SP_REPLY : FOUND;
}

static void no_request_leaves_before_what_refers_to_it(void **state)
{
	struct sp_desc d[CALLER_COUNT], got[ALL];
	uint32_t messages = 0;
	struct rig rig;

	(void)state;
	caller_open(&rig, emit_across);
	for (uint32_t i = 0; i < CALLER_COUNT; i++) { /* the more of them, the fewer sends */
		d[i] = rig_request(&rig, i, i % 2 ? "2" : "1");
		d[i].home = RIG_HOME; /* as that of the messages */
	}
	rig_send(&rig, d, CALLER_COUNT);
	for (size_t left = 2 * CALLER_COUNT, n; left > 0; left -= n) {
		n = rig_read(&rig, got); /* which judges what they refer to */
		if (got[0].edge == SP_EDGE_REFILL)
			n = 0;
		for (size_t i = 0; i < n; i++)
			messages += got[i].buf >= CALLER_STOCK;
	}
	assert_int_equal(messages, CALLER_COUNT);
	caller_close(&rig);
}

static sp_verdict emit_nowhere(sp_request *req, void *state)
{
	const sp_buf foreign = { (char *)(uintptr_t)sp_view(req).data, 1, 1 };
	sp_buf message = sp_alloc(req, 100);
	bool ok = sp_emit(req, NONE, SP_S("x")) == -EINVAL;

	(void)state;
	ok = ok && sp_emit(req, 2, SP_S("x")) == -EINVAL;
	ok = ok && sp_emit_same(req, FOUND) == -ENOTSUP;
	ok = ok && sp_emit_message(req, FOUND, message) == -ENOTSUP; /* given away all the same */
	ok = ok && sp_emit_message(req, FOUND, message) == -EINVAL;
	ok = ok && sp_emit_message(req, SP_NEXT, foreign) == -EINVAL;
	return ok ? SP_REPLY : SP_DROP;
}

static void an_answer_is_no_place_for_a_message(void **state)
{
	struct rig rig;

	(void)state;
	caller_init(&rig);
	rig.rules.rules[1].answers = 1;
	caller_launch(&rig, emit_nowhere);
	caller_ask(&rig, 0, CALLER_BODY);
	caller_expect(&rig, 0, CALLER_BODY);
	assert_int_equal(rig_lent(&rig), CALLER_COUNT);
	caller_close(&rig);
}

static sp_verdict next(sp_request *req, void *state)
{
	(void)req;
	(void)state;
	return SP_NEXT;
}

static void tee(struct rig *rig)
{
	caller_init(rig);
	rig->rules.rules[0].tee_count = 2;
	rig->rules.rules[0].tees[0] = 30;
	rig->rules.rules[0].tees[1] = 31;
}

static void tees_leave_before_the_request(void **state)
{
	struct sp_desc d;
	struct rig rig;

	(void)state;
	tee(&rig);
	caller_launch(&rig, next);
	caller_ask(&rig, 0, CALLER_BODY);
	for (uint8_t i = 0; i < 2; i++) {
		d = rig_expect(&rig, 30 + i);
		caller_check_reference(&rig, &d, 0);
		assert_int_equal(rig_slot(&rig, d.buf)->alone, 1);
	}
	assert_int_equal(rig_expect(&rig, 5).buf, 0);
	caller_ask_by_reference(&rig, 1); /* what is another's body can be read along, too */
	for (uint8_t i = 0; i < 2; i++) {
		d = rig_expect(&rig, 30 + i);
		caller_check_reference(&rig, &d, CALLER_ROOT);
	}
	assert_int_equal(rig_expect(&rig, 5).buf, 1);
	assert_int_equal(rig_counter(&rig, "tee_dropped"), 0);
	assert_int_equal(rig_counter(&rig, "copied_bytes"), 0);
	caller_close(&rig);
}

static void a_tee_waits_for_nothing(void **state)
{
	struct rig rig;

	(void)state;
	tee(&rig);
	assert_int_equal(rig_launch(&rig, &(sp_function){ .abi = SP_ABI,
							  .name = "tee",
							  .on_request = next })
				 .type,
			 WIRING_READY);
	rig_expect_refill(&rig, 0, 16);
	caller_ask(&rig, 0, CALLER_BODY);
	assert_int_equal(rig_expect(&rig, 5).buf, 0);
	assert_int_equal(rig_counter(&rig, "tee_dropped"), 2);
	rig_grant(&rig, CALLER_STOCK, 1);
	rig_expect_refill(&rig, 0, 16);
	caller_ask(&rig, 1, CALLER_BODY);
	rig_expect(&rig, 30);
	assert_int_equal(rig_expect(&rig, 5).buf, 1);
	assert_int_equal(rig_counter(&rig, "tee_dropped"), 3);
	caller_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_leave_before_what_they_refer_to),
		cmocka_unit_test(no_request_leaves_before_what_refers_to_it),
		cmocka_unit_test(an_answer_is_no_place_for_a_message),
		cmocka_unit_test(tees_leave_before_the_request),
		cmocka_unit_test(a_tee_waits_for_nothing),
	};

	return cmocka_run_group_tests_name("process_emit", tests, NULL, NULL);
}
