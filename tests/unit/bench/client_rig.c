// SPDX-License-Identifier: Apache-2.0
/* client_rig.c - see client_rig.h. */
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

void load_init(struct rig *r, uint16_t port)
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

struct rig *rig_of_body(enum oddity oddity, unsigned every, enum bench_verify verify,
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

struct rig *rig_new(enum oddity oddity, unsigned every, enum bench_verify verify)
{
	return rig_of_body(oddity, every, verify, BODY_LEN);
}

void rig_free(struct rig *r)
{
	if (r->has_out)
		bench_outcome_done(&r->out);
	odd_server_stop(&r->server);
	bench_schedule_done(&r->schedule);
	bench_mix_done(&r->mix);
	free(r->body);
	free(r);
}

void schedule_set(struct rig *r, double rate)
{
	char error[BENCH_ERROR_TEXT] = "";

	bench_schedule_done(&r->schedule);
	assert_int_equal(bench_schedule_make("constant", rate,
					     r->load.warmup_ns + r->load.duration_ns, 1, &r->mix,
					     &r->schedule, error),
			 0);
	r->load.schedule = &r->schedule;
}

uint64_t errors_of(const struct bench_outcome *o)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < BENCH_ERROR_COUNT; i++)
		sum += o->errors[i];
	return sum;
}

/* Whatever happens, nothing is lost and nothing counted twice. */
const struct bench_outcome *run(struct rig *r)
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

uint16_t port_without_server(int *ret_fd, bool listens)
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
