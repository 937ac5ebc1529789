// SPDX-License-Identifier: Apache-2.0
/* A run as JSON, as text, as CSV, and in a file that is there whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/result/result.h"

#define ANSWERS 20000U

static char folder[] = "/tmp/test-result-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static void outcome_make(struct bench_outcome *o)
{
	memset(o, 0, sizeof(*o));
	assert_int_equal(bench_histogram_init(&o->latency), 0);
	assert_int_equal(bench_histogram_init(&o->service), 0);
	assert_int_equal(bench_histogram_init(&o->lag), 0);
	for (unsigned i = 0; i < ANSWERS; i++) {
		bench_histogram_add(&o->latency, 100000);
		bench_histogram_add(&o->service, 80000);
		bench_histogram_add(&o->lag, 2000);
	}
	o->answered = ANSWERS;
	o->due = o->sent = ANSWERS + 5;
	o->errors[BENCH_ERROR_timeout] = 3;
	o->errors[BENCH_ERROR_body] = 2;
	o->first_ns = 1000000000U;
	o->measured_ns = 2000000000U;
	o->last_ns = o->first_ns + o->measured_ns;
	o->client_cpu_ns = ANSWERS * 5000UL;
	o->client_busy_ns = 500000000U;
}

static void outcome_done(struct bench_outcome *o)
{
	bench_histogram_done(&o->latency);
	bench_histogram_done(&o->service);
	bench_histogram_done(&o->lag);
}

static double number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_number(value))
		fail_msg("%s: no number", key);
	return json_number_value(value);
}

static json_t *run_make(struct bench_outcome *o, double rate)
{
	struct bench_mix mix;
	json_t *run;

	bench_mix_init(&mix);
	run = bench_result_run("chain-6", 3, rate, &mix, o, NULL);
	bench_mix_done(&mix);
	assert_non_null(run);
	return run;
}

/* A document as `run` makes it; takes the run's reference. */
static json_t *document_make(json_t *run, const char *loop)
{
	json_t *document = json_pack(
		"{s:i, s:s, s:{}, s:{s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:i, s:i, s:i, s:i}, "
		"s:[o], s:[], s:O, s:O}",
		"sprocket_bench", BENCH_RESULT_VERSION, "kind", "run", "environment", "config",
		"target", "chain-6", "url", "http://127.0.0.1:1/", "protocol", "http1", "loop",
		loop, "rate", 10000.0, "duration_s", 2.0, "warmup_s", 1.0, "connections", 64,
		"streams", 1, "body", 128, "seed", 1, "runs", run, "slo", "valid",
		json_object_get(run, "valid"), "invalid", json_object_get(run, "invalid"));

	assert_non_null(document);
	return document;
}

static char *text_of(const json_t *document, int csv)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	if (csv)
		assert_int_equal(bench_result_csv(document, to), 0);
	else
		bench_result_print(document, to);
	fclose(to);
	return text;
}

static void assert_has(const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("no \"%s\" in:\n%s", what, text);
}

static void test_run(void **state)
{
	struct bench_outcome o;
	json_t *run, *errors;

	(void)state;
	outcome_make(&o);
	run = run_make(&o, 10000);
	errors = json_object_get(run, "errors");
	assert_true(fabs(number(run, "achieved") - ANSWERS / 2.0) < 1e-6);
	assert_int_equal(number(run, "due"), ANSWERS + 5);
	assert_int_equal(number(run, "error_count"), 5);
	assert_int_equal(json_object_size(errors), 2);
	assert_int_equal(number(errors, "timeout"), 3);
	assert_int_equal(number(errors, "body"), 2);
	assert_int_equal(number(run, "round"), 3);
	assert_true(json_is_true(json_object_get(run, "valid")));
	assert_true(json_is_true(json_object_get(run, "kept_up")));
	assert_true(fabs(number(json_object_get(run, "client"), "cpu_us") - 5) < 1e-9);
	assert_true(fabs(number(json_object_get(run, "client"), "busy") - 0.25) < 1e-9);
	assert_true(fabs(number(json_object_get(run, "latency"), "p99_us") - 100) < 0.11);
	assert_int_equal(number(json_object_get(run, "lag"), "n"), ANSWERS);
	assert_null(json_object_get(run, "usage"));
	assert_null(json_object_get(run, "requests"));
	json_decref(run);
	outcome_done(&o);
}

