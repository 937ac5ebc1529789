// SPDX-License-Identifier: Apache-2.0
/* What names of targets stand for: URLs, programs with their arguments, and what they are asked. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/load/mix.h"
#include "bench/target/process.h"
#include "bench/target/target_names.h"

/* ---- URLs ---- */

static void url_good(const char *url, int family, unsigned port, const char *host, const char *path)
{
	struct bench_target_options options = { 0 };
	char error[BENCH_ERROR_TEXT], address[INET6_ADDRSTRLEN];
	const struct sockaddr_in *v4;
	const struct sockaddr_in6 *v6;
	struct bench_target t;

	if (bench_target_start(url, &options, &t, error) < 0)
		fail_msg("%s", error);
	v4 = (const struct sockaddr_in *)&t.address;
	v6 = (const struct sockaddr_in6 *)&t.address;
	assert_int_equal(t.address.ss_family, family);
	assert_int_equal(t.address_len, family == AF_INET ? sizeof(*v4) : sizeof(*v6));
	assert_int_equal(ntohs(family == AF_INET ? v4->sin_port : v6->sin6_port), port);
	assert_non_null(inet_ntop(family,
				  family == AF_INET ? (const void *)&v4->sin_addr :
						      (const void *)&v6->sin6_addr,
				  address, sizeof(address)));
	assert_string_equal(address, family == AF_INET ? "127.0.0.1" : "::1");
	assert_string_equal(t.host, host);
	assert_string_equal(t.path, path);
	assert_string_equal(t.url, url);
	assert_false(t.started);
	assert_int_equal(t.pid, 0);
	assert_int_equal(bench_target_stop(&t, error), 0);
}

static void test_urls(void **state)
{
	(void)state;
	url_good("http://127.0.0.1:8080/", AF_INET, 8080, "127.0.0.1:8080", "/");
	url_good("http://127.0.0.1", AF_INET, 80, "127.0.0.1", "/");
	url_good("http://127.0.0.1:65535/a/b?c=http://d/", AF_INET, 65535, "127.0.0.1:65535",
		 "/a/b?c=http://d/");
	url_good("http://127.0.0.1:1?q", AF_INET, 1, "127.0.0.1:1", "/?q");
	url_good("http://[::1]:8080/x", AF_INET6, 8080, "[::1]:8080", "/x");
	url_good("http://[::1]", AF_INET6, 80, "[::1]", "/");
}

static void test_host_names(void **state)
{
	struct bench_target_options options = { 0 };
	char error[BENCH_ERROR_TEXT];
	struct bench_target t;

	(void)state;
	assert_int_equal(bench_target_start("http://localhost:81/", &options, &t, error), 0);
	assert_string_equal(t.host, "localhost:81");
	assert_int_equal(ntohs(((const struct sockaddr_in *)&t.address)->sin_port), 81);
	assert_int_equal(bench_target_start("http://no-such-host.invalid/", &options, &t, error),
			 -EHOSTUNREACH);
	assert_non_null(strstr(error, "no address of no-such-host.invalid"));
}

static void test_bad_urls(void **state)
{
	static const char *const bad[][2] = {
		{ "https://127.0.0.1/", "only http is spoken" },
		{ "ftp://x", "only http is spoken" },
		{ "http://", "names no host" },
		{ "http:///path", "names no host" },
		{ "http://:80/", "names no host" },
		{ "http://[]:80/", "names no host" },
		{ "http://[::1:80/", "] is missing" },
		{ "http://[::1]80/", "no port" },
		{ "http://127.0.0.1:/", "no number from 1 to 65535" },
		{ "http://127.0.0.1:0/", "no number from 1 to 65535" },
		{ "http://127.0.0.1:65536/", "no number from 1 to 65535" },
		{ "http://127.0.0.1:999999999999/", "no number from 1 to 65535" },
		{ "http://127.0.0.1:8x/", "no number from 1 to 65535" },
		{ "http://::1/", "no number from 1 to 65535" },
		{ "http://me:secret@127.0.0.1/", "users and passwords" },
		{ "http://127.0.0.1/#top", "#" },
		{ "http://127.0.0.1/a b", "%XX" },
		{ "http://127.0.0.1/\xc3\xa4", "%XX" },
		{ "http://127.0.0.1/\r\nx: y", "%XX" },
	};
	struct bench_target_options options = { 0 };
	char error[BENCH_ERROR_TEXT];
	struct bench_target t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(bench_target_start(bad[i][0], &options, &t, error), -EINVAL);
		if (!strstr(error, bad[i][1]) || !strstr(error, "http://HOST"))
			fail_msg("%s: %s", bad[i][0], error);
	}
}

