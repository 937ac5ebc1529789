// SPDX-License-Identifier: Apache-2.0
/* test_process_call.c - calls of a real process: how they leave, and what replies become. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sdk/caller.h"

#define NINE 9

static sp_verdict ping(sp_request *req, void *state)
{
	sp_call call = { .fn = ALPHA, .topic = SP_S("ask"), .body = SP_S("ping") };

	(void)state;
	return caller_print(req, &call);
}

static void one_call_and_its_reply(void **state)
{
	const uint64_t deadline = rig_now() + 3600ULL * 1000 * MS_NS;
	struct sp_desc d, call;
	struct shm_header *h;
	struct rig rig;

	(void)state;
	caller_open(&rig, ping);
	d = rig_request(&rig, 0, "x");
	d.flags = 2 | SP_DESC_ELEPHANT;
	h = rig_slot(&rig, 0);
	h->deadline_ns = deadline;
	h->hops = 3;
	memset(h->trace_id, 0xab, sizeof(h->trace_id));
	assert_int_equal(shm_meta_put(h, 1, "id-1", 4, &h->id), 0);
	rig_send(&rig, &d, 1);
	call = rig_expect(&rig, ALPHA_EDGE);
	assert_int_equal(call.len, 4);
	assert_int_equal(call.flags, 2 | SP_DESC_ELEPHANT);
	assert_memory_equal(rig_body(&rig, call.buf), "ping", 4);
	h = rig_slot(&rig, call.buf);
	assert_int_equal(h->deadline_ns, deadline);
	assert_int_equal(h->hops, 4);
	assert_int_equal(h->number, 0);
	assert_int_equal(h->trace_id[15], 0xab);
	assert_int_equal(h->path.len, 0); /* the request's is not the callee's */
	assert_int_equal(h->topic.len, 3);
	assert_memory_equal(shm_slice_data(h, h->topic), "ask", 3);
	assert_int_equal(h->id.len, 4);
	assert_memory_equal(shm_slice_data(h, h->id), "id-1", 4);
	h->status = 201;
	caller_answer(&rig, rig_reply(&rig, &call, "pong"));
	d = rig_expect(&rig, SP_EDGE_REPLY);
	assert_int_equal(d.buf, 0);
	assert_int_equal(d.flags, 2 | SP_DESC_ELEPHANT);
	assert_memory_equal(rig_body(&rig, 0), "0 201 pong", 10);
	assert_int_equal(rig_slot(&rig, 0)->hops, 4);
	caller_close(&rig);
}

static sp_verdict ask_nine(sp_request *req, void *state)
{
	char text[NINE + 1] = "", body[NINE] = "012345678";
	sp_call calls[NINE] = { 0 };

	(void)state;
	for (int i = 0; i < NINE; i++)
		calls[i] = (sp_call){ .fn = ALPHA, .body = { &body[i], 1 } };
	if (sp_call_all(req, calls, NINE) != SP_OK)
		return sp_fail(req, SP_EUPSTREAM, "no nine");
	for (int i = 0; i < NINE; i++)
		text[i] = calls[i].reply.data[0];
	return sp_print(req, "%s", text) == 0 ? SP_REPLY : SP_DROP;
}

static void nine_calls_leave_in_one_send(void **state)
{
	struct sp_desc got[ALL], answers[NINE];
	struct rig rig;

	(void)state;
	caller_open(&rig, ask_nine);
	caller_ask(&rig, 0, "x");
	assert_int_equal(rig_read(&rig, got), NINE);
	for (uint32_t i = 0; i < NINE; i++) {
		char body[2] = { (char)('a' + i), '\0' };

		assert_int_equal(got[i].edge, ALPHA_EDGE);
		assert_int_equal(rig_body(&rig, got[i].buf)[0], '0' + i);
		for (uint32_t k = 0; k < i; k++)
			assert_int_not_equal(got[i].home, got[k].home);
		answers[NINE - 1 - i] = rig_reply(&rig, &got[i], body);
	}
	rig_expect_refill(&rig, 0, 16);
	/* The last one first; nothing goes on before all are there. */
	rig_write(&rig, answers, (NINE - 1) * sizeof(answers[0]));
	assert_false(rig_sends(&rig, 20));
	caller_answer(&rig, answers[NINE - 1]);
	caller_expect(&rig, 0, "abcdefghi");
	caller_close(&rig);
}

static sp_verdict ask_all_kinds(sp_request *req, void *state)
{
	sp_call calls[] = { { .fn = GAMMA, .body = SP_S("g") },
			    { .fn = UNKNOWN, .body = SP_S("u") },
			    { .fn = ALPHA, .body = SP_S("a") },
			    { .fn = 4, .body = SP_S("4") },
			    { .fn = -1, .body = SP_S("m") } };
	sp_error first = sp_call_all(req, calls, 5);

	(void)state;
	if (sp_print(req, "%d %d %d %d %d %d %.*s %.*s", first, calls[0].error, calls[1].error,
		     calls[2].error, calls[3].error, calls[4].error, SP_ARG(calls[0].reply),
		     SP_ARG(calls[2].reply)) < 0)
		return SP_DROP;
	return SP_REPLY;
}

