// SPDX-License-Identifier: Apache-2.0
/* A gateway is killed, another goes on with its sockets and its pool: no buffer is lost. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "session.h"

#define MOMENTS 12
#define CROWD 8

static const struct sp_desc ask = {
	.gen = RIG_FN_SLOT, .edge = SP_EDGE_REFILL, .len = 1, .home = 1
};

/* Kills the gateway while it sleeps, so that it has read nothing of what was sent after. */
static void stop_in_its_tracks(void)
{
	int status;

	assert_int_equal(kill(rig.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(rig.pid, &status, WUNTRACED), rig.pid);
	assert_true(WIFSTOPPED(status));
}

static void again(void)
{
	rig_kill(&rig);
	client_close(&c);
	rig_again(&rig);
	client_open(&c, rig.port);
}

static void serves(void)
{
	rig_send(&rig, post(), SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
}

static struct sp_desc lease(uint32_t cls)
{
	struct sp_desc question = ask, d;

	question.buf = cls;
	rig.instances[RIG_FN_SLOT].refill = 1U << cls;
	rig_write(&rig, 1, &question, sizeof(question));
	d = rig_take_raw(&rig);
	assert_int_equal(d.edge, SP_EDGE_GRANT);
	assert_int_equal(d.flags, cls);
	rig_hand_over(&rig, &d, RIG_FN_SLOT, 1);
	d.home = 1;
	/* Killed before that, it might owe an answer. */
	while (__atomic_load_n(&rig.stats->granting[0], __ATOMIC_ACQUIRE))
		usleep(100);
	return d;
}

/* The kernel's part of a move, and the descriptor that tells of it. */
static struct sp_desc move(const struct sp_desc *from, const struct sp_desc *to)
{
	struct sp_desc d = *from;

	rig.owners[to->buf].home = rig.owners[from->buf].home;
	rig.owners[to->buf].hops = rig.owners[from->buf].hops;
	rig.owners[to->buf].leased = 0;
	rig.owners[from->buf].leased = 1;
	d.len = to->buf;
	return d;
}

static void assert_answered(void)
{
	assert_int_equal(__atomic_load_n(&rig.instances[RIG_FN_SLOT].refill, __ATOMIC_ACQUIRE), 0);
}

static void test_a_request_in_the_chain(void **state)
{
	struct sp_desc d;

	(void)state;
	start(2, 5000, 8);
	d = post();
	rig_kill(&rig);
	assert_true(client_closed(&c, RIG_WAIT_MS));
	client_close(&c);
	rig_again(&rig);
	client_open(&c, rig.port);
	assert_int_equal(rig_holder(&rig, d.buf), RIG_FN_SLOT);
	serves();
	assert_int_equal(rig_holder(&rig, d.buf), RIG_FN_SLOT);
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	rig_assert_all_free(&rig);
	serves();
	stop();
}

static void test_a_reply_that_nobody_read(void **state)
{
	struct sp_desc d;

	(void)state;
	start(1, 5000, 8);
	d = post();
	stop_in_its_tracks();
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	again();
	rig_assert_all_free(&rig);
	assert_int_equal(rig.owners[d.buf].word >> 32, d.gen + 1); /* it is stale */
	for (uint32_t i = 0; i < rig.layout.buffer_count; i++)
		serves();
	stop();
}

static void test_what_the_gateway_held(void **state)
{
	struct sp_desc unsent, held;

	(void)state;
	start(1, 5000, 8);
	held = post();
	rig_send(&rig, held, 1, SP_DESC_UNDELIVERABLE);
	client_open(&other, rig.port);
	client_post(&other, "/work", "", "x", 1);
	unsent = rig_take_raw(&rig); /* sent, but the kernel has not moved it */
	again();
	client_close(&other);
	rig_assert_all_free(&rig);
	rig_tell(&rig, WIRING_UP, 0, 1, 1);
	assert_int_equal(rig.owners[unsent.buf].word >> 32, unsent.gen + 1);
	serves();
	stop();
}

static void test_the_instance_dies_with_the_gateway(void **state)
{
	struct sp_desc d;

	(void)state;
	start(1, 5000, 8);
	d = post();
	lease(0);
	again();
	assert_int_equal(rig_stats(&rig).leased, 1);
	rig_tell(&rig, WIRING_LOST, RIG_FN_SLOT, 1, 0);
	assert_int_equal(rig_hear(&rig, WIRING_RECLAIMED).count, 2);
	assert_int_equal(rig_holder(&rig, d.buf), SP_HOLDER_FREE);
	assert_int_equal(rig_stats(&rig).leased, 0);
	serves();
	stop();
}

static void test_a_lease_stays_a_lease(void **state)
{
	struct sp_desc d, to;

	(void)state;
	start(1, 5000, 8);
	to = lease(1);
	d = lease(0);
	again();
	assert_int_equal(rig_stats(&rig).leased, 2);
	rig_send(&rig, d, SP_EDGE_RELEASE, 0);
	assert_int_equal(rig_stats(&rig).leased, 1);
	/* A new request takes the lease that the former gateway gave. */
	d = post();
	rig_send(&rig, move(&d, &to), SP_EDGE_RELEASE, SP_DESC_MOVED);
	shm_header_init(rig_slot(&rig, to.buf), rig.layout.classes[1].stride);
	to.len = 0;
	rig_send(&rig, to, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	assert_int_equal(rig_stats(&rig).leased, 0);
	stop();
}

static void test_a_question_not_read_is_answered_once(void **state)
{
	struct sp_desc d;

	(void)state;
	start(1, 5000, 8);
	stop_in_its_tracks();
	rig.instances[RIG_FN_SLOT].refill = 1;
	rig_write(&rig, 1, &ask, sizeof(ask));
	again();
	d = rig_take_raw(&rig);
	assert_int_equal(d.edge, SP_EDGE_GRANT);
	assert_int_equal(d.flags, 0);
	assert_answered();
	rig_hand_over(&rig, &d, RIG_FN_SLOT, 1);
	d.home = 1;
	rig_send(&rig, d, SP_EDGE_RELEASE, 0);
	assert_int_equal(rig_stats(&rig).leased, 0);
	assert_false(rig_waiting(&rig, 0));
	stop();
}

static void test_a_question_that_was_read_is_denied(void **state)
{
	struct sp_desc d;

	(void)state;
	start(1, 5000, 8);
	rig.instances[RIG_FN_SLOT].refill = 1; /* asked, and the question was taken */
	again();
	d = rig_take_raw(&rig);
	assert_int_equal(d.flags, SP_DESC_DENIED);
	assert_int_equal(d.home, RIG_FN_SLOT);
	assert_answered();
	rig.stats->granting[0] = RIG_FN_SLOT; /* about to be answered */
	again();
	assert_int_equal(rig_take_raw(&rig).flags, SP_DESC_DENIED);
	assert_int_equal(rig.stats->granting[0], 0);
	again();
	assert_false(rig_waiting(&rig, 0));
	serves();
	stop();
}

static void test_a_move_that_nobody_read(void **state)
{
	struct sp_desc d, to;

	(void)state;
	start(1, 5000, 8);
	to = lease(1);
	d = post();
	stop_in_its_tracks();
	rig_send(&rig, move(&d, &to), SP_EDGE_RELEASE, SP_DESC_MOVED);
	again();
	assert_int_equal(rig_holder(&rig, d.buf), SP_HOLDER_FREE);
	assert_int_equal(rig_holder(&rig, to.buf), RIG_FN_SLOT);
	assert_int_equal(rig_stats(&rig).leased, 0);
	to.home = 1;
	rig_send(&rig, to, SP_EDGE_REPLY, 0);
	rig_assert_all_free(&rig);
	serves();
	stop();
}

/* The new gateway read one entry before the kernel moved the request, and one after: what it
 * takes them for is not what they come back as. */
static void test_a_move_while_the_table_is_read(void **state)
{
	struct sp_desc request[2], leased[3];

	(void)state;
	start(1, 5000, 16);
	request[0] = post();
	client_open(&other, rig.port);
	client_post(&other, "/work", "", "x", 1);
	request[1] = rig_take(&rig);
	for (int i = 0; i < 3; i++)
		leased[i] = lease(0);
	again();
	client_close(&other);
	assert_int_equal(rig_stats(&rig).leased, 3);
	/* It moved before both were read, and the descriptor came after. */
	rig.owners[request[0].buf].leased = 1;
	request[0].len = request[1].buf;
	rig_send(&rig, request[0], SP_EDGE_RELEASE, SP_DESC_MOVED);
	rig_send(&rig, request[1], SP_EDGE_REPLY, 0);
	/* Between the two. */
	leased[0].len = leased[1].buf;
	rig_send(&rig, leased[0], SP_EDGE_RELEASE, SP_DESC_MOVED);
	rig_send(&rig, leased[1], SP_EDGE_REPLY, 0);
	/* After its target was read, before its descriptor was stale. */
	rig_send(&rig, leased[2], 1, SP_DESC_UNDELIVERABLE);
	rig_assert_all_free(&rig);
	assert_int_equal(rig_stats(&rig).leased, 0);
	serves();
	stop();
}

static void test_counts_go_on_and_gauges_do_not(void **state)
{
	struct wiring_stats stats;
	struct sp_desc d;

	(void)state;
	start(2, 5000, 8);
	serves();
	d = post();
	stats = rig_stats(&rig);
	assert_int_equal(stats.requests, 2);
	assert_int_equal(stats.in_flight, 1);
	assert_int_equal(stats.connections, 1);
	rig_kill(&rig);
	client_close(&c);
	rig_again(&rig);
	stats = rig_stats(&rig);
	assert_int_equal(stats.requests, 2);
	assert_int_equal(stats.answered * 2 + stats.lost, 3); /* each has one end: 1 and 1 */
	assert_int_equal(stats.in_flight, 0);
	assert_int_equal(stats.connections, 0);
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_open(&c, rig.port);
	serves();
	assert_int_equal(rig_stats(&rig).requests, 3);
	stop();
}

/* The gateway is killed before it is ready, or before it made the tables of a first start. */
static void test_killed_while_it_starts(void **state)
{
	struct timespec wait = { 0, 0 };
	struct sp_desc d, l;

	(void)state;
	start(2, 5000, 8);
	d = post();
	l = lease(0);
	for (int i = 0; i < MOMENTS; i++) {
		rig_kill(&rig);
		rig_launch(&rig);
		wait.tv_nsec = i * 10000000L;
		nanosleep(&wait, NULL);
	}
	again();
	assert_int_equal(rig_stats(&rig).leased, 1);
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	rig_send(&rig, l, SP_EDGE_RELEASE, 0);
	rig_assert_all_free(&rig);
	rig_kill(&rig);
	memset(rig.owners, 0, rig.layout.buffer_count * sizeof(*rig.owners));
	rig_again(&rig);
	client_close(&c);
	client_open(&c, rig.port);
	serves();
	stop();
}

/* Requests at every stage when it is killed. */
static void test_any_moment(void **state)
{
	static struct client crowd[CROWD];
	struct sp_desc taken[CROWD];

	(void)state;
	start(2, 5000, 64);
	for (unsigned round = 0; round < MOMENTS; round++) {
		uint32_t count = 0;

		for (int i = 0; i < CROWD; i++)
			client_open(&crowd[i], rig.port);
		for (int i = 0; i < CROWD; i++)
			client_post(&crowd[i], "/work", "", "crowd", 5);
		while (count < round % (CROWD + 1))
			taken[count++] = rig_take(&rig);
		for (uint32_t i = round % 3; i < count; i += 3) {
			rig_send(&rig, taken[i], SP_EDGE_REPLY, 0);
			taken[i].home = 0;
		}
		rig_kill(&rig);
		/* What the kernel has not moved is nobody's business any more. */
		while (rig_waiting(&rig, 0))
			rig_discard(&rig);
		rig_again(&rig);
		for (uint32_t i = 0; i < count; i++)
			if (taken[i].home)
				rig_send(&rig, taken[i], SP_EDGE_REPLY, 0);
		/* Who was not read before is served by the next, and nobody is refused. */
		for (int i = 0; i < CROWD; i++) {
			for (int ms = 0; !client_readable(&crowd[i], 10); ms += 10) {
				assert_true(ms < RIG_WAIT_MS);
				if (rig_waiting(&rig, 0))
					rig_send(&rig, rig_take(&rig), SP_EDGE_REPLY, 0);
			}
			client_close(&crowd[i]);
		}
		rig_assert_all_free(&rig);
	}
	client_close(&c);
	client_open(&c, rig.port);
	serves();
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_request_in_the_chain),
		cmocka_unit_test(test_a_reply_that_nobody_read),
		cmocka_unit_test(test_what_the_gateway_held),
		cmocka_unit_test(test_the_instance_dies_with_the_gateway),
		cmocka_unit_test(test_a_lease_stays_a_lease),
		cmocka_unit_test(test_a_question_not_read_is_answered_once),
		cmocka_unit_test(test_a_question_that_was_read_is_denied),
		cmocka_unit_test(test_a_move_that_nobody_read),
		cmocka_unit_test(test_a_move_while_the_table_is_read),
		cmocka_unit_test(test_counts_go_on_and_gauges_do_not),
		cmocka_unit_test(test_killed_while_it_starts),
		cmocka_unit_test(test_any_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