static void test_too_long(void **state)
{
	struct bench_target_options options = { 0 };
	char url[400], error[BENCH_ERROR_TEXT];
	struct bench_target t;

	(void)state;
	memset(url, 'x', sizeof(url) - 1);
	url[sizeof(url) - 1] = '\0';
	assert_int_equal(bench_target_start(url, &options, &t, error), -ENAMETOOLONG);
	memcpy(url, "http://", 7);
	assert_int_equal(bench_target_url(&t, url, error), -EINVAL);
	url[7 + 128] = '/';
	url[7 + 140] = '\0';
	assert_int_equal(bench_target_url(&t, url, error), -EINVAL);
}

static void test_pid(void **state)
{
	struct bench_target_options options = { .pid = getpid() };
	char error[BENCH_ERROR_TEXT];
	struct bench_target t;
	pid_t gone;

	(void)state;
	assert_int_equal(bench_target_start("http://127.0.0.1:1/", &options, &t, error), 0);
	assert_int_equal(t.pid, getpid());
	assert_int_equal(bench_target_stop(&t, error), 0); /* it is not ours to be stopped */
	gone = fork();
	if (gone == 0)
		_exit(0);
	assert_int_equal(waitpid(gone, NULL, 0), gone);
	options.pid = gone;
	assert_int_equal(bench_target_start("http://127.0.0.1:1/", &options, &t, error), -ESRCH);
	assert_non_null(strstr(error, "--pid"));
}

/* ---- names ---- */

static void test_known(void **state)
{
	static const char *const known[] = { "chain-1",   "chain-32",    "fan-4",   "fan-calls-9",
					     "boutique",  "motion",      "parking", "social",
					     "big",       "hello",       "bare",    "ring-6",
					     "poll-1",    "seqpacket-2", "copy-64", "http-6",
					     "sidecar-6", "grpc-3" };
	static const char *const unknown[] = { "chain-0",  "chain-33",
					       "chain-",   "chain-x",
					       "chain--1", "chain-6x",
					       "chain",    "fan-99",
					       "Boutique", "bare-1",
					       "ring-65",  "http://x/",
					       "./big",    "chain-99999999999999999999",
					       "" };

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!bench_target_known(known[i]))
			fail_msg("%s is not known", known[i]);
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		if (bench_target_known(unknown[i]))
			fail_msg("%s is known", unknown[i]);
	assert_non_null(strstr(bench_target_help(), "chain-N "));
	assert_non_null(strstr(bench_target_help(), "sidecar-N "));
	assert_non_null(strstr(bench_target_help(), "http://"));
}

/* The arguments, with blanks between; the folder of programs is left out of them. */
static int command(const char *name, const struct bench_target_options *options, char *text,
		   size_t size, char error[BENCH_ERROR_TEXT])
{
	const char *build = getenv("SPROCKET_BUILD");
	struct bench_command c;
	size_t len = 0;
	int r = bench_target_command(name, options, &c, error);

	for (unsigned i = 0; r == 0 && i < c.count; i++) {
		const char *word = c.argv[i];

		if (strncmp(word, build, strlen(build)) == 0)
			word += strlen(build);
		len += (size_t)snprintf(text + len, size - len, "%s%s", i ? " " : "", word);
	}
	if (r == 0 && c.file >= 0)
		close(c.file);
	if (r == 0)
		assert_null(c.argv[c.count]);
	return r;
}

