// SPDX-License-Identifier: Apache-2.0
/* Requests for which there is no room, and those whose instance dies. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "session.h"

#define NO_ROOM (SP_DESC_UNDELIVERABLE | SP_DESC_FULL)

static void bounds(uint32_t in_flight, uint32_t queue, uint32_t interval_ms)
{
	rig_wiring.max_in_flight = in_flight;
	rig_wiring.max_queue = queue;
	rig_wiring.interval_ms = interval_ms;
	rig_update(&rig);
	rig_hear(&rig, WIRING_UPDATED);
}

/* The test's instance of function 1 has so many requests, and may have as many. */
static void instance_set(uint32_t in_flight, uint32_t limit)
{
	struct sp_instance *i = &rig.instances[RIG_FN_SLOT];

	i->fn = 1;
	__atomic_store_n(&i->in_flight, in_flight, __ATOMIC_RELAXED);
	__atomic_store_n(&i->limit, (uint16_t)limit, __ATOMIC_RELAXED);
}

/* Until as many requests wait, or wait and have waited, for room. */
static void queued(uint64_t count)
{
	for (int i = 0; i < 2500 && rig_stats(&rig).queued < count; i++)
		usleep(2000);
	assert_true(rig_stats(&rig).queued >= count);
}

/* Sends it back as the kernel program does when the function is full. */
static void bounce(struct sp_desc d)
{
	uint64_t before = rig_stats(&rig).queued;

	rig_send(&rig, d, 1, NO_ROOM);
	queued(before + 1);
}

static void answered(struct client *client, struct sp_desc d)
{
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(client, &reply, false);
	assert_int_equal(reply.status, 200);
}

static void test_a_request_waits_until_there_is_room(void **state)
{
	struct sp_desc d;

	(void)state;
	start(1, 5000, 8);
	bounds(0, 4, 5000);
	instance_set(1, 1);
	d = post();
	bounce(d);
	/* Another one does not overtake it, nor is it sent in vain. */
	client_open(&other, rig.port);
	client_post(&other, "/work", "", "next", 4);
	assert_false(rig_waiting(&rig, 50));
	assert_int_equal(rig_stats(&rig).queued, 2);
	assert_int_equal(rig_stats(&rig).held, 0);
	instance_set(0, 1);
	d = rig_take(&rig);
	assert_memory_equal(shm_buffer_payload(rig_slot(&rig, d.buf)), "body", 4);
	instance_set(1, 1);
	assert_true(rig_stats(&rig).queued_us >= 50000);
	answered(&c, d);
	instance_set(0, 1);
	answered(&other, rig_take(&rig));
	client_close(&other);
	stop();
}

static void test_room_is_of_who_is_there(void **state)
{
	struct sp_desc d;

	(void)state;
	start(1, 5000, 8);
	bounds(0, 4, 5000);
	instance_set(0, 0); /* it is out of the table */
	d = post();
	bounce(d);
	assert_false(rig_waiting(&rig, 50));
	rig.instances[RIG_FN_SLOT].fn = 2;
	instance_set(0, 1);
	answered(&c, rig_take(&rig));
	stop();
}

static void test_who_waits_too_long_is_503(void **state)
{
	(void)state;
	start(1, 5000, 8);
	bounds(0, 4, 30);
	instance_set(1, 1);
	bounce(post());
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 503, "function-overloaded");
	assert_non_null(strstr(reply.body, "\"function\":\"first\""));
	assert_string_equal(reply_field(&reply, "retry-after"), "1");
	assert_int_equal(rig_stats(&rig).shed, 1);
	rig_assert_all_free(&rig);
	/* A client that leaves while its request waits frees it. */
	bounds(0, 4, 5000);
	bounce(post());
	client_reset(&c);
	rig_assert_all_free(&rig);
	stop();
}

/* While somebody debugs a function nobody's time passes. */
static void test_frozen_time_is_nobodys(void **state)
{
	(void)state;
	start(1, 5000, 8);
	bounds(0, 4, 30);
	instance_set(1, 1);
	rig_tell(&rig, WIRING_FREEZE, 0, 0, 1);
	bounce(post());
	assert_false(client_readable(&c, 80));
	rig_tell(&rig, WIRING_FREEZE, 0, 0, 0);
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 503, "function-overloaded");
	stop();
}

