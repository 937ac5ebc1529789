// SPDX-License-Identifier: Apache-2.0
/* test_process_share.c - one body for several readers: by reference, read-only, copied when it is
 * written. */
#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sdk/caller.h"

static void ask_shared(struct rig *rig, uint32_t index, const char *body)
{
	struct sp_desc d = rig_request(rig, index, body);

	d.flags = SP_DESC_SHARED;
	rig_send(rig, &d, 1);
}

static sp_verdict lend(sp_request *req, void *state)
{
	sp_call call = { .fn = ALPHA, .by_reference = 1, .topic = SP_S("look") };

	(void)state;
	if (sp_call_one(req, &call) != SP_OK || sp_view(req).len != strlen(CALLER_BODY))
		return SP_DROP;
	return SP_REPLY;
}

static void a_body_is_lent_to_who_is_called(void **state)
{
	struct sp_desc call;
	struct rig rig;

	(void)state;
	caller_open(&rig, lend);
	caller_ask(&rig, 0, CALLER_BODY);
	call = rig_expect(&rig, ALPHA_EDGE);
	caller_check_reference(&rig, &call, 0);
	caller_answer(&rig, rig_reply(&rig, &call, "seen"));
	caller_expect_release(&rig, call.buf); /* the gateway ends the reference */
	caller_expect(&rig, 0, CALLER_BODY);
	assert_int_equal(rig_counter(&rig, "copied_bytes"), 0);
	/* Nobody took it: then there is no reference, and it may go again. */
	caller_ask(&rig, 1, CALLER_BODY);
	call = rig_expect(&rig, ALPHA_EDGE);
	caller_answer(&rig, rig_return(&rig, &call, 0));
	call = rig_expect(&rig, ALPHA_EDGE);
	caller_check_reference(&rig, &call, 1);
	/* Another answers in a buffer of its own, which refers to nothing. */
	caller_answer(&rig, rig_reply_in(&rig, &call, 700, "seen"));
	caller_expect(&rig, 1, CALLER_BODY);
	caller_close(&rig);
}

static void what_is_lent_is_lent_on(void **state)
{
	struct sp_desc call;
	struct rig rig;

	(void)state;
	caller_open(&rig, lend);
	caller_ask_by_reference(&rig, 0);
	call = rig_expect(&rig, ALPHA_EDGE);
	caller_check_reference(&rig, &call, CALLER_ROOT);
	assert_int_equal(rig.buffers[CALLER_ROOT].refs, 2);
	caller_answer(&rig, rig_reply(&rig, &call, "seen"));
	caller_expect_release(&rig, call.buf);
	assert_int_equal(rig_expect(&rig, SP_EDGE_REPLY).len, 0);
	assert_int_equal(rig_slot(&rig, 0)->body_buf, CALLER_ROOT + 1); /* answered as it came */
	caller_close(&rig);
}

/* The reply lies in a buffer that refers to this request's body. */
static sp_verdict lend_and_pass_on(sp_request *req, void *state)
{
	sp_call call = { .fn = ALPHA, .by_reference = 1 }, again = { .fn = BETA };

	(void)state;
	if (sp_call_one(req, &call) != SP_OK)
		return SP_DROP;
	again.message = call.reply;
	if (sp_call_one(req, &again) != SP_EINTERNAL ||
	    sp_emit_message(req, FOUND, call.reply) != -EINVAL)
		return SP_DROP;
	sp_release(req, call.reply);
	return SP_REPLY;
}

static void what_refers_to_another_carries_no_message(void **state)
{
	struct sp_desc call;
	struct rig rig;

	(void)state;
	caller_open(&rig, lend_and_pass_on);
	caller_ask(&rig, 0, CALLER_BODY);
	call = rig_expect(&rig, ALPHA_EDGE);
	caller_answer(&rig, rig_reply(&rig, &call, "seen"));
	caller_expect_release(&rig, call.buf);
	caller_expect(&rig, 0, CALLER_BODY);
	caller_close(&rig);
}

static sp_verdict scribble(sp_request *req, void *state)
{
	(void)state;
	*(char *)(uintptr_t)sp_view(req).data = '!';
	return SP_REPLY;
}

