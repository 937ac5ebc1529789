// SPDX-License-Identifier: Apache-2.0
/* The command line: what is taken, what is refused and how that is told, and SLOs. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/command/options.h"
#include "bench/result/value.h"

#define WORDS_MAX 32

/* Parses a command line, words separated by blanks; what goes to stderr is kept. */
static int parse(const char *line, struct bench_options *o, char *said, size_t size)
{
	static char text[1024];
	char *argv[WORDS_MAX] = { NULL }, *state;
	int argc = 0, saved = dup(STDERR_FILENO), r;
	FILE *to = tmpfile();
	size_t len;

	assert_non_null(to);
	assert_true(strlen(line) < sizeof(text));
	strcpy(text, line);
	argv[argc++] = (char[]){ "sprocket-bench" };
	for (char *word = strtok_r(text, " ", &state); word; word = strtok_r(NULL, " ", &state)) {
		assert_true(argc < WORDS_MAX - 1);
		argv[argc++] = word;
	}
	fflush(stderr);
	dup2(fileno(to), STDERR_FILENO);
	r = bench_options_parse(argc, argv, o);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(to);
	len = fread(said, 1, size - 1, to);
	said[len] = '\0';
	fclose(to);
	return r;
}

static void assert_taken(const char *line, struct bench_options *o)
{
	char said[4096];

	if (parse(line, o, said, sizeof(said)) != 0)
		fail_msg("%s: %s", line, said);
}

/* Refused with BENCH_USAGE; the message has all these texts. */
static void assert_refused(const char *line, const char *const *texts)
{
	struct bench_options o;
	char said[4096];

	if (parse(line, &o, said, sizeof(said)) != BENCH_USAGE)
		fail_msg("%s: not refused", line);
	for (; *texts; texts++)
		if (!strstr(said, *texts))
			fail_msg("%s: no \"%s\" in: %s", line, *texts, said);
}
#define REFUSED(line, ...) assert_refused(line, (const char *const[]){ __VA_ARGS__, NULL })

static void test_defaults(void **state)
{
	struct bench_options o;

	(void)state;
	assert_taken("run chain-6 --closed", &o);
	assert_int_equal(o.command, BENCH_RUN);
	assert_int_equal(o.name_count, 1);
	assert_string_equal(o.names[0], "chain-6");
	assert_true(o.closed);
	assert_int_equal(o.duration_ns, 10000000000U);
	assert_int_equal(o.warmup_ns, 1000000000U);
	assert_int_equal(o.timeout_ns, 5000000000U);
	assert_int_equal(o.connections, 64);
	assert_int_equal(o.streams, 1);
	assert_int_equal(o.protocol, BENCH_HTTP1);
	assert_false(o.verify_given);
	bench_options_done(&o);
}

static void test_all_of_run(void **state)
{
	struct bench_options o;

	(void)state;
	assert_taken("run --rate 1.5k chain-6 --arrivals gamma:4 --duration 30s --warmup 0 "
		     "--connections 8 --streams 16 --http 2 --method PUT --path /a?b=c "
		     "--header X-One:two --body 64Ki",
		     &o);
	assert_true(fabs(o.rate - 1500) < 1e-9);
	assert_string_equal(o.arrivals, "gamma:4");
	assert_int_equal(o.duration_ns, 30000000000U);
	assert_int_equal(o.warmup_ns, 0);
	assert_int_equal(o.connections, 8);
	assert_int_equal(o.streams, 16);
	assert_int_equal(o.protocol, BENCH_H2C);
	assert_string_equal(o.method, "PUT");
	assert_string_equal(o.path, "/a?b=c");
	assert_int_equal(o.header_count, 1);
	assert_string_equal(o.headers[0].name, "x-one");
	assert_string_equal(o.headers[0].value, "two");
	assert_int_equal(o.body_len, 65536);
	bench_options_done(&o);
	assert_taken(
		"run http://127.0.0.1:1/ --closed --verify nonce --seed 7 --timeout 250ms "
		"--slo p99<2ms --slo rate>50k --client-cpu 0 --pid 5 --trace --quiet --count --idle 10s "
		"--json - --csv f.csv --hgrm f.hgrm",
		&o);
	assert_int_equal(o.verify, BENCH_VERIFY_NONCE);
	assert_true(o.verify_given);
	assert_int_equal(o.seed, 7);
	assert_int_equal(o.timeout_ns, 250000000);
	assert_int_equal(o.slo_count, 2);
	assert_int_equal(o.client_cpu_count, 1);
	assert_int_equal(o.pid, 5);
	assert_true(o.trace && o.quiet && o.count);
	assert_int_equal(o.idle_ns, 10000000000U);
	assert_string_equal(o.hgrm, "f.hgrm");
	bench_options_done(&o);
}

