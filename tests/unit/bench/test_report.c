// SPDX-License-Identifier: Apache-2.0
/*
 * test_report.c - the page says what the documents say, whatever they say; PNGs are PNGs.
 *
 * report_page.py judges each page that is written here.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/result/result.h"
#include "report_samples.h"

#define FOLDER "it's a `report` \"folder\""

static const char *checker;
static char place[] = "/tmp/sprocket-test-report-XXXXXX";
static char *page; /* the one that was written last */

static void remove_folder(void)
{
	DIR *dir = opendir(FOLDER);
	char path[512];

	for (struct dirent *e; dir && (e = readdir(dir));) {
		snprintf(path, sizeof(path), FOLDER "/%s", e->d_name);
		if (e->d_name[0] != '.')
			assert_int_equal(unlink(path), 0);
	}
	if (dir)
		closedir(dir);
	assert_true(rmdir(FOLDER) == 0 || errno == ENOENT);
}

static int begin(void **state)
{
	(void)state;
	return mkdtemp(place) && chdir(place) == 0 ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	remove_folder();
	free(page);
	return chdir("/") || rmdir(place);
}

static void check_page(void)
{
	int status;
	pid_t pid;

	free(page);
	page = sample_read(FOLDER "/index.html");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		execlp("python3", "python3", checker, FOLDER "/index.html", NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static bool have_gnuplot(void)
{
	return system("command -v gnuplot >/dev/null") == 0;
}

static void report(const json_t *const *documents, unsigned count, unsigned pngs)
{
	char error[BENCH_ERROR_TEXT];
	bool drawn = have_gnuplot() || pngs == 0;
	int r;

	remove_folder();
	r = bench_report(documents, count, FOLDER, error);
	if (drawn && r)
		print_error("%s\n", error);
	assert_int_equal(r, drawn ? 0 : -ENOENT);
	check_page();
	assert_int_equal(sample_pngs(FOLDER), drawn ? pngs : 0);
}

static void report_one(json_t *document, unsigned pngs)
{
	const json_t *documents[] = { document };

	report(documents, 1, pngs);
	json_decref(document);
}

#define assert_says(text) assert_non_null(strstr(page, text))
#define assert_silent(text) assert_null(strstr(page, text))

static json_t *one_run(const char *target, unsigned n)
{
	return sample_document("run", json_pack("[o]", sample_run(target, 4321, n, NULL)));
}

static void figures_of_a_run(void **state)
{
	json_t *document = one_run("chain-6", 12345), *latency;
	char p99[32];

	(void)state;
	latency = json_object_get(json_array_get(json_object_get(document, "runs"), 0), "latency");
	snprintf(p99, sizeof(p99), "<td>%.0f</td>",
		 json_number_value(json_object_get(latency, "p99_us")));
	report_one(document, 3);
	assert_says(p99);
	assert_says("<td>12,345</td>");        /* answered */
	assert_says("<td>4,321</td>");         /* asked */
	assert_says("<dd>9.75 µs</dd>");       /* CPU: 6.25 + 3.5 */
	assert_says("9.75 µs, 0.90 switches"); /* 0.25 + 0.05 + 0.5 + 0.1 */
	assert_says(SAMPLE_KERNEL);
	assert_says("poisson, http1, 64 connections, body of 128 B");
	assert_says("<th scope=\"row\">shed</th><td>4</td>");
	assert_says("<td>1,234</td>"); /* longest gap */
	assert_says("✓ valid");
}

static void a_sweep_marks_knee_and_invalid_run(void **state)
{
	const char *line;
	unsigned corners = 0;

	(void)state;
	report_one(sample_sweep(20000), 4);
	assert_says("knee 40k/s");
	assert_says("(knee)");
	assert_says("half of the knee, 20k/s: latency from when due");
	assert_says("1 of 5 runs INVALID");
	assert_says("✗ INVALID: lag p99 above 1 ms");
	/* The p50 line, after its sample in the legend: through 4 of the 5 runs. */
	line = strstr(page, "<path class=\"l c0 d0\"");
	line = line ? strstr(line + 1, "<path class=\"l c0 d0\"") : NULL;
	assert_non_null(line);
	for (const char *s = strstr(line, "d=\"M"); *s != '/'; s++)
		corners += *s == 'L' || *s == 'M';
	assert_int_equal(corners, 4);
}

static void only_percentiles_that_n_allows(void **state)
{
	(void)state;
	report_one(sample_sweep(500), 4);
	assert_says("</svg>p50</li>");
	assert_silent("</svg>p99</li>");
	assert_silent("</svg>p99.9</li>");
	assert_silent("class=\"mid\">p99</text>");
	report_one(sample_sweep(20000), 4);
	assert_says("</svg>p99.9</li>");
	assert_says("class=\"mid\">p99.9</text>");
	assert_silent("class=\"mid\">p99.99</text>");
}

static void a_comparison_says_its_verdict(void **state)
{
	(void)state;
	report_one(sample_comparison(1.5, "more"), 4);
	assert_says("chain-6 has 1.5 × the answers per second of ring-6 (95 % interval 1.48 to "
		    "1.53): more, which is better.");
	assert_says("chain-6: its p99.99 latency cannot be told: too few answers to tell.");
	report_one(sample_comparison(0.5, "less"), 4);
	assert_says("less, which is worse.");
	report_one(sample_comparison(1.01, "no difference"), 4);
	assert_says("no difference: the interval holds 1.");
}

static void an_invalid_document_is_not_to_be_quoted(void **state)
{
	json_t *document =
		sample_document("run", json_pack("[o]", sample_run("chain-6", 1000, 3000,
								   "the client was late")));

	(void)state;
	json_object_set_new(document, "valid", json_false());
	json_array_append_new(json_object_get(document, "slo"),
			      json_pack("{s:s, s:b, s:f}", "text", "p99<2ms", "met", 0, "value_us",
					2345.6));
	json_object_set_new(document, "invalid", json_string("the client was late"));
	report_one(document, 0);
	assert_says("✗ INVALID: do not quote these figures.");
	assert_says("<p>the client was late</p>");
	assert_says("<dl class=\"tiles invalid\">");
	assert_silent("<figure>");
	assert_says("chain-6 (INVALID)");
	assert_says("✗ MISSED</td><td class=\"text\">2.35 ms</td>");
}

static void hostile_names_are_only_text(void **state)
{
	static const char name[] = "</script><b>'`touch pwned`'; system('touch pwned') #\n"
				   "\"$(touch pwned)&amp;{/Symbol a}\x01\x7f %s%n \xe2\x80\xae";
	json_t *document = sample_comparison(1.5, "more"), *run;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(document, "runs"), i, run) {
		json_object_set_new(run, "target", json_string(name));
		json_object_set_new(json_array_get(json_object_get(run, "hops"), 0), "name",
				    json_string(name));
		json_object_set_new(json_object_get(run, "usage"), name,
				    json_pack("{s:f}", "cpu_us", 5.5));
		json_object_set_new(json_object_get(run, "errors"), name, json_integer(3));
	}
	json_object_set_new(json_object_get(document, "environment"), name, json_string(name));
	json_object_set_new(json_object_get(document, "comparison"), "baseline", json_string(name));
	json_array_foreach(json_object_get(json_object_get(document, "comparison"), "targets"), i,
			   run)
		json_object_set_new(run, "target", json_string(name));
	report_one(document, 4);
	assert_says("&lt;/script&gt;&lt;b&gt;");
	assert_says("&amp;amp;");
	assert_int_equal(access("pwned", F_OK), -1);
	assert_int_equal(access(FOLDER "/pwned", F_OK), -1);
}

static void a_long_name_is_not_cut_inside_a_letter(void **state)
{
	char name[2 * 300 + 2] = "";

	(void)state;
	for (unsigned shift = 0; shift < 2; shift++) {
		memset(name, 'x', shift);
		for (unsigned i = 0; i < 300; i++)
			memcpy(name + shift + (size_t)2 * i, "é", 3);
		report_one(one_run(name, 1000), 3);
	}
}

static void what_is_missing_or_of_another_type_is_left_out(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{\"kind\": \"sweep\", \"runs\": [{\"achieved\": 1e-320, \"latency\": "
		"{\"p50_us\": 1e-320}}, {\"achieved\": 1e300, \"latency\": {\"p50_us\": 1e300}}], "
		"\"knee\": {\"run\": 1}}",
		"{\"runs\": \"none\", \"environment\": 5, \"config\": []}",
		"{\"runs\": [{\"answered\": 1e308, \"rate\": -1e300}], \"config\": {\"connections\": "
		"1e300, \"body\": -1e300, \"streams\": 1e308, \"duration_s\": 1e-300}}",
		"{\"kind\": \"sweep\", \"runs\": [{}, {\"latency\": 7}, null, 3], "
		"\"knee\": {\"run\": 99, \"half\": 1}}",
		"{\"kind\": \"sweep\", \"runs\": [{}], \"knee\": {\"run\": -1e300}}",
		"{\"kind\": \"compare\", \"runs\": [{\"round\": \"x\"}], \"comparison\": "
		"{\"targets\": [{}, 3, {\"ratio\": {\"median\": 0}}]}}",
		"{\"kind\": \"run\", \"runs\": [{\"target\": \"t\", \"errors\": {\"cut\": \"x\"}, "
		"\"error_count\": 1, \"achieved\": -1e308, \"usage\": {\"a\": {\"cpu_us\": -1}, "
		"\"b\": 3}, \"hops\": [1, {\"us\": {}}], \"latency\": {\"n\": 5, \"counts\": [1, "
		"[2], [-3, -4]]}}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *document = json_loads(texts[i], 0, NULL);

		assert_non_null(document);
		report_one(document, 0);
	}
}

static void figures_at_the_edge_stay_inside(void **state)
{
	json_t *document = sample_comparison(1.5, "more"), *target, *runs = json_array(), *run;

	(void)state;
	target = json_array_get(json_object_get(json_object_get(document, "comparison"), "targets"),
				1);
	json_object_set_new(target, "ratio",
			    json_pack("{s:f, s:f, s:f}", "median", 1e-5, "low", -3.0, "high",
				      1e14));
	report_one(document, 4);
	for (int i = 0; i < 3; i++) {
		run = sample_run("chain-6", i ? 1e15 : 0, i, NULL);
		json_object_set_new(json_object_get(run, "latency"), "p50_us",
				    json_real(i ? 1e15 : 1e-6));
		json_array_append_new(runs, run);
	}
	report_one(sample_document("sweep", runs), 4);
}

static void no_run_one_run_forty_runs(void **state)
{
	json_t *runs = json_array();
	char name[32];

	(void)state;
	report_one(sample_document("run", json_array()), 0);
	assert_says("This document has no runs.");
	report_one(one_run("alone", 1), 3);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "target-%d", i);
		json_array_append_new(runs, sample_run(name, 1000 + i, 200, NULL));
	}
	report_one(sample_document("run", runs), 3);
	assert_says("<th scope=\"row\">target-39</th>");
	assert_says("target-5 and 34 more");
	assert_says("Only the first 4 runs are drawn.");
	assert_says("Of so many runs only some");
}

