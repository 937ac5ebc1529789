// SPDX-License-Identifier: Apache-2.0
/* Traces of all three forms, and what is said of each line that is wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/load/mix.h"
#include "bench/load/trace.h"

#define SECOND UINT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define AZURE_2019 "HashOwner,HashApp,HashFunction,Trigger,"
#define AZURE_2021 "app,func,end_timestamp,duration\n"

static char folder[] = "/tmp/test-trace-XXXXXX", path[64];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/trace.csv", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return unlink(path) || rmdir(folder);
}

static void write_trace(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static struct bench_schedule read_trace(const char *text, uint64_t duration_ns, uint64_t seed,
					struct bench_mix *mix)
{
	char error[BENCH_ERROR_TEXT] = "";
	struct bench_schedule s;

	write_trace(text);
	if (bench_trace_read(path, duration_ns, seed, mix, &s, error))
		fail_msg("%s", error);
	for (size_t i = 0; i < s.count; i++) {
		assert_true(s.arrivals[i].request < mix->request_count);
		assert_true(s.arrivals[i].at_ns < s.duration_ns);
		assert_true(i == 0 || s.arrivals[i].at_ns >= s.arrivals[i - 1].at_ns);
	}
	return s;
}

static void assert_arrival(const struct bench_schedule *s, size_t i, uint64_t at_ns,
			   uint32_t request)
{
	assert_true(i < s->count);
	assert_int_equal(s->arrivals[i].at_ns, at_ns);
	assert_int_equal(s->arrivals[i].request, request);
}

static void test_plain(void **state)
{
	static const char text[] = "# made by hand\n\n"
				   "t_us chain path bytes\n"
				   "20.5  shop.example /pay 100\r\n"
				   "  10 - / 0\n"
				   "10\t-\t/\t0\n"
				   "# a pause\n"
				   "3000000 shop.example /pay 100\n"
				   "5000000 - /pay 100\n"
				   "1e1 - /late 7";
	struct bench_mix mix;
	struct bench_schedule s;

	(void)state;
	bench_mix_init(&mix);
	s = read_trace(text, 4 * SECOND, 1, &mix);
	assert_int_equal(s.count, 5);
	assert_arrival(&s, 0, 10000, 1);
	assert_arrival(&s, 1, 10000, 1);
	assert_arrival(&s, 2, 10000, 2);
	assert_arrival(&s, 3, 20500, 0);
	assert_arrival(&s, 4, 3 * SECOND, 0);
	assert_int_equal(s.duration_ns, 3 * SECOND + 1);
	assert_int_equal(mix.request_count, 3); /* what comes too late is not there */
	assert_int_equal(mix.visit_count, 0);
	assert_string_equal(mix.requests[0].method, "POST");
	assert_string_equal(mix.requests[0].host, "shop.example");
	assert_int_equal(mix.requests[0].body_len, 100);
	assert_memory_equal(mix.requests[0].body, "abcdefghijklmnopqrstuvwxyzab", 28);
	assert_string_equal(mix.requests[0].headers[0].value, "application/octet-stream");
	assert_string_equal(mix.requests[1].method, "GET");
	assert_null(mix.requests[1].host);
	assert_int_equal(mix.requests[1].header_count, 0);
	assert_string_equal(mix.requests[2].path, "/late");
	assert_int_equal(mix.requests[2].body_len, 7);
	bench_schedule_done(&s);
	bench_mix_done(&mix);
}

/* By way of the schedule, without heading, and with requests that are known already. */
static void test_known_requests(void **state)
{
	struct bench_request known = {
		.method = "POST", .path = "/b", .body = "12345", .body_len = 5
	};
	char spec[80], error[BENCH_ERROR_TEXT];
	struct bench_schedule s;
	struct bench_mix mix;

	(void)state;
	bench_mix_init(&mix);
	assert_int_equal(bench_mix_add(&mix, &known, 1), 0);
	write_trace("0 - /a 0\n1 - /b 5\n2 - /b 6\n3 h /b 5\n");
	snprintf(spec, sizeof(spec), "trace:%s", path);
	assert_int_equal(bench_schedule_make(spec, 0, 0, 1, &mix, &s, error), 0);
	assert_int_equal(s.count, 4);
	assert_int_equal(s.duration_ns, 3001);
	assert_arrival(&s, 0, 0, 1);
	assert_arrival(&s, 1, 1000, 0);
	assert_arrival(&s, 2, 2000, 2);
	assert_arrival(&s, 3, 3000, 3);
	assert_int_equal(mix.request_count, 4);
	bench_schedule_done(&s);
	bench_mix_done(&mix);
}