static void what_the_chain_does_not_declare_is_not_called(void **state)
{
	struct sp_desc alpha, gamma;
	char text[64];
	struct rig rig;

	(void)state;
	caller_open(&rig, ask_all_kinds);
	caller_ask(&rig, 0, "x");
	gamma = rig_expect(&rig, GAMMA_EDGE);
	alpha = rig_expect(&rig, ALPHA_EDGE);
	caller_answer(&rig, rig_reply(&rig, &alpha, "A"));
	caller_answer(&rig, rig_reply(&rig, &gamma, "G"));
	snprintf(text, sizeof(text), "%d 0 %d 0 %d %d G A", SP_EINTERNAL, SP_EINTERNAL,
		 SP_EINTERNAL, SP_EINTERNAL);
	caller_expect(&rig, 0, text);
	caller_close_with_log(&rig, "error call 4: .calls declares 4  request=0\n"
				    "error call -1: .calls declares 4  request=0\n"
				    "error the chain file declares no call unknown of fn  "
				    "request=0\n");
}

/* Called itself, it answers its caller; where there is no route that is the same. */
static sp_verdict ask_twice(sp_request *req, void *state)
{
	sp_call first = { .fn = ALPHA, .body = SP_S("1") }, second = { .fn = BETA };

	(void)state;
	if (sp_call_one(req, &first) != SP_OK)
		return SP_DROP;
	second.body = (sp_str){ first.reply.data, first.reply.len };
	if (sp_call_one(req, &second) != SP_OK ||
	    sp_set_body(req, second.reply.data, second.reply.len) < 0)
		return SP_DROP;
	return SP_NEXT;
}

static void who_is_called_calls_others(void **state)
{
	struct sp_desc d, call;
	struct rig rig;

	(void)state;
	caller_init(&rig);
	rig.rules.count = 0;
	caller_launch(&rig, ask_twice);
	d = rig_request_of_caller(&rig, 0, "x");
	rig_send(&rig, &d, 1);
	call = rig_expect(&rig, ALPHA_EDGE);
	caller_answer(&rig, rig_reply(&rig, &call, "one"));
	call = rig_expect(&rig, BETA_EDGE);
	assert_int_equal(call.len, 3);
	assert_memory_equal(rig_body(&rig, call.buf), "one", 3);
	caller_answer(&rig, rig_reply(&rig, &call, "two"));
	caller_expect(&rig, 0, "two");
	caller_close(&rig);
}

static void a_reply_may_come_in_another_buffer(void **state)
{
	struct sp_desc call;
	struct rig rig;

	(void)state;
	caller_open(&rig, ping);
	caller_ask(&rig, 0, "x");
	call = rig_expect(&rig, ALPHA_EDGE);
	caller_answer(&rig, rig_reply_in(&rig, &call, 700, "moved"));
	caller_expect(&rig, 0, "0 0 moved");
	assert_int_equal(rig_lent(&rig), CALLER_COUNT);
	/* It is the caller's now, as good as the one that was sent. */
	caller_ask(&rig, 1, "x");
	call = rig_expect(&rig, ALPHA_EDGE);
	assert_int_equal(call.buf, 700);
	caller_answer(&rig, rig_reply(&rig, &call, "again"));
	caller_expect(&rig, 1, "0 0 again");
	caller_close(&rig);
}

static void a_refusal_is_an_error_and_its_text(void **state)
{
	struct sp_desc call, answer;
	char text[32];
	struct rig rig;

	(void)state;
	caller_open(&rig, ping);
	caller_ask(&rig, 0, "x");
	call = rig_expect(&rig, ALPHA_EDGE);
	caller_answer(&rig, rig_refuse(&rig, &call, SP_ECONFLICT, "sold out"));
	snprintf(text, sizeof(text), "%d 0 sold out", SP_ECONFLICT);
	caller_expect(&rig, 0, text);
	/* One that nobody knows. */
	caller_ask(&rig, 0, "x");
	call = rig_expect(&rig, ALPHA_EDGE);
	answer = rig_refuse(&rig, &call, SP_OK, "?");
	rig_slot(&rig, call.buf)->error = SP_ERROR_COUNT;
	caller_answer(&rig, answer);
	snprintf(text, sizeof(text), "%d 0 ?", SP_EINTERNAL);
	caller_expect(&rig, 0, text);
	caller_close(&rig);
}

