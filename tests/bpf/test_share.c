// SPDX-License-Identifier: Apache-2.0
/* References: requests that read the payload of another buffer. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/bpf/chain.h"

/* B reads the payload of buffer `of`, by a call of A's. */
static struct sp_desc sharing(uint32_t buf, uint32_t of)
{
	struct sp_desc d = call(buf, A);

	d.flags = SP_DESC_SHARES;
	d.len = of;
	return d;
}

static void test_shared_by_the_holder(void **state)
{
	struct fixture *f = *state;
	struct sp_desc batch[2] = { sharing(1, 0), sharing(2, 0) }, d;

	assert_int_equal(put_one(f, GW, desc(0, 1)), 0);
	taken(f, A);
	stock(f, 1, A);
	stock(f, 2, A);
	assert_int_equal(put(f, A, batch, sizeof(batch)), sizeof(batch));
	assert_int_equal(take(f, B, batch, 2), 2);
	assert_int_equal(batch[0].flags, 0);
	assert_int_equal(batch[0].len, 0);
	assert_int_equal(owner(f, 0)->refs, 2);
	assert_int_equal(owner(f, 1)->ref, 1 + 0);
	assert_int_equal(owner(f, 2)->ref, 1 + 0);
	assert_int_equal(holder(f, 0), A);
	/* Who gets it next must not write to it; not so those that read it. */
	assert_int_equal(put_one(f, A, desc(0, EDGE_NEXT)), 0);
	assert_int_equal(taken(f, B).flags, SP_DESC_SHARED);
	assert_int_equal(put_one(f, B, desc(0, SP_EDGE_REPLY)), 0);
	assert_int_equal(taken(f, GW).flags, SP_DESC_SHARED);
	d = batch[0];
	d.edge = SP_EDGE_REPLY;
	assert_int_equal(put_one(f, B, d), 0);
	assert_int_equal(taken(f, A).flags, 0);
	assert_int_equal(owner(f, 1)->ref, 1 + 0); /* until the gateway has it */
}

/* One that only reads shares what it reads, not itself: nothing hangs on it. */
static void test_shared_by_a_reader(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = call(2, B);

	stock(f, 0, A);
	stock(f, 1, A);
	stock(f, 2, B);
	assert_int_equal(put_one(f, A, sharing(1, 0)), 0);
	taken(f, B);
	d.flags = SP_DESC_SHARES;
	d.len = 1;
	assert_int_equal(put_one(f, B, d), 0);
	assert_int_equal(taken(f, A).len, 0);
	assert_int_equal(owner(f, 0)->refs, 2);
	assert_int_equal(owner(f, 1)->refs, 0);
	assert_int_equal(owner(f, 2)->ref, 1 + 0);
}

static void test_message_shares(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(1, EDGE_NOBODY);

	give(f, 0, A);
	stock(f, 1, A);
	d.flags = SP_DESC_SHARES;
	d.len = 0;
	assert_int_equal(put_one(f, A, d), 0);
	d = taken(f, GW);
	/* It waits at the gateway for an instance, and what it reads waits with it. */
	assert_int_equal(d.flags, SP_DESC_UNDELIVERABLE);
	assert_int_equal(owner(f, 0)->refs, 1);
	d.edge = 2;
	assert_int_equal(put_one(f, GW, d), 0);
	assert_int_equal(taken(f, B).len, 0);
	assert_int_equal(owner(f, 0)->refs, 1);
}

static void test_undeliverable_call_shares_nothing(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = sharing(1, 0), again = d;

	give(f, 0, A);
	stock(f, 1, A);
	d.edge = EDGE_CALL_NOBODY;
	assert_int_equal(put_one(f, A, d), 0);
	d = taken(f, A);
	assert_int_equal(d.flags, SP_DESC_UNDELIVERABLE);
	assert_int_equal(d.len, 0);
	assert_int_equal(owner(f, 0)->refs, 0);
	assert_int_equal(owner(f, 1)->ref, 0);
	again.gen = d.gen;
	assert_int_equal(put_one(f, A, again), 0); /* so it can be made again */
	assert_int_equal(owner(f, 0)->refs, 1);
}