static void several_documents_are_laid_side_by_side(void **state)
{
	json_t *documents[] = { sample_sweep(2000), sample_sweep(2000), one_run("a", 2000),
				one_run("b", 2000) };

	(void)state;
	report((const json_t *const *)documents, 4, 4 + 4 + 3 + 3 + 2);
	assert_silent("These documents differ");
	assert_says("p99 against throughput, all sweeps");
	assert_says("Latency by percentile, all runs");
	json_object_set_new(json_object_get(documents[3], "environment"), "kernel",
			    json_string("other"));
	report((const json_t *const *)documents, 4, 4 + 4 + 3 + 3 + 2);
	assert_says("These documents differ in: kernel.");
	for (size_t i = 0; i < 4; i++)
		json_decref(documents[i]);
}

static void without_gnuplot_there_is_the_page(void **state)
{
	json_t *document = one_run("chain-6", 2000);
	const json_t *documents[] = { document };
	char *path = strdup(getenv("PATH")), error[BENCH_ERROR_TEXT];

	(void)state;
	assert_non_null(path);
	remove_folder();
	setenv("PATH", place, 1);
	assert_int_equal(bench_report(documents, 1, FOLDER, error), -ENOENT);
	setenv("PATH", path, 1);
	assert_non_null(strstr(error, "gnuplot-nox"));
	check_page();
	assert_int_equal(sample_pngs(FOLDER), 0);
	free(path);
	json_decref(document);
}