static void test_sweep_and_compare(void **state)
{
	struct bench_options o;

	(void)state;
	assert_taken("sweep bare --bodies 64:16Mi:10 --closed --count", &o);
	assert_true(o.closed && o.count);
	assert_int_equal(o.body_from, 64);
	assert_int_equal(o.body_to, 16 << 20);
	assert_int_equal(o.body_count, 10);
	assert_taken("sweep boutique --rates 1k:64k:7 --body @picture", &o);
	assert_true(o.rate_from < 1000.5 && o.rate_to > 63999.5);
	assert_int_equal(o.rate_count, 7);
	assert_string_equal(o.body_file, "picture");
	bench_options_done(&o);
	assert_taken("compare chain-6 ring-6 http-6 --rounds 9 --metric p99 --metric cpu", &o);
	assert_int_equal(o.name_count, 3);
	assert_string_equal(o.names[2], "http-6");
	assert_int_equal(o.rounds, 9);
	assert_int_equal(o.metric_count, 2);
	assert_int_equal(o.metrics[0], BENCH_METRIC_P99);
	assert_int_equal(o.metrics[1], BENCH_METRIC_CPU);
	bench_options_done(&o);
	assert_taken("report a.json b.json --out folder", &o);
	assert_string_equal(o.out, "folder");
	assert_int_equal(o.name_count, 2);
	bench_options_done(&o);
	assert_taken("targets", &o);
	bench_options_done(&o);
}

/* The order of the words is part of the record. */
static void test_command_line_is_kept(void **state)
{
	char *argv[] = { (char[]){ "sprocket-bench" }, (char[]){ "run" }, (char[]){ "bare" },
			 (char[]){ "--closed" }, NULL };
	struct bench_options o;

	(void)state;
	assert_int_equal(bench_options_parse(4, argv, &o), 0);
	assert_string_equal(o.argv[2], "bare");
	assert_string_equal(o.argv[3], "--closed");
	bench_options_done(&o);
}