static void a_reply_that_is_garbage_is_not_read(void **state)
{
	struct sp_desc call, answer;
	char text[32];
	struct rig rig;

	(void)state;
	caller_open(&rig, ping);
	snprintf(text, sizeof(text), "%d 0 ", SP_EUPSTREAM);
	for (int i = 0; i < 4; i++) {
		struct shm_header *h;

		caller_ask(&rig, 0, "x");
		call = rig_expect(&rig, ALPHA_EDGE);
		answer = rig_reply(&rig, &call, "pong");
		h = rig_slot(&rig, call.buf);
		if (i == 0)
			memset(h, 0xff, sizeof(*h));
		else if (i == 1)
			h->slot_size += 64;
		else if (i == 2)
			h->body_buf = rig.table.layout.buffer_count + 1;
		else
			*h = (struct shm_header){ .slot_size = h->slot_size,
						  .meta_low = h->meta_low,
						  .body_buf = 1,
						  .body_len = 2049 };
		caller_answer(&rig, answer);
		caller_expect_release(&rig, call.buf); /* it is not known what it refers to */
		caller_expect(&rig, 0, text);
	}
	caller_close(&rig);
}

static void a_reply_may_refer_to_another_buffer(void **state)
{
	struct sp_desc call, answer;
	struct rig rig;

	(void)state;
	caller_open(&rig, ping);
	rig_request(&rig, 800, "in another place");
	caller_ask(&rig, 0, "x");
	call = rig_expect(&rig, ALPHA_EDGE);
	answer = rig_reply(&rig, &call, "");
	rig_slot(&rig, call.buf)->body_buf = 801;
	rig_slot(&rig, call.buf)->body_len = 10;
	caller_answer(&rig, answer);
	caller_expect_release(&rig, call.buf); /* for the gateway, to end the reference */
	caller_expect(&rig, 0, "0 0 in another");
	assert_int_equal(rig_lent(&rig), CALLER_COUNT - 1);
	caller_close(&rig);
}

static sp_verdict pass_on(sp_request *req, void *state)
{
	sp_call call = { .fn = ALPHA, .message = sp_alloc(req, 2000) };

	(void)state;
	if (!call.message.data || call.message.cap < 2000)
		return SP_DROP;
	memcpy(call.message.data, "built", call.message.len = 5);
	if (sp_call_one(req, &call) != SP_OK)
		return SP_DROP;
	call = (sp_call){ .fn = BETA, .topic = SP_S("t"), .message = call.reply };
	if (sp_call_one(req, &call) != SP_OK)
		return SP_DROP;
	sp_release(req, call.reply);
	return sp_emit_message(req, FOUND, call.reply) == -EINVAL ? SP_REPLY : SP_DROP;
}

static void a_message_is_passed_on_without_a_copy(void **state)
{
	struct sp_desc a, b;
	struct rig rig;

	(void)state;
	caller_open(&rig, pass_on);
	caller_ask(&rig, 0, "x");
	a = rig_expect(&rig, ALPHA_EDGE);
	assert_memory_equal(rig_body(&rig, a.buf), "built", 5);
	caller_answer(&rig, rig_reply(&rig, &a, "answer"));
	b = rig_expect(&rig, BETA_EDGE);
	assert_int_equal(b.buf, a.buf);
	assert_int_equal(b.len, 6);
	caller_answer(&rig, rig_reply(&rig, &b, "end"));
	caller_expect(&rig, 0, "x");
	assert_int_equal(rig_counter(&rig, "copied_bytes"), 0);
	assert_int_equal(rig_lent(&rig), CALLER_COUNT);
	caller_close(&rig);
}

static sp_verdict keep_errno(sp_request *req, void *state)
{
	sp_call call = { .fn = ALPHA, .body = sp_view(req) };
	int own = sp_view(req).data[0];
	sp_error error;

	(void)state;
	errno = own;
	error = sp_call_one(req, &call);
	return error == SP_OK && errno == own ? SP_REPLY : SP_DROP;
}

static void errno_is_each_requests_own(void **state)
{
	struct sp_desc a, b;
	struct rig rig;

	(void)state;
	caller_open(&rig, keep_errno);
	caller_ask(&rig, 0, "A");
	a = rig_expect(&rig, ALPHA_EDGE);
	caller_ask(&rig, 1, "B");
	b = rig_expect(&rig, ALPHA_EDGE);
	caller_answer(&rig, rig_reply(&rig, &a, "1"));
	caller_expect(&rig, 0, "A");
	caller_answer(&rig, rig_reply(&rig, &b, "2"));
	caller_expect(&rig, 1, "B");
	caller_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_call_and_its_reply),
		cmocka_unit_test(nine_calls_leave_in_one_send),
		cmocka_unit_test(what_the_chain_does_not_declare_is_not_called),
		cmocka_unit_test(who_is_called_calls_others),
		cmocka_unit_test(a_reply_may_come_in_another_buffer),
		cmocka_unit_test(a_refusal_is_an_error_and_its_text),
		cmocka_unit_test(a_reply_that_is_garbage_is_not_read),
		cmocka_unit_test(a_reply_may_refer_to_another_buffer),
		cmocka_unit_test(a_message_is_passed_on_without_a_copy),
		cmocka_unit_test(errno_is_each_requests_own),
	};

	return cmocka_run_group_tests_name("process_call", tests, NULL, NULL);
}
