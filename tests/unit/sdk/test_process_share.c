// SPDX-License-Identifier: Apache-2.0
/* test_process_share.c - one body for several readers: by reference, read-only, copied when it is
 * written; extra messages and tees. */
#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sdk/caller.h"

#define ROOT 800
#define BODY "root body"

/* A request in buffer `index` whose body is that of buffer ROOT. */
static void ask_by_reference(struct rig *rig, uint32_t index)
{
	struct sp_desc d = rig_request(rig, index, "");

	rig_request(rig, ROOT, BODY);
	rig_slot(rig, index)->body_buf = ROOT + 1;
	rig_slot(rig, index)->body_len = strlen(BODY);
	rig->buffers[index].ref = ROOT + 1;
	rig->buffers[ROOT].refs = 1;
	rig_send(rig, &d, 1);
}

static void ask_shared(struct rig *rig, uint32_t index, const char *body)
{
	struct sp_desc d = rig_request(rig, index, body);

	d.flags = SP_DESC_SHARED;
	rig_send(rig, &d, 1);
}

/* The release of the one buffer, and the answer in the other, which is returned. */
static struct sp_desc expect_moved(struct rig *rig, uint32_t from)
{
	struct sp_desc moved = rig_expect(rig, SP_EDGE_RELEASE), d;

	assert_int_equal(moved.flags, SP_DESC_MOVED);
	assert_int_equal(moved.buf, from);
	d = rig_expect(rig, SP_EDGE_REPLY);
	assert_int_equal(d.buf, moved.len);
	assert_int_equal(d.flags, 0);
	return d;
}

static sp_verdict lend(sp_request *req, void *state)
{
	sp_call call = { .fn = ALPHA, .by_reference = 1, .topic = SP_S("look") };

	(void)state;
	if (sp_call_one(req, &call) != SP_OK || sp_view(req).len != strlen(BODY))
		return SP_DROP;
	return SP_REPLY;
}

static void check_reference(struct rig *rig, const struct sp_desc *d, uint32_t index)
{
	const struct shm_header *h = rig_slot(rig, d->buf);

	assert_true(d->flags & SP_DESC_SHARES);
	assert_int_equal(h->body_buf, index + 1);
	assert_int_equal(h->body_len, strlen(BODY));
}

static void a_body_is_lent_to_who_is_called(void **state)
{
	struct sp_desc call;
	struct rig rig;

	(void)state;
	caller_open(&rig, lend);
	caller_ask(&rig, 0, BODY);
	call = rig_expect(&rig, ALPHA_EDGE);
	check_reference(&rig, &call, 0);
	caller_answer(&rig, rig_reply(&rig, &call, "seen"));
	caller_expect_release(&rig, call.buf); /* the gateway ends the reference */
	caller_expect(&rig, 0, BODY);
	assert_int_equal(rig_counter(&rig, "copied_bytes"), 0);
	/* Nobody took it: then there is no reference, and it may go again. */
	caller_ask(&rig, 1, BODY);
	call = rig_expect(&rig, ALPHA_EDGE);
	caller_answer(&rig, rig_return(&rig, &call, 0));
	call = rig_expect(&rig, ALPHA_EDGE);
	check_reference(&rig, &call, 1);
	/* Another answers in a buffer of its own, which refers to nothing. */
	caller_answer(&rig, rig_reply_in(&rig, &call, 700, "seen"));
	caller_expect(&rig, 1, BODY);
	caller_close(&rig);
}