/* More different requests than the reader has room for at first: each stays what it is. */
static void test_many(void **state)
{
	struct bench_schedule s;
	struct bench_mix mix;
	char expected[32], *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < BENCH_REQUESTS_MAX; i++)
			fprintf(to, "%u - /%u 0\n", round * 10000 + i, i);
	}
	fclose(to);
	bench_mix_init(&mix);
	s = read_trace(text, 0, 1, &mix);
	assert_int_equal(s.count, 2 * BENCH_REQUESTS_MAX);
	for (unsigned i = 0; i < s.count; i++) {
		snprintf(expected, sizeof(expected), "/%u", i % BENCH_REQUESTS_MAX);
		assert_string_equal(mix.requests[s.arrivals[i].request].path, expected);
	}
	bench_schedule_done(&s);
	bench_mix_done(&mix);
	free(text);
}

static void test_minutes(void **state)
{
	struct bench_schedule s, same, other;
	unsigned due[3][2] = { { 0 } };
	struct bench_mix mix;

	(void)state;
	bench_mix_init(&mix);
	s = read_trace(AZURE_2019 "1,2,3\n"
				  "o,a,f1,http,100,0,7\n"
				  "o,a,f2,queue,0,0,0\n"
				  "o,a,f3,timer,1,600,2\n",
		       0, 1, &mix);
	assert_int_equal(s.count, 710);
	assert_int_equal(s.duration_ns, 3 * MINUTE);
	assert_int_equal(mix.request_count, 2); /* f2 is never asked for */
	for (size_t i = 0; i < s.count; i++) {
		const char *asked = mix.requests[s.arrivals[i].request].path;

		due[s.arrivals[i].at_ns / MINUTE][!strcmp(asked, "/f/f3")]++;
		assert_true(!strcmp(asked, "/f/f1") || !strcmp(asked, "/f/f3"));
	}
	assert_int_equal(due[0][0], 100);
	assert_int_equal(due[1][0], 0);
	assert_int_equal(due[2][0], 7);
	assert_int_equal(due[0][1], 1);
	assert_int_equal(due[1][1], 600);
	assert_int_equal(due[2][1], 2);
	bench_schedule_done(&s);
	s = read_trace(AZURE_2019 "1,2\no,a,f,http,50,50\n", 61 * SECOND, 2, &mix);
	assert_true(s.count >= 50 && s.count < 60);
	assert_int_equal(s.duration_ns, 61 * SECOND);
	same = read_trace(AZURE_2019 "1,2\no,a,f,http,50,50\n", 61 * SECOND, 2, &mix);
	other = read_trace(AZURE_2019 "1,2\no,a,f,http,50,50\n", 61 * SECOND, 3, &mix);
	assert_int_equal(same.count, s.count);
	for (size_t i = 0; i < s.count; i++)
		assert_arrival(&same, i, s.arrivals[i].at_ns, s.arrivals[i].request);
	assert_true(other.arrivals[0].at_ns != s.arrivals[0].at_ns);
	bench_schedule_done(&s);
	bench_schedule_done(&same);
	bench_schedule_done(&other);
	bench_mix_done(&mix);
}

static void test_invocations(void **state)
{
	struct bench_schedule s;
	struct bench_mix mix;

	(void)state;
	bench_mix_init(&mix);
	s = read_trace(AZURE_2021 "a1,f1,100.5,0.25\n"
				  "a1,f2,101,21.0\n"
				  "a2,f1,95.0,5e-1\n"
				  "a2,f3,200,0\n",
		       60 * SECOND, 1, &mix);
	assert_int_equal(s.count, 3); /* from 80: 100.25, 80, 94.5; 200 is too late */
	assert_arrival(&s, 0, 0, 1);
	assert_string_equal(mix.requests[1].path, "/f/f2");
	assert_arrival(&s, 1, 14 * SECOND + SECOND / 2, 0);
	assert_string_equal(mix.requests[0].path, "/f/f1");
	assert_arrival(&s, 2, 20 * SECOND + SECOND / 4, 0);
	assert_int_equal(mix.request_count, 2);
	bench_schedule_done(&s);
	s = read_trace(AZURE_2021 "a,f,1,2\n", 0, 1, &mix); /* began before the trace did */
	assert_arrival(&s, 0, 0, 2);
	bench_schedule_done(&s);
	bench_mix_done(&mix);
}

