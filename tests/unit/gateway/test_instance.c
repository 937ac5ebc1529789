// SPDX-License-Identifier: Apache-2.0
/* Deadlines, instances that die, come up and lease, and clients that leave. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "session.h"

static void test_the_deadline_is_504_and_the_buffer_comes_back(void **state)
{
	struct wiring_stats stats;
	struct sp_desc d;

	(void)state;
	start(1, 200, 8);
	d = post();
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 504, "deadline");
	assert_int_equal(rig_holder(&rig, d.buf), RIG_FN_SLOT);
	rig_send(&rig, d, SP_EDGE_REPLY, 0); /* late: freed silently */
	rig_assert_all_free(&rig);
	d = post();
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	stats = rig_stats(&rig);
	assert_int_equal(stats.timed_out, 1);
	assert_int_equal(stats.answered, 1);
	stop();
}

/* What a client sends ahead moves its request's bytes in memory, and other connections get
 * the memory that they were in. */
static void test_head_is_known_after_more_came(void **state)
{
	static struct client others[40];
	struct sp_desc d;

	(void)state;
	start(1, 300, 8);
	client_say(&c, "HEAD /work HTTP/1.1\r\nHost: h\r\n\r\n");
	d = rig_take(&rig);
	for (int i = 0; i < 12; i++)
		client_say(&c, "GET /healthz HTTP/1.1\r\nHost: h\r\nX-Long: %0800d\r\n\r\n", 0);
	assert_false(client_readable(&c, 50));
	for (int i = 0; i < 40; i++) {
		client_open(&others[i], rig.port);
		client_say(&others[i],
			   "POST /work HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n");
	}
	client_reply(&c, &reply, true);
	assert_int_equal(reply.status, 504);
	for (int i = 0; i < 12; i++) { /* no body stands before them */
		client_reply(&c, &reply, false);
		assert_string_equal(reply.body, "ok\n");
	}
	for (int i = 0; i < 40; i++)
		client_close(&others[i]);
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	stop();
}

static void test_no_buffer_is_503(void **state)
{
	static struct client many[64];
	struct sp_desc d[64];
	int count;

	(void)state;
	start(1, 5000, 8);
	count = (int)rig.layout.buffer_count; /* the small ones, then the large ones */
	assert_in_range(count, 16, 64);
	for (int i = 0; i < count; i++) {
		client_open(&many[i], rig.port);
		client_post(&many[i], "/work", "", "x", 1);
		d[i] = rig_take(&rig);
	}
	client_post(&c, "/work", "", "x", 1);
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 503, "no-buffer");
	assert_string_equal(reply_field(&reply, "retry-after"), "1");
	for (int i = 0; i < count; i++) {
		rig_send(&rig, d[i], SP_EDGE_REPLY, 0);
		client_reply(&many[i], &reply, false);
		assert_int_equal(reply.status, 200);
		client_close(&many[i]);
	}
	assert_int_equal(rig_stats(&rig).no_buffer, 1);
	stop();
}

static void test_a_dead_function_is_502_and_loses_nothing(void **state)
{
	struct wiring_msg msg;
	struct sp_desc d;

	(void)state;
	start(2, 5000, 8);
	d = post();
	/* Another client's answer was handed over before the death: it is no loss. */
	client_open(&other, rig.port);
	client_post(&other, "/work", "", "kept", 4);
	rig_send(&rig, rig_take(&rig), SP_EDGE_REPLY, 0);
	rig_tell(&rig, WIRING_LOST, RIG_FN_SLOT, 1, 0);
	msg = rig_hear(&rig, WIRING_RECLAIMED);
	assert_int_equal(msg.slot, RIG_FN_SLOT);
	assert_int_equal(msg.count, 1);
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 502, "function-died");
	assert_non_null(strstr(reply.body, "\"function\":\"first\""));
	client_reply(&other, &reply, false);
	assert_int_equal(reply.status, 200);
	client_close(&other);
	assert_int_equal(rig_stats(&rig).lost, 1);
	rig_assert_all_free(&rig);
	d = post(); /* it goes on */
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	stop();
}

