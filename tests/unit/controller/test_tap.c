// SPDX-License-Identifier: Apache-2.0
/* The tap: on while somebody listens, filtered, bounded; and the lines of `sprocket tap`. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/cli/cli.h"
#include "controller/cli/tap_print.h"
#include "controller/daemon/tap_stream.h"
#include "controller/runtime.h"

#define FLOOD 5000 /* lines: more than a listener's store holds */

/* The kernel's side, played here. */
static struct {
	int fd, switched_on, error;
	bool on;
	uint64_t lost;
	unsigned records;
	struct sp_tap record;
} kernel;

int __wrap_sproxy_tap(struct sproxy *proxy, bool on);
int __wrap_sproxy_tap_fd(const struct sproxy *proxy);
int __wrap_sproxy_tap_read(struct sproxy *proxy, sproxy_tap_fn *on_tap, void *arg);
uint64_t __wrap_sproxy_tap_lost(const struct sproxy *proxy);

int __wrap_sproxy_tap(struct sproxy *proxy, bool on)
{
	(void)proxy;
	if (on && kernel.error)
		return kernel.error;
	kernel.on = on;
	kernel.switched_on += on;
	return 0;
}

int __wrap_sproxy_tap_fd(const struct sproxy *proxy)
{
	(void)proxy;
	return kernel.fd;
}

int __wrap_sproxy_tap_read(struct sproxy *proxy, sproxy_tap_fn *on_tap, void *arg)
{
	uint64_t count;

	(void)proxy;
	assert_int_equal(read(kernel.fd, &count, sizeof(count)), sizeof(count));
	while (kernel.records) {
		kernel.records--;
		on_tap(&kernel.record, arg);
	}
	return 0;
}

uint64_t __wrap_sproxy_tap_lost(const struct sproxy *proxy)
{
	(void)proxy;
	return kernel.lost;
}

struct fixture {
	struct loop loop;
	struct loop_timer end;
	struct runtime runtime;
	struct taps *taps;
	int told; /* on_text calls */
};

static char *edges[] = { (char[]){ "car" } };

static int setup(void **state)
{
	static struct chain chain;
	struct fixture *f = calloc(1, sizeof(*f));

	chain = (struct chain){ .function_count = 2 };
	strcpy(chain.functions[0].name, "detect");
	strcpy(chain.functions[1].name, "plate");
	chain.functions[0].edges = edges;
	chain.functions[0].edge_count = 1;
	chain.functions[0].rules.count = 1;
	chain.functions[0].rules.rules[0] = (struct rule){ .from_edge = 1, .wire_edge = 0 };
	memset(&kernel, 0, sizeof(kernel));
	kernel.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	kernel.record = (struct sp_tap){ .at_ns = 1,
					 .start_ns = 0xabc,
					 .buf = 5,
					 .gen = 2,
					 .len = 10,
					 .since_us = 77,
					 .from_fn = 1,
					 .to_fn = 2 };
	f->runtime.chain = &chain;
	loop_init(&f->loop);
	taps_open(&f->loop, &f->taps);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	assert_false(kernel.on);
	taps_close(f->taps);
	loop_done(&f->loop);
	close(kernel.fd);
	free(f);
	return 0;
}

static void on_text(void *arg)
{
	struct fixture *f = arg;

	f->told++;
}

static void on_end(void *arg)
{
	loop_stop(arg);
}

/* The kernel has `records` for us, and lost some; the loop runs a while. */
static void happen(struct fixture *f, unsigned records, uint64_t lost)
{
	uint64_t one = 1;

	kernel.records = records;
	kernel.lost += lost;
	assert_int_equal(write(kernel.fd, &one, sizeof(one)), sizeof(one));
	f->end = (struct loop_timer){ .on_time = on_end, .arg = &f->loop };
	f->loop.stopped = false;
	loop_arm(&f->loop, &f->end, 1000000);
	assert_int_equal(loop_run(&f->loop), 0);
}