/* `told` is part of the error. */
static void assert_wrong(const char *text, int code, const char *told)
{
	struct bench_schedule s = { .count = 77 };
	char error[BENCH_ERROR_TEXT] = "";
	struct bench_mix mix;

	bench_mix_init(&mix);
	write_trace(text);
	assert_int_equal(bench_trace_read(path, 10 * SECOND, 1, &mix, &s, error), code);
	if (!strstr(error, told))
		fail_msg("told \"%s\", not \"%s\"", error, told);
	assert_int_equal(s.count, 77);
	assert_int_equal(mix.request_count, 0);
	bench_mix_done(&mix);
}

static void test_wrong(void **state)
{
	static const struct {
		const char *text;
		const char *told;
	} cases[] = {
		{ "", "no arrival" },
		{ "# nothing\n", "no arrival" },
		{ "20000000 - / 0\n", "no arrival until the end of the duration" },
		{ "\nhello\n", "trace.csv:2: not a trace: begin with 't_us chain path bytes'" },
		{ "1 - / 0\n2 - /\n", "trace.csv:2: not four fields: write t_us" },
		{ "1 - / 0 9\n", ":1: not four fields" },
		{ "1 - / 0\n-1 - / 0\n", ":2: '-1' is no time: write µs" },
		{ "1 - / 0\n0x1 - / 0\n", ":2: '0x1' is no time" },
		{ "1e99 - / 0\n", ":1: '1e99' is no time" },
		{ "1 - / 1.5\n", ":1: '1.5' is no size of a body: write bytes, 0 to 67108864" },
		{ "1 - / 67108865\n", ":1: '67108865' is no size" },
		{ "1 - / 99999999999999999999\n", ":1: '99999999999999999999' is no size" },
		{ "1 - / 0\n1 - path 0\n", ":2: 'path' is no path, or '-' no host: begin" },
		{ AZURE_2019 "1,2\no,a,f,http,1\n", ":2: 1 minutes, but the heading has 2" },
		{ AZURE_2019 "1,2\no,a,f,http,1,2,3\n", ":2: 3 minutes, but the heading has 2" },
		{ AZURE_2019 "1,2\no,a,f,http,1,x\n", ":2: minute 2: 'x' is no count: write 0" },
		{ AZURE_2019 "1,2\no,a,f\n", ":2: not a line of HashOwner" },
		{ AZURE_2019 "1,2\no,a,,http,1,2\n", ":2: not a line of HashOwner" },
		{ AZURE_2021 "a,f,1\n", ":2: not four fields with a comma between: app,func" },
		{ AZURE_2021 "a,f,1,2,3\n", ":2: not four fields" },
		{ AZURE_2021 "a,,1,2\n", ":2: not four fields" },
		{ AZURE_2021 "a,f,1,-2\n", ":2: end and duration are seconds from 0" },
		{ AZURE_2021 "a,f,nan,2\n", ":2: end and duration are seconds from 0" },
		{ AZURE_2021 "a,f 1,1,2\n", ":2: '/f/f 1' is no path" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_wrong(cases[i].text, -EINVAL, cases[i].told);
}

static void test_too_much(void **state)
{
	char error[BENCH_ERROR_TEXT], *text;
	struct bench_schedule s;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	(void)state;
	for (unsigned i = 0; i <= BENCH_REQUESTS_MAX; i++)
		fprintf(to, "%u - /%u 0\n", i, i);
	fclose(to);
	assert_wrong(text, -E2BIG, "trace.csv:4097: one too many of 4096 different requests");
	free(text);
	to = open_memstream(&text, &size);
	for (unsigned i = 0; i <= 16; i++)
		fprintf(to, "1 - / %u\n", BENCH_BODY_MAX - i);
	fclose(to);
	assert_wrong(text, -E2BIG, "trace.csv:17: different bodies of more than 1024 MiB");
	free(text);
	to = open_memstream(&text, &size);
	fprintf(to, AZURE_2019 "1");
	for (unsigned i = 2; i <= 1441; i++)
		fprintf(to, ",%u", i);
	fclose(to);
	assert_wrong(text, -EINVAL, ":1: 1441 minutes are more than a day's 1440: cut them off");
	free(text);
	assert_int_equal(bench_trace_read("/nonexistent", 0, 1, NULL, &s, error), -ENOENT);
	assert_non_null(strstr(error, "cannot read the trace /nonexistent: No such file"));
	assert_int_equal(bench_trace_read("/tmp", 0, 1, NULL, &s, error), -EIO);
	assert_non_null(strstr(error, "/tmp: cannot be read"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),       cmocka_unit_test(test_known_requests),
		cmocka_unit_test(test_many),        cmocka_unit_test(test_minutes),
		cmocka_unit_test(test_invocations), cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_too_much),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