static void test_values_are_refused(void **state)
{
	(void)state;
	REFUSED("run x --rate 5x", "--rate 5x", "requests/s", "5k");
	REFUSED("run x --rate 0", "--rate 0", "requests/s");
	REFUSED("run x --rate -5", "--rate -5");
	REFUSED("run x --closed --duration 10", "--duration 10", "10ms");
	REFUSED("run x --closed --duration 0", "--duration 0");
	REFUSED("run x --closed --warmup 1sec", "--warmup 1sec");
	REFUSED("run x --closed --connections 0", "--connections 0", "65536");
	REFUSED("run x --closed --connections 65537", "--connections 65537");
	REFUSED("run x --closed --streams 1025", "--streams 1025", "1024");
	REFUSED("run x --closed --http 3", "--http 3", "close");
	REFUSED("run x --closed --body 65Mi", "--body 65Mi", "64Mi");
	REFUSED("run x --closed --body 1.5", "--body 1.5");
	REFUSED("run x --closed --body @", "--body @");
	REFUSED("run x --closed --method get", "--method get", "GET");
	REFUSED("run x --closed --path cart", "--path cart", "/cart");
	REFUSED("run x --closed --header nothing", "--header nothing", "accept");
	REFUSED("run x --closed --verify all", "--verify all", "nonce");
	REFUSED("run x --closed --seed -1", "--seed -1");
	REFUSED("run x --closed --slo p99", "--slo p99", "p99<2ms");
	REFUSED("run x --closed --slo p99>2ms", "--slo p99>2ms");
	REFUSED("run x --closed --client-cpu 1-", "--client-cpu 1-", "0,2-3");
	REFUSED("run x --closed --server-cpu 0,0", "--server-cpu 0,0");
	REFUSED("run x --closed --client-cpu 1023", "--client-cpu", "1023");
	REFUSED("run x --closed --page 0", "--page 0");
	REFUSED("sweep x --rates 1k:64k", "--rates 1k:64k", "1k:200k:12");
	REFUSED("sweep x --rates 2k:1k:4", "--rates 2k:1k:4");
	REFUSED("sweep x --closed --bodies 1Mi:64:4", "--bodies 1Mi:64:4", "64:16Mi:10");
	REFUSED("sweep x --closed --bodies 64:65Mi:4", "--bodies 64:65Mi:4");
	REFUSED("sweep x --closed --bodies 0:64:4", "--bodies 0:64:4");
	REFUSED("run x --closed --idle 0", "--idle 0", "10ms");
	REFUSED("compare x y --metric p98", "--metric p98", "p99.99");
	REFUSED("compare x y --rounds 0", "--rounds 0", "1000");
}

static void test_what_does_not_go_together(void **state)
{
	(void)state;
	REFUSED("run x", "--rate", "--closed");
	REFUSED("run x --rate 5k --closed", "--closed", "--rate");
	REFUSED("run x --arrivals poisson", "--rate");
	REFUSED("sweep x", "--rates", "--bodies");
	REFUSED("sweep x --rates 1:2:2 --bodies 1:2:2 --closed", "what rises?");
	REFUSED("sweep x --bodies 1:2:2", "--closed");
	REFUSED("sweep x --rates 1:2:2 --closed", "--bodies");
	REFUSED("sweep x --bodies 1:2:2 --closed --mix f", "--mix");
	REFUSED("compare x y --idle 1s", "no --idle");
	REFUSED("sweep x --rates 1:2:2 --arrivals step:1,2", "step:1,2");
	REFUSED("compare x", "TARGET TARGET");
	REFUSED("run", "TARGET");
	REFUSED("run x y --closed", "y");
	REFUSED("run x --closed --rounds 4", "--rounds");
	REFUSED("run x --closed --nothing", "--nothing");
	REFUSED("run x --closed --seed", "--seed");
	REFUSED("run x --closed --json - --csv -", "--json", "--csv");
	REFUSED("run x --closed --mix m --path /", "--mix", "--path");
	REFUSED("compare x y --slo p99<1s", "--slo");
	REFUSED("measure x", "measure", "usage");
}

static void test_arrivals_that_need_no_rate(void **state)
{
	struct bench_options o;

	(void)state;
	assert_taken("run x --arrivals step:1k,2k", &o);
	bench_options_done(&o);
	assert_taken("run x --arrivals ramp:1k,2k", &o);
	bench_options_done(&o);
	assert_taken("run x --arrivals trace:file", &o);
	bench_options_done(&o);
}

static void test_too_many(void **state)
{
	char line[1024] = "run x --closed";
	struct bench_options o;

	(void)state;
	for (unsigned i = 0; i < BENCH_HEADERS_MAX; i++)
		strcat(line, " --header=a:b");
	assert_taken(line, &o);
	bench_options_done(&o);
	strcat(line, " --header=c:d");
	REFUSED(line, "--header c:d", "16 at most");
}