static struct tap_stream *listen_to(struct fixture *f, const char *function, const char *edge,
				    const char *verdict)
{
	struct tap_filter filter = { function, edge, verdict };
	struct tap_stream *stream = NULL;

	assert_int_equal(tap_stream_open(f->taps, &f->runtime, &filter, on_text, f, &stream), 0);
	return stream;
}

static size_t read_lines(struct tap_stream *stream, char *text, size_t size)
{
	size_t n = tap_stream_read(stream, text, size - 1), lines = 0;

	text[n] = '\0';
	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	return lines;
}

static void test_on_while_listened_to(void **state)
{
	struct fixture *f = *state;
	struct tap_stream *a = listen_to(f, NULL, NULL, NULL), *b = listen_to(f, "", "", "");

	assert_true(kernel.on);
	assert_int_equal(kernel.switched_on, 1);
	tap_stream_close(a);
	assert_true(kernel.on);
	tap_stream_close(b);
	assert_false(kernel.on);
	tap_stream_close(NULL);
}

static void test_line(void **state)
{
	struct fixture *f = *state;
	struct tap_stream *stream = listen_to(f, NULL, NULL, NULL);
	char text[4096];
	json_t *json;

	happen(f, 1, 0);
	assert_int_equal(f->told, 1);
	assert_int_equal(read_lines(stream, text, sizeof(text)), 1);
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "from")), "detect");
	assert_string_equal(json_string_value(json_object_get(json, "to")), "plate");
	assert_string_equal(json_string_value(json_object_get(json, "edge")), "car");
	assert_string_equal(json_string_value(json_object_get(json, "id")), "abc");
	assert_string_equal(json_string_value(json_object_get(json, "verdict")), "passed");
	assert_int_equal(json_integer_value(json_object_get(json, "us")), 77);
	json_decref(json);
	kernel.record.verdict = SP_TAP_REFUSED + SP_VIOLATION_STALE;
	happen(f, 1, 0);
	read_lines(stream, text, sizeof(text));
	assert_non_null(strstr(text, "\"to\":\"\""));
	assert_non_null(strstr(text, "\"verdict\":\"stale\""));
	kernel.record = (struct sp_tap){
		.from_fn = 999, .to_fn = 63, .verdict = 0xffffffff, .edge = 0xff
	}; /* nothing here is known */
	happen(f, 1, 0);
	assert_int_equal(read_lines(stream, text, sizeof(text)), 1);
	tap_stream_close(stream);
}

static void test_filters(void **state)
{
	static const struct {
		const char *function, *edge, *verdict;
		size_t lines;
	} cases[] = {
		{ "detect", NULL, NULL, 1 }, { "plate", NULL, NULL, 1 },
		{ "pay", NULL, NULL, 0 },    { NULL, "car", NULL, 1 },
		{ NULL, "next", NULL, 0 },   { NULL, NULL, "passed", 1 },
		{ NULL, NULL, "stale", 0 },  { "plate", "car", "passed", 1 },
	};
	struct fixture *f = *state;
	char text[4096];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tap_stream *stream =
			listen_to(f, cases[i].function, cases[i].edge, cases[i].verdict);

		happen(f, 1, 0);
		assert_int_equal(read_lines(stream, text, sizeof(text)), cases[i].lines);
		tap_stream_close(stream);
	}
}

static void test_what_is_lost_is_told(void **state)
{
	struct fixture *f = *state;
	struct tap_stream *stream = listen_to(f, NULL, NULL, NULL);
	static char text[2 * TAP_STREAM_TEXT_MAX];
	size_t lines = 0, n;
	char *lost;

	happen(f, 2, 7);
	read_lines(stream, text, sizeof(text));
	assert_non_null(strstr(text, "{\"lost\":7}\n"));
	happen(f, FLOOD, 0);
	while ((n = read_lines(stream, text, sizeof(text)))) {
		lost = strstr(text, "{\"lost\":");
		lines += n + (lost ? strtoul(lost + 8, NULL, 10) - 1 : 0);
	}
	assert_int_equal(lines, FLOOD);
	tap_stream_close(stream);
}

