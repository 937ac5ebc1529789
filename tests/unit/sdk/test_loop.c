// SPDX-License-Identifier: Apache-2.0
/* test_loop.c - the process loop over real sockets, with the test as gateway and kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sdk/obey.h"

static void a_request_goes_on_changed_in_place(void **state)
{
	struct sp_desc d, got[ALL];
	struct rig rig;

	(void)state;
	obey_launch(&rig);
	d = rig_request(&rig, 3, "next");
	d.home = 9;
	d.flags = 2 | SP_DESC_ELEPHANT | SP_DESC_FAILED;
	rig_send(&rig, &d, 1);
	assert_int_equal(rig_read(&rig, got), 1);
	assert_int_equal(got[0].edge, 5);
	assert_int_equal(got[0].home, 9);
	assert_int_equal(got[0].flags, 2 | SP_DESC_ELEPHANT);
	assert_int_equal(got[0].gen, 1003);
	assert_int_equal(got[0].len, 4);
	assert_memory_equal(rig_body(&rig, 3), "nEXT", 4);
	assert_int_equal(rig_slot(&rig, 3)->hops, 1);
	assert_int_equal(rig_counter(&rig, "handled"), 1);
	assert_int_equal(rig_counter(&rig, "finished"), 0);
	obey_stop(&rig);
	assert_int_equal(rig_counter(&rig, "finished"), 1);
}

static void verdicts_become_edges(void **state)
{
	struct sp_desc d;
	struct rig rig;

	(void)state;
	obey_launch(&rig);
	assert_int_equal(obey_one(&rig, "next").edge, 5);
	assert_int_equal(obey_one(&rig, "0").edge, 6);
	d = obey_one(&rig, "reply");
	assert_int_equal(d.edge, SP_EDGE_REPLY);
	assert_int_equal(d.flags, 0);
	assert_int_equal(d.len, 5);
	d = obey_one(&rig, "drop");
	assert_int_equal(d.edge, SP_EDGE_REPLY);
	assert_int_equal(d.flags, SP_DESC_DROPPED);
	assert_int_equal(d.len, 0);
	obey_stop(&rig);
}

/* From request to request, in a process that runs. */
static void routes_change_while_it_serves(void **state)
{
	struct rule_table rules;
	struct rig rig;

	(void)state;
	obey_launch(&rig);
	rules = rig.rules;
	assert_int_equal(obey_one(&rig, "next").edge, 5);
	for (uint8_t edge = 7; edge < 17; edge++) {
		rules.rules[0].wire_edge = edge;
		wiring_page_rules(rig.page, &rules);
		assert_int_equal(obey_one(&rig, "next").edge, edge);
		assert_int_equal(obey_one(&rig, "0").edge, 6);
	}
	rules.count = 0;
	wiring_page_rules(rig.page, &rules);
	obey_expect_failed(&rig, obey_one(&rig, "next"), SP_EINTERNAL,
			   "no route for edge next of fn");
	wiring_page_rules(rig.page, &rig.rules);
	assert_int_equal(obey_one(&rig, "next").edge, 5);
	obey_stop(&rig);
}

static void failures_are_answered(void **state)
{
	struct sp_desc d, got[ALL];
	struct rig rig;

	(void)state;
	obey_launch(&rig);
	obey_expect_failed(&rig, obey_one(&rig, "fail"), SP_ENOTFOUND, "no /path");
	obey_expect_failed(&rig, obey_one(&rig, "1"), SP_EINTERNAL, "no route for edge none of fn");
	obey_expect_failed(&rig, obey_one(&rig, "x"), SP_EINTERNAL,
			   "fn returned edge 17, but declares 2");
	assert_int_equal(rig_counter(&rig, "error_notfound"), 1);
	assert_int_equal(rig_counter(&rig, "error_internal"), 2);
	assert_int_equal(obey_one(&rig, "next").edge, 5);
	assert_int_equal(rig_slot(&rig, 0)->error, SP_OK);
	d = rig_request(&rig, 0, "fail");
	rig_slot(&rig, 0)->status = 201; /* of a function before: no success any more */
	rig_send(&rig, &d, 1);
	assert_int_equal(rig_read(&rig, got), 1);
	obey_expect_failed(&rig, got[0], SP_ENOTFOUND, "no /path");
	assert_int_equal(rig_slot(&rig, 0)->status, 0);
	obey_stop(&rig);
}

static void split_descriptors_are_put_together(void **state)
{
	static const size_t cuts[] = { 1, 15, 17, 31, 7, 3, 16, 33 };
	struct sp_desc d[40], got[ALL];
	size_t at = 0, seen = 0;
	struct rig rig;

	(void)state;
	obey_launch(&rig);
	for (uint32_t i = 0; i < 40; i++)
		d[i] = rig_request(&rig, i, "next");
	rig_give(&rig, d, 40);
	for (size_t i = 0; at < sizeof(d); i++) {
		size_t n = cuts[i % 8] < sizeof(d) - at ? cuts[i % 8] : sizeof(d) - at;
		size_t whole;

		rig_write(&rig, (const char *)d + at, n);
		at += n;
		/* What is whole is handled before the rest is there. */
		for (whole = at / sizeof(d[0]); seen < whole;) {
			size_t count = rig_read(&rig, got);

			for (size_t k = 0; k < count; k++)
				assert_int_equal(got[k].buf, seen++);
		}
		assert_int_equal(seen, whole);
	}
	assert_int_equal(seen, 40);
	obey_stop(&rig);
}

