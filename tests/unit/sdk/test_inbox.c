// SPDX-License-Identifier: Apache-2.0
/* test_inbox.c - the ring of received descriptors: it goes round, cut anywhere, and gives
 * out what is asked for from its middle. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "functions/sdk/inbox.h"

#define ROUNDS 3000

static void take_grant(void *arg, const struct sp_desc *desc)
{
	uint32_t *expected = arg;

	assert_int_equal(desc->edge, SP_EDGE_GRANT);
	assert_int_equal(desc->buf, (*expected)++);
}

static void fill(struct sdk_inbox *inbox)
{
	do
		assert_int_equal(sdk_inbox_fill(inbox, MSG_DONTWAIT), 0);
	while (inbox->more);
}

static void it_goes_round_in_order(void **state)
{
	uint32_t sent = 0, popped = 0, granted = 0, taken = 0, waiting = 0;
	struct sdk_inbox inbox;
	struct sp_desc d;
	unsigned seed = 7;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(sdk_inbox_init(&inbox, pair[0], 0), 0);
	for (int round = 0; round < ROUNDS; round++) {
		int cut = rand_r(&seed) % 17;

		d = (struct sp_desc){ .buf = sent };
		if (rand_r(&seed) % 4 == 0)
			d = (struct sp_desc){ .buf = granted++, .edge = SP_EDGE_GRANT };
		else
			sent++, waiting++;
		if (cut > 0)
			assert_int_equal(send(pair[1], &d, (size_t)cut, 0), cut);
		if (rand_r(&seed) % 2)
			fill(&inbox);
		if (rand_r(&seed) % 3 == 0)
			sdk_inbox_extract(&inbox, SP_EDGE_GRANT, take_grant, &taken);
		if (cut < 16)
			assert_int_equal(send(pair[1], (const char *)&d + cut, 16 - (size_t)cut, 0),
					 16 - cut);
		fill(&inbox);
		/* What is popped has no grant in it; else they stay for the next round. */
		if (waiting > 100 || rand_r(&seed) % 2) {
			sdk_inbox_extract(&inbox, SP_EDGE_GRANT, take_grant, &taken);
			assert_int_equal(taken, granted);
		}
		/* Never empty, so the ring goes round instead of starting anew. */
		while (waiting > 100 + (uint32_t)(rand_r(&seed) % 50)) {
			assert_true(sdk_inbox_pop(&inbox, &d));
			assert_int_equal(d.buf, popped++);
			waiting--;
		}
	}
	assert_true(sent > 4 * inbox.size / sizeof(d));
	close(pair[1]);
	while (!inbox.eof)
		assert_int_equal(sdk_inbox_fill(&inbox, 0), 0);
	sdk_inbox_extract(&inbox, SP_EDGE_GRANT, take_grant, &taken);
	assert_int_equal(taken, granted);
	while (sdk_inbox_pop(&inbox, &d))
		assert_int_equal(d.buf, popped++);
	assert_int_equal(popped, sent);
	sdk_inbox_done(&inbox);
	close(pair[0]);
}

static void a_full_ring_is_an_error_not_an_overrun(void **state)
{
	struct sp_desc d[SP_BATCH_MAX] = { 0 };
	struct sdk_inbox inbox;
	int pair[2], r = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(sdk_inbox_init(&inbox, pair[0], 0), 0);
	for (int i = 0; i < 5 && r == 0; i++) {
		assert_int_equal(send(pair[1], d, sizeof(d), 0), sizeof(d));
		r = sdk_inbox_fill(&inbox, 0);
		assert_int_equal(r, i < 4 ? 0 : -EOVERFLOW);
	}
	sdk_inbox_done(&inbox);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_goes_round_in_order),
		cmocka_unit_test(a_full_ring_is_an_error_not_an_overrun),
	};

	return cmocka_run_group_tests_name("inbox", tests, NULL, NULL);
}
