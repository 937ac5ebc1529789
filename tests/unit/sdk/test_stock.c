// SPDX-License-Identifier: Apache-2.0
/* test_stock.c - buffers lent by the gateway, in a real process: asked for before they are needed,
 * waited for in order, denied, too many, and given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sdk/caller.h"

/* Of class 1: 211 buffers, of which 6 may be in stock; more are asked for below 3. */
#define MAX 6
#define LOW 3
#define WANT(waiting) ((waiting) + 2 * LOW)

/* The body is the size to grow to. */
static sp_verdict grow(sp_request *req, void *state)
{
	sp_buf body = sp_body(req);
	size_t old = body.len, want;

	(void)state;
	if (old == 0 || body.data[0] == 'n')
		return SP_NEXT;
	want = strtoul(body.data, NULL, 10);
	body = sp_resize(req, want);
	if (!body.data)
		return sp_fail(req, SP_ETOOBIG, "no room for %zu", want);
	memset(body.data + old, '.', want - old);
	if (sp_set_header(req, "x-grown", SP_S("yes")) < 0)
		return sp_fail(req, SP_EINTERNAL, "header");
	return SP_REPLY;
}

static const sp_function function = { .abi = SP_ABI, .name = "grow", .on_request = grow };

static void launch(struct rig *rig)
{
	rig_init(rig);
	rig_rule(rig, 0, 5);
	assert_int_equal(rig_launch(rig, &function).type, WIRING_READY);
}

static uint32_t first_of(const struct rig *rig, uint32_t cls)
{
	return rig->table.layout.classes[cls].first;
}

/* The releases of the old buffers and the answers from the new ones, each after its release. */
static void expect_moved(struct rig *rig, uint32_t from, uint32_t to, uint32_t len, uint32_t count)
{
	uint32_t released = 0, answered = 0;
	struct sp_desc got[ALL];

	while (answered < count) {
		size_t n = rig_read(rig, got);

		for (size_t i = 0; i < n; i++) {
			assert_int_equal(got[i].home, 1);
			if (got[i].edge == SP_EDGE_RELEASE) {
				assert_int_equal(got[i].flags, SP_DESC_MOVED);
				assert_int_equal(got[i].buf, from + released);
				assert_int_equal(got[i].len, to + released);
				released++;
				continue;
			}
			assert_int_equal(got[i].edge, SP_EDGE_REPLY);
			assert_int_equal(got[i].flags, 0);
			assert_int_equal(got[i].buf, to + answered);
			assert_int_equal(got[i].len, len);
			answered++;
			assert_true(answered <= released);
		}
	}
	assert_int_equal(released, count);
}

static void check_moved_content(struct rig *rig, uint32_t to, const char *size)
{
	const struct shm_class *c = shm_layout_class(&rig->table.layout, to);
	uint32_t len = (uint32_t)strtoul(size, NULL, 10);
	struct shm_header *slot = rig_slot(rig, to), h;
	struct shm_field field;

	assert_int_equal(shm_header_check(slot, c->stride, len, &h), 0);
	assert_int_equal(h.path.len, 5);
	assert_memory_equal(shm_slice_data(slot, h.path), "/path", 5);
	assert_true(shm_record_find(slot, h.response_headers, "x-grown", 7, &field));
	assert_memory_equal(rig_body(rig, to), size, strlen(size));
	for (size_t i = strlen(size); i < len; i++)
		assert_int_equal(rig_body(rig, to)[i], '.');
}

static void more_is_asked_for_before_it_is_dry(void **state)
{
	struct sp_desc got[ALL];
	struct rig rig;
	uint32_t first;

	(void)state;
	launch(&rig);
	first = first_of(&rig, 1);
	caller_ask(&rig, 0, "5000");
	rig_expect_refill(&rig, 1, WANT(1));
	rig_grant(&rig, first, WANT(1));
	expect_moved(&rig, 0, first, 5000, 1); /* the first one for who waits */
	check_moved_content(&rig, first, "5000");
	for (uint32_t i = 1; i <= MAX - LOW + 1; i++) { /* the last one first */
		caller_ask(&rig, i, "16384");
		expect_moved(&rig, i, first + MAX + 1 - i, 16384, 1);
	}
	rig_expect_refill(&rig, 1, WANT(0));
	rig_grant(&rig, first + 10, WANT(0));
	/* Two were there: what is above the limit is not kept. */
	assert_int_equal(rig_read(&rig, got), 2);
	assert_int_equal(got[0].edge, SP_EDGE_RELEASE);
	assert_int_equal(got[0].buf, first + 14);
	assert_int_equal(got[1].buf, first + 15);
	assert_int_equal(rig_lent(&rig), MAX);
	caller_close(&rig);
}