static void refused(struct fixture *f, struct sp_desc d, uint32_t reason)
{
	assert_int_equal(put_one(f, A, d), -EACCES);
	assert_refused(f, A, reason);
	assert_int_equal(holder(f, d.buf), A);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(owner(f, i)->refs, 0);
		assert_int_not_equal((uint32_t)word(f, i), SP_HOLDER_MOVING);
	}
}

static void test_refused_share_of_a_foreign_buffer(void **state)
{
	struct fixture *f = *state;

	give(f, 0, B);
	stock(f, 1, A);
	refused(f, sharing(1, 0), SP_VIOLATION_OWNER);
	assert_int_equal(owner(f, 1)->leased, SP_LEASE_STOCK);
}

static void test_refused_share_of_itself(void **state)
{
	struct fixture *f = *state;

	stock(f, 1, A);
	refused(f, sharing(1, 1), SP_VIOLATION_OWNER);
}

static void test_refused_share_of_no_buffer(void **state)
{
	struct fixture *f = *state;

	stock(f, 1, A);
	refused(f, sharing(1, BUFFERS), SP_VIOLATION_INDEX);
}

static void test_refused_share_by_a_request(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(1, EDGE_NEXT);

	give(f, 0, A);
	give(f, 1, A);
	d.flags = SP_DESC_SHARES;
	d.len = 0;
	refused(f, d, SP_VIOLATION_OWNER);
}

static void test_refused_share_by_a_part(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = sharing(1, 0);

	give(f, 0, A);
	stock(f, 1, A);
	d.flags |= SP_DESC_PART;
	refused(f, d, SP_VIOLATION_OWNER);
}

/* Only the gateway ends a reference: until then the buffer carries no second one. */
static void test_refused_call_of_a_reader(void **state)
{
	struct fixture *f = *state;

	stock(f, 1, A);
	owner(f, 1)->ref = 1 + 2;
	refused(f, call(1, A), SP_VIOLATION_OWNER);
	assert_int_equal(owner(f, 1)->ref, 1 + 2);
}

static void test_refused_message_of_a_reader(void **state)
{
	struct fixture *f = *state;

	stock(f, 1, A);
	owner(f, 1)->ref = 1 + 2;
	refused(f, desc(1, EDGE_NEXT), SP_VIOLATION_OWNER);
}

static void test_refused_move_into_a_reader(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, SP_EDGE_RELEASE);

	give(f, 0, A);
	stock(f, 1, A);
	owner(f, 1)->ref = 1 + 2;
	d.flags = SP_DESC_MOVED;
	d.len = 1;
	refused(f, d, SP_VIOLATION_OWNER);
	assert_int_equal(holder(f, 1), A);
}

/* The first has its reference already when the second is refused: both numbers stay alike,
 * for the gateway to end it with the buffer. */
static void test_refused_batch_keeps_its_references(void **state)
{
	struct fixture *f = *state;
	struct sp_desc batch[2] = { sharing(1, 0), sharing(1, 0) };

	give(f, 0, A);
	stock(f, 1, A);
	assert_int_equal(put(f, A, batch, sizeof(batch)), -1);
	assert_refused(f, A, SP_VIOLATION_STALE);
	assert_int_equal(holder(f, 1), A);
	assert_int_equal(owner(f, 1)->leased, SP_LEASE_STOCK);
	assert_int_equal(owner(f, 1)->ref, 1 + 0);
	assert_int_equal(owner(f, 0)->refs, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_shared_by_the_holder),
		CASE(test_shared_by_a_reader),
		CASE(test_message_shares),
		CASE(test_undeliverable_call_shares_nothing),
		CASE(test_refused_share_of_a_foreign_buffer),
		CASE(test_refused_share_of_itself),
		CASE(test_refused_share_of_no_buffer),
		CASE(test_refused_share_by_a_request),
		CASE(test_refused_share_by_a_part),
		CASE(test_refused_call_of_a_reader),
		CASE(test_refused_message_of_a_reader),
		CASE(test_refused_move_into_a_reader),
		CASE(test_refused_batch_keeps_its_references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
