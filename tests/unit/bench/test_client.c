// SPDX-License-Identifier: Apache-2.0
/*
 * test_client.c - the client against real servers that are right, or late: every request that was
 * due is counted once, and latency counts from when it was due.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/bench/client_rig.h"

static void test_right_answers(void **state)
{
	struct rig *r = rig_new(ODD_NONE, 1, BENCH_VERIFY_NONCE);
	const struct bench_outcome *o;

	(void)state;
	schedule_set(r, 1000);
	o = run(r);
	assert_int_equal(o->due, 500);
	assert_int_equal(o->answered, 500);
	assert_int_equal(o->sent, 500);
	assert_int_equal(o->connects, 8);
	assert_int_equal(o->lag.n + o->waited, 500);
	assert_int_equal(o->measured_ns, 500 * MS);
	assert_int_equal(atomic_load(&r->server.requests), 500);
	assert_true(o->bytes_in > 500 * BODY_LEN && o->bytes_out > 500 * BODY_LEN);
	rig_free(r);
}

/* What is asked before is sent, but counted nowhere. */
static void test_warmup(void **state)
{
	struct rig *r = rig_new(ODD_NONE, 1, BENCH_VERIFY_ECHO);
	const struct bench_outcome *o;

	(void)state;
	r->load.warmup_ns = 200 * MS;
	r->load.thread_count = 3;
	schedule_set(r, 1000);
	o = run(r);
	assert_int_equal(o->due, 500);
	assert_int_equal(o->answered, 500);
	assert_int_equal(atomic_load(&r->server.requests), 700);
	assert_in_range(o->bytes_in / o->answered, BODY_LEN, BODY_LEN + 64);
	rig_free(r);
}

static void test_closed_loop(void **state)
{
	struct rig *r = rig_new(ODD_NONE, 1, BENCH_VERIFY_ECHO);
	const struct bench_outcome *o;

	(void)state;
	r->load.requests = 1003;
	r->load.thread_count = 3;
	r->load.duration_ns = 60 * SECOND;
	o = run(r);
	assert_int_equal(o->answered, 1003);
	assert_int_equal(o->connects, 8);
	assert_int_equal(o->lag.n, 0);
	assert_true(o->measured_ns < 30 * SECOND);
	rig_free(r);
}

static void test_connection_each(void **state)
{
	struct rig *r = rig_new(ODD_NONE, 1, BENCH_VERIFY_NONCE);
	const struct bench_outcome *o;

	(void)state;
	r->load.protocol = BENCH_HTTP1_CLOSE;
	schedule_set(r, 500);
	o = run(r);
	assert_int_equal(o->answered, 250);
	assert_int_equal(o->connects, 250);
	assert_int_equal(atomic_load(&r->server.accepted), 250);
	rig_free(r);
}

/* The stall is seen by all requests that were due meanwhile, though few were in flight. A machine
 * that has no CPU to spare adds to both times, so that the upper limits may need several tries. */
static void test_stall(void **state)
{
	uint64_t latency = UINT64_MAX, service = UINT64_MAX;

	(void)state;
	for (unsigned i = 0; i < TRIES && (latency > 110 * MS || service > 30 * MS); i++) {
		struct rig *r = rig_new(ODD_STALL, 1, BENCH_VERIFY_ECHO);
		const struct bench_outcome *o;

		r->load.duration_ns = 2 * SECOND;
		schedule_set(r, 2000);
		o = run(r);
		assert_int_equal(o->answered, 4000);
		assert_true(o->waited >= 2 * 150);
		latency = bench_histogram_at(&o->latency, 0.99);
		service = bench_histogram_at(&o->service, 0.99);
		assert_true(latency >= 80 * MS);
		rig_free(r);
	}
	assert_true(latency <= 110 * MS);
	assert_true(service <= 30 * MS);
}

static void test_stopped(void **state)
{
	atomic_bool stop = false;
	struct rig *r = rig_new(ODD_STOPS, 100, BENCH_VERIFY_ECHO);
	const struct bench_outcome *o;

	(void)state;
	r->server.stop = &stop;
	r->load.stop = &stop;
	r->load.duration_ns = 60 * SECOND;
	schedule_set(r, 1000);
	o = run(r);
	assert_true(o->stopped);
	assert_true(o->answered >= 100 && o->due < 30000);
	assert_true(o->measured_ns < 30 * SECOND);
	rig_free(r);
}

