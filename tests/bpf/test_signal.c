// SPDX-License-Identifier: Apache-2.0
/* Wake and cancel: what is said without handing anything over. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/bpf/chain.h"

static struct sp_desc cancel(uint32_t buf, uint32_t from)
{
	struct sp_desc d = desc(buf, SP_EDGE_CANCEL);

	d.home = (uint16_t)from;
	if (from > GW2)
		d.gen = 7; /* with which its call left */
	return d;
}

/* `slot` gets its cancel of `buf` back, and nobody else anything. */
static void assert_comes_back(struct fixture *f, uint32_t slot, struct sp_desc d)
{
	struct sp_desc got;

	assert_int_equal(put_one(f, slot, d), 0);
	got = taken(f, slot);
	assert_int_equal(got.edge, SP_EDGE_CANCEL);
	assert_int_equal(got.flags, SP_DESC_UNDELIVERABLE);
	assert_int_equal(got.buf, d.buf);
	assert_int_equal(got.gen, d.gen);
	for (uint32_t s = GW; s < SLOTS; s++)
		assert_int_equal(take(f, s, &got, 1), -1);
}

static void test_cancel_reaches_the_holder(void **state)
{
	struct fixture *f = *state;
	struct sp_instance before;
	struct sp_desc d;

	called(f, 0);
	before = sproxy_instances(f->proxy)[B];
	d = cancel(0, A);
	d.flags = SP_DESC_UNDELIVERABLE; /* not the sender's to say */
	assert_int_equal(put_one(f, A, d), 0);
	d = taken(f, B);
	assert_int_equal(d.edge, SP_EDGE_CANCEL);
	assert_int_equal(d.flags, 0);
	assert_int_equal(d.buf, 0);
	assert_int_equal(d.gen, word(f, 0) >> 32); /* by which its holder knows it */
	assert_int_equal(d.home, A);
	/* It moved nothing and counts as nothing. */
	assert_int_equal(holder(f, 0), B);
	assert_int_equal(owner(f, 0)->hops, 1);
	assert_memory_equal(&before, &sproxy_instances(f->proxy)[B], sizeof(before));
	d = call(0, A);
	d.edge = SP_EDGE_REPLY;
	assert_int_equal(put_one(f, B, d), 0);
	assert_int_equal(taken(f, A).edge, SP_EDGE_REPLY);
}

static void test_cancel_of_a_client(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put_one(f, GW, desc(0, 1)), 0);
	taken(f, A);
	assert_int_equal(put_one(f, GW, cancel(0, GW)), 0);
	assert_int_equal(taken(f, A).edge, SP_EDGE_CANCEL);
	/* another worker does not wait for it */
	assert_comes_back(f, GW2, cancel(0, GW2));
}

static void test_cancel_too_late(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = cancel(0, A);

	called(f, 0);
	sproxy_instances(f->proxy)[A].cancels = 5;
	d.gen = 6; /* of another life */
	assert_comes_back(f, A, d);
	give(f, 0, GW); /* let go: the gateway will answer for it */
	assert_comes_back(f, A, cancel(0, A));
	stock(f, 0, A); /* answered */
	assert_comes_back(f, A, cancel(0, A));
	owner(f, 1)->word = SP_OWNER_WORD(7, SP_HOLDER_FREE);
	assert_comes_back(f, A, cancel(1, A));
	owner(f, 1)->word = SP_OWNER_WORD(7, SP_HOLDER_MOVING);
	assert_comes_back(f, A, cancel(1, A));
	owner(f, 1)->word = SP_OWNER_WORD(7, GW);
}

/* Whose answer somebody else waits for is nobody's to cancel; to try is no crime, for a caller's
 * buffer may have become another's meanwhile. */
static void test_cancel_of_a_foreign_call(void **state)
{
	struct fixture *f = *state;

	called(f, 0);
	sproxy_instances(f->proxy)[B].cancels = 1;
	assert_comes_back(f, B, cancel(0, B));
	assert_comes_back(f, GW, cancel(0, GW));
}

static void test_cancel_of_the_dead_comes_back(void **state)
{
	struct fixture *f = *state;

	called(f, 0);
	close(f->ends[B].receive);
	f->ends[B].receive = -1;
	assert_int_equal(put_one(f, A, cancel(0, A)), 0);
	assert_int_equal(taken(f, A).flags, SP_DESC_UNDELIVERABLE);
}

