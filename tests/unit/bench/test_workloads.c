// SPDX-License-Identifier: Apache-2.0
/* What has a name is started, asked all that it is to be asked, and stopped: the real examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/load/mix.h"
#include "bench/target/target.h"
#include "bench/target/usage.h"

/* The pool is not in it, but what a sanitizer needs beside each byte is. */
#define FUNCTION_RSS_MOST INT64_C(30000000)
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#undef FUNCTION_RSS_MOST
#define FUNCTION_RSS_MOST INT64_C(300000000)
#endif
#endif

#define ANSWER_MORE (256U << 10)  /* than was sent */
#define GATEWAY_CPU_MOST 10000000 /* ns for a request, and as many for each MiB of its body */
#define USER_TEXT_MAX 8192

struct answer {
	unsigned status;
	size_t len;
	char *body; /* in `all` */
	char *all;
};

static void write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		assert_true(n > 0);
		data += n;
		len -= (size_t)n;
	}
}

/* Asks on a connection of its own. */
static struct answer ask(const struct bench_target *t, const char *head, const char *body,
			 size_t body_len)
{
	size_t room = body_len + ANSWER_MORE;
	struct answer answer = { .all = malloc(room) };
	int fd = socket(t->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t len = 0;
	ssize_t n;

	assert_non_null(answer.all);
	assert_int_equal(connect(fd, (const struct sockaddr *)&t->address, t->address_len), 0);
	write_all(fd, head, strlen(head));
	write_all(fd, body, body_len);
	while ((n = recv(fd, answer.all + len, room - 1 - len, 0)) > 0)
		len += (size_t)n;
	assert_int_equal(n, 0);
	close(fd);
	answer.all[len] = '\0';
	assert_int_equal(sscanf(answer.all, "HTTP/1.1 %u", &answer.status), 1);
	answer.body = strstr(answer.all, "\r\n\r\n");
	assert_non_null(answer.body);
	answer.body += 4;
	answer.len = len - (size_t)(answer.body - answer.all);
	return answer;
}

static size_t fill(const struct bench_users *users, uint32_t user, const char *text, size_t len,
		   char *to)
{
	int n = bench_users_fill(users, user, text, len, to, USER_TEXT_MAX - 1);

	assert_true(n >= 0);
	to[n] = '\0';
	return (size_t)n;
}

static struct answer ask_request(const struct bench_target *t, const struct bench_users *users,
				 uint32_t user, const struct bench_request *q)
{
	char head[32768], text[USER_TEXT_MAX], body[USER_TEXT_MAX];
	const char *sent = q->body;
	size_t sent_len = q->body_len;
	int len;

	fill(users, user, q->path, strlen(q->path), text);
	if (q->filled && q->body_len > 0) {
		sent_len = fill(users, user, q->body, q->body_len, body);
		sent = body;
	}
	len = snprintf(head, sizeof(head),
		       "%s %s HTTP/1.1\r\nhost: %s\r\nconnection: close\r\ncontent-length: %zu\r\n",
		       q->method, text, t->host, sent_len);
	for (unsigned i = 0; i < q->header_count; i++) {
		fill(users, user, q->headers[i].value, strlen(q->headers[i].value), text);
		len += snprintf(head + len, sizeof(head) - (size_t)len, "%s: %s\r\n",
				q->headers[i].name, text);
	}
	snprintf(head + len, sizeof(head) - (size_t)len, "\r\n");
	return ask(t, head, sent, sent_len);
}

static void judge(const struct bench_request *q, const struct answer *a, struct answer *first)
{
	if (a->status != q->status)
		fail_msg("%s %s: %u, expected %u: %.300s", q->method, q->path, a->status, q->status,
			 a->body);
	if (q->max_len > 0)
		assert_true(a->len <= q->max_len);
	if (q->verify == BENCH_VERIFY_ECHO) {
		assert_int_equal(a->len, q->body_len);
		assert_memory_equal(a->body, q->body, a->len);
	} else if (q->verify == BENCH_VERIFY_BYTES) {
		assert_int_equal(a->len, q->expected_len);
		assert_memory_equal(a->body, q->expected, a->len);
	} else if (q->verify == BENCH_VERIFY_FIRST && first->all) {
		assert_int_equal(a->len, first->len);
		assert_memory_equal(a->body, first->body, a->len);
	}
}

/* So many requests, as the client chooses them. */
static void ask_mix(const struct bench_target *t, const struct bench_mix *mix, unsigned count)
{
	struct answer *first = calloc(mix->request_count, sizeof(*first)), answer;
	struct bench_users users;
	uint32_t user, i;

	assert_non_null(first);
	assert_int_equal(bench_users_init(&users, mix, 4, 0, 1), 0);
	for (unsigned n = 0; n < count; n++) {
		i = bench_users_next(&users, &user);
		answer = ask_request(t, &users, user, &mix->requests[i]);
		judge(&mix->requests[i], &answer, &first[i]);
		if (first[i].all)
			free(answer.all);
		else
			first[i] = answer;
	}
	for (i = 0; i < mix->request_count; i++)
		free(first[i].all);
	free(first);
	bench_users_done(&users);
}

static const struct bench_component *component(const struct bench_usage *usage, const char *name)
{
	for (unsigned i = 0; i < usage->count; i++)
		if (strcmp(usage->components[i].name, name) == 0)
			return &usage->components[i];
	fail_msg("no component %s", name);
	return NULL;
}

/* Who did what for `count` requests. */
static void check_usage(const struct bench_usage *between, unsigned functions, unsigned count,
			size_t body_len)
{
	const struct bench_component *gateway = component(between, "gateway"),
				     *function = component(between, "functions");

	assert_int_equal(component(between, "controller")->processes, 1);
	assert_int_equal(gateway->processes, 1);
	assert_int_equal(function->processes, functions);
	assert_int_equal(between->gone, 0);
	assert_true(gateway->cpu_ns > count * INT64_C(1000));
	if (gateway->cpu_ns >= (int64_t)(count * (1 + (body_len >> 20)) * GATEWAY_CPU_MOST))
		fail_msg("gateway: %lld ns of CPU for %u requests", (long long)gateway->cpu_ns,
			 count);
	assert_true(gateway->pool_bytes >= 16 << 20);
	assert_true(function->pool_bytes >= 16 << 20);
	assert_true(function->rss_bytes > functions * 100000);
	assert_true(function->rss_bytes < functions * FUNCTION_RSS_MOST);
	assert_true(function->cpu_ns > 0);
	if (function->syscalls >= 0)
		assert_true(function->syscalls >= count);
}

static void workload(const char *name, size_t body_len, unsigned functions, unsigned count)
{
	struct bench_target_options options = { .body_len = body_len };
	enum bench_protocol protocol = BENCH_HTTP1;
	struct bench_usage before, after, between;
	struct bench_usage_probe *probe;
	char error[BENCH_ERROR_TEXT];
	struct bench_target t;
	struct bench_mix mix;

	bench_mix_init(&mix);
	if (bench_target_start(name, &options, &t, error) < 0)
		fail_msg("%s", error);
	print_message("# %s: %s ready in %.3f s\n", name, t.url, t.ready_s);
	if (bench_target_mix(&t, body_len, &mix, &protocol, error) < 0)
		fail_msg("%s", error);
	assert_int_equal(protocol, BENCH_HTTP1);
	probe = bench_usage_open(t.pid);
	assert_non_null(probe);
	bench_usage_count(probe, true);
	bench_usage_read(probe, &before);
	ask_mix(&t, &mix, count);
	bench_usage_read(probe, &after);
	bench_usage_between(&before, &after, &between);
	check_usage(&between, functions, count, body_len);
	bench_usage_close(probe);
	bench_mix_done(&mix);
	if (bench_target_stop(&t, error) < 0)
		fail_msg("%s", error);
}

#define WORKLOAD(test, name, body_len, functions, count)    \
	static void test_##test(void **state)               \
	{                                                   \
		(void)state;                                \
		workload(name, body_len, functions, count); \
	}
WORKLOAD(chain_1, "chain-1", 128, 1, 50)
WORKLOAD(chain_6, "chain-6", 65536, 6, 50)
WORKLOAD(chain_of_no_file, "chain-5", 0, 5, 50)
WORKLOAD(chain_of_large_bodies, "chain-2", 3 << 20, 2, 5)
WORKLOAD(fan_4, "fan-4", 128, 6, 50)
WORKLOAD(fan_calls_4, "fan-calls-4", 128, 5, 50)
WORKLOAD(hello, "hello", 100, 1, 50)
WORKLOAD(boutique, "boutique", 0, 10, 300)
WORKLOAD(motion, "motion", 0, 2, 300)
WORKLOAD(parking, "parking", 0, 5, 400)
WORKLOAD(social, "social", 0, 12, 600)
WORKLOAD(big, "big", 1 << 20, 6, 10)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain_1),
		cmocka_unit_test(test_chain_6),
		cmocka_unit_test(test_chain_of_no_file),
		cmocka_unit_test(test_chain_of_large_bodies),
		cmocka_unit_test(test_fan_4),
		cmocka_unit_test(test_fan_calls_4),
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_boutique),
		cmocka_unit_test(test_motion),
		cmocka_unit_test(test_parking),
		cmocka_unit_test(test_social),
		cmocka_unit_test(test_big),
	};

	if (geteuid() != 0) {
		printf("1..0 # SKIP chains are run by root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
