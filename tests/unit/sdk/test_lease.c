// SPDX-License-Identifier: Apache-2.0
/* test_lease.c - requests that outgrow their buffer in a real process: refill, denial, move,
 * what arrives meanwhile, and what is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sdk/rig.h"

#define ALL SP_BATCH_MAX

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

static void expect_refill(struct rig *rig, uint32_t cls, uint32_t count)
{
	struct sp_desc got[ALL];

	assert_int_equal(rig_read(rig, got), 1);
	assert_int_equal(got[0].edge, SP_EDGE_REFILL);
	assert_int_equal(got[0].buf, cls);
	assert_int_equal(got[0].len, count);
	assert_int_equal(got[0].home, RIG_HOME);
}

/* The release of the old buffer, then the answer from the new one: `to`, or ANY. */
#define ANY UINT32_MAX
static void expect_moved(struct rig *rig, uint32_t from, uint32_t to, uint32_t len)
{
	struct sp_desc got[ALL];

	assert_int_equal(rig_read(rig, got), 1);
	assert_int_equal(got[0].edge, SP_EDGE_RELEASE);
	assert_int_equal(got[0].flags, SP_DESC_MOVED);
	assert_int_equal(got[0].buf, from);
	assert_int_equal(got[0].gen, 1000 + from);
	if (to == ANY)
		to = got[0].len;
	assert_int_equal(got[0].len, to);
	assert_int_equal(got[0].home, 1);
	assert_int_equal(rig_read(rig, got), 1);
	assert_int_equal(got[0].edge, SP_EDGE_REPLY);
	assert_int_equal(got[0].flags, 0);
	assert_int_equal(got[0].buf, to);
	assert_int_equal(got[0].gen, 5000 + to);
	assert_int_equal(got[0].len, len);
	assert_int_equal(got[0].home, 1);
}

static void expect_given_back(struct rig *rig, uint32_t count)
{
	struct sp_desc got[ALL];

	assert_int_equal(rig_read(rig, got), count);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(got[i].edge, SP_EDGE_RELEASE);
		assert_int_equal(got[i].flags, 0);
		assert_int_equal(got[i].home, RIG_HOME);
		assert_int_equal(got[i].gen, 5000 + got[i].buf);
	}
}

static void ask(struct rig *rig, uint32_t index, const char *size)
{
	struct sp_desc d = rig_request(rig, index, size);

	rig_write(rig, &d, sizeof(d));
}