/* What is sent in pieces is not held up between them. */
static void test_pieces(void **state)
{
	struct rig *r = rig_of_body(ODD_NONE, 1, BENCH_VERIFY_ECHO, 300 << 10);
	const struct bench_outcome *o;
	uint64_t least = UINT64_MAX;

	(void)state;
	r->load.connections = 1;
	r->load.requests = 20;
	for (unsigned i = 0; i < TRIES && least > 20 * MS; i++) {
		o = run(r);
		assert_int_equal(o->answered, 20);
		least = o->latency.min;
	}
	assert_true(least < 20 * MS);
	rig_free(r);
}

/* Answers that come while they are still being asked; each with its number. */
static void test_big_bodies(void **state)
{
	struct rig *r = rig_of_body(ODD_NONE, 1, BENCH_VERIFY_NONCE, BIG_LEN);
	const struct bench_outcome *o;

	(void)state;
	r->load.connections = 2;
	r->load.requests = 10;
	r->load.duration_ns = 60 * SECOND;
	r->load.timeout_ns = 60 * SECOND;
	o = run(r);
	assert_int_equal(o->answered, 10);
	assert_true(o->bytes_in > UINT64_C(10) * BIG_LEN && o->bytes_out > UINT64_C(10) * BIG_LEN);
	rig_free(r);
}

static void test_hops(void **state)
{
	struct rig *r = rig_new(ODD_NONE, 1, BENCH_VERIFY_ECHO);
	const struct bench_outcome *o;

	(void)state;
	r->server.field = "server-timing: first;dur=1.5, second;desc=\"x, y;dur=9\";dur=0.25,\r\n"
			  "server-timing: none, no;dur=x, second;dur=0.25\r\n";
	r->load.keep_path = true;
	r->load.requests = 50;
	r->load.thread_count = 2;
	o = run(r);
	assert_int_equal(o->answered, 50);
	assert_int_equal(o->hop_count, 2);
	assert_string_equal(o->hops[0].name, "first");
	assert_string_equal(o->hops[1].name, "second");
	assert_int_equal(o->hops[0].ns.n, 50);
	assert_int_equal(o->hops[1].ns.n, 100);
	assert_int_equal(o->hops[0].ns.min, 1500000);
	assert_int_equal(o->hops[1].ns.max, 250000);
	rig_free(r);
}

/* Each user sends what the server set for it, from its second request on. */
static void test_cookies(void **state)
{
	struct bench_request shop = { .method = "GET",
				      .path = "/",
				      .headers = { { "cookie", "id={user}" } },
				      .header_count = 1 };
	struct rig *r = rig_new(ODD_NONE, 1, BENCH_VERIFY_ECHO);

	(void)state;
	bench_mix_done(&r->mix);
	bench_mix_init(&r->mix);
	assert_int_equal(bench_mix_add(&r->mix, &shop, 1), 0);
	r->server.field = "set-cookie: currency=EUR; Path=/\r\n";
	r->server.sought = "\r\ncookie: id=3; currency=EUR\r\n";
	r->load.connections = 1;
	r->load.users = 4;
	r->load.requests = 40;
	r->load.duration_ns = 60 * SECOND;
	assert_int_equal(run(r)->answered, 40);
	assert_int_equal(atomic_load(&r->server.found), 9);
	rig_free(r);
}

static void test_wrong_load(void **state)
{
	struct rig *r = rig_new(ODD_NONE, 1, BENCH_VERIFY_ECHO);
	char error[BENCH_ERROR_TEXT] = "";

	(void)state;
	r->load.connections = BENCH_CONNECTIONS_MAX + 1;
	assert_int_equal(bench_client_run(&r->load, NULL, &r->out, error), -EINVAL);
	assert_non_null(strstr(error, "connections"));
	r->load.connections = 1;
	r->load.cpus[0] = 1000;
	assert_true(bench_client_run(&r->load, NULL, &r->out, error) < 0);
	assert_non_null(strstr(error, "CPU"));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right_answers), cmocka_unit_test(test_warmup),
		cmocka_unit_test(test_closed_loop),   cmocka_unit_test(test_connection_each),
		cmocka_unit_test(test_stall),         cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_pieces),        cmocka_unit_test(test_big_bodies),
		cmocka_unit_test(test_hops),          cmocka_unit_test(test_wrong_load),
		cmocka_unit_test(test_cookies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
