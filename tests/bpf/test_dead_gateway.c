// SPDX-License-Identifier: Apache-2.0
/* A gateway that is not there: what is sent to it waits, and nobody is refused for it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/bpf/chain.h"

static void test_reply_to_a_dead_gateway(void **state)
{
	struct fixture *f = *state;
	struct sp_function_stats stats;
	struct sp_desc d;
	char byte;

	assert_int_equal(put_one(f, GW, desc(0, 1)), 0);
	assert_int_equal(put_one(f, GW, desc(1, 1)), 0);
	assert_int_equal(take(f, A, &d, 1), 1);
	close(f->ends[GW].receive);
	assert_int_equal(put_one(f, A, desc(0, SP_EDGE_REPLY)), 0);
	assert_int_equal(holder(f, 0), GW); /* for whoever takes the slot over */
	assert_int_equal(sproxy_instances(f->proxy)[A].in_flight, 1);
	assert_int_equal(sproxy_function_stats(f->proxy, 0, &stats), 0);
	assert_int_equal(stats.undeliverable, 1);
	assert_int_equal(stats.in, 0);
	assert_int_equal(recv(sproxy_kept(f->proxy, A).send, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(put_one(f, A, desc(1, EDGE_NEXT)), 0); /* it is not poisoned */
	/* A worker comes back to the slot: it gets replies again. */
	sproxy_detach(f->proxy, GW);
	close(f->ends[GW].send);
	assert_int_equal(sproxy_attach(f->proxy, GW, &(struct sproxy_place){ .lender = GW },
				       &f->ends[GW]),
			 0);
	assert_int_equal(put_one(f, B, desc(1, SP_EDGE_REPLY)), 0);
	assert_int_equal(take(f, GW, &d, 1), 1);
	assert_int_equal(d.buf, 1);
	assert_int_equal(d.flags, 0);
}

static void test_refill_without_a_gateway_is_denied(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = { .buf = 2, .len = 1, .edge = SP_EDGE_REFILL, .home = GW };

	close(f->ends[GW].receive);
	f->ends[GW].receive = -1;
	assert_int_equal(put_one(f, A, d), 0);
	assert_int_equal(take(f, A, &d, 1), 1);
	assert_int_equal(d.edge, SP_EDGE_GRANT);
	assert_int_equal(d.flags, SP_DESC_DENIED | 2);
	assert_int_equal(sproxy_instances(f->proxy)[A].refill, 0);
}

/* Only the home that the buffer names is excused: another one is a violation as before. */
static void test_wrong_home_without_a_receiver(void **state)
{
	struct fixture *f = *state;
	struct sp_desc d = desc(0, SP_EDGE_REPLY);

	give(f, 0, A);
	d.home = 200;
	assert_int_equal(put_one(f, A, d), -EACCES);
	assert_refused(f, A, SP_VIOLATION_HOME);
	assert_int_equal(holder(f, 0), A);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_reply_to_a_dead_gateway),
		CASE(test_refill_without_a_gateway_is_denied),
		CASE(test_wrong_home_without_a_receiver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
