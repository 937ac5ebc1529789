// SPDX-License-Identifier: Apache-2.0
/* Many connections, rest, and the end. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "session.h"

static bool refused(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)rig.port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	assert_true(fd >= 0);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	r = connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? errno : 0;
	close(fd);
	return r == ECONNREFUSED;
}

/* Somebody else holds the listeners as well: they are his to go on with, or nobody's. */
static void test_a_drain_refuses_clients_unless_it_hands_over(void **state)
{
	for (uint32_t how = WIRING_DRAIN_STOP; how <= WIRING_DRAIN_HAND_OVER; how++) {
		start(2, 1000, 8);
		client_close(&c);
		rig_tell(&rig, WIRING_DRAIN, 0, 0, how);
		rig_hear(&rig, WIRING_DRAINED);
		assert_int_equal(refused(), how == WIRING_DRAIN_STOP);
		shutdown(rig.control, SHUT_WR); /* its order to end */
		assert_int_equal(rig_exit(&rig), 0);
		rig_stop(&rig);
	}
	(void)state;
}

static void test_drain_finishes_what_is_in_flight(void **state)
{
	time_t begun = time(NULL);
	struct sp_desc d;

	(void)state;
	start(2, 60000, 8);
	client_open(&other, rig.port); /* idle: closed at once */
	client_say(&other, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
	client_reply(&other, &reply, false);
	d = post();
	rig_tell(&rig, WIRING_DRAIN, 0, 0, 0);
	assert_true(client_closed(&other, RIG_WAIT_MS));
	client_close(&other);
	assert_false(client_readable(&c, 50));
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.body, "body");
	assert_string_equal(reply_field(&reply, "connection"), "close");
	assert_true(client_closed(&c, RIG_WAIT_MS));
	rig_hear(&rig, WIRING_DRAINED);
	shutdown(rig.control, SHUT_WR); /* its order to end */
	assert_int_equal(rig_exit(&rig), 0);
	assert_in_range(time(NULL) - begun, 0, 30); /* it did not wait for the timeout */
	stop();
}

static void test_drain_ends_at_the_deadline(void **state)
{
	struct sp_desc d;

	(void)state;
	start(1, 200, 8);
	client_say(&c, "POST /work HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nnever");
	client_open(&other, rig.port);
	client_post(&other, "/work", "", "x", 1);
	d = rig_take(&rig);
	rig_tell(&rig, WIRING_DRAIN, 0, 0, 0);
	client_reply(&other, &reply, false);
	reply_assert_problem(&reply, 504, "deadline");
	client_close(&other);
	rig_hear(&rig, WIRING_DRAINED);
	shutdown(rig.control, SHUT_WR); /* its order to end */
	assert_int_equal(rig_exit(&rig), 0);
	assert_int_equal(rig_holder(&rig, d.buf), RIG_FN_SLOT); /* never answered */
	client_close(&c);
	rig_stop(&rig);
}

static void test_the_gateway_goes_with_its_controller(void **state)
{
	(void)state;
	start(2, 5000, 8);
	post();
	shutdown(rig.control, SHUT_RDWR);
	assert_int_equal(rig_exit(&rig), 1);
	client_close(&c);
	rig_stop(&rig);
}

static void test_two_workers_serve_many(void **state)
{
	static struct client many[24];
	uint32_t homes = 0;

	(void)state;
	start(2, 5000, 64);
	for (int i = 0; i < 24; i++)
		client_open(&many[i], rig.port);
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 24; i++)
			client_post(&many[i], "/work", "", "same", 4);
		for (int i = 0; i < 24; i++) {
			struct sp_desc d = rig_take(&rig);

			homes |= 1U << d.home;
			rig_send(&rig, d, SP_EDGE_REPLY, 0);
		}
		for (int i = 0; i < 24; i++) {
			client_reply(&many[i], &reply, false);
			assert_int_equal(reply.status, 200);
			assert_string_equal(reply.body, "same");
		}
	}
	assert_int_equal(homes, 1U << 1 | 1U << 2);
	assert_int_equal(rig_stats(&rig).answered, 24 * 50);
	for (int i = 0; i < 24; i++)
		client_close(&many[i]);
	stop();
}