static void test_commands(void **state)
{
	struct bench_target_options plain = { 0 }, all = { .cpus = { 0, 2 },
							   .cpu_count = 2,
							   .trace = true,
							   .body_len = 1 << 20,
							   .sprocket_args = "--verbose" };
	char text[4096], error[BENCH_ERROR_TEXT];

	(void)state;
	assert_int_equal(command("boutique", &all, text, sizeof(text), error), 0);
	assert_string_equal(text,
			    "/controller/sprocket run /functions/examples/boutique/chain.yaml "
			    "--listen 127.0.0.1:0 --workers 1 --cpus 0,2 --trace --verbose");
	assert_int_equal(command("chain-1", &plain, text, sizeof(text), error), 0);
	assert_string_equal(text,
			    "/controller/sprocket run /functions/examples/chain-n/chain-1.yaml"
			    " --listen 127.0.0.1:0 --workers 1");
	assert_int_equal(command("ring-6", &plain, text, sizeof(text), error), 0);
	assert_string_equal(text, "/bench/baselines/peer-ring --functions 6");
	assert_int_equal(command("sidecar-64", &all, text, sizeof(text), error), 0);
	assert_string_equal(text,
			    "/bench/baselines/peer-sidecar --functions 64 --body-max 1048576");
	assert_int_equal(command("bare", &plain, text, sizeof(text), error), 0);
	assert_string_equal(text, "/bench/baselines/peer-bare");
	assert_int_equal(command("/proc/self/exe", &plain, text, sizeof(text), error), 0);
	assert_string_equal(text, "/controller/sprocket run /proc/self/exe --listen 127.0.0.1:0 "
				  "--workers 1");
}

static void test_no_commands(void **state)
{
	struct bench_target_options plain = { 0 }, huge = { .body_len = (16 << 20) + 1 }, many;
	char text[4096], words[512], error[BENCH_ERROR_TEXT];

	(void)state;
	assert_int_equal(command("/no/such.yaml", &plain, text, sizeof(text), error), -EINVAL);
	assert_non_null(strstr(error, "neither a name"));
	assert_null(strstr(error, "Did you mean"));
	assert_int_equal(command("fan-3", &plain, text, sizeof(text), error), -ENOENT);
	assert_non_null(strstr(error, "fan-all-3.yaml"));
	assert_int_equal(command("chain-2", &huge, text, sizeof(text), error), -E2BIG);
	assert_non_null(strstr(error, "16Mi"));
	assert_int_equal(command("copy-2", &huge, text, sizeof(text), error), -E2BIG);
	for (size_t i = 0; i + 1 < sizeof(words); i++)
		words[i] = i % 2 ? ' ' : 'x';
	words[sizeof(words) - 1] = '\0';
	many = (struct bench_target_options){ .sprocket_args = words };
	assert_int_equal(command("chain-1", &many, text, sizeof(text), error), -E2BIG);
	assert_non_null(strstr(error, "--sprocket-args"));
}

/* A chain that no file was built for is written as its neighbours are. */
static void test_chain_that_is_written(void **state)
{
	struct bench_target_options options = { .body_len = 65537 };
	char text[4096], error[BENCH_ERROR_TEXT];
	struct bench_command c;

	(void)state;
	assert_int_equal(bench_target_command("chain-2", &options, &c, error), 0);
	assert_true(bench_proc_read(c.argv[2], text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "maxBody: 68Ki}"));
	assert_non_null(strstr(text, "bufferSizes: [2Ki, 64Ki, 68Ki]"));
	assert_non_null(strstr(text, "steps: [f1, f2]\n"));
	close(c.file);
}

/* ---- what is asked ---- */

static int mix_of(const char *name, size_t body_len, struct bench_mix *mix,
		  enum bench_protocol *protocol, char error[BENCH_ERROR_TEXT])
{
	struct bench_target t = { .path = "/in" };

	snprintf(t.name, sizeof(t.name), "%s", name);
	bench_mix_init(mix);
	*protocol = BENCH_HTTP1;
	return bench_target_mix(&t, body_len, mix, protocol, error);
}

