// SPDX-License-Identifier: Apache-2.0
/*
 * test_client_odd.c - the client against servers that are wrong, silent or dead: what becomes of a
 * request is counted once, under its name.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
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

#include "bench/client/connection.h"
#include "tests/unit/bench/client_rig.h"

#define SPINNING 12U

/* Each oddity has its name; the others are answered. */
static void test_oddities(void **state)
{
	static const struct {
		enum oddity oddity;
		enum bench_verify verify;
		enum bench_error error;
	} all[] = {
		{ ODD_RESET, BENCH_VERIFY_ECHO, BENCH_ERROR_reset },
		{ ODD_CLOSE, BENCH_VERIFY_ECHO, BENCH_ERROR_cut },
		{ ODD_HALF, BENCH_VERIFY_ECHO, BENCH_ERROR_cut },
		{ ODD_GARBAGE, BENCH_VERIFY_STATUS, BENCH_ERROR_malformed },
		{ ODD_MORE, BENCH_VERIFY_STATUS, BENCH_ERROR_malformed },
		{ ODD_LONGER, BENCH_VERIFY_ECHO, BENCH_ERROR_length },
		{ ODD_LONGER, BENCH_VERIFY_FIRST, BENCH_ERROR_length },
		{ ODD_BODY, BENCH_VERIFY_ECHO, BENCH_ERROR_body },
		{ ODD_BODY, BENCH_VERIFY_NONCE, BENCH_ERROR_body },
		{ ODD_BODY, BENCH_VERIFY_FIRST, BENCH_ERROR_body },
		{ ODD_STATUS, BENCH_VERIFY_STATUS, BENCH_ERROR_status },
		{ ODD_SHED, BENCH_VERIFY_STATUS, BENCH_ERROR_shed },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (unsigned threads = 1; threads <= 2; threads++) {
			struct rig *r = rig_new(all[i].oddity, 10, all[i].verify);
			const struct bench_outcome *o;

			r->load.thread_count = threads;
			r->load.duration_ns = 100 * MS;
			schedule_set(r, 2000);
			o = run(r);
			assert_int_equal(o->errors[all[i].error], atomic_load(&r->server.odd));
			assert_int_equal(errors_of(o), 20);
			assert_int_equal(o->answered, 180);
			rig_free(r);
		}
	}
}

/* Odd, but right. */
static void test_odd_but_right(void **state)
{
	static const enum oddity all[] = { ODD_DRIP, ODD_LEAVES, ODD_TO_CLOSE };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct rig *r = rig_new(all[i], 5, BENCH_VERIFY_ECHO);
		const struct bench_outcome *o;

		r->load.duration_ns = 100 * MS;
		schedule_set(r, 1000);
		o = run(r);
		assert_int_equal(o->answered, 100);
		assert_int_equal(atomic_load(&r->server.odd), 20);
		rig_free(r);
	}
}

/* Each costs its connection, and is counted once; the others go on. */
static void test_never_answered(void **state)
{
	struct rig *r = rig_new(ODD_NEVER, 25, BENCH_VERIFY_ECHO);
	const struct bench_outcome *o;

	(void)state;
	r->load.timeout_ns = SECOND;
	r->load.duration_ns = 200 * MS;
	schedule_set(r, 500);
	o = run(r);
	assert_int_equal(atomic_load(&r->server.odd), 4);
	assert_int_equal(o->errors[BENCH_ERROR_timeout], 4);
	assert_int_equal(o->answered, 96);
	rig_free(r);
}

/* Nothing is ever answered: what was asked is timed out, the rest unsent. */
static void test_dead_silence(void **state)
{
	struct rig *r = rig_new(ODD_NEVER, 1, BENCH_VERIFY_ECHO);
	const struct bench_outcome *o;

	(void)state;
	r->load.duration_ns = 100 * MS;
	r->load.timeout_ns = 300 * MS;
	schedule_set(r, 1000);
	o = run(r);
	assert_int_equal(o->answered, 0);
	assert_int_equal(o->errors[BENCH_ERROR_timeout], o->sent);
	assert_int_equal(o->errors[BENCH_ERROR_timeout] + o->errors[BENCH_ERROR_unsent], 100);
	assert_in_range(o->errors[BENCH_ERROR_timeout], 8, 16);
	assert_int_equal(o->longest_gap_ns, 100 * MS);
	rig_free(r);
}

/* The kernel accepts, nobody answers: each stream is timed out once, and their connection is given
 * up when none is left on it. */
static void test_h2_silence(void **state)
{
	struct rig *r = rig_new(ODD_NONE, 1, BENCH_VERIFY_ECHO);
	const struct bench_outcome *o;
	int fd;

	(void)state;
	load_init(r, port_without_server(&fd, true));
	r->load.protocol = BENCH_H2C;
	r->load.connections = 2;
	r->load.streams = 4;
	r->load.timeout_ns = 100 * MS;
	r->load.duration_ns = 300 * MS;
	schedule_set(r, 1000);
	o = run(r);
	assert_int_equal(o->answered, 0);
	assert_int_equal(o->errors[BENCH_ERROR_timeout], o->sent);
	assert_int_equal(o->errors[BENCH_ERROR_timeout] + o->errors[BENCH_ERROR_unsent], 300);
	assert_in_range(o->errors[BENCH_ERROR_timeout], 16, 8 * 4);
	assert_in_range(o->connects, 4, 2 * 4);
	close(fd);
	rig_free(r);
}