static void test_end_of_the_chain(void **state)
{
	struct fixture *f = *state;
	struct tap_stream *stream = listen_to(f, NULL, NULL, NULL);
	char text[4096];

	happen(f, 1, 0);
	tap_stream_end(f->taps, &f->runtime);
	assert_false(kernel.on);
	assert_false(tap_stream_ended(stream)); /* there is text left */
	assert_int_equal(read_lines(stream, text, sizeof(text)), 1);
	assert_true(tap_stream_ended(stream));
	tap_stream_end(f->taps, &f->runtime);
	tap_stream_close(stream);
	stream = listen_to(f, NULL, NULL, NULL);
	f->told = 0;
	tap_stream_end(f->taps, &f->runtime);
	assert_int_equal(f->told, 1);
	tap_stream_close(stream);
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	struct tap_stream *streams[TAP_STREAM_LISTENERS_MAX], *one = NULL;
	struct tap_filter filter = { .edge = NULL };
	char name[TAP_STREAM_FILTER_MAX + 1];

	kernel.error = -ENOMEM;
	assert_int_equal(tap_stream_open(f->taps, &f->runtime, &filter, on_text, f, &one), -ENOMEM);
	kernel.error = 0;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	filter.edge = name;
	assert_int_equal(tap_stream_open(f->taps, &f->runtime, &filter, on_text, f, &one),
			 -ENAMETOOLONG);
	assert_null(one);
	for (unsigned i = 0; i < TAP_STREAM_LISTENERS_MAX; i++)
		streams[i] = listen_to(f, NULL, NULL, NULL);
	filter.edge = NULL;
	assert_int_equal(tap_stream_open(f->taps, &f->runtime, &filter, on_text, f, &one), -EUSERS);
	for (unsigned i = 0; i < TAP_STREAM_LISTENERS_MAX; i++)
		tap_stream_close(streams[i]);
}

static void test_print(void **state)
{
	char *text;
	size_t size;
	struct tap_print print = { .out = open_memstream(&text, &size),
				   .slower_us = 50,
				   .count = 2 };
	json_t *line =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s}", "time",
			  "2026-01-02T03:04:05.678901Z", "id", "123456789abc", "from", "detect",
			  "to", "plate", "edge", "car", "bytes", 10, "us", 77, "verdict", "passed");
	json_t *quick = json_pack("{s:i}", "us", 49), *lost = json_pack("{s:i}", "lost", 3);

	(void)state;
	assert_int_equal(tap_print_object(&print, line), CLI_OK);
	assert_int_equal(tap_print_object(&print, quick), CLI_OK);
	assert_int_equal(tap_print_object(&print, lost), CLI_OK);
	print.json = true;
	assert_int_equal(tap_print_object(&print, line), TAP_PRINT_ENOUGH);
	fclose(print.out);
	assert_string_equal(
		text,
		"03:04:05.678901 56789abc detect -> plate                   car                 10"
		"    77us passed\n"
		"... 3 missing: faster than they can be told\n"
		"{\"time\":\"2026-01-02T03:04:05.678901Z\",\"id\":\"123456789abc\",\"from\":"
		"\"detect\",\"to\":\"plate\",\"edge\":\"car\",\"bytes\":10,\"us\":77,\"verdict\":"
		"\"passed\"}\n");
	free(text);
	json_decref(line);
	json_decref(quick);
	json_decref(lost);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_on_while_listened_to),
		TEST(test_line),
		TEST(test_filters),
		TEST(test_what_is_lost_is_told),
		TEST(test_end_of_the_chain),
		TEST(test_refusals),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