/* Asked again in between, the kernel would cut it off. */
static void an_answer_in_two_reads_is_one_answer(void **state)
{
	struct sp_desc d[2];
	struct rig rig;
	uint32_t first;

	(void)state;
	launch(&rig);
	first = first_of(&rig, 1);
	d[0] = rig_request(&rig, 0, "5000");
	d[1] = rig_request(&rig, 1, "5000");
	rig_send(&rig, d, 2);
	rig_expect_refill(&rig, 1, WANT(2));
	rig_grant_some(&rig, first, 1, WANT(2) - 1);
	expect_moved(&rig, 0, first, 5000, 1);
	assert_false(rig_sends(&rig, 20)); /* though another waits */
	rig_grant(&rig, first + 1, WANT(2) - 1);
	expect_moved(&rig, 1, first + 1, 5000, 1);
	caller_close(&rig);
}

static void large_buffers_are_asked_for_one_by_one(void **state)
{
	struct rig rig;
	uint32_t first;

	(void)state;
	launch(&rig);
	first = first_of(&rig, 3);
	for (uint32_t i = 0; i < 3; i++) {
		caller_ask(&rig, i, "200000");
		rig_expect_refill(&rig, 3, 1);
		rig_grant(&rig, first + i, 1);
		expect_moved(&rig, i, first + i, 200000, 1);
		check_moved_content(&rig, first + i, "200000");
	}
	caller_close(&rig);
}

static void who_finds_none_waits_in_order(void **state)
{
	struct sp_desc d[3];
	struct rig rig;
	uint32_t first;

	(void)state;
	launch(&rig);
	first = first_of(&rig, 1);
	for (uint32_t i = 0; i < 3; i++)
		d[i] = rig_request(&rig, i, "5000");
	rig_send(&rig, d, 3);
	rig_expect_refill(&rig, 1, WANT(3));
	rig_grant(&rig, first, 2);
	expect_moved(&rig, 0, first, 5000, 2);
	rig_expect_refill(&rig, 1, WANT(1));
	rig_grant(&rig, first + 2, 1);
	expect_moved(&rig, 2, first + 2, 5000, 1);
	caller_close(&rig);
}

static void others_go_on_meanwhile(void **state)
{
	struct sp_desc d[3], got[ALL];
	size_t count = 0;
	struct rig rig;

	(void)state;
	launch(&rig);
	d[0] = rig_request(&rig, 0, "next");
	d[1] = rig_request(&rig, 1, "5000");
	d[2] = rig_request(&rig, 2, "next");
	rig_send(&rig, d, 3);
	while (count < 3) {
		count += rig_read(&rig, got);
		assert_true(got[0].edge == 5 || got[0].edge == SP_EDGE_REFILL);
	}
	caller_ask(&rig, 3, "next");
	assert_int_equal(rig_expect(&rig, 5).buf, 3);
	rig_grant(&rig, first_of(&rig, 1), 1);
	expect_moved(&rig, 1, first_of(&rig, 1), 5000, 1);
	caller_close(&rig);
}

static void a_wait_ends_with_the_deadline(void **state)
{
	struct sp_desc d[3], got[ALL];
	uint64_t begin = rig_now();
	size_t count = 0;
	struct rig rig;
	uint32_t first;

	(void)state;
	launch(&rig);
	first = first_of(&rig, 1);
	for (uint32_t i = 0; i < 3; i++) {
		d[i] = rig_request(&rig, i, "5000");
		if (i != 1)
			rig_slot(&rig, i)->deadline_ns = begin + 40 * MS_NS;
	}
	rig_send(&rig, d, 3);
	rig_expect_refill(&rig, 1, WANT(3));
	while (count < 2) {
		count += rig_read(&rig, got);
		assert_int_equal(got[0].flags, SP_DESC_FAILED | SP_DESC_BLAMELESS);
		assert_true(got[0].buf != 1);
	}
	assert_true(rig_now() >= begin + 40 * MS_NS);
	assert_memory_equal(rig_body(&rig, 0), "no room for 5000", 16);
	/* The line is whole: the one between the two, and who comes now. */
	d[0] = caller_ask(&rig, 5, "5000");
	rig_grant(&rig, first, 1);
	expect_moved(&rig, 1, first, 5000, 1);
	rig_expect_refill(&rig, 1, WANT(1));
	rig_grant(&rig, first + 1, WANT(1));
	expect_moved(&rig, 5, first + 1, 5000, 1);
	caller_close(&rig);
}

