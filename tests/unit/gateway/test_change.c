// SPDX-License-Identifier: Apache-2.0
/* What changes while a gateway serves: its tables, its deadlines, and whose turn it is. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "session.h"

static void get(const char *host, const char *path)
{
	client_say(&c, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host);
}

static void update(void)
{
	rig_update(&rig);
	rig_hear(&rig, WIRING_UPDATED);
}

static void test_new_tables_serve_new_requests(void **state)
{
	struct sp_desc d;

	(void)state;
	start(2, 5000, 8);
	get("h", "/new");
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 404, "not-found");
	d = post(); /* of the old tables */
	rig_ingress_add(&rig_wiring, "*.example", "/new", 100);
	rig_wiring.rules.rules[2] =
		(struct rule){ .kind = RULE_PATH, .wire_edge = 2, .value_len = 4, .value = "/new" };
	rig_wiring.trace = 1;
	update();
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	get("Shop.Example:80", "/new");
	d = rig_take(&rig);
	assert_int_equal(d.edge, 2);
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	assert_non_null(reply_field(&reply, "server-timing"));
	get("example", "/new");
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 404, "not-found");
	stop();
}

static void test_many_tables_in_a_row(void **state)
{
	(void)state;
	start(2, 5000, 8);
	for (int i = 0; i < 50; i++) {
		rig_wiring.ingress_count = i % 2 ? 0 : 3;
		rig_update(&rig);
	}
	do { /* each report is of tables sent before: the last one is of the last */
		rig_hear(&rig, WIRING_UPDATED);
		client_say(&c, "PUT /work HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
		client_reply(&c, &reply, false);
		assert_true(reply.status == 404 || reply.status == 405);
	} while (reply.status != 404);
	stop();
}

static void test_tables_that_do_not_fit_are_refused(void **state)
{
	struct wiring_gateway good;

	(void)state;
	start(1, 5000, 8);
	good = rig_wiring;
	rig_wiring.timeout_ns++;
	rig_update(&rig);
	rig_wiring = good;
	rig_wiring.fn_count = 1;
	rig_update(&rig);
	rig_wiring = good;
	rig_wiring.fn_names[1] = rig_wiring.fn_names[2];
	rig_update(&rig);
	rig_wiring = good;
	rig_wiring.layout.size *= 2;
	rig_update(&rig);
	rig_wiring = good;
	rig_wiring.ingress_count = WIRING_INGRESS_MAX + 1;
	rig_update(&rig);
	rig_wiring = good;
	rig_wiring.ingress_count = 0; /* the one that is taken: nothing is served */
	rig_update(&rig);
	rig_hear(&rig, WIRING_UPDATED);
	client_post(&c, "/work", "", "x", 1);
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 404, "not-found");
	assert_int_equal(recv(rig.control, &good, 1, MSG_DONTWAIT), -1); /* one answer */
	stop();
}

static void test_no_deadline_passes_while_frozen(void **state)
{
	struct sp_desc d;

	(void)state;
	start(1, 200, 8);
	rig_tell(&rig, WIRING_FREEZE, 0, 0, 1);
	update(); /* has been read */
	d = post();
	assert_int_equal(rig_slot(&rig, d.buf)->deadline_ns, 0);
	assert_false(client_readable(&c, 700));
	rig_tell(&rig, WIRING_FREEZE, 0, 0, 0);
	client_reply(&c, &reply, false);
	reply_assert_problem(&reply, 504, "deadline");
	rig_send(&rig, d, SP_EDGE_RELEASE, 0);
	d = post();
	assert_int_not_equal(rig_slot(&rig, d.buf)->deadline_ns, 0);
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	stop();
}

static void end(void)
{
	rig_hear(&rig, WIRING_DRAINED);
	shutdown(rig.control, SHUT_WR);
	assert_int_equal(rig_exit(&rig), 0);
}

