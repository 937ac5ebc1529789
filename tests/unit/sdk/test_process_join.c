// SPDX-License-Identifier: Apache-2.0
/* test_process_join.c - fan-out and join in a real process: who is waited for, what goes on, and
 * what the function at the join is given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sdk/caller.h"

#define BRANCHES 3

static sp_verdict next(sp_request *req, void *state)
{
	(void)req;
	(void)state;
	return SP_NEXT;
}

/* By SP_NEXT it goes to alpha, beta and gamma, and with what they say to edge 5. */
static void group_add(struct rig *rig, uint8_t need, uint32_t timeout_ms, uint8_t partial)
{
	struct rule_group *group;

	caller_init(rig);
	group = &rig->rules.groups[rig->rules.group_count++];
	*group = (struct rule_group){ .timeout_ns = (uint64_t)timeout_ms * MS_NS,
				      .count = BRANCHES,
				      .need = need,
				      .partial = partial };
	memcpy(group->members, rig->rules.calls, BRANCHES * sizeof(group->members[0]));
	rig->rules.rules[0].group = 1;
}

/* The request of buffer 0 on its way to all three. */
static void fan_out(struct rig *rig, uint8_t need, uint32_t timeout_ms, uint8_t partial,
		    struct sp_desc branches[BRANCHES])
{
	group_add(rig, need, timeout_ms, partial);
	caller_launch(rig, next);
	caller_ask(rig, 0, "body");
	for (uint8_t i = 0; i < BRANCHES; i++) {
		const struct shm_header *h;

		branches[i] = rig_expect(rig, ALPHA_EDGE + i);
		h = rig_slot(rig, branches[i].buf);
		assert_true(branches[i].flags & SP_DESC_SHARES);
		assert_int_equal(h->body_buf, 1);
		assert_int_equal(h->body_len, 4);
		assert_int_equal(h->alone, 0);
		assert_int_equal(h->path.len, 5);
	}
	assert_int_equal(rig->buffers[0].refs, BRANCHES);
}

/* The request and `count` parts, in one send; what is no answer any more is released first. */
static void expect_joined(struct rig *rig, struct sp_desc *const parts[], uint32_t count)
{
	struct sp_desc got[ALL];
	size_t n;

	do
		n = rig_read(rig, got);
	while (got[0].edge == SP_EDGE_RELEASE);
	assert_int_equal(n, 1 + count);
	assert_int_equal(got[0].edge, 5);
	assert_int_equal(got[0].buf, 0);
	assert_int_equal(got[0].len, 4);
	assert_int_equal(got[0].flags & SP_DESC_PART, 0);
	assert_int_equal(rig_slot(rig, 0)->parts, count);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(got[1 + i].flags, SP_DESC_PART);
		assert_int_equal(got[1 + i].buf, parts[i]->buf);
		assert_int_equal(rig_slot(rig, got[1 + i].buf)->part_fn,
				 4 + parts[i]->edge - ALPHA_EDGE);
	}
}

/* The body of a failure goes into another buffer: the branches may still read this one. */
static void expect_failed(struct rig *rig, sp_error error, const char *text)
{
	struct sp_desc got[ALL];

	do
		rig_read(rig, got);
	while (got[0].edge == SP_EDGE_RELEASE);
	assert_int_equal(got[0].edge, SP_EDGE_REPLY);
	assert_int_equal(got[0].flags, SP_DESC_FAILED);
	assert_int_not_equal(got[0].buf, 0);
	assert_int_equal(rig_slot(rig, got[0].buf)->error, error);
	assert_int_equal(got[0].len, strlen(text));
	assert_memory_equal(rig_body(rig, got[0].buf), text, strlen(text));
}

static void all_are_waited_for_and_go_on_in_order(void **state)
{
	static const uint32_t order[] = { 2, 0, 1 };
	struct sp_desc b[BRANCHES];
	struct rig rig;

	(void)state;
	fan_out(&rig, BRANCHES, 0, 0, b);
	for (uint32_t i = 0; i < BRANCHES; i++) {
		assert_false(rig_sends(&rig, 10));
		caller_answer(&rig, rig_reply(&rig, &b[order[i]], "answer"));
	}
	expect_joined(&rig, (struct sp_desc *[]){ &b[0], &b[1], &b[2] }, 3);
	assert_int_equal(rig_counter(&rig, "copied_bytes"), 0);
	caller_close(&rig);
}

static void one_that_fails_fails_all(void **state)
{
	struct sp_desc b[BRANCHES];
	struct rig rig;

	(void)state;
	fan_out(&rig, BRANCHES, 0, 0, b);
	caller_answer(&rig, rig_reply(&rig, &b[0], "answer"));
	caller_answer(&rig, rig_refuse(&rig, &b[1], SP_ECONFLICT, "sold out"));
	caller_expect_cancel(&rig, &b[2]);
	expect_failed(&rig, SP_EUPSTREAM, "beta failed: sold out");
	caller_answer(&rig, rig_reply(&rig, &b[2], "late"));
	caller_expect_release(&rig, b[2].buf);
	caller_close(&rig);
}