static void test_kept_up(void **state)
{
	struct bench_outcome o;
	json_t *run;

	(void)state;
	outcome_make(&o);
	o.due = ANSWERS * 102 / 100; /* one in fifty was not answered */
	run = run_make(&o, 10000);
	assert_true(json_is_false(json_object_get(run, "kept_up")));
	json_decref(run);
	o.due = ANSWERS;
	o.last_ns = o.first_ns + 2 * o.measured_ns; /* the rest came too late */
	run = run_make(&o, 10000);
	assert_true(fabs(number(run, "achieved") - ANSWERS / 4.0) < 1e-6);
	assert_true(json_is_false(json_object_get(run, "kept_up")));
	json_decref(run);
	run = run_make(&o, 0); /* closed loop: nothing to keep up with */
	assert_null(json_object_get(run, "kept_up"));
	json_decref(run);
	outcome_done(&o);
}

static void test_text(void **state)
{
	struct bench_outcome o;
	json_t *document;
	char *text;

	(void)state;
	outcome_make(&o);
	document = document_make(run_make(&o, 10000), "open");
	text = text_of(document, 0);
	assert_has(text, "chain-6 at http://127.0.0.1:1/: http1, 64 connections, 128 B");
	assert_has(text, "open loop, 10,000/s, 2 s after 1 s of warm-up, seed 1");
	assert_has(text, "20,000 answers of 20,005 due in 2 s: 10,000/s");
	assert_has(text, "5 ERRORS: ");
	assert_has(text, "timeout 3");
	assert_has(text, "latency, from when due");
	assert_has(text, "service, from when sent");
	assert_has(text, "the client's own lag");
	assert_has(text, "100 µs");
	assert_null(strstr(text, "INVALID"));
	assert_null(strstr(text, "NOT KEPT UP"));
	assert_null(strstr(text, "CAUTION"));
	assert_null(strstr(text, "closed loop"));
	free(text);
	json_decref(document);
	outcome_done(&o);
}

/* At what rate they were due is counted: bursts at --rate 10k are not 10,000/s on average. */
static void test_text_of_bursts(void **state)
{
	struct bench_outcome o;
	json_t *document;
	char *text;

	(void)state;
	outcome_make(&o);
	o.due = 2 * ANSWERS;
	o.client_delayed_ns = 1000000000U;
	document = document_make(run_make(&o, 10000), "open");
	text = text_of(document, 0);
	assert_has(text, "NOT KEPT UP WITH: 20,000/s were due, 10,000/s were answered");
	assert_has(text, "CAUTION: for 50 % of the time others had the client's CPU");
	free(text);
	json_decref(document);
	outcome_done(&o);
}

static void test_text_of_closed_and_invalid(void **state)
{
	struct bench_outcome o;
	json_t *document;
	char *text;

	(void)state;
	outcome_make(&o);
	strcpy(o.invalid, "the client was too slow");
	o.last_ns += o.measured_ns;
	document = document_make(run_make(&o, 0), "closed");
	text = text_of(document, 0);
	assert_has(text, "closed loop: latency leaves out what a stalled server was not asked");
	assert_has(text, "INVALID, do not use these figures: the client was too slow");
	assert_null(strstr(text, "lag"));
	free(text);
	json_decref(document);
	document = document_make(run_make(&o, 10000), "open");
	text = text_of(document, 0);
	assert_has(text, "NOT KEPT UP WITH: 10,002/s were due, 5,000/s were answered");
	assert_has(text, "in 4 s: 5,000/s");
	free(text);
	json_decref(document);
	outcome_done(&o);
}

/* The field of that name in the first line behind the head. */
static void csv_field(const char *csv, const char *name, char value[64])
{
	const char *row = strchr(csv, '\n') + 1, *head = csv;

	for (;;) {
		size_t head_len = strcspn(head, ",\n"), row_len = strcspn(row, ",\n");

		if (head_len == strlen(name) && !memcmp(head, name, head_len)) {
			snprintf(value, 64, "%.*s", (int)row_len, row);
			return;
		}
		if (head[head_len] == '\n' || row[row_len] == '\n')
			fail_msg("no field %s", name);
		head += head_len + 1;
		row += row_len + 1;
	}
}