/* Sends `n` requests at once; returns the number of sends they leave in. */
static uint32_t batch(struct rig *rig, const char *const bodies[4], uint32_t n, uint32_t homes,
		      uint32_t ret_counts[3])
{
	struct sp_desc d[ALL], got[ALL];
	uint32_t sends = 0, total = 0;

	memset(ret_counts, 0, 3 * sizeof(ret_counts[0]));
	for (uint32_t i = 0; i < n; i++) {
		d[i] = rig_request(rig, i, bodies[i % 4]);
		d[i].home = (uint16_t)(1 + i / 4 % homes);
	}
	rig_send(rig, d, n);
	for (; total < n; sends++) {
		size_t count = rig_read(rig, got);

		total += (uint32_t)count;
		for (size_t i = 1; i < count; i++)
			assert_true(got[i].buf > got[i - 1].buf);
		ret_counts[got[0].edge == 5 ? 0 : got[0].edge == 6 ? 1 : 2] += (uint32_t)count;
	}
	return sends;
}

/* A process that is slow, or loses its CPU, sends early so as not to hold back what is
 * done; that all of these tries do is no accident. */
#define TRIES 500

static void a_batch_leaves_in_one_send_per_destination(void **state)
{
	static const char *const same[] = { "next", "next", "next", "next" };
	static const char *const mixed[] = { "next", "reply", "0", "drop" };
	uint32_t counts[3], sends = 0;
	struct rig rig;

	(void)state;
	obey_launch(&rig);
	for (int i = 0; i < TRIES && sends != 1; i++)
		sends = batch(&rig, same, 4, 1, counts);
	assert_int_equal(sends, 1);
	assert_int_equal(counts[0], 4);
	for (int i = 0; i < TRIES && sends != 6; i++) {
		sends = batch(&rig, mixed, 8, 2, counts);
		assert_true(sends >= 6); /* three edges, two homes */
	}
	assert_int_equal(sends, 6);
	batch(&rig, mixed, ALL, 2, counts);
	assert_int_equal(counts[0], 16);
	assert_int_equal(counts[1], 16);
	assert_int_equal(counts[2], 32); /* a dropped one is a reply */
	obey_stop(&rig);
}

static void a_slow_handler_holds_back_nobody_else(void **state)
{
	struct sp_desc d[3], got[ALL];
	size_t count = 0;
	struct rig rig;

	(void)state;
	obey_launch(&rig);
	d[0] = rig_request(&rig, 0, "next");
	d[1] = rig_request(&rig, 1, "sleep");
	d[2] = rig_request(&rig, 2, "w.");
	rig_send(&rig, d, sizeof(d) / sizeof(d[0]));
	while (count < 2)
		count += rig_read(&rig, got);
	assert_int_equal(count, 2);
	__atomic_store_n(&rig_body(&rig, 2)[1], 'g', __ATOMIC_RELEASE);
	assert_int_equal(rig_read(&rig, got), 1);
	assert_int_equal(got[0].buf, 2);
	obey_stop(&rig);
}

static void more_destinations_than_rows(void **state)
{
	struct sp_desc d[ALL], got[ALL];
	uint64_t homes = 0;
	struct rig rig;

	(void)state;
	obey_launch(&rig);
	for (uint32_t i = 0; i < ALL; i++) {
		d[i] = rig_request(&rig, i, "next");
		d[i].home = (uint16_t)i;
	}
	rig_send(&rig, d, sizeof(d) / sizeof(d[0]));
	for (uint32_t i = 0; i < ALL; i++) {
		assert_int_equal(rig_read(&rig, got), 1);
		assert_int_equal(got[0].buf, got[0].home);
		homes |= 1ULL << got[0].home;
	}
	assert_true(homes == UINT64_MAX);
	obey_stop(&rig);
}

static void what_was_received_before_eof_is_handled(void **state)
{
	struct sp_desc d[200], got[ALL];
	size_t total = 0;
	struct rig rig;

	(void)state;
	obey_launch(&rig);
	for (uint32_t i = 0; i < 200; i++)
		d[i] = rig_request(&rig, i, "next");
	rig_send(&rig, d, sizeof(d) / sizeof(d[0]));
	rig_eof(&rig);
	while (total < 200)
		total += rig_read(&rig, got);
	assert_int_equal(total, 200);
	assert_int_equal(rig_wait(&rig), 0);
}

static void log_names_request_and_trace(void **state)
{
	struct sp_desc d, got[ALL];
	struct rig rig;

	(void)state;
	obey_launch(&rig);
	d = rig_request(&rig, 0, "log");
	memcpy(rig_slot(&rig, 0)->trace_id, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
	rig_slot(&rig, 0)->number = 99;
	rig_send(&rig, &d, 1);
	assert_int_equal(rig_read(&rig, got), 1);
	rig_eof(&rig);
	assert_int_equal(rig_wait(&rig), 0);
	assert_string_equal(rig_log(&rig), "info  seen  request=99 "
					   "trace=0123456789abcdef0000000000000000\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_goes_on_changed_in_place),
		cmocka_unit_test(verdicts_become_edges),
		cmocka_unit_test(routes_change_while_it_serves),
		cmocka_unit_test(failures_are_answered),
		cmocka_unit_test(split_descriptors_are_put_together),
		cmocka_unit_test(a_batch_leaves_in_one_send_per_destination),
		cmocka_unit_test(a_slow_handler_holds_back_nobody_else),
		cmocka_unit_test(more_destinations_than_rows),
		cmocka_unit_test(what_was_received_before_eof_is_handled),
		cmocka_unit_test(log_names_request_and_trace),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