static void what_is_lent_is_lent_on(void **state)
{
	struct sp_desc call;
	struct rig rig;

	(void)state;
	caller_open(&rig, lend);
	ask_by_reference(&rig, 0);
	call = rig_expect(&rig, ALPHA_EDGE);
	check_reference(&rig, &call, ROOT);
	assert_int_equal(rig.buffers[ROOT].refs, 2);
	caller_answer(&rig, rig_reply(&rig, &call, "seen"));
	caller_expect_release(&rig, call.buf);
	assert_int_equal(rig_expect(&rig, SP_EDGE_REPLY).len, 0);
	assert_int_equal(rig_slot(&rig, 0)->body_buf, ROOT + 1); /* answered as it came */
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
	ask_shared(&rig, 0, BODY);
	rig_expect_fault(&rig);
	caller_open(&rig, scribble);
	ask_by_reference(&rig, 0);
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
	ask_shared(&rig, 0, BODY);
	d = expect_moved(&rig, 0);
	assert_memory_equal(rig_body(&rig, d.buf), "ROOT BODY", 9);
	assert_memory_equal(rig_body(&rig, 0), BODY, 9);
	assert_int_equal(rig_counter(&rig, "copied_bytes"), 9);
	/* Its own buffer is empty: the copy needs no other. */
	ask_by_reference(&rig, 1);
	caller_expect(&rig, 1, "ROOT BODY");
	assert_int_equal(rig_slot(&rig, 1)->body_buf, 0);
	assert_memory_equal(rig_body(&rig, ROOT), BODY, 9);
	assert_int_equal(rig_counter(&rig, "copied_bytes"), 18);
	caller_ask(&rig, 2, BODY); /* nobody else reads this one */
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
	ask_by_reference(&rig, 0);
	rig_expect_refill(&rig, 1, 7);
	rig_grant(&rig, rig.table.layout.classes[1].first, 7);
	d = expect_moved(&rig, 0);
	assert_int_equal(rig.buffers[ROOT].refs, 0);
	assert_int_equal(rig_slot(&rig, d.buf)->body_buf, 0);
	assert_int_equal(d.len, 9);
	assert_memory_equal(rig_body(&rig, d.buf), BODY, 9);
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

/* ---- extra messages ---- */

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
	caller_ask(&rig, 0, BODY);
	d = rig_expect(&rig, 5);
	check_reference(&rig, &d, 0);
	assert_int_equal(rig_slot(&rig, d.buf)->alone, 1);
	assert_int_equal(rig_slot(&rig, d.buf)->path.len, 5);
	assert_int_equal(rig_read(&rig, got), 2);
	assert_int_equal(got[0].edge, 6);
	assert_memory_equal(rig_body(&rig, got[0].buf), "copied", 6);
	assert_int_equal(got[0].len, 6);
	assert_memory_equal(rig_body(&rig, got[1].buf), "built", 5);
	assert_int_equal(rig_slot(&rig, got[1].buf)->alone, 1);
	assert_int_equal(rig_slot(&rig, got[1].buf)->hops, 1);
	d = expect_moved(&rig, 0);
	assert_memory_equal(rig_body(&rig, d.buf), "Root body", 9);
	assert_memory_equal(rig_body(&rig, 0), BODY, 9);
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
	caller_ask(&rig, 0, BODY);
	caller_expect(&rig, 0, BODY);
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
	caller_ask(&rig, 0, BODY);
	for (uint8_t i = 0; i < 2; i++) {
		d = rig_expect(&rig, 30 + i);
		check_reference(&rig, &d, 0);
		assert_int_equal(rig_slot(&rig, d.buf)->alone, 1);
	}
	assert_int_equal(rig_expect(&rig, 5).buf, 0);
	ask_by_reference(&rig, 1); /* what is another's body can be read along, too */
	for (uint8_t i = 0; i < 2; i++) {
		d = rig_expect(&rig, 30 + i);
		check_reference(&rig, &d, ROOT);
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
	caller_ask(&rig, 0, BODY);
	assert_int_equal(rig_expect(&rig, 5).buf, 0);
	assert_int_equal(rig_counter(&rig, "tee_dropped"), 2);
	rig_grant(&rig, CALLER_STOCK, 1);
	rig_expect_refill(&rig, 0, 16);
	caller_ask(&rig, 1, BODY);
	rig_expect(&rig, 30);
	assert_int_equal(rig_expect(&rig, 5).buf, 1);
	assert_int_equal(rig_counter(&rig, "tee_dropped"), 3);
	caller_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_is_lent_to_who_is_called),
		cmocka_unit_test(what_is_lent_is_lent_on),
		cmocka_unit_test(a_write_to_what_others_read_ends_the_process),
		cmocka_unit_test(what_others_read_is_copied_to_be_written),
		cmocka_unit_test(a_body_elsewhere_comes_along_when_the_request_moves),
		cmocka_unit_test(a_reference_to_nowhere_is_garbage),
		cmocka_unit_test(messages_leave_before_what_they_refer_to),
		cmocka_unit_test(no_request_leaves_before_what_refers_to_it),
		cmocka_unit_test(an_answer_is_no_place_for_a_message),
		cmocka_unit_test(tees_leave_before_the_request),
		cmocka_unit_test(a_tee_waits_for_nothing),
	};

	return cmocka_run_group_tests_name("process_share", tests, NULL, NULL);
}
