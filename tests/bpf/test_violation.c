// SPDX-License-Identifier: Apache-2.0
/* What the kernel program refuses: each by its own name. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/bpf/chain.h"

static void test_refused_sizes(void **state)
{
	struct fixture *f = *state;
	struct sp_desc batch[SP_BATCH_MAX + 1];

	for (uint32_t i = 0; i <= SP_BATCH_MAX; i++)
		batch[i] = desc(i, 1);
	assert_int_equal(put(f, GW, batch, sizeof(batch)), -1);
	assert_refused(f, GW, SP_VIOLATION_SIZE);
	assert_int_equal(holder(f, 0), GW);
}

static void test_refused_short(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, 1);

	assert_int_equal(put(f, A, &d, 7), -1);
	assert_refused(f, A, SP_VIOLATION_SIZE);
}

static void test_refused_index(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put_one(f, A, desc(BUFFERS, EDGE_NEXT)), -EACCES);
	assert_refused(f, A, SP_VIOLATION_INDEX);
}

static void test_refused_owner(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put_one(f, A, desc(0, EDGE_NEXT)), -EACCES);
	assert_refused(f, A, SP_VIOLATION_OWNER);
	assert_int_equal(holder(f, 0), GW);
}

/* Answers by a number that it guessed: what it does not read would pile up without limit. */
static void test_refused_unread(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, 1), got;

	assert_int_equal(put_one(f, GW, d), 0);
	d.edge = SP_EDGE_REPLY;
	assert_int_equal(put_one(f, A, d), -EACCES);
	got = taken(f, A);
	assert_refused(f, A, SP_VIOLATION_STALE);
	assert_int_equal(word(f, 0), SP_OWNER_WORD(got.gen, A));
}

/* So do the rounds of what a function sends to itself. */
static void test_refused_round_unread(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, EDGE_NEXT);

	give(f, 0, A);
	sproxy_route(f->proxy, 1, EDGE_NEXT,
		     (struct sp_route){ .kind = SP_ROUTE_FUNCTION, .fn = 1 });
	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(put_one(f, A, d), -EACCES);
	taken(f, A);
	assert_refused(f, A, SP_VIOLATION_STALE);
}

static void test_refused_stale(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, EDGE_NEXT);

	give(f, 0, A);
	d.gen = 6;
	assert_int_equal(put_one(f, A, d), -EACCES);
	assert_refused(f, A, SP_VIOLATION_STALE);
}

static void test_refused_edges(void **state)
{
	struct fixture *f = *state;

	give(f, 0, A);
	give(f, 1, B);
	assert_int_equal(put_one(f, A, desc(0, EDGE_EMPTY)), -EACCES);
	assert_refused(f, A, SP_VIOLATION_EDGE);
	assert_int_equal(put_one(f, B, desc(1, SP_EDGE_GRANT)), -EACCES);
	events(f);
	assert_int_equal(f->last_reason, SP_VIOLATION_EDGE);
}

static void test_refused_twice_in_a_batch_and_rolled_back(void **state)
{
	struct fixture *f = *state;
	struct sp_desc batch[3] = { desc(0, EDGE_NEXT), desc(1, EDGE_NEXT), desc(0, EDGE_NEXT) };

	give(f, 0, A);
	give(f, 1, A);
	assert_int_equal(put(f, A, batch, sizeof(batch)), -1);
	assert_refused(f, A, SP_VIOLATION_STALE);
	/* Nothing was delivered, so nothing changed hands. */
	assert_int_equal(holder(f, 0), A);
	assert_int_equal(holder(f, 1), A);
	assert_int_equal(sproxy_instances(f->proxy)[B].in_flight, 0);
}

static void test_refused_mixed(void **state)
{
	struct fixture *f = *state;
	struct sp_desc batch[2] = { desc(0, EDGE_NEXT), desc(1, EDGE_REPLY) };

	give(f, 0, A);
	give(f, 1, A);
	assert_int_equal(put(f, A, batch, sizeof(batch)), -1);
	assert_refused(f, A, SP_VIOLATION_MIXED);
	assert_int_equal(holder(f, 0), A);
}

static void test_refused_home(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, SP_EDGE_REPLY);

	give(f, 0, A);
	d.home = GW2;
	assert_int_equal(put_one(f, A, d), -EACCES);
	assert_refused(f, A, SP_VIOLATION_HOME);
}

static void test_refused_length(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, EDGE_NEXT);

	give(f, 0, A);
	d.len = CAP + 1;
	assert_int_equal(put_one(f, A, d), -EACCES);
	assert_refused(f, A, SP_VIOLATION_LENGTH);
}