static void test_a_gentle_drain_answers_whoever_asks(void **state)
{
	struct sp_desc d;

	(void)state;
	start(1, 5000, 8);
	client_open(&other, rig.port);
	client_say(&other, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
	client_reply(&other, &reply, false);
	rig_send(&rig, post(), SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_string_equal(reply_field(&reply, "connection"), "keep-alive");
	rig_tell(&rig, WIRING_DRAIN, 0, 0, WIRING_DRAIN_HAND_OVER);
	update();
	d = post(); /* on a connection that was idle: answered, and then closed */
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply_field(&reply, "connection"), "close");
	assert_true(client_closed(&c, RIG_WAIT_MS));
	assert_true(client_closed(&other, RIG_WAIT_MS)); /* after it has been idle */
	client_close(&other);
	end();
	stop();
}

static void test_half_a_request_is_waited_for(void **state)
{
	(void)state;
	start(1, 5000, 8);
	client_say(&c, "POST /work HTTP/1.1\r\nHost: h\r\nContent-");
	rig_stats(&rig);
	rig_tell(&rig, WIRING_DRAIN, 0, 0, WIRING_DRAIN_HAND_OVER);
	assert_false(client_closed(&c, 1200)); /* longer than an idle one is left */
	client_say(&c, "Length: 4\r\n\r\nbody");
	rig_send(&rig, rig_take(&rig), SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	assert_true(client_closed(&c, RIG_WAIT_MS));
	end();
	stop();
}

/* What this gateway does not accept any more, the next one does. */
static void test_the_listener_lives_on(void **state)
{
	(void)state;
	start(1, 5000, 8);
	client_close(&c);
	rig_tell(&rig, WIRING_DRAIN, 0, 0, WIRING_DRAIN_HAND_OVER);
	end();
	client_open(&c, rig.port);
	close(rig.control);
	rig_again(&rig);
	rig_send(&rig, post(), SP_EDGE_REPLY, 0);
	client_reply(&c, &reply, false);
	assert_int_equal(reply.status, 200);
	stop();
}

static void test_a_stop_ends_a_gentle_drain(void **state)
{
	(void)state;
	start(1, 5000, 8);
	rig_stats(&rig);
	rig_tell(&rig, WIRING_DRAIN, 0, 0, WIRING_DRAIN_HAND_OVER);
	rig_tell(&rig, WIRING_DRAIN, 0, 0, WIRING_DRAIN_STOP);
	assert_true(client_closed(&c, 400)); /* sooner than when it is only idle */
	end();
	stop();
}

static void front_connect(struct client *client)
{
	struct timeval wait = { .tv_sec = RIG_WAIT_MS / 1000 };
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	memcpy(a.sun_path, rig.front, sizeof(rig.front));
	client->used = 0;
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
}

static void test_the_front_is_served_like_others(void **state)
{
	struct rig_config config = {
		.workers = 2, .timeout_ms = 5000, .buffers = 8, .front = true
	};
	static char large[70000];
	struct sp_desc d;

	(void)state;
	rig_start(&rig, &config);
	client_open(&c, rig.port);
	for (int i = 0; i < 10; i++) {
		front_connect(&other);
		client_post(&other, "/work", "X-Forwarded-For: 192.0.2.1\r\n", "body", 4);
		d = rig_take(&rig);
		assert_non_null(memmem(rig_slot(&rig, d.buf), rig.layout.classes[0].stride,
				       "192.0.2.1", 9));
		rig_send(&rig, d, SP_EDGE_REPLY, 0);
		client_reply(&other, &reply, false);
		assert_int_equal(reply.status, 200);
		client_post(&other, "/work", "", large, 9000); /* above the limit */
		client_reply(&other, &reply, false);
		reply_assert_problem(&reply, 413, "body-too-large");
		client_close(&other);
	}
	front_connect(&other);
	client_post(&other, "/work", "", "body", 4);
	d = rig_take(&rig);
	rig_tell(&rig, WIRING_DRAIN, 0, 0, WIRING_DRAIN_HAND_OVER);
	update();
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(&other, &reply, false);
	assert_string_equal(reply_field(&reply, "connection"), "close");
	client_close(&other);
	end();
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_tables_serve_new_requests),
		cmocka_unit_test(test_many_tables_in_a_row),
		cmocka_unit_test(test_tables_that_do_not_fit_are_refused),
		cmocka_unit_test(test_no_deadline_passes_while_frozen),
		cmocka_unit_test(test_a_gentle_drain_answers_whoever_asks),
		cmocka_unit_test(test_half_a_request_is_waited_for),
		cmocka_unit_test(test_the_listener_lives_on),
		cmocka_unit_test(test_a_stop_ends_a_gentle_drain),
		cmocka_unit_test(test_the_front_is_served_like_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