static void test_an_undeliverable_request_waits_for_an_instance(void **state)
{
	struct sp_desc d;

	(void)state;
	start(1, 5000, 8);
	d = post();
	rig_send(&rig, d, 3, SP_DESC_UNDELIVERABLE | 1);
	assert_false(rig_waiting(&rig, 50));
	assert_int_equal(rig_stats(&rig).held, 1);
	rig_tell(&rig, WIRING_UP, 0, 1, 0);
	d = rig_take(&rig);
	assert_int_equal(d.edge, 1);
	assert_int_equal(d.len, 4);
	assert_int_equal(d.flags, 1); /* the QoS class stays, the mark goes */
	assert_memory_equal(shm_buffer_payload(rig_slot(&rig, d.buf)), "body", 4);
	/* Said to be up, and still undeliverable: tried once more at once, then held. */
	rig_send(&rig, d, 1, SP_DESC_UNDELIVERABLE);
	d = rig_take(&rig);
	rig_send(&rig, d, 1, SP_DESC_UNDELIVERABLE);
	assert_false(rig_waiting(&rig, 50));
	rig_tell(&rig, WIRING_UP, 0, 1, 0);
	d = rig_take(&rig);
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.body, "body");
	stop();
}

static void test_a_held_request_is_503_at_its_deadline(void **state)
{
	(void)state;
	start(1, 200, 8);
	rig_send(&rig, post(), 1, SP_DESC_UNDELIVERABLE);
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 503, "no-instance");
	assert_string_equal(reply_field(&reply, "retry-after"), "1");
	rig_assert_all_free(&rig);
	/* A client that leaves a held request frees it. */
	rig_send(&rig, post(), 1, SP_DESC_UNDELIVERABLE);
	client_reset(&c);
	rig_assert_all_free(&rig);
	rig_tell(&rig, WIRING_UP, 0, 1, 0);
	assert_false(rig_waiting(&rig, 50));
	stop();
}

static void test_leases_are_granted_capped_and_returned(void **state)
{
	struct sp_desc ask = { .gen = RIG_FN_SLOT, .edge = SP_EDGE_REFILL, .len = 100, .home = 1 };
	struct sp_desc d[8];
	int share;

	(void)state;
	start(1, 5000, 16);
	share = (int)rig.layout.classes[0].count / 4;
	assert_in_range(share, 3, 7); /* below the eight of one grant */
	rig.instances[RIG_FN_SLOT].refill = 1;
	rig_write(&rig, 1, &ask, sizeof(ask));
	for (int i = 0; i < share; i++) {
		d[i] = rig_take_raw(&rig);
		assert_int_equal(d[i].edge, SP_EDGE_GRANT);
		assert_int_equal(d[i].home, RIG_FN_SLOT);
		assert_int_equal(d[i].flags, 0);
		assert_int_equal(rig.owners[d[i].buf].leased, 1);
		assert_int_equal(shm_layout_class(&rig.layout, d[i].buf)->size, 2048);
		assert_int_equal(__atomic_load_n(&rig.instances[RIG_FN_SLOT].refill,
						 __ATOMIC_ACQUIRE),
				 0);
		d[i].home = 1;
		rig_hand_over(&rig, &d[i], RIG_FN_SLOT, 1);
	}
	assert_int_equal(rig_stats(&rig).leased, share);
	ask.buf = 9; /* no such class */
	rig.instances[RIG_FN_SLOT].refill = 1U << (9 & SP_DESC_ASKED_MASK);
	rig_write(&rig, 1, &ask, sizeof(ask));
	assert_int_equal(rig_take_raw(&rig).flags, SP_DESC_DENIED | (9 & SP_DESC_ASKED_MASK));
	/* Nor may it ask so again. */
	assert_int_equal(__atomic_load_n(&rig.instances[RIG_FN_SLOT].refill, __ATOMIC_ACQUIRE),
			 1U << (9 & SP_DESC_ASKED_MASK));
	rig_send(&rig, d[0], SP_EDGE_RELEASE, 0);
	rig_send(&rig, d[1], SP_EDGE_GRANT, SP_DESC_UNDELIVERABLE); /* whom it was for is gone */
	rig_tell(&rig, WIRING_LOST, RIG_FN_SLOT, 1, 0);
	assert_int_equal(rig_hear(&rig, WIRING_RECLAIMED).count, share - 2);
	rig_assert_all_free(&rig);
	assert_int_equal(rig_stats(&rig).leased, 0);
	stop();
}