/* Nobody listens: kept-alive connections cannot even begin; with one for each request that is
 * told of each, and it is not tried again at once. */
static void test_refused(void **state)
{
	struct rig *r = rig_new(ODD_NONE, 1, BENCH_VERIFY_ECHO);
	char error[BENCH_ERROR_TEXT] = "";
	const struct bench_outcome *o;
	int fd;

	(void)state;
	load_init(r, port_without_server(&fd, false));
	r->load.timeout_ns = 200 * MS;
	schedule_set(r, 1000);
	assert_int_equal(bench_client_run(&r->load, NULL, &r->out, error), -ECONNREFUSED);
	assert_non_null(strstr(error, "listen"));
	r->load.protocol = BENCH_HTTP1_CLOSE;
	o = run(r);
	assert_int_equal(o->answered, 0);
	assert_int_equal(o->errors[BENCH_ERROR_refused] + o->errors[BENCH_ERROR_unsent], 500);
	assert_in_range(o->errors[BENCH_ERROR_refused], 8, 8 * 12);
	close(fd);
	rig_free(r);
}

static void test_dies(void **state)
{
	struct rig *r = rig_new(ODD_DIES, 100, BENCH_VERIFY_ECHO);
	const struct bench_outcome *o;

	(void)state;
	r->load.timeout_ns = 300 * MS;
	schedule_set(r, 1000);
	o = run(r);
	assert_int_equal(o->due, 500);
	assert_in_range(o->answered, 90, 99);
	assert_true(o->errors[BENCH_ERROR_cut] + o->errors[BENCH_ERROR_reset] >= 1);
	assert_true(o->errors[BENCH_ERROR_refused] >= 1);
	assert_true(o->connects <= 8 * 14);
	assert_true(o->longest_gap_ns >= 300 * MS); /* until the end, not only between answers */
	rig_free(r);
}

static void *spin(void *over)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
	while (!atomic_load((atomic_bool *)over))
		;
	return NULL;
}

/* Its threads had something to do all the time, but others had their CPU. */
static void test_client_without_cpu(void **state)
{
	struct rig *r = rig_new(ODD_NONE, 1, BENCH_VERIFY_STATUS);
	pthread_t threads[SPINNING];
	const struct bench_outcome *o;
	atomic_bool over = false;

	(void)state;
	for (unsigned i = 0; i < SPINNING; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, spin, &over), 0);
	r->load.cpus[0] = 0;
	o = run(r);
	assert_true(o->client_delayed_ns > 0);
	atomic_store(&over, true);
	for (unsigned i = 0; i < SPINNING; i++)
		pthread_join(threads[i], NULL);
	rig_free(r);
}

/* The worst thread decides. A closed loop has no lag to judge by. */
static void test_judged(void **state)
{
	static const struct {
		uint64_t busy_ms, delayed_ms, waited;
		bool shares_cpus, good;
	} cases[] = {
		{ 940, 0, 0, false, true },     { 960, 0, 0, false, false },
		{ 300, 640, 0, false, true },   { 300, 660, 0, false, false },
		{ 300, 90, 500, false, true },  { 300, 110, 10, false, true },
		{ 300, 110, 11, false, false }, { 300, 660, 0, true, true },
		{ 960, 0, 0, true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct bench_load load = { .shares_cpus = cases[i].shares_cpus };
		struct client_worker workers[2] = { { .load = &load }, { .load = &load } };
		struct bench_outcome all;

		assert_int_equal(client_outcome_init(&all, 1), 0);
		all.due = 1000;
		all.waited = cases[i].waited;
		workers[0].out.measured_ns = workers[1].out.measured_ns = SECOND;
		workers[1].out.client_busy_ns = cases[i].busy_ms * MS;
		workers[1].out.client_delayed_ns = cases[i].delayed_ms * MS;
		client_outcome_judge(&all, workers, 2);
		assert_int_equal(all.invalid[0] == '\0', cases[i].good);
		bench_outcome_done(&all);
	}
}

/* An answer that is over is right; its connection is given up, and that is told. */
static void test_bytes_that_nobody_asked_for(void **state)
{
	struct rig *r = rig_new(ODD_AFTER, 9, BENCH_VERIFY_ECHO);
	const struct bench_outcome *o;

	(void)state;
	r->load.timeout_ns = 10 * SECOND;
	schedule_set(r, 100);
	o = run(r);
	assert_int_equal(o->due, 50);
	assert_int_equal(o->answered + errors_of(o), 50);
	/* Of 5; one may meet a request that was asked since. */
	assert_int_equal(o->strays + o->errors[BENCH_ERROR_malformed], 5);
	assert_in_range(o->strays, 1, 5);
	assert_in_range(o->connects, 8 + 4, 8 + 5);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oddities),
		cmocka_unit_test(test_odd_but_right),
		cmocka_unit_test(test_never_answered),
		cmocka_unit_test(test_dead_silence),
		cmocka_unit_test(test_h2_silence),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_dies),
		cmocka_unit_test(test_bytes_that_nobody_asked_for),
		cmocka_unit_test(test_client_without_cpu),
		cmocka_unit_test(test_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