/* Cancels that nobody reads would fill the kernel's memory. */
static void test_refused_cancel_without_a_call(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put_one(f, A, cancel(0, A)), -EACCES);
	assert_refused(f, A, SP_VIOLATION_HOME);
}

static void test_refused_cancel_of_one_call_twice(void **state)
{
	struct fixture *f = *state;

	called(f, 0);
	called(f, 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(put_one(f, A, cancel(0, A)), 0);
		assert_int_equal(taken(f, B).edge, SP_EDGE_CANCEL);
	}
	assert_int_equal(put_one(f, A, cancel(0, A)), -EACCES);
	assert_refused(f, A, SP_VIOLATION_HOME);
}

/* Those that were not needed do not add up. */
static void test_cancels_are_kept_for_all_buffers(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d;

	for (uint32_t i = 0; i < BUFFERS + 2; i++) {
		called(f, 0);
		d = call(0, A);
		d.edge = SP_EDGE_REPLY;
		assert_int_equal(put_one(f, B, d), 0);
		taken(f, A);
	}
	assert_int_equal(sproxy_instances(f->proxy)[A].cancels, BUFFERS);
}

static void test_refused_cancel_in_anothers_name(void **state)
{
	struct fixture *f = *state;

	called(f, 0);
	assert_int_equal(put_one(f, B, cancel(0, A)), -EACCES);
	assert_refused(f, B, SP_VIOLATION_HOME);
}

static void test_refused_cancel_of_no_buffer(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put_one(f, A, cancel(BUFFERS, A)), -EACCES);
	assert_refused(f, A, SP_VIOLATION_INDEX);
}

static void test_refused_cancel_of_two(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d[2] = { cancel(0, A), cancel(1, A) };

	assert_int_equal(put(f, A, d, sizeof(d)), -1);
	assert_refused(f, A, SP_VIOLATION_MIXED);
}

static struct sp_desc wake(uint32_t slot)
{
	return (struct sp_desc){ .buf = UINT32_MAX, .edge = SP_EDGE_WAKE, .home = (uint16_t)slot };
}

static void test_wake(void **state)
{
	struct fixture *f = *state;
	const uint32_t slots[] = { A, GW };
	struct sp_instance before;
	struct sp_desc d;

	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(put_one(f, slots[i], wake(slots[i])), 0);
		d = taken(f, slots[i]);
		before = sproxy_instances(f->proxy)[slots[i]];
		assert_int_equal(put_one(f, slots[i], d), 0);
		assert_int_equal(taken(f, slots[i]).edge, SP_EDGE_WAKE);
		before.wake = sproxy_instances(f->proxy)[slots[i]].wake;
		assert_memory_equal(&before, &sproxy_instances(f->proxy)[slots[i]], sizeof(before));
	}
}

/* Wakes that nobody reads would fill the kernel's memory. */
static void test_refused_wake_before_the_last_is_read(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d;

	sproxy_instances(f->proxy)[A].wake = 1;
	d = wake(A);
	d.gen = 1;
	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(taken(f, A).gen, sproxy_instances(f->proxy)[A].wake);
	sproxy_instances(f->proxy)[A].wake = 2; /* whatever came, d.gen is another */
	assert_int_equal(put_one(f, A, d), -EACCES);
	assert_refused(f, A, SP_VIOLATION_WAKE);
}

static void test_refused_wake_of_another(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put_one(f, A, wake(B)), -EACCES);
	assert_refused(f, A, SP_VIOLATION_HOME);
}

static void test_refused_wake_twice(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d[2] = { wake(A), wake(A) };

	assert_int_equal(put(f, A, d, sizeof(d)), -1);
	assert_refused(f, A, SP_VIOLATION_MIXED);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_cancel_reaches_the_holder),
		CASE(test_cancel_of_a_client),
		CASE(test_cancel_too_late),
		CASE(test_cancel_of_a_foreign_call),
		CASE(test_cancel_of_the_dead_comes_back),
		CASE(test_refused_cancel_without_a_call),
		CASE(test_refused_cancel_of_one_call_twice),
		CASE(test_cancels_are_kept_for_all_buffers),
		CASE(test_refused_cancel_in_anothers_name),
		CASE(test_refused_cancel_of_no_buffer),
		CASE(test_refused_cancel_of_two),
		CASE(test_wake),
		CASE(test_refused_wake_before_the_last_is_read),
		CASE(test_refused_wake_of_another),
		CASE(test_refused_wake_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
