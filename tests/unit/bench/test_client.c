// SPDX-License-Identifier: Apache-2.0
/*
 * test_client.c - the client against real servers that are right, late, or wrong: every request
 * that was due is counted once, under its name, and latency counts from when it was due.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/client.h"
#include "tests/unit/bench/odd_server.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define BODY_LEN 128U
#define BIG_LEN (16U << 20)
#define TRIES 10

struct rig {
	struct odd_server server;
	struct bench_mix mix;
	struct bench_schedule schedule;
	struct bench_load load;
	struct bench_outcome out;
	char *body, host[32];
	bool has_out;
};

static void load_init(struct rig *r, uint16_t port)
{
	struct sockaddr_in *to = (struct sockaddr_in *)&r->load.address;

	*to = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	snprintf(r->host, sizeof(r->host), "127.0.0.1:%u", port);
	r->load.address_len = sizeof(*to);
	r->load.host = r->host;
	r->load.connections = 8;
	r->load.streams = 1;
	r->load.mix = &r->mix;
	r->load.duration_ns = 500 * MS;
	r->load.timeout_ns = 5 * SECOND;
	r->load.seed = 1;
	r->load.thread_count = 1;
	for (unsigned i = 0; i < BENCH_THREADS_MAX; i++)
		r->load.cpus[i] = -1;
}

static struct rig *rig_of_body(enum oddity oddity, unsigned every, enum bench_verify verify,
			       size_t body_len)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct bench_request request = { .method = "POST", .path = "/", .verify = verify };

	assert_non_null(r);
	r->body = malloc(body_len);
	assert_non_null(r->body);
	for (size_t i = 0; i < body_len; i++)
		r->body[i] = (char)('a' + i % 26);
	request.body = r->body;
	request.body_len = body_len;
	bench_mix_init(&r->mix);
	assert_true(bench_mix_add(&r->mix, &request, 1) >= 0);
	odd_server_start(&r->server, oddity, every);
	load_init(r, r->server.port);
	return r;
}

static struct rig *rig_new(enum oddity oddity, unsigned every, enum bench_verify verify)
{
	return rig_of_body(oddity, every, verify, BODY_LEN);
}

static void rig_free(struct rig *r)
{
	if (r->has_out)
		bench_outcome_done(&r->out);
	odd_server_stop(&r->server);
	bench_schedule_done(&r->schedule);
	bench_mix_done(&r->mix);
	free(r->body);
	free(r);
}

static void schedule_set(struct rig *r, double rate)
{
	char error[BENCH_ERROR_TEXT] = "";

	bench_schedule_done(&r->schedule);
	assert_int_equal(bench_schedule_make("constant", rate,
					     r->load.warmup_ns + r->load.duration_ns, 1, &r->mix,
					     &r->schedule, error),
			 0);
	r->load.schedule = &r->schedule;
}

static uint64_t errors_of(const struct bench_outcome *o)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < BENCH_ERROR_COUNT; i++)
		sum += o->errors[i];
	return sum;
}

/* Whatever happens, nothing is lost and nothing counted twice. */
static const struct bench_outcome *run(struct rig *r)
{
	struct bench_outcome *o = &r->out;
	struct bench_progress progress = { 0 };
	char error[BENCH_ERROR_TEXT] = "";

	if (r->has_out)
		bench_outcome_done(o);
	r->has_out = false;
	if (bench_client_run(&r->load, &progress, o, error) < 0)
		fail_msg("%s", error);
	r->has_out = true;
	if (r->load.schedule)
		assert_int_equal(o->due, o->answered + errors_of(o));
	assert_int_equal(o->latency.n, o->answered);
	assert_int_equal(o->service.n, o->answered);
	assert_int_equal(o->requests[0].answered, o->answered);
	assert_int_equal(o->requests[0].failed, errors_of(o));
	if (r->load.warmup_ns == 0) {
		assert_int_equal(progress.sent, o->sent);
		assert_int_equal(progress.answered, o->answered);
		assert_int_equal(progress.failed, errors_of(o));
		assert_int_equal(progress.window_max_ns, o->latency.max);
	}
	return o;
}

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
	rig_free(r);
}

static uint16_t port_without_server(int *ret_fd, bool listens)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	*ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(*ret_fd >= 0);
	assert_int_equal(bind(*ret_fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(*ret_fd, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(listens ? listen(*ret_fd, 1024) : 0, 0);
	return ntohs(at.sin_port);
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
	rig_free(r);
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
		cmocka_unit_test(test_stall),         cmocka_unit_test(test_oddities),
		cmocka_unit_test(test_odd_but_right), cmocka_unit_test(test_never_answered),
		cmocka_unit_test(test_dead_silence),  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_h2_silence),    cmocka_unit_test(test_dies),
		cmocka_unit_test(test_stopped),       cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_big_bodies),    cmocka_unit_test(test_hops),
		cmocka_unit_test(test_wrong_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