static void any_is_the_first_good_one(void **state)
{
	struct sp_desc b[BRANCHES];
	struct rig rig;

	(void)state;
	fan_out(&rig, 1, 0, 0, b);
	caller_answer(&rig, rig_refuse(&rig, &b[2], SP_ECONFLICT, "no"));
	assert_false(rig_sends(&rig, 10));
	caller_answer(&rig, rig_reply(&rig, &b[1], "answer"));
	caller_expect_cancel(&rig, &b[0]);
	/* What was refused goes along, and says so. */
	expect_joined(&rig, (struct sp_desc *[]){ &b[1], &b[2] }, 2);
	assert_int_equal(rig_slot(&rig, b[1].buf)->error, SP_OK);
	assert_int_equal(rig_slot(&rig, b[2].buf)->error, SP_ECONFLICT);
	caller_answer(&rig, rig_reply(&rig, &b[0], "late"));
	caller_expect_release(&rig, b[0].buf);
	caller_close(&rig);
}

static void so_many_are_enough(void **state)
{
	struct sp_desc b[BRANCHES];
	struct rig rig;

	(void)state;
	fan_out(&rig, 2, 0, 0, b);
	caller_answer(&rig, rig_reply(&rig, &b[2], "answer"));
	assert_false(rig_sends(&rig, 10));
	caller_answer(&rig, rig_reply(&rig, &b[0], "answer"));
	caller_expect_cancel(&rig, &b[1]);
	expect_joined(&rig, (struct sp_desc *[]){ &b[0], &b[2] }, 2);
	caller_answer(&rig, rig_refuse(&rig, &b[1], SP_ECANCELED, ""));
	caller_expect_release(&rig, b[1].buf);
	caller_close(&rig);
}

static void after_the_time_it_goes_on_with_some_or_fails(void **state)
{
	for (uint8_t partial = 0; partial < 2; partial++) {
		uint64_t begin = rig_now();
		struct sp_desc b[BRANCHES];
		struct rig rig;

		(void)state;
		fan_out(&rig, BRANCHES, 50, partial, b);
		assert_true(rig_slot(&rig, b[0].buf)->deadline_ns >= begin + 50 * MS_NS);
		caller_answer(&rig, rig_reply(&rig, &b[1], "answer"));
		caller_expect_cancel(&rig, &b[0]);
		caller_expect_cancel(&rig, &b[2]);
		assert_true(rig_now() >= begin + 50 * MS_NS);
		if (partial)
			expect_joined(&rig, (struct sp_desc *[]){ &b[1] }, 1);
		else
			expect_failed(&rig, SP_ETIMEOUT,
				      "1 of 3 branches answered in time, 3 are needed");
		for (uint32_t i = 0; i < BRANCHES; i += 2) {
			caller_answer(&rig, rig_reply(&rig, &b[i], "late"));
			caller_expect_release(&rig, b[i].buf);
		}
		caller_close(&rig);
	}
}

/* What goes to the branches needs buffers first: with none, it ends as late as any other wait. */
static void a_wait_for_buffers_takes_of_the_time(void **state)
{
	const sp_function function = { .abi = SP_ABI, .name = "caller", .on_request = next };
	uint64_t begin = rig_now();
	struct rig rig;

	(void)state;
	group_add(&rig, BRANCHES, 30, 1);
	assert_int_equal(rig_launch(&rig, &function).type, WIRING_READY);
	rig_expect_refill(&rig, 0, CALLER_COUNT);
	caller_ask(&rig, 0, "body");
	expect_joined(&rig, NULL, 0);
	assert_true(rig_now() >= begin + 30 * MS_NS);
	caller_close(&rig);
}

static void a_cancel_ends_all_branches(void **state)
{
	struct sp_desc b[BRANCHES], d;
	struct rig rig;

	(void)state;
	fan_out(&rig, BRANCHES, 0, 1, b);
	d = (struct sp_desc){ .buf = 0, .gen = 1000, .home = 1 };
	rig_cancel(&rig, &d);
	for (uint32_t i = 0; i < BRANCHES; i++)
		caller_expect_cancel(&rig, &b[i]);
	rig_eof(&rig);
	rig_drain(&rig);
	assert_int_equal(rig.buffers[0].hold, RIG_OURS);
	assert_int_equal(rig_lent(&rig), BRANCHES);
	assert_int_equal(rig_wait(&rig), 0);
}

/* ---- at the join ---- */