static void test_a_full_queue_is_503_at_once(void **state)
{
	static struct client many[3];

	(void)state;
	start(1, 5000, 8);
	bounds(0, 2, 5000);
	instance_set(1, 1);
	bounce(post());
	for (int i = 0; i < 3; i++) {
		client_open(&many[i], rig.port);
		client_post(&many[i], "/work", "", "more", 4);
		queued(2);
	}
	client_reply(&many[1], &reply, false);
	reply_assert_problem(&reply, 503, "function-overloaded");
	client_reply(&many[2], &reply, false);
	reply_assert_problem(&reply, 503, "function-overloaded");
	instance_set(0, 2);
	answered(&c, rig_take(&rig));
	answered(&many[0], rig_take(&rig));
	for (int i = 0; i < 3; i++)
		client_close(&many[i]);
	stop();
}

static void test_before_the_chain(void **state)
{
	static struct client many[3];
	struct sp_desc d;

	(void)state;
	start(1, 5000, 8);
	bounds(1, 1, 5000);
	d = post();
	for (int i = 0; i < 2; i++)
		client_open(&many[i], rig.port);
	client_say(&many[0], "GET /work HTTP/1.1\r\nHost: h\r\n\r\n");
	queued(1);
	client_say(&many[1], "GET /work HTTP/1.1\r\nHost: h\r\n\r\n");
	client_reply(&many[1], &reply, false);
	reply_assert_problem(&reply, 503, "overloaded");
	/* A body is not waited for. */
	client_say(&many[1], "POST /work HTTP/1.1\r\nHost: h\r\nContent-Length: 4000\r\n"
			     "Expect: 100-continue\r\n\r\n");
	client_reply(&many[1], &reply, false);
	reply_assert_problem(&reply, 503, "overloaded");
	assert_string_equal(reply_field(&reply, "connection"), "close");
	assert_int_equal(rig_stats(&rig).shed, 2);
	answered(&c, d);
	answered(&many[0], rig_take(&rig)); /* it has its turn */
	for (int i = 0; i < 2; i++)
		client_close(&many[i]);
	assert_int_equal(rig_stats(&rig).in_flight, 0);
	stop();
}

static void test_before_the_chain_nobody_waits_for_ever(void **state)
{
	struct sp_desc d;

	(void)state;
	start(1, 5000, 8);
	bounds(1, 4, 30);
	d = post();
	client_open(&other, rig.port);
	client_post(&other, "/work", "", "late", 4);
	client_reply(&other, &reply, false);
	reply_assert_problem(&reply, 503, "overloaded");
	client_close(&other);
	answered(&c, d);
	stop();
}

/* Of a queue that stands: the first of it has its turn `place_ms` after it came, and the second
 * waits on. A third one comes. */
static struct sp_desc standing(struct client waits[2], useconds_t place_ms)
{
	struct sp_desc d;

	start(1, 5000, 8);
	rig_wiring.target_ms = 2000;
	bounds(1, 8, 30);
	d = post();
	for (int i = 0; i < 2; i++) {
		client_open(&waits[i], rig.port);
		client_post(&waits[i], "/work", "", "wait", 4);
		queued(1 + (uint64_t)i);
	}
	usleep(place_ms * 1000);
	answered(&c, d);
	d = rig_take(&rig);
	client_post(&c, "/work", "", "next", 4);
	return d;
}

static void test_nobody_waits_in_vain(void **state)
{
	static struct client waits[2];
	struct sp_desc d;

	(void)state;
	/* 2 times 900 ms are more than it may wait; at once is before who came earlier. */
	d = standing(waits, 900);
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 503, "overloaded");
	assert_false(client_readable(&waits[1], 0));
	answered(&waits[0], d);
	answered(&waits[1], rig_take(&rig));
	assert_int_equal(rig_stats(&rig).queued, 2);
	for (int i = 0; i < 2; i++)
		client_close(&waits[i]);
	stop();
	/* 2 times 100 ms are not. */
	d = standing(waits, 100);
	queued(3);
	answered(&waits[0], d);
	answered(&waits[1], rig_take(&rig));
	answered(&c, rig_take(&rig));
	for (int i = 0; i < 2; i++)
		client_close(&waits[i]);
	stop();
}

