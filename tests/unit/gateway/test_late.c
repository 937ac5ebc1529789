// SPDX-License-Identifier: Apache-2.0
/* HTTP/2 requests that are refused before their body has come, and the body that comes. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "session.h"

/* Frames; octal, as hexadecimal digits would have no end. */
#define GREETING "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
#define NO_WINDOW "\0\0\6\4\0\0\0\0\0\0\4\0\0\0\0" /* SETTINGS: bodies of answers wait */
#define POST "\203\206\4\5/work\1\1a"              /* the fields of POST /work of authority a ... */
#define UPLOAD "\0\0\14\1\4\0\0\0\1" POST          /* ... on stream 1, with a body */
#define REQUEST "\0\0\14\1\5\0\0\0\3" POST         /* on stream 3, without */
#define DATA "\0\0\4\0\0\0\0\0\1late"
#define LAST "\0\0\4\0\1\0\0\0\1last"
#define TRAILERS "\0\0\11\1\5\0\0\0\1\0\1a\5value"
#define WINDOW "\0\0\4\10\0\0\0\0\1\0\0\377\377"
#define RESET "\0\0\4\3\0\0\0\0\1\0\0\0\10" /* CANCEL */
#define STOP "\0\0\4\3\0\0\0\0\1\0\0\0\0"   /* RST_STREAM(NO_ERROR) */
#define ANSWER "\"reason\":\"overloaded\""

static struct client waits;
static struct sp_desc held;
static char got[16384];
static size_t got_len;

/* A chain that is full, and a client of HTTP/2. */
static void full(void)
{
	start(1, 5000, 8);
	rig_wiring.max_in_flight = rig_wiring.max_queue = 1;
	rig_wiring.interval_ms = 5000;
	rig_update(&rig);
	rig_hear(&rig, WIRING_UPDATED);
	held = post();
	client_open(&waits, rig.port);
	client_post(&waits, "/work", "", "wait", 4);
	while (rig_stats(&rig).queued < 1)
		usleep(2000);
	client_open(&other, rig.port);
	got_len = 0;
}

static void answered(struct client *client, struct sp_desc d)
{
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	client_reply(client, &reply, false);
	assert_int_equal(reply.status, 200);
}

static const char *seen(const char *mark, size_t len)
{
	return memmem(got, got_len, mark, len);
}

static const char *await(const char *mark, size_t len)
{
	while (!seen(mark, len)) {
		ssize_t n = recv(other.fd, got + got_len, sizeof(got) - got_len, 0);

		assert_true(n > 0);
		got_len += (size_t)n;
	}
	return seen(mark, len);
}

#define SEND(bytes) client_send(&other, bytes, sizeof(bytes) - 1)
#define SEEN(mark) seen(mark, sizeof(mark) - 1)
#define AWAIT(mark) await(mark, sizeof(mark) - 1)

/* There is room again, and the connection is as good as before. */
static void served(void)
{
	struct sp_desc d;

	answered(&c, held);
	answered(&waits, rig_take(&rig));
	assert_int_equal(rig_stats(&rig).shed, 1);
	SEND(REQUEST);
	d = rig_take(&rig);
	assert_int_equal(d.len, 0);
	rig_send(&rig, d, SP_EDGE_REPLY, 0);
	AWAIT("\1\4\0\0\0\3"); /* its HEADERS */
	client_close(&other);
	client_close(&waits);
	stop();
}

static void test_before_its_body_comes(void **state)
{
	(void)state;
	full();
	SEND(GREETING UPLOAD);
	assert_true(AWAIT(STOP) > AWAIT(ANSWER));
	SEND(DATA DATA TRAILERS);
	served();
}

static void test_while_its_body_comes(void **state)
{
	(void)state;
	full();
	SEND(GREETING UPLOAD DATA);
	assert_true(AWAIT(STOP) > AWAIT(ANSWER));
	SEND(LAST);
	served();
}

static void test_a_body_that_has_ended_is_not_stopped(void **state)
{
	(void)state;
	full();
	SEND(GREETING UPLOAD DATA TRAILERS);
	AWAIT(ANSWER);
	served();
	assert_null(SEEN(STOP));
}

static void test_an_answer_that_waits_for_its_client(void **state)
{
	(void)state;
	full();
	SEND(GREETING NO_WINDOW UPLOAD DATA);
	AWAIT("x-request-id");
	SEND(DATA DATA);
	assert_null(SEEN(ANSWER));
	SEND(WINDOW);
	assert_true(AWAIT(STOP) > AWAIT(ANSWER));
	served();
}

static void test_a_client_that_cancels_or_leaves(void **state)
{
	(void)state;
	full();
	SEND(GREETING NO_WINDOW UPLOAD DATA);
	AWAIT("x-request-id");
	SEND(RESET DATA);
	served();
	assert_null(SEEN(STOP));
	full();
	SEND(GREETING NO_WINDOW UPLOAD DATA);
	AWAIT("x-request-id");
	client_reset(&other);
	client_open(&other, rig.port);
	SEND(GREETING);
	served();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_before_its_body_comes),
		cmocka_unit_test(test_while_its_body_comes),
		cmocka_unit_test(test_a_body_that_has_ended_is_not_stopped),
		cmocka_unit_test(test_an_answer_that_waits_for_its_client),
		cmocka_unit_test(test_a_client_that_cancels_or_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