/* "alpha:0:text beta:5:text ..." */
static sp_verdict list_parts(sp_request *req, void *state)
{
	char text[512];
	size_t at = 0;
	sp_part part;

	(void)state;
	if (sp_part_count(req) == 0)
		return SP_NEXT;
	for (size_t i = 0; sp_part_at(req, i, &part) == 0; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%.*s:%d:%.*s ",
				       SP_ARG(part.function), part.error, SP_ARG(part.body));
	return sp_set_body(req, text, at) == 0 ? SP_REPLY : SP_DROP;
}

static struct sp_desc part(struct rig *rig, uint32_t index, uint16_t fn, const char *body)
{
	struct sp_desc d = rig_request(rig, index, body);

	rig_slot(rig, index)->part_fn = fn;
	d.flags = SP_DESC_PART;
	return d;
}

#define BEFORE 61 /* requests in the same read */

/* A read brings 64 descriptors: the request and two of its parts, not the others. */
static void parts_may_come_in_two_reads(void **state)
{
	struct sp_desc d[BEFORE + 6], got[ALL];
	bool joined = false;
	uint32_t seen = 0;
	struct rig rig;

	(void)state;
	caller_open(&rig, list_parts);
	for (uint32_t i = 0; i < BEFORE; i++)
		d[i] = rig_request(&rig, 100 + i, "plain");
	d[BEFORE] = rig_request(&rig, 0, "body");
	rig_slot(&rig, 0)->parts = 4;
	d[BEFORE + 1] = part(&rig, 10, 4, "one");
	d[BEFORE + 2] = part(&rig, 11, 5, "two");
	rig_slot(&rig, 11)->error = SP_ECONFLICT;
	d[BEFORE + 3] = part(&rig, 12, 6, ""); /* has left the body as it was */
	rig_slot(&rig, 12)->body_buf = 1;
	rig_slot(&rig, 12)->body_len = 4;
	d[BEFORE + 4] = part(&rig, 13, 50, "unknown");
	d[BEFORE + 5] = rig_request(&rig, 1, "behind");
	rig_send(&rig, d, BEFORE + 6);
	rig.buffers[12].ref = 1;
	rig.buffers[0].refs = 1;
	while (seen < BEFORE + 2) {
		size_t n = rig_read(&rig, got);

		if (got[0].edge != 5 && got[0].edge != SP_EDGE_REPLY)
			continue;
		seen += (uint32_t)n;
		joined |= got[0].edge == SP_EDGE_REPLY;
	}
	assert_true(joined);
	assert_string_equal(rig_body(&rig, 0), "alpha:0:one beta:4:two gamma:0:body :0:unknown ");
	assert_int_equal(rig_lent(&rig), CALLER_COUNT);
	caller_close(&rig);
}

static void parts_that_are_wrong_harm_nobody(void **state)
{
	struct sp_desc d[6], got[ALL];
	struct rig rig;
	char text[64];

	(void)state;
	caller_open(&rig, list_parts);
	d[0] = part(&rig, 20, 4, "of nobody");
	d[1] = rig_request(&rig, 0, "body");
	rig_slot(&rig, 0)->parts = 7; /* more than there are */
	d[2] = part(&rig, 10, 4, "garbage");
	memset(rig_slot(&rig, 10), 0xff, sizeof(struct shm_header));
	d[3] = part(&rig, 11, 5, "");
	rig_slot(&rig, 11)->body_buf = rig.table.layout.buffer_count + 1;
	d[4] = rig_request(&rig, 1, "garbage");
	memset(rig_slot(&rig, 1), 0xff, sizeof(struct shm_header));
	d[5] = part(&rig, 12, 4, "of that one");
	rig_send(&rig, d, 6);
	for (uint32_t seen = 0; seen < 2;) {
		size_t n = rig_read(&rig, got);

		seen += got[0].edge == SP_EDGE_REPLY ? (uint32_t)n : 0;
	}
	snprintf(text, sizeof(text), ":%d: :%d: ", SP_EUPSTREAM, SP_EUPSTREAM);
	assert_memory_equal(rig_body(&rig, 0), text, strlen(text));
	assert_int_equal(rig_slot(&rig, 1)->error, SP_EUPSTREAM);
	assert_int_equal(rig_lent(&rig), CALLER_COUNT);
	caller_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_waited_for_and_go_on_in_order),
		cmocka_unit_test(one_that_fails_fails_all),
		cmocka_unit_test(any_is_the_first_good_one),
		cmocka_unit_test(so_many_are_enough),
		cmocka_unit_test(after_the_time_it_goes_on_with_some_or_fails),
		cmocka_unit_test(a_wait_for_buffers_takes_of_the_time),
		cmocka_unit_test(a_cancel_ends_all_branches),
		cmocka_unit_test(parts_may_come_in_two_reads),
		cmocka_unit_test(parts_that_are_wrong_harm_nobody),
	};

	return cmocka_run_group_tests_name("process_join", tests, NULL, NULL);
}
