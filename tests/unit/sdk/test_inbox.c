// SPDX-License-Identifier: Apache-2.0
/* test_inbox.c - received descriptors: whole ones in order, however the bytes were cut; how long
 * a read waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "functions/sdk/inbox.h"

#define ROUNDS 3000
#define MS 1000000U

static void open_pair(struct sdk_inbox *inbox, int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	sdk_inbox_init(inbox, pair[0]);
}

static void close_pair(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

static void put(int fd, const void *bytes, size_t len)
{
	assert_int_equal(send(fd, bytes, len, 0), len);
}

static uint32_t pop_all(struct sdk_inbox *inbox, uint32_t next)
{
	struct sp_desc d;

	while (sdk_inbox_pop(inbox, &d))
		assert_int_equal(d.buf, next++);
	return next;
}

static void whole_ones_come_in_order(void **state)
{
	struct sdk_inbox inbox;
	uint32_t sent = 0, popped = 0;
	unsigned seed = 7;
	int pair[2];

	(void)state;
	open_pair(&inbox, pair);
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t count = 1 + (uint32_t)rand_r(&seed) % 100;
		struct sp_desc d[100] = { 0 };
		size_t cut = (size_t)rand_r(&seed) % (count * sizeof(d[0]));

		for (uint32_t i = 0; i < count; i++)
			d[i].buf = sent++;
		if (cut > 0) {
			put(pair[1], d, cut);
			assert_int_equal(sdk_inbox_fill(&inbox, 0), 0);
			popped = pop_all(&inbox, popped);
		}
		put(pair[1], (const char *)d + cut, count * sizeof(d[0]) - cut);
		while (popped < sent) {
			assert_int_equal(sdk_inbox_fill(&inbox, 0), 0);
			popped = pop_all(&inbox, popped);
		}
	}
	close(pair[1]);
	assert_int_equal(sdk_inbox_fill(&inbox, 0), 0);
	assert_true(inbox.eof);
	close(pair[0]);
}

static void a_full_read_says_that_there_may_be_more(void **state)
{
	struct sp_desc d[SP_BATCH_MAX + 1] = { 0 };
	struct sdk_inbox inbox;
	int pair[2];

	(void)state;
	open_pair(&inbox, pair);
	for (uint32_t i = 0; i <= SP_BATCH_MAX; i++)
		d[i].buf = i;
	put(pair[1], d, sizeof(d));
	assert_int_equal(sdk_inbox_fill(&inbox, 0), 0);
	assert_true(inbox.more);
	assert_int_equal(pop_all(&inbox, 0), SP_BATCH_MAX);
	assert_int_equal(sdk_inbox_fill(&inbox, MSG_DONTWAIT), 0);
	assert_false(inbox.more);
	assert_int_equal(pop_all(&inbox, SP_BATCH_MAX), SP_BATCH_MAX + 1);
	assert_int_equal(sdk_inbox_fill(&inbox, MSG_DONTWAIT), 0);
	assert_false(inbox.more || inbox.eof);
	assert_int_equal(inbox.used, 0);
	close_pair(pair);
}

static uint64_t timed_fill(struct sdk_inbox *inbox, uint64_t ns)
{
	struct timespec a, b;

	assert_int_equal(sdk_inbox_wait_at_most(inbox, ns), 0);
	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(sdk_inbox_fill(inbox, 0), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	return (uint64_t)(b.tv_sec - a.tv_sec) * 1000 * MS + (uint64_t)b.tv_nsec -
	       (uint64_t)a.tv_nsec;
}

static void a_read_waits_for_a_time(void **state)
{
	struct sp_desc d = { 0 };
	struct sdk_inbox inbox;
	int pair[2];

	(void)state;
	open_pair(&inbox, pair);
	assert_true(timed_fill(&inbox, 40 * MS) >= 30 * MS);
	assert_false(inbox.eof);
	assert_int_equal(inbox.used, 0);
	assert_true(timed_fill(&inbox, 8 * MS) >= 6 * MS);
	timed_fill(&inbox, 1); /* not for ever */
	assert_int_equal(inbox.used, 0);
	/* What was set is good for a time that is a little longer. */
	assert_int_equal(sdk_inbox_wait_at_most(&inbox, 40 * MS), 0);
	assert_int_equal(inbox.timeout_ns, 35 * MS);
	assert_int_equal(sdk_inbox_wait_at_most(&inbox, 36 * MS), 0);
	assert_int_equal(inbox.timeout_ns, 35 * MS);
	assert_int_equal(sdk_inbox_wait_at_most(&inbox, 34 * MS), 0);
	assert_true(inbox.timeout_ns < 34 * MS);
	/* Without a limit the one that was set stays until a read was in vain. */
	put(pair[1], &d, sizeof(d));
	assert_int_equal(sdk_inbox_fill(&inbox, 0), 0);
	assert_int_equal(pop_all(&inbox, 0), 1);
	assert_int_equal(sdk_inbox_wait_at_most(&inbox, 0), 0);
	assert_true(inbox.timeout_ns > 0);
	assert_int_equal(sdk_inbox_fill(&inbox, 0), 0);
	assert_int_equal(sdk_inbox_wait_at_most(&inbox, 0), 0);
	assert_int_equal(inbox.timeout_ns, 0);
	close_pair(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_ones_come_in_order),
		cmocka_unit_test(a_full_read_says_that_there_may_be_more),
		cmocka_unit_test(a_read_waits_for_a_time),
	};

	return cmocka_run_group_tests_name("inbox", tests, NULL, NULL);
}
