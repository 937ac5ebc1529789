// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/sdk/caller.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

void caller_init(struct rig *rig)
{
	rig_init(rig);
	rig_rule(rig, 0, 5);
	rig_rule(rig, 1, 6);
	rig_call(rig, ALPHA_EDGE, 4, "alpha");
	rig_call(rig, BETA_EDGE, 5, "beta");
	rig_call(rig, GAMMA_EDGE, 6, "gamma");
}

void caller_launch(struct rig *rig, caller_handler *handler)
{
	static const char *const edges[] = { "found", "none", NULL };
	static const char *const calls[] = { "alpha", "beta", "gamma", "unknown", NULL };
	const sp_function function = { .abi = SP_ABI,
				       .name = "caller",
				       .on_request = handler,
				       .edges = edges,
				       .calls = calls };

	assert_int_equal(rig_launch(rig, &function).type, WIRING_READY);
	rig_expect_refill(rig, 0, CALLER_COUNT);
	rig_grant(rig, CALLER_STOCK, CALLER_COUNT);
}

void caller_open(struct rig *rig, caller_handler *handler)
{
	caller_init(rig);
	caller_launch(rig, handler);
}

struct sp_desc caller_ask(struct rig *rig, uint32_t index, const char *body)
{
	struct sp_desc d = rig_request(rig, index, body);

	rig_send(rig, &d, 1);
	return d;
}

struct sp_desc caller_ask_within(struct rig *rig, uint32_t index, const char *body, uint64_t ns)
{
	struct sp_desc d = rig_request(rig, index, body);

	rig_slot(rig, index)->deadline_ns = rig_now() + ns;
	rig_send(rig, &d, 1);
	return d;
}

void caller_answer(struct rig *rig, struct sp_desc d)
{
	rig_write(rig, &d, sizeof(d));
}

void caller_expect(struct rig *rig, uint32_t index, const char *body)
{
	struct sp_desc d = rig_expect(rig, SP_EDGE_REPLY);

	assert_int_equal(d.buf, index);
	assert_int_equal(d.flags, 0);
	assert_int_equal(d.len, strlen(body));
	assert_memory_equal(rig_body(rig, index), body, d.len);
}

void caller_expect_failed(struct rig *rig, uint32_t index, sp_error error, const char *text)
{
	struct sp_desc d = rig_expect(rig, SP_EDGE_REPLY);

	assert_int_equal(d.buf, index);
	assert_int_equal(d.flags, rig_failed_flags(error));
	assert_int_equal(rig_slot(rig, index)->error, error);
	assert_int_equal(d.len, strlen(text));
	assert_memory_equal(rig_body(rig, index), text, d.len);
}

void caller_expect_release(struct rig *rig, uint32_t index)
{
	struct sp_desc d = rig_expect(rig, SP_EDGE_RELEASE);

	assert_int_equal(d.buf, index);
	assert_int_equal(d.flags, 0);
	assert_int_equal(d.home, RIG_HOME);
}

void caller_expect_cancel(struct rig *rig, const struct sp_desc *call)
{
	struct sp_desc d = rig_expect(rig, SP_EDGE_CANCEL);

	assert_int_equal(d.buf, call->buf);
	assert_int_equal(d.gen, call->gen);
}

void caller_ask_by_reference(struct rig *rig, uint32_t index)
{
	struct sp_desc d = rig_request(rig, index, "");

	rig_request(rig, CALLER_ROOT, CALLER_BODY);
	rig_slot(rig, index)->body_buf = CALLER_ROOT + 1;
	rig_slot(rig, index)->body_len = strlen(CALLER_BODY);
	rig->buffers[index].ref = CALLER_ROOT + 1;
	rig->buffers[CALLER_ROOT].refs = 1;
	rig_send(rig, &d, 1);
}

struct sp_desc caller_expect_moved(struct rig *rig, uint32_t from)
{
	struct sp_desc moved = rig_expect(rig, SP_EDGE_RELEASE), d;

	assert_int_equal(moved.flags, SP_DESC_MOVED);
	assert_int_equal(moved.buf, from);
	d = rig_expect(rig, SP_EDGE_REPLY);
	assert_int_equal(d.buf, moved.len);
	assert_int_equal(d.flags, 0);
	return d;
}

void caller_check_reference(struct rig *rig, const struct sp_desc *d, uint32_t index)
{
	const struct shm_header *h = rig_slot(rig, d->buf);

	assert_true(d->flags & SP_DESC_SHARES);
	assert_int_equal(h->body_buf, index + 1);
	assert_int_equal(h->body_len, strlen(CALLER_BODY));
}

void caller_close_with_log(struct rig *rig, const char *log)
{
	rig_eof(rig);
	rig_drain(rig);
	assert_int_equal(rig_lent(rig), 0);
	assert_int_equal(rig_wait(rig), 0);
	assert_string_equal(rig_log(rig), log);
}

void caller_close(struct rig *rig)
{
	caller_close_with_log(rig, "");
}

sp_verdict caller_print(sp_request *req, sp_call *call)
{
	sp_error error = sp_call_one(req, call);

	if (error != call->error)
		return sp_fail(req, SP_EINTERNAL, "returned %d for %d", error, call->error);
	if (sp_print(req, "%d %d %.*s", error, call->status, SP_ARG(call->reply)) < 0)
		return sp_fail(req, SP_EINTERNAL, "no room");
	return SP_REPLY;
}