/* The instance dies with the request; the gateway has taken it back afterwards. */
static void die(void)
{
	rig_tell(&rig, WIRING_LOST, RIG_FN_SLOT, 1, 0);
	assert_int_equal(rig_hear(&rig, WIRING_RECLAIMED).count, 1);
}

static void test_a_dead_instances_request_is_sent_again(void **state)
{
	struct sp_desc d;

	(void)state;
	start(1, 5000, 8);
	rig_wiring.idempotent = 1U << 1;
	bounds(0, 4, 5000);
	for (int deaths = 0; deaths < 2; deaths++) {
		d = deaths == 0 ? post() : rig_take(&rig);
		memset(shm_buffer_payload(rig_slot(&rig, d.buf)), '?', 1000);
		memset(rig_slot(&rig, d.buf), 0xff, SHM_HEADER_SIZE);
		die();
	}
	d = rig_take(&rig);
	assert_int_equal(d.edge, 1);
	assert_int_equal(d.len, 4);
	answered(&c, d);
	assert_string_equal(reply.body, "body");
	assert_int_equal(rig_stats(&rig).retried, 2);
	assert_int_equal(rig_stats(&rig).lost, 0);
	/* Whoever has it dies. */
	post();
	die();
	rig_take(&rig);
	die();
	rig_take(&rig);
	die();
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 502, "function-died");
	assert_int_equal(rig_stats(&rig).retried, 4);
	assert_int_equal(rig_stats(&rig).lost, 1);
	stop();
}

static void test_only_when_all_that_had_it_are_idempotent(void **state)
{
	struct sp_desc d;

	(void)state;
	start(1, 5000, 8);
	rig_wiring.idempotent = 1U << 2;
	bounds(0, 4, 5000);
	d = post();
	rig_hand_over(&rig, &d, RIG_FN_SLOT, 2); /* the first one handed it on */
	die();
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 502, "function-died");
	assert_int_equal(rig_stats(&rig).retried, 0);
	stop();
}

/* It may have been moved by what its client sent ahead, and nobody has noted where it was. */
static void test_not_what_came_before_they_were_idempotent(void **state)
{
	static char ahead[40000];

	(void)state;
	start(1, 5000, 8);
	client_say(&c, "GET /work HTTP/1.1\r\nHost: h\r\nX-A: one\r\n\r\n");
	rig_take(&rig);
	memset(ahead, 'x', sizeof(ahead));
	client_send(&c, ahead, sizeof(ahead));
	rig_wiring.idempotent = 1U << 1;
	bounds(0, 4, 5000);
	die();
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 502, "function-died");
	assert_int_equal(rig_stats(&rig).retried, 0);
	stop();
}

/* What others read is not written to: the request goes on in another buffer. */
static void test_a_shared_buffer_is_left(void **state)
{
	struct sp_desc d, again;

	(void)state;
	start(1, 5000, 8);
	rig_wiring.idempotent = 1U << 1;
	bounds(0, 4, 5000);
	d = post();
	rig.owners[d.buf].refs = 1;
	memcpy(shm_buffer_payload(rig_slot(&rig, d.buf)), "read", 4);
	die();
	again = rig_take(&rig);
	assert_int_not_equal(again.buf, d.buf);
	assert_memory_equal(shm_buffer_payload(rig_slot(&rig, d.buf)), "read", 4);
	answered(&c, again);
	assert_string_equal(reply.body, "body");
	/* Whoever read it ends, and with that both buffers. */
	again = session_lease(0);
	rig.owners[again.buf].ref = 1 + d.buf;
	rig_send(&rig, again, SP_EDGE_RELEASE, 0);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_request_waits_until_there_is_room),
		cmocka_unit_test(test_room_is_of_who_is_there),
		cmocka_unit_test(test_who_waits_too_long_is_503),
		cmocka_unit_test(test_frozen_time_is_nobodys),
		cmocka_unit_test(test_a_full_queue_is_503_at_once),
		cmocka_unit_test(test_before_the_chain),
		cmocka_unit_test(test_before_the_chain_nobody_waits_for_ever),
		cmocka_unit_test(test_nobody_waits_in_vain),
		cmocka_unit_test(test_a_dead_instances_request_is_sent_again),
		cmocka_unit_test(test_only_when_all_that_had_it_are_idempotent),
		cmocka_unit_test(test_not_what_came_before_they_were_idempotent),
		cmocka_unit_test(test_a_shared_buffer_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