static void test_cpus(void **state)
{
	int cpus[4];

	(void)state;
	assert_int_equal(bench_value_cpus("0,2-3", cpus, 4), 3);
	assert_int_equal(cpus[0], 0);
	assert_int_equal(cpus[1], 2);
	assert_int_equal(cpus[2], 3);
	assert_int_equal(bench_value_cpus("0-4", cpus, 4), -EINVAL);
	assert_int_equal(bench_value_cpus("", cpus, 4), -EINVAL);
	assert_int_equal(bench_value_cpus("3-2", cpus, 4), -EINVAL);
	assert_int_equal(bench_value_cpus("1,", cpus, 4), -EINVAL);
	assert_int_equal(bench_value_cpus("99999999999999999999", cpus, 4), -EINVAL);
}

/* ---- SLOs ---- */

static json_t *run_make(unsigned answers, uint64_t ns, unsigned errors)
{
	struct bench_histogram h;
	json_t *run;

	assert_int_equal(bench_histogram_init(&h), 0);
	for (unsigned i = 0; i < answers; i++)
		bench_histogram_add(&h, ns);
	run = json_pack("{s:f, s:i, s:i, s:o}", "achieved", 1000.0, "answered", (int)answers,
			"error_count", (int)errors, "latency", bench_histogram_json(&h));
	bench_histogram_done(&h);
	assert_non_null(run);
	return run;
}

static void assert_judged(const json_t *run, const char *text, bool met, const char *why)
{
	struct bench_slo slo;
	const char *told;
	json_t *judged;

	if (bench_slo_parse(text, &slo) < 0)
		fail_msg("%s: refused", text);
	judged = bench_slo_judge(&slo, run);
	told = json_string_value(json_object_get(judged, "why"));
	if (json_is_true(json_object_get(judged, "met")) != met)
		fail_msg("%s: %s", text, met ? "missed" : "met");
	assert_string_equal(json_string_value(json_object_get(judged, "text")), text);
	if (why)
		assert_string_equal(told, why);
	else
		assert_null(told);
	json_decref(judged);
}

static void test_slo(void **state)
{
	json_t *run = run_make(2000, 1000000, 2); /* 1 ms each */

	(void)state;
	assert_judged(run, "p99<2ms", true, NULL);
	assert_judged(run, "p99<900us", false, NULL);
	assert_judged(run, "p99.9<2ms", false, "too few answers to tell");
	assert_judged(run, "p50<=1.001ms", true, NULL);
	assert_judged(run, "mean<2ms", true, NULL);
	assert_judged(run, "max<1us", false, NULL);
	assert_judged(run, "rate>999", true, NULL);
	assert_judged(run, "rate>1k", false, NULL);
	assert_judged(run, "rate>=1k", true, NULL);
	assert_judged(run, "errors<0.2%", true, NULL);
	assert_judged(run, "errors<0.05%", false, NULL);
	json_decref(run);
	run = run_make(0, 0, 0);
	assert_judged(run, "max<1s", false, "no answer");
	assert_judged(run, "errors<1%", false, "no request");
	json_decref(run);
}

static void test_slo_refused(void **state)
{
	static const char *const texts[] = { "",          "<",           "p<1s",    "p100<1s",
					     "p0<1s",     "p99",         "p99<",    "p99<1",
					     "q99<1s",    "p99>1s",      "rate<5k", "rate>0",
					     "errors<1",  "mean<1s ",    "p99<-1s", "p9x<1s",
					     "errors>1%", "errors<101%", "p99<<1s" };
	struct bench_slo slo;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (bench_slo_parse(texts[i], &slo) != -EINVAL)
			fail_msg("\"%s\" was taken", texts[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all_of_run),
		cmocka_unit_test(test_sweep_and_compare),
		cmocka_unit_test(test_command_line_is_kept),
		cmocka_unit_test(test_values_are_refused),
		cmocka_unit_test(test_what_does_not_go_together),
		cmocka_unit_test(test_arrivals_that_need_no_rate),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_slo),
		cmocka_unit_test(test_slo_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