static void who_is_denied_asks_again_a_little_later(void **state)
{
	struct rig rig;
	uint64_t begin;

	(void)state;
	launch(&rig);
	caller_ask(&rig, 0, "5000");
	rig_expect_refill(&rig, 1, WANT(1));
	begin = rig_now();
	for (int i = 0; i < 3; i++) {
		rig_deny(&rig);
		rig_expect_refill(&rig, 1, WANT(1));
	}
	assert_true(rig_now() - begin >= 7 * MS_NS); /* 1, 2 and 4 ms */
	rig_grant(&rig, first_of(&rig, 1), 1);
	expect_moved(&rig, 0, first_of(&rig, 1), 5000, 1);
	caller_close(&rig);
}

static void what_runs_low_is_asked_for_again_too(void **state)
{
	struct rig rig;

	(void)state;
	caller_init(&rig);
	assert_int_equal(rig_launch(&rig, &function).type, WIRING_READY);
	rig_expect_refill(&rig, 0, CALLER_COUNT); /* it calls, so it begins with some */
	rig_deny(&rig);
	rig_expect_refill(&rig, 0, CALLER_COUNT);
	rig_grant(&rig, CALLER_STOCK, CALLER_COUNT);
	caller_close(&rig);
}

/* How often it went to sleep so far. */
static unsigned long sleeps(const struct rig *rig)
{
	static const char name[] = "\nvoluntary_ctxt_switches:";
	char path[64], text[4096];
	const char *at;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", rig->pid);
	f = fopen(path, "re");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	at = strstr(text, name);
	assert_non_null(at);
	return strtoul(at + strlen(name), NULL, 10);
}

static void nobody_asks_for_what_nobody_needs(void **state)
{
	struct rig rig;
	unsigned long before;

	(void)state;
	launch(&rig);
	caller_ask_within(&rig, 0, "200000", 20 * MS_NS);
	rig_expect_refill(&rig, 3, 1);
	caller_expect_failed(&rig, 0, SP_ETOOBIG, "no room for 200000");
	rig_deny(&rig);
	before = sleeps(&rig);
	assert_false(rig_sends(&rig, 300)); /* it sleeps all the while */
	assert_true(sleeps(&rig) - before < 10);
	caller_ask(&rig, 1, "200000");
	rig_expect_refill(&rig, 3, 1);
	rig_grant(&rig, first_of(&rig, 3), 1);
	expect_moved(&rig, 1, first_of(&rig, 3), 200000, 1);
	caller_close(&rig);
}

static void above_every_class_nobody_is_asked(void **state)
{
	struct rig rig;

	(void)state;
	launch(&rig);
	caller_ask(&rig, 0, "300000");
	caller_expect_failed(&rig, 0, SP_ETOOBIG, "no room for 300000");
	caller_close(&rig);
}

static void a_larger_class_will_do_a_smaller_will_not(void **state)
{
	struct rig rig;

	(void)state;
	launch(&rig);
	caller_ask(&rig, 0, "5000");
	rig_expect_refill(&rig, 1, WANT(1));
	rig_grant(&rig, first_of(&rig, 2), 1);
	expect_moved(&rig, 0, first_of(&rig, 2), 5000, 1);
	check_moved_content(&rig, first_of(&rig, 2), "5000");
	caller_ask(&rig, 1, "5000");
	rig_expect_refill(&rig, 1, WANT(1));
	rig_grant(&rig, 500, 1); /* of class 0 */
	rig_expect_refill(&rig, 1, WANT(1));
	rig_grant(&rig, first_of(&rig, 1), 1);
	expect_moved(&rig, 1, first_of(&rig, 1), 5000, 1);
	caller_close(&rig);
}

static void eof_ends_the_wait(void **state)
{
	struct rig rig;

	(void)state;
	launch(&rig);
	caller_ask(&rig, 0, "5000");
	rig_expect_refill(&rig, 1, WANT(1));
	caller_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_is_asked_for_before_it_is_dry),
		cmocka_unit_test(an_answer_in_two_reads_is_one_answer),
		cmocka_unit_test(large_buffers_are_asked_for_one_by_one),
		cmocka_unit_test(who_finds_none_waits_in_order),
		cmocka_unit_test(others_go_on_meanwhile),
		cmocka_unit_test(a_wait_ends_with_the_deadline),
		cmocka_unit_test(who_is_denied_asks_again_a_little_later),
		cmocka_unit_test(what_runs_low_is_asked_for_again_too),
		cmocka_unit_test(nobody_asks_for_what_nobody_needs),
		cmocka_unit_test(above_every_class_nobody_is_asked),
		cmocka_unit_test(a_larger_class_will_do_a_smaller_will_not),
		cmocka_unit_test(eof_ends_the_wait),
	};

	return cmocka_run_group_tests_name("stock", tests, NULL, NULL);
}