static void a_write_to_what_others_read_ends_the_process(void **state)
{
	struct rig rig;

	(void)state;
	caller_open(&rig, scribble);
	ask_shared(&rig, 0, CALLER_BODY);
	rig_expect_fault(&rig);
	caller_open(&rig, scribble);
	caller_ask_by_reference(&rig, 0);
	rig_expect_fault(&rig);
}

static sp_verdict shout(sp_request *req, void *state)
{
	sp_buf body = sp_body(req);

	(void)state;
	for (size_t i = 0; i < body.len; i++)
		body.data[i] = (char)toupper((unsigned char)body.data[i]);
	return sp_body(req).data == body.data && sp_view(req).data == body.data ? SP_REPLY :
										  SP_DROP;
}

static void what_others_read_is_copied_to_be_written(void **state)
{
	struct sp_desc d;
	struct rig rig;

	(void)state;
	caller_open(&rig, shout);
	ask_shared(&rig, 0, CALLER_BODY);
	d = caller_expect_moved(&rig, 0);
	assert_memory_equal(rig_body(&rig, d.buf), "ROOT BODY", 9);
	assert_memory_equal(rig_body(&rig, 0), CALLER_BODY, 9);
	assert_int_equal(rig_counter(&rig, "copied_bytes"), 9);
	/* Its own buffer is empty: the copy needs no other. */
	caller_ask_by_reference(&rig, 1);
	caller_expect(&rig, 1, "ROOT BODY");
	assert_int_equal(rig_slot(&rig, 1)->body_buf, 0);
	assert_memory_equal(rig_body(&rig, CALLER_ROOT), CALLER_BODY, 9);
	assert_int_equal(rig_counter(&rig, "copied_bytes"), 18);
	caller_ask(&rig, 2, CALLER_BODY); /* nobody else reads this one */
	caller_expect(&rig, 2, "ROOT BODY");
	assert_int_equal(rig_counter(&rig, "copied_bytes"), 18);
	caller_close(&rig);
}

static sp_verdict set_large_headers(sp_request *req, void *state)
{
	static char value[1500];

	(void)state;
	memset(value, 'v', sizeof(value));
	for (int i = 0; i < 3; i++)
		if (sp_set_header(req, "x-large", (sp_str){ value, sizeof(value) }) < 0)
			return SP_DROP;
	return SP_REPLY;
}

/* The reference stays with the buffer that is left: what it refers to has to come along. */
static void a_body_elsewhere_comes_along_when_the_request_moves(void **state)
{
	struct sp_desc d;
	struct rig rig;

	(void)state;
	caller_open(&rig, set_large_headers);
	caller_ask_by_reference(&rig, 0);
	rig_expect_refill(&rig, 1, 7);
	rig_grant(&rig, rig.table.layout.classes[1].first, 7);
	d = caller_expect_moved(&rig, 0);
	assert_int_equal(rig.buffers[CALLER_ROOT].refs, 0);
	assert_int_equal(rig_slot(&rig, d.buf)->body_buf, 0);
	assert_int_equal(d.len, 9);
	assert_memory_equal(rig_body(&rig, d.buf), CALLER_BODY, 9);
	caller_close(&rig);
}

static void a_reference_to_nowhere_is_garbage(void **state)
{
	struct sp_desc d;
	struct rig rig;

	(void)state;
	caller_open(&rig, lend);
	for (uint32_t i = 0; i < 2; i++) {
		d = rig_request(&rig, i, "");
		rig_slot(&rig, i)->body_buf = i == 0 ? rig.table.layout.buffer_count + 1 : 1;
		rig_slot(&rig, i)->body_len = i == 0 ? 1 : 2049;
		rig_send(&rig, &d, 1);
		caller_expect_failed(&rig, i, SP_EUPSTREAM, "buffer header is garbage");
	}
	caller_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_is_lent_to_who_is_called),
		cmocka_unit_test(what_is_lent_is_lent_on),
		cmocka_unit_test(what_refers_to_another_carries_no_message),
		cmocka_unit_test(a_write_to_what_others_read_ends_the_process),
		cmocka_unit_test(what_others_read_is_copied_to_be_written),
		cmocka_unit_test(a_body_elsewhere_comes_along_when_the_request_moves),
		cmocka_unit_test(a_reference_to_nowhere_is_garbage),
	};

	return cmocka_run_group_tests_name("process_share", tests, NULL, NULL);
}