static void test_a_request_moves_to_a_leased_buffer(void **state)
{
	struct sp_desc ask = {
		.gen = RIG_FN_SLOT, .buf = 1, .len = 1, .edge = SP_EDGE_REFILL, .home = 1
	};
	struct sp_desc d, to, from;

	(void)state;
	start(1, 5000, 8);
	for (int i = 0; i < 3; i++) {
		rig_write(&rig, 1, &ask, sizeof(ask));
		to = rig_take_raw(&rig);
		rig_hand_over(&rig, &to, RIG_FN_SLOT, 1);
		d = post();
		/* The kernel's part of a move. */
		rig.owners[to.buf].home = rig.owners[d.buf].home;
		rig.owners[to.buf].hops = rig.owners[d.buf].hops;
		rig.owners[to.buf].leased = 0;
		rig.owners[d.buf].leased = 1;
		memcpy(rig_slot(&rig, to.buf), rig_slot(&rig, d.buf), SHM_HEADER_SIZE);
		shm_header_init(rig_slot(&rig, to.buf), rig.layout.classes[1].stride);
		memset(shm_buffer_payload(rig_slot(&rig, to.buf)), 'L', 50000);
		from = d;
		from.len = to.buf;
		rig_send(&rig, from, SP_EDGE_RELEASE, SP_DESC_MOVED);
		to.home = d.home;
		to.len = 50000;
		rig_send(&rig, to, SP_EDGE_REPLY, 0);
		client_reply(&c, &reply, false);
		assert_int_equal(reply.status, 200);
		assert_int_equal(reply.body_len, 50000);
		assert_int_equal(reply.body[49999], 'L');
		rig_assert_all_free(&rig);
	}
	assert_int_equal(rig_stats(&rig).leased, 0);
	stop();
}

static void test_a_client_that_resets_is_noticed(void **state)
{
	struct sp_desc d;

	(void)state;
	start(1, 5000, 8);
	d = post();
	client_reset(&c);
	while (rig_stats(&rig).abandoned == 0)
		;
	assert_int_equal(rig_stats(&rig).in_flight, 0);
	assert_int_equal(rig_stats(&rig).connections, 0);
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	rig_assert_all_free(&rig);
	client_open(&c, rig.port); /* half closed: it waits for its answer, and gets it */
	d = post();
	shutdown(c.fd, SHUT_WR);
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	assert_true(client_closed(&c, RIG_WAIT_MS));
	stop();
}

static void test_an_http2_client_that_leaves_is_noticed(void **state)
{
	char command[256];
	struct sp_desc d;
	FILE *curl;

	(void)state;
	start(1, 5000, 8);
	snprintf(command, sizeof(command),
		 "curl -s --max-time 0.3 --http2-prior-knowledge -d x http://127.0.0.1:%d/work",
		 rig.port);
	curl = popen(command, "r");
	assert_non_null(curl);
	d = rig_take(&rig);
	pclose(curl);
	while (rig_stats(&rig).abandoned == 0)
		;
	assert_int_equal(rig_stats(&rig).in_flight, 0);
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_deadline_is_504_and_the_buffer_comes_back),
		cmocka_unit_test(test_head_is_known_after_more_came),
		cmocka_unit_test(test_no_buffer_is_503),
		cmocka_unit_test(test_a_dead_function_is_502_and_loses_nothing),
		cmocka_unit_test(test_an_undeliverable_request_waits_for_an_instance),
		cmocka_unit_test(test_a_held_request_is_503_at_its_deadline),
		cmocka_unit_test(test_leases_are_granted_capped_and_returned),
		cmocka_unit_test(test_a_request_moves_to_a_leased_buffer),
		cmocka_unit_test(test_a_client_that_resets_is_noticed),
		cmocka_unit_test(test_an_http2_client_that_leaves_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