static void test_csv(void **state)
{
	struct bench_outcome o;
	json_t *document;
	char *text, value[64];

	(void)state;
	outcome_make(&o);
	strcpy(o.invalid, "said \"no\", and left");
	document = document_make(run_make(&o, 10000), "open");
	text = text_of(document, 1);
	csv_field(text, "target", value);
	assert_string_equal(value, "\"chain-6\"");
	csv_field(text, "answered", value);
	assert_string_equal(value, "20000");
	csv_field(text, "valid", value);
	assert_string_equal(value, "false");
	csv_field(text, "latency_p99_us", value);
	assert_true(fabs(strtod(value, NULL) - 100) < 0.11);
	csv_field(text, "lag_max_us", value);
	assert_true(fabs(strtod(value, NULL) - 2) < 0.01);
	csv_field(text, "latency_p99.999_us", value);
	assert_string_equal(value, ""); /* too few answers to tell */
	csv_field(text, "cpu_us", value);
	assert_string_equal(value, ""); /* not known */
	assert_has(text, ",\"said \"\"no\"\", and left\"\n");
	free(text);
	json_decref(document);
	outcome_done(&o);
}

static void test_file(void **state)
{
	struct bench_outcome o;
	json_t *document, *read;
	char path[64], error[BENCH_ERROR_TEXT];

	(void)state;
	outcome_make(&o);
	document = document_make(run_make(&o, 10000), "open");
	snprintf(path, sizeof(path), "%s/run.json", folder);
	assert_int_equal(bench_result_write(document, path), 0);
	assert_int_equal(bench_result_write(document, path), 0); /* over an old one */
	read = bench_result_read(path, error);
	assert_non_null(read);
	assert_int_equal(number(json_array_get(json_object_get(read, "runs"), 0), "answered"),
			 ANSWERS);
	json_decref(read);
	unlink(path);
	json_decref(document);
	outcome_done(&o);
}

static void test_file_that_cannot_be_written(void **state)
{
	struct bench_outcome o;
	json_t *document;
	struct rlimit limit, small;
	char path[64];
	int r;

	(void)state;
	outcome_make(&o);
	document = document_make(run_make(&o, 10000), "open");
	assert_int_equal(bench_result_write(document, "/nowhere/run.json"), -ENOENT);
	assert_int_equal(bench_result_write(document, "/dev/full"), -ENOSPC);
	assert_int_equal(access("/dev/full", W_OK), 0); /* not replaced */
	/* In the middle of it: nothing is left. The folder's removal at the end proves that. */
	snprintf(path, sizeof(path), "%s/cut.json", folder);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	small = limit;
	small.rlim_cur = 100;
	setrlimit(RLIMIT_FSIZE, &small);
	r = bench_result_write(document, path);
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(r, -EFBIG);
	assert_int_equal(access(path, F_OK), -1);
	json_decref(document);
	outcome_done(&o);
}

static void test_file_that_is_none(void **state)
{
	static const char *const contents[] = { "",
						"{",
						"[]",
						"{\"sprocket_bench\": 2, \"runs\": []}",
						"{\"sprocket_bench\": 1}",
						"{\"runs\": []}" };
	char path[64], error[BENCH_ERROR_TEXT];

	(void)state;
	snprintf(path, sizeof(path), "%s/other.json", folder);
	for (size_t i = 0; i < sizeof(contents) / sizeof(*contents); i++) {
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		fputs(contents[i], file);
		fclose(file);
		error[0] = '\0';
		assert_null(bench_result_read(path, error));
		assert_has(error, "other.json");
	}
	unlink(path);
	assert_null(bench_result_read(path, error));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_kept_up),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_of_bursts),
		cmocka_unit_test(test_text_of_closed_and_invalid),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_file_that_cannot_be_written),
		cmocka_unit_test(test_file_that_is_none),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
