// SPDX-License-Identifier: Apache-2.0
#include "report_samples.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/numbers/histogram.h"

json_t *sample_histogram(unsigned n, double us)
{
	struct bench_histogram h;
	json_t *json;

	assert_int_equal(bench_histogram_init(&h), 0);
	for (unsigned i = 0; i < n; i++)
		bench_histogram_add(&h, (uint64_t)(us * (1000 + i * 7919 % 500) *
						   (i % 500 == 499 ? 10 : 1)));
	json = bench_histogram_json(&h);
	assert_non_null(json);
	bench_histogram_done(&h);
	return json;
}

static json_t *usage(void)
{
	json_t *json =
		json_pack("{s:{s:i,s:i,s:f,s:f,s:f,s:i}, s:{s:i,s:i,s:f,s:f,s:f,s:i}}", "gateway",
			  "processes", 1, "threads", 2, "cpu_us", 6.25, "switches_voluntary", 0.25,
			  "switches_involuntary", 0.05, "rss_bytes", 12 << 20, "functions",
			  "processes", 6, "threads", 6, "cpu_us", 3.5, "switches_voluntary", 0.5,
			  "switches_involuntary", 0.1, "rss_bytes", 8 << 20);

	assert_non_null(json);
	return json;
}

static json_t *hops(void)
{
	json_t *json = json_pack("[{s:s, s:o}, {s:s, s:o}, {s:s, s:o}]", "name", "gateway", "us",
				 sample_histogram(1000, 4), "name", "pass", "us",
				 sample_histogram(1000, 9), "name", "total", "us",
				 sample_histogram(1000, 14));

	assert_non_null(json);
	return json;
}

json_t *sample_run(const char *target, double rate, unsigned n, const char *invalid)
{
	json_t *run =
		json_pack("{s:s, s:f, s:f, s:b, s:s, s:i, s:i, s:i, s:f, s:{s:i, s:i}, s:i, s:f, "
			  "s:{s:f, s:f}, s:o, s:o, s:o, s:o, s:o, s:i, s:i}",
			  "target", target, "rate", rate, "achieved", rate * 0.999, "valid",
			  !invalid, "invalid", invalid ? invalid : "", "due", (int)n + 7, "sent",
			  (int)n + 7, "answered", (int)n, "measured_s", 2.5, "errors", "timeout", 3,
			  "shed", 4, "error_count", 7, "longest_gap_us", 1234.5, "client", "cpu_us",
			  4.5, "busy", 0.5, "latency", sample_histogram(n, 100 + rate / 1e3),
			  "service", sample_histogram(n, 90), "lag", sample_histogram(n, 2), "hops",
			  hops(), "usage", usage(), "waited", 0, "connects", 64);

	assert_non_null(run);
	return run;
}

json_t *sample_document(const char *kind, json_t *runs)
{
	json_t *json = json_pack(
		"{s:i, s:s, s:{s:s, s:s, s:i, s:f}, s:{s:s, s:s, s:s, s:i, s:i, s:f}, s:o, s:[], "
		"s:b, s:s}",
		"sprocket_bench", 1, "kind", kind, "environment", "kernel", SAMPLE_KERNEL, "date",
		"2026-01-01T00:00:00Z", "cpus", 2, "load", 0.5, "config", "loop", "open",
		"arrivals", "poisson", "protocol", "http1", "connections", 64, "body", 128,
		"duration_s", 2.5, "runs", runs, "slo", "valid", 1, "invalid", "");

	assert_non_null(json);
	return json;
}

json_t *sample_sweep(unsigned n)
{
	json_t *runs = json_array(), *sweep;

	for (int i = 0; i < 5; i++)
		json_array_append_new(runs, sample_run("chain-6", 10000 << i, n,
						       i == 3 ? "lag p99 above 1 ms" : NULL));
	sweep = sample_document("sweep", runs);
	json_object_set_new(sweep, "knee",
			    json_pack("{s:f, s:i, s:o}", "rate", 40000.0, "run", 2, "half",
				      sample_run("chain-6", 20000, n, NULL)));
	return sweep;
}

json_t *sample_comparison(double ratio, const char *verdict)
{
	json_t *runs = json_array(), *run, *json;

	for (int i = 0; i < 10; i++) {
		run = sample_run(i % 2 ? "chain-6" : "ring-6", i % 2 ? 1e5 * ratio : 1e5, 2000,
				 NULL);
		json_object_set_new(run, "round", json_integer(i / 2));
		json_array_append_new(runs, run);
	}
	json = sample_document("compare", runs);
	json_object_set_new(json, "comparison",
			    json_pack("{s:s, s:i, s:[{s:s, s:s, s:f}, {s:s, s:s, s:f, s:{s:f, s:f, "
				      "s:f}, s:s}, {s:s, s:s, s:s}]}",
				      "baseline", "ring-6", "rounds", 5, "targets", "target",
				      "ring-6", "metric", "rate", "median", 1e5, "target",
				      "chain-6", "metric", "rate", "median", 1e5 * ratio, "ratio",
				      "median", ratio, "low", ratio - 0.02, "high", ratio + 0.03,
				      "verdict", verdict, "target", "chain-6", "metric",
				      "p99.99_us", "why", "too few answers to tell"));
	return json;
}

unsigned sample_pngs(const char *folder)
{
	static const unsigned char magic[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
	unsigned char found[sizeof(magic)];
	DIR *dir = opendir(folder);
	char path[512];
	unsigned count = 0;

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		FILE *from;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    !strcmp(e->d_name, "index.html"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		assert_non_null(strstr(path, ".png"));
		from = fopen(path, "re");
		assert_non_null(from);
		assert_int_equal(fread(found, 1, sizeof(found), from), sizeof(found));
		fclose(from);
		assert_memory_equal(found, magic, sizeof(magic));
		count++;
	}
	closedir(dir);
	return count;
}

char *sample_read(const char *path)
{
	FILE *from = fopen(path, "re");
	char *text;
	long size;

	assert_non_null(from);
	assert_int_equal(fseek(from, 0, SEEK_END), 0);
	size = ftell(from);
	assert_true(size > 0);
	rewind(from);
	text = calloc(1, (size_t)size + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, (size_t)size, from), size);
	fclose(from);
	return text;
}