static void test_mix_of_one(void **state)
{
	enum bench_protocol protocol;
	char error[BENCH_ERROR_TEXT];
	struct bench_mix mix;

	(void)state;
	assert_int_equal(mix_of("chain-6", 200, &mix, &protocol, error), 0);
	assert_int_equal(mix.request_count, 1);
	assert_string_equal(mix.requests[0].method, "POST");
	assert_string_equal(mix.requests[0].path, "/in");
	assert_int_equal(mix.requests[0].body_len, 200);
	assert_int_equal(mix.requests[0].verify, BENCH_VERIFY_ECHO);
	bench_mix_done(&mix);
	assert_int_equal(mix_of("big", 80, &mix, &protocol, error), 0);
	assert_int_equal(mix.requests[0].verify, BENCH_VERIFY_BYTES);
	assert_int_equal(mix.requests[0].expected_len, 8);
	assert_memory_equal(mix.requests[0].expected, "e52e5064", 8);
	bench_mix_done(&mix);
	assert_int_equal(mix_of("hello", 6, &mix, &protocol, error), 0);
	assert_memory_equal(mix.requests[0].expected, "A BODY", 6);
	bench_mix_done(&mix);
	assert_int_equal(mix_of("http://127.0.0.1/in", 0, &mix, &protocol, error), 0);
	assert_string_equal(mix.requests[0].method, "GET");
	bench_mix_done(&mix);
	assert_int_equal(protocol, BENCH_HTTP1);
	assert_int_equal(mix_of("grpc-2", 258, &mix, &protocol, error), 0);
	assert_int_equal(protocol, BENCH_H2C);
	assert_int_equal(mix.requests[0].body_len, 263);
	assert_memory_equal(mix.requests[0].body, "\0\0\0\1\2a body", 11);
	bench_mix_done(&mix);
}

static void test_mix_of_pictures(void **state)
{
	enum bench_protocol protocol;
	char error[BENCH_ERROR_TEXT];
	struct bench_mix mix;

	(void)state;
	assert_int_equal(mix_of("parking", 0, &mix, &protocol, error), 0);
	assert_int_equal(mix.request_count, 164);
	for (uint32_t i = 0; i < mix.request_count; i++) {
		assert_int_equal(mix.requests[i].body_len, 4096);
		assert_memory_equal(mix.requests[i].body, "\xff\xd8\xff", 3);
		assert_memory_not_equal(mix.requests[i].body, mix.requests[(i + 1) % 164].body,
					4096);
	}
	bench_mix_done(&mix);
}

static void test_mix_of_events(void **state)
{
	enum bench_protocol protocol;
	char error[BENCH_ERROR_TEXT], body[32];
	unsigned sensor;
	struct bench_mix mix;
	uint64_t ms;

	(void)state;
	assert_int_equal(mix_of("motion", 0, &mix, &protocol, error), 0);
	assert_true(mix.request_count > 100);
	for (uint32_t i = 0; i < mix.request_count; i++) {
		snprintf(body, sizeof(body), "%.*s", (int)mix.requests[i].body_len,
			 mix.requests[i].body);
		assert_int_equal(sscanf(body, "%u %lu", &sensor, &ms), 2);
		assert_true(sensor < 64);
	}
	bench_mix_done(&mix);
}

static void test_mix_of_the_shop(void **state)
{
	enum bench_protocol protocol;
	char error[BENCH_ERROR_TEXT];
	struct bench_mix mix;

	(void)state;
	assert_int_equal(mix_of("boutique", 0, &mix, &protocol, error), 0);
	assert_int_equal(mix.visit_count, 6);
	for (uint32_t i = 0; i < mix.request_count; i++) {
		const struct bench_request *q = &mix.requests[i];

		assert_true(q->filled);
		assert_int_equal(q->header_count, q->body_len ? 2 : 1);
		assert_string_equal(q->headers[0].name, "cookie"); /* once: the mix file's own */
		assert_int_equal(q->status, strcmp(q->method, "POST") == 0 &&
							    strcmp(q->path, "/cart/checkout") != 0 ?
						    302 :
						    200);
	}
	bench_mix_done(&mix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_host_names),
		cmocka_unit_test(test_bad_urls),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_pid),
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_no_commands),
		cmocka_unit_test(test_chain_that_is_written),
		cmocka_unit_test(test_mix_of_one),
		cmocka_unit_test(test_mix_of_pictures),
		cmocka_unit_test(test_mix_of_events),
		cmocka_unit_test(test_mix_of_the_shop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