static void a_folder_that_cannot_be_is_told(void **state)
{
	json_t *document = one_run("chain-6", 100);
	const json_t *documents[] = { document };
	char error[BENCH_ERROR_TEXT];

	(void)state;
	assert_int_equal(bench_report(documents, 1, "/proc/none", error), -ENOENT);
	assert_non_null(strstr(error, "--out"));
	assert_int_equal(bench_report(documents, 0, FOLDER, error), -EINVAL);
	json_decref(document);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_of_a_run),
		cmocka_unit_test(a_sweep_marks_knee_and_invalid_run),
		cmocka_unit_test(only_percentiles_that_n_allows),
		cmocka_unit_test(a_comparison_says_its_verdict),
		cmocka_unit_test(an_invalid_document_is_not_to_be_quoted),
		cmocka_unit_test(hostile_names_are_only_text),
		cmocka_unit_test(a_long_name_is_not_cut_inside_a_letter),
		cmocka_unit_test(what_is_missing_or_of_another_type_is_left_out),
		cmocka_unit_test(figures_at_the_edge_stay_inside),
		cmocka_unit_test(no_run_one_run_forty_runs),
		cmocka_unit_test(several_documents_are_laid_side_by_side),
		cmocka_unit_test(without_gnuplot_there_is_the_page),
		cmocka_unit_test(a_folder_that_cannot_be_is_told),
	};

	if (argc < 2)
		return 2;
	checker = argv[1];
	return cmocka_run_group_tests(tests, begin, end);
}