static void test_refused_refill_flood(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = { .buf = 0, .len = 1, .edge = SP_EDGE_REFILL, .home = GW }, got;

	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(take(f, GW, &got, 1), 1);
	d.buf = 1; /* another class is another question */
	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(take(f, GW, &got, 1), 1);
	d.buf = 0;
	assert_int_equal(put_one(f, A, d), -EACCES);
	assert_refused(f, A, SP_VIOLATION_REFILL);
}

static void test_refused_refill_to_a_function(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = { .buf = 0, .len = 1, .edge = SP_EDGE_REFILL, .home = B };

	assert_int_equal(put_one(f, A, d), -EACCES);
	assert_refused(f, A, SP_VIOLATION_HOME);
}

/* A slot that no worker ever had: each would be denied at once, and the denials that nobody reads
 * would fill the kernel's memory. */
static void test_refused_refill_to_no_slot(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = { .buf = 0, .len = 1, .edge = SP_EDGE_REFILL, .home = 200 };

	assert_int_equal(put_one(f, A, d), -EACCES);
	assert_refused(f, A, SP_VIOLATION_HOME);
}

/* Stock holds no request, so it answers none. */
static void test_refused_stock_as_reply(void **state)
{
	struct fixture *f = *state;

	give(f, 0, A);
	sproxy_owners(f->proxy)[0].leased = SP_LEASE_STOCK;
	assert_int_equal(put_one(f, A, desc(0, SP_EDGE_REPLY)), -EACCES);
	assert_refused(f, A, SP_VIOLATION_OWNER);
}

static void test_refused_move_to_not_held(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, SP_EDGE_RELEASE);

	give(f, 0, A);
	d.flags = SP_DESC_MOVED;
	d.len = 1;
	assert_int_equal(put_one(f, A, d), -EACCES);
	assert_refused(f, A, SP_VIOLATION_OWNER);
}

/* A flag that says "names no buffer" on one that does would make the gateway lose it. */
static void test_flags_of_the_kernel_are_cleared(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, SP_EDGE_REPLY);

	give(f, 0, A);
	d.flags = SP_DESC_DENIED | SP_DESC_UNDELIVERABLE | SP_DESC_FAILED | 1;
	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(take(f, GW, &d, 1), 1);
	assert_int_equal(d.flags, SP_DESC_FAILED | 1);
}

/* A refusal leaves no entry claimed, or the gateway could not take the buffers back. */
static void test_refused_move_leaves_the_holders(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, SP_EDGE_RELEASE);

	give(f, 0, A);
	give(f, 1, A); /* held, but no lease */
	d.flags = SP_DESC_MOVED;
	d.len = 1;
	assert_int_equal(put_one(f, A, d), -EACCES);
	assert_refused(f, A, SP_VIOLATION_OWNER);
	assert_int_equal(holder(f, 0), A);
	assert_int_equal(holder(f, 1), A);
	give(f, 2, B);
	d = desc(2, SP_EDGE_RELEASE);
	d.flags = SP_DESC_MOVED;
	d.len = 2; /* into itself */
	assert_int_equal(put_one(f, B, d), -EACCES);
	assert_int_equal(holder(f, 2), B);
}

static void test_other_chain_is_another_world(void **state)
{
	const struct sproxy_options options = { .buffer_count = BUFFERS, .fn_count = 3 };
	struct fixture *f = *state;
	struct sproxy *other;
	struct sproxy_ends ends;
	struct sp_desc d = desc(0, SP_EDGE_REPLY);

	give(f, 0, A);
	assert_int_equal(sproxy_open(&options, &other), 0);
	assert_int_equal(sproxy_attach(other, A, &(struct sproxy_place){ .fn = 1, .lender = GW },
				       &ends),
			 0);
	assert_int_equal(send(ends.send, &d, sizeof(d), MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EACCES);
	assert_int_equal(holder(f, 0), A);
	close(ends.send);
	close(ends.receive);
	sproxy_close(other);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_refused_sizes),
		CASE(test_refused_short),
		CASE(test_refused_index),
		CASE(test_refused_owner),
		CASE(test_refused_unread),
		CASE(test_refused_round_unread),
		CASE(test_refused_stale),
		CASE(test_refused_edges),
		CASE(test_refused_twice_in_a_batch_and_rolled_back),
		CASE(test_refused_mixed),
		CASE(test_refused_home),
		CASE(test_refused_length),
		CASE(test_refused_refill_flood),
		CASE(test_refused_refill_to_a_function),
		CASE(test_refused_refill_to_no_slot),
		CASE(test_refused_stock_as_reply),
		CASE(test_refused_move_to_not_held),
		CASE(test_flags_of_the_kernel_are_cleared),
		CASE(test_refused_move_leaves_the_holders),
		CASE(test_other_chain_is_another_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