static void end(struct rig *rig)
{
	assert_int_equal(rig_wait(rig), 0);
	assert_string_equal(rig_log(rig), "");
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

static void a_move_uses_the_lease_until_it_is_empty(void **state)
{
	struct rig rig;
	uint32_t first;

	(void)state;
	launch(&rig);
	first = first_of(&rig, 1);
	ask(&rig, 0, "5000");
	expect_refill(&rig, 1, 8);
	rig_grant(&rig, first, 2);
	expect_moved(&rig, 0, first + 1, 5000);
	check_moved_content(&rig, first + 1, "5000");
	ask(&rig, 1, "16384");
	expect_moved(&rig, 1, first, 16384); /* the second of the two: not asked for again */
	check_moved_content(&rig, first, "16384");
	ask(&rig, 2, "2049");
	expect_refill(&rig, 1, 8);
	rig_grant(&rig, first + 2, 8);
	expect_moved(&rig, 2, first + 9, 2049);
	rig_eof(&rig);
	expect_given_back(&rig, 7);
	end(&rig);
}

static void large_buffers_are_asked_for_one_by_one(void **state)
{
	struct rig rig;
	uint32_t first;

	(void)state;
	launch(&rig);
	first = first_of(&rig, 3);
	for (uint32_t i = 0; i < 3; i++) {
		ask(&rig, i, "200000");
		expect_refill(&rig, 3, 1);
		rig_grant(&rig, first + i, 1);
		expect_moved(&rig, i, first + i, 200000);
		check_moved_content(&rig, first + i, "200000");
	}
	rig_eof(&rig);
	end(&rig);
}

static void a_denial_is_no_room(void **state)
{
	struct sp_desc got[ALL];
	struct rig rig;

	(void)state;
	launch(&rig);
	for (int i = 0; i < 2; i++) {
		ask(&rig, 0, "5000");
		expect_refill(&rig, 1, 8);
		rig_deny(&rig);
		assert_int_equal(rig_read(&rig, got), 1);
		assert_int_equal(got[0].flags, SP_DESC_FAILED);
		assert_int_equal(got[0].buf, 0);
		assert_int_equal(rig_slot(&rig, 0)->error, SP_ETOOBIG);
		assert_memory_equal(rig_body(&rig, 0), "no room for 5000", 16);
	}
	ask(&rig, 0, "300000"); /* above every class: nobody is asked */
	assert_int_equal(rig_read(&rig, got), 1);
	assert_int_equal(got[0].flags, SP_DESC_FAILED);
	rig_eof(&rig);
	end(&rig);
}

static void a_larger_class_may_be_granted_a_smaller_is_refused(void **state)
{
	struct sp_desc got[ALL];
	struct rig rig;

	(void)state;
	launch(&rig);
	ask(&rig, 0, "5000");
	expect_refill(&rig, 1, 8);
	rig_grant(&rig, first_of(&rig, 2), 1);
	expect_moved(&rig, 0, first_of(&rig, 2), 5000);
	check_moved_content(&rig, first_of(&rig, 2), "5000");
	ask(&rig, 1, "5000");
	expect_refill(&rig, 1, 8);
	rig_grant(&rig, 500, 1); /* of class 0 */
	expect_given_back(&rig, 1);
	assert_int_equal(rig_read(&rig, got), 1);
	assert_int_equal(got[0].flags, SP_DESC_FAILED);
	rig_eof(&rig);
	end(&rig);
}

static void requests_that_come_meanwhile_wait_in_order(void **state)
{
	struct sp_desc d[ALL], got[ALL];
	uint32_t first, seen = 0;
	struct rig rig;

	(void)state;
	launch(&rig);
	first = first_of(&rig, 1);
	d[0] = rig_request(&rig, 0, "next");
	d[1] = rig_request(&rig, 1, "5000");
	d[2] = rig_request(&rig, 2, "next");
	rig_write(&rig, d, 3 * sizeof(d[0]));
	assert_int_equal(rig_read(&rig, got), 1); /* not held back by the wait */
	assert_int_equal(got[0].buf, 0);
	expect_refill(&rig, 1, 8);
	/* More than one read of requests, the grants between them and split by the reads. */
	for (uint32_t part = 0; part < 3; part++) {
		for (uint32_t i = 0; i < 61; i++)
			d[i] = rig_request(&rig, 3 + part * 61 + i, "next");
		rig_write(&rig, d, 61 * sizeof(d[0]));
		if (part == 0)
			rig_grant(&rig, first, 8);
	}
	expect_moved(&rig, 1, ANY, 5000); /* which one depends on how much a read brought */
	while (seen < 184) {
		size_t count = rig_read(&rig, got);

		for (size_t i = 0; i < count; i++) {
			assert_int_equal(got[i].edge, 5);
			assert_int_equal(got[i].buf, 2 + seen++);
		}
	}
	ask(&rig, 1, "5000"); /* from the lease: the whole answer was taken */
	expect_moved(&rig, 1, ANY, 5000);
	rig_eof(&rig);
	expect_given_back(&rig, 6);
	end(&rig);
}

static void a_split_answer_is_one_answer(void **state)
{
	struct sp_desc d[128], got[ALL];
	uint32_t first, moved = 0, next = 0, refills = 0;
	struct rig rig;

	(void)state;
	launch(&rig);
	first = first_of(&rig, 1);
	d[0] = rig_request(&rig, 0, "5000");
	rig_write(&rig, d, sizeof(d[0]));
	expect_refill(&rig, 1, 8);
	/* 60 requests that want to move, then 8 grants: a read of 64 ends amid the grants. The
	 * reader is held by the first request only until the first grant is there. */
	for (uint32_t i = 0; i < 60; i++)
		d[i] = rig_request(&rig, 1 + i, i < 20 ? "5000" : "next");
	for (uint32_t i = 0; i < 8; i++) {
		shm_header_init(rig_slot(&rig, first + i), rig.table.layout.classes[1].stride);
		d[60 + i] = (struct sp_desc){ .buf = first + i,
					      .gen = 5000 + first + i,
					      .len = 7 - i,
					      .edge = SP_EDGE_GRANT,
					      .home = 40 };
	}
	rig_write(&rig, d, 68 * sizeof(d[0]));
	while (moved + next < 61) {
		size_t count = rig_read(&rig, got);

		if (got[0].edge == SP_EDGE_REFILL) {
			/* Eight are used up before more is asked for: nothing was left unread. */
			refills++;
			rig_grant(&rig, first + 8 * refills, 8);
		} else if (got[0].edge == SP_EDGE_REPLY) {
			assert_int_equal(got[0].flags, 0);
			moved += (uint32_t)count;
		} else if (got[0].edge == 5) {
			next += (uint32_t)count;
		}
	}
	assert_int_equal(moved, 21);
	assert_int_equal(refills, 2);
	rig_eof(&rig);
	expect_given_back(&rig, 3);
	end(&rig);
}

static void eof_ends_the_wait(void **state)
{
	struct sp_desc got[ALL];
	struct rig rig;

	(void)state;
	launch(&rig);
	ask(&rig, 0, "5000");
	expect_refill(&rig, 1, 8);
	rig_eof(&rig);
	assert_int_equal(rig_read(&rig, got), 1);
	assert_int_equal(got[0].flags, SP_DESC_FAILED);
	end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_move_uses_the_lease_until_it_is_empty),
		cmocka_unit_test(large_buffers_are_asked_for_one_by_one),
		cmocka_unit_test(a_denial_is_no_room),
		cmocka_unit_test(a_larger_class_may_be_granted_a_smaller_is_refused),
		cmocka_unit_test(requests_that_come_meanwhile_wait_in_order),
		cmocka_unit_test(a_split_answer_is_one_answer),
		cmocka_unit_test(eof_ends_the_wait),
	};

	return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
