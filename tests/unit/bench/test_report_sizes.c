// SPDX-License-Identifier: Apache-2.0
/* The report's parts of what was asked for beside a load: sizes of bodies, idle time, counters. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/result/result.h"
#include "report_samples.h"

static char folder[] = "/tmp/test-report-XXXXXX";
static char *page;

static void remove_all(void)
{
	DIR *dir = opendir(folder);
	char path[512];

	for (struct dirent *e; (e = readdir(dir));) {
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		if (e->d_name[0] != '.')
			unlink(path);
	}
	closedir(dir);
}

/* gnuplot may be missing: the page is there all the same. */
static void report(json_t *document)
{
	const json_t *documents[] = { document };
	char error[BENCH_ERROR_TEXT], path[64];

	bench_report(documents, 1, folder, error);
	snprintf(path, sizeof(path), "%s/index.html", folder);
	free(page);
	page = sample_read(path);
	remove_all();
	json_decref(document);
}

static int begin(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	free(page);
	return rmdir(folder);
}

#define assert_says(text) assert_non_null(strstr(page, text))
#define assert_silent(text) assert_null(strstr(page, text))

static void a_sweep_over_sizes(void **state)
{
	json_t *runs = json_array(), *document, *run;

	(void)state;
	for (int i = 0; i < 4; i++) {
		run = sample_run("chain-6", 4000, 2000, NULL);
		json_object_set_new(run, "body", json_integer(64 << 4 * i));
		json_array_append_new(runs, run);
	}
	document = sample_document("sweep", runs);
	json_object_set_new(json_object_get(document, "config"), "bodies",
			    json_pack("[i, i, i]", 64, 64 << 12, 4));
	report(document);
	assert_says("Latency by the size of the body");
	assert_says("Throughput by the size of the body");
	assert_says("<th scope=\"row\">1.02 kB</th>");
	assert_says("bodies MB/s");
	assert_says("<td>1,048</td>"); /* 3,996 answers/s of 256 KiB, MB/s */
	assert_says(">100 kB</text>"); /* of the axis */
	assert_silent("No knee");      /* none is missed */
	assert_silent("Latency against throughput");
	assert_silent("body of 128 B");
	report(sample_sweep(500));
	assert_silent("by the size of the body");
	assert_silent("bodies MB/s");
}

static void idle_and_counted(void **state)
{
	json_t *run = sample_run("chain-6", 4000, 2000, NULL);

	(void)state;
	json_object_set_new(run, "idle",
			    json_pack("{s:f, s:f, s:{s:{s:f, s:i, s:i, s:i}}}", "seconds", 10.0,
				      "cpu_percent", 0.125, "usage", "gateway", "cpu_percent",
				      0.125, "switches_voluntary", 25, "switches_involuntary", 5,
				      "rss_bytes", 12 << 20));
	json_object_set_new(run, "counted",
			    json_pack("{s:i, s:f, s:b}", "answers", 4000, "seconds", 1.0, "known",
				      1));
	report(sample_document("run", json_pack("[o]", run)));
	assert_says("Before the load, left alone for 10 s");
	assert_says("<th scope=\"row\">gateway</th><td>0.125</td><td>2.50</td><td>0.500</td>"
		    "<td>12</td>");
	assert_says("counted in 1 s of the same load after what was timed");
	report(sample_document("run", json_pack("[o]", sample_run("chain-6", 4000, 2000, NULL))));
	assert_silent("left alone");
	assert_silent("counted in");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sweep_over_sizes),
		cmocka_unit_test(idle_and_counted),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
