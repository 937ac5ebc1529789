// SPDX-License-Identifier: Apache-2.0
/* test_outbox.c - descriptors on their way out: what leaves in one send, and in what order. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "functions/sdk/outbox.h"

struct box {
	struct sdk_outbox outbox;
	int fd; /* what it sends is read here */
	int other;
};

static void box_open(struct box *b)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	sdk_outbox_init(&b->outbox, pair[0]);
	b->other = pair[0];
	b->fd = pair[1];
}

static void box_close(const struct box *b)
{
	struct sp_desc d;

	assert_int_equal(recv(b->fd, &d, sizeof(d), MSG_DONTWAIT), -1); /* nothing is left */
	close(b->fd);
	close(b->other);
}

static void put(struct box *b, uint32_t buf, uint8_t edge, uint8_t flags, uint16_t home)
{
	struct sp_desc d = { .buf = buf, .edge = edge, .flags = flags, .home = home };

	assert_int_equal(sdk_outbox_put(&b->outbox, &d), 0);
}

/* The next send has these buffers, `end` behind the last. */
static void expect(struct box *b, uint8_t edge, uint32_t first, uint32_t end)
{
	struct sp_desc got[SP_BATCH_MAX];
	ssize_t n = recv(b->fd, got, sizeof(got), MSG_DONTWAIT);

	assert_int_equal(n, (end - first) * sizeof(got[0]));
	for (uint32_t i = 0; i < end - first; i++) {
		assert_int_equal(got[i].buf, first + i);
		assert_int_equal(got[i].edge, edge);
	}
}

static void one_send_per_edge_and_home(void **state)
{
	struct box b;

	(void)state;
	box_open(&b);
	assert_int_equal(sdk_outbox_flush(&b.outbox), 0); /* nothing: no send */
	put(&b, 0, 5, 0, 1);
	put(&b, 10, 5, 0, 2);
	put(&b, 20, 6, 0, 1);
	put(&b, 1, 5, 0, 1);
	put(&b, 11, 5, 0, 2);
	assert_int_equal(sdk_outbox_flush(&b.outbox), 0);
	expect(&b, 5, 0, 2);
	expect(&b, 5, 10, 12);
	expect(&b, 6, 20, 21);
	box_close(&b);
}

static void calls_go_together_whatever_their_tags(void **state)
{
	struct box b;

	(void)state;
	box_open(&b);
	for (uint16_t i = 0; i < 9; i++) {
		struct sp_desc d = { .buf = i, .edge = 20, .home = (uint16_t)(700 * i) };

		assert_int_equal(sdk_outbox_put_call(&b.outbox, &d), 0);
	}
	assert_int_equal(sdk_outbox_flush(&b.outbox), 0);
	expect(&b, 20, 0, 9);
	box_close(&b);
}

/* Releases tell the kernel where a request lives now; references are known before what they
 * refer to leaves. */
static void releases_then_references_then_the_rest(void **state)
{
	struct box b;

	(void)state;
	box_open(&b);
	put(&b, 1, 5, 0, 1);
	put(&b, 2, 6, SP_DESC_SHARES, 7);
	put(&b, 3, SP_EDGE_REPLY, SP_DESC_MOVED, 1); /* the same bit, no reference */
	put(&b, 4, SP_EDGE_RELEASE, SP_DESC_MOVED, 1);
	put(&b, 5, 8, SP_DESC_SHARES, 7);
	assert_true(b.outbox.refers);
	assert_int_equal(sdk_outbox_flush(&b.outbox), 0);
	assert_false(b.outbox.refers);
	expect(&b, SP_EDGE_RELEASE, 4, 5);
	expect(&b, 6, 2, 3);
	expect(&b, 8, 5, 6);
	expect(&b, 5, 1, 2);
	expect(&b, SP_EDGE_REPLY, 3, 4);
	box_close(&b);
}

/* 1 leaves where somebody refers to 0, and is referred to itself. */
static void what_refers_has_a_row_of_its_own(void **state)
{
	struct box b;

	(void)state;
	box_open(&b);
	put(&b, 10, 5, SP_DESC_SHARES, 7);
	put(&b, 11, 6, SP_DESC_SHARES, 7);
	put(&b, 1, 5, 0, 7);
	put(&b, 12, 6, SP_DESC_SHARES, 7);
	assert_int_equal(sdk_outbox_flush(&b.outbox), 0);
	expect(&b, 5, 10, 11);
	expect(&b, 6, 11, 13);
	expect(&b, 5, 1, 2);
	box_close(&b);
}

static void what_waits_goes_before_a_message_of_its_own(void **state)
{
	const struct sp_desc parts[2] = { { .buf = 8, .edge = 5, .home = 1 },
					  { .buf = 9, .edge = 5, .home = 1 } };
	struct box b;

	(void)state;
	box_open(&b);
	put(&b, 1, 5, 0, 1);
	put(&b, 2, SP_EDGE_RELEASE, 0, 1);
	assert_int_equal(sdk_outbox_send(&b.outbox, parts, 2), 0);
	expect(&b, SP_EDGE_RELEASE, 2, 3);
	expect(&b, 5, 1, 2);
	expect(&b, 5, 8, 10);
	box_close(&b);
}

static void what_does_not_fit_goes_first(void **state)
{
	struct box b;

	(void)state;
	box_open(&b);
	for (uint32_t i = 0; i <= SP_BATCH_MAX; i++)
		put(&b, i, 5, 0, 1);
	expect(&b, 5, 0, SP_BATCH_MAX);
	assert_int_equal(sdk_outbox_flush(&b.outbox), 0);
	expect(&b, 5, SP_BATCH_MAX, SP_BATCH_MAX + 1);
	for (uint16_t i = 0; i <= SDK_ROWS; i++)
		put(&b, i, 5, 0, (uint16_t)(1 + i));
	for (uint32_t i = 0; i < SDK_ROWS; i++)
		expect(&b, 5, i, i + 1);
	assert_int_equal(sdk_outbox_flush(&b.outbox), 0);
	expect(&b, 5, SDK_ROWS, SDK_ROWS + 1);
	box_close(&b);
}

static void the_first_error_sticks(void **state)
{
	struct sp_desc d = { .edge = 5, .home = 1 };
	struct box b;

	(void)state;
	box_open(&b);
	b.outbox.fd = -1;
	put(&b, 1, 5, 0, 1);
	assert_int_equal(sdk_outbox_flush(&b.outbox), -EBADF);
	b.outbox.fd = b.other;
	assert_int_equal(sdk_outbox_put(&b.outbox, &d), -EBADF);
	assert_int_equal(sdk_outbox_flush(&b.outbox), -EBADF);
	assert_int_equal(sdk_outbox_send(&b.outbox, &d, 1), -EBADF);
	box_close(&b);
}

static void a_dead_receiver_is_no_error(void **state)
{
	struct box b;

	(void)state;
	box_open(&b);
	close(b.fd);
	put(&b, 1, 5, 0, 1);
	assert_int_equal(sdk_outbox_flush(&b.outbox), 0);
	close(b.other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_send_per_edge_and_home),
		cmocka_unit_test(calls_go_together_whatever_their_tags),
		cmocka_unit_test(releases_then_references_then_the_rest),
		cmocka_unit_test(what_refers_has_a_row_of_its_own),
		cmocka_unit_test(what_waits_goes_before_a_message_of_its_own),
		cmocka_unit_test(what_does_not_fit_goes_first),
		cmocka_unit_test(the_first_error_sticks),
		cmocka_unit_test(a_dead_receiver_is_no_error),
	};

	return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