static void test_connections_over_the_limit_wait_their_turn(void **state)
{
	struct rig_config config = {
		.workers = 1, .timeout_ms = 5000, .buffers = 8, .fd_limit = 160
	};
	static struct client many[100];
	const char *ask = "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n";
	uint64_t limit, sleeps;

	(void)state;
	rig_start(&rig, &config);
	for (int i = 0; i < 100; i++) {
		client_open(&many[i], rig.port);
		client_send(&many[i], ask, strlen(ask));
	}
	limit = (160 - 64) / 10 * 9;
	for (uint64_t i = 0; i < limit; i++)
		client_reply(&many[i], &reply, false);
	assert_false(client_readable(&many[limit], 100));
	assert_int_equal(rig_stats(&rig).connections, limit);
	sleeps = rig_sleeps(&rig);
	assert_false(client_readable(&many[limit], 300)); /* it waits, and does not spin */
	assert_in_range(rig_sleeps(&rig) - sleeps, 0, 4);
	for (int i = 0; i < 100; i++) { /* each that goes lets another in */
		if ((uint64_t)i >= limit)
			client_reply(&many[i], &reply, false);
		assert_int_equal(reply.status, 200);
		client_close(&many[i]);
	}
	c.fd = -1;
	stop();
}

/* Requests of HTTP/2 whose bodies are on their way, and a frame that ends the connection. What is
 * known of a client is looked at until the last of its streams is closed. */
static void test_a_goaway_with_open_streams(void **state)
{
	static const char begin[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
				    "\0\0\0\x04\0\0\0\0\0";     /* SETTINGS */
	static const char open[] = "\0\0\x06\x01\x04\0\0\0\x01" /* HEADERS of stream 1 */
				   "\x83\x86\x84\x41\x01h"      /* POST http / h */
				   "\0\0\x04\0\0\0\0\0\x01"     /* DATA */
				   "body";
	static const char bad[] = "\0\0\0\0\0\0\0\0\x03"; /* DATA of stream 3, which is idle */

	(void)state;
	start(1, 5000, 8);
	client_send(&c, begin, sizeof(begin) - 1);
	client_send(&c, open, sizeof(open) - 1);
	client_send(&c, bad, sizeof(bad) - 1);
	while (!client_closed(&c, RIG_WAIT_MS)) /* frames, the last one a GOAWAY */
		assert_true(recv(c.fd, c.bytes, sizeof(c.bytes), MSG_DONTWAIT) > 0);
	client_close(&c);
	client_open(&c, rig.port);
	rig_send(&rig, post(), SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	stop();
}

static void test_an_idle_gateway_sleeps(void **state)
{
	uint64_t sleeps;

	(void)state;
	start(2, 5000, 8);
	rig_send(&rig, post(), SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	/* let it come to rest: a second later it looks, once, whether its client is slow */
	client_readable(&c, 1300);
	sleeps = rig_sleeps(&rig);
	assert_false(client_readable(&c, 1500));
	assert_int_equal(rig_sleeps(&rig), sleeps); /* one connection open, nothing wakes it */
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_drain_refuses_clients_unless_it_hands_over),
		cmocka_unit_test(test_drain_finishes_what_is_in_flight),
		cmocka_unit_test(test_drain_ends_at_the_deadline),
		cmocka_unit_test(test_the_gateway_goes_with_its_controller),
		cmocka_unit_test(test_two_workers_serve_many),
		cmocka_unit_test(test_connections_over_the_limit_wait_their_turn),
		cmocka_unit_test(test_a_goaway_with_open_streams),
		cmocka_unit_test(test_an_idle_gateway_sleeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
