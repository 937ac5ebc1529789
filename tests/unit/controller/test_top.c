// SPDX-License-Identifier: Apache-2.0
/* The page of `sprocket top`, made from the statistics of made-up chains. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/cli/top_view.h"
#include "tests/unit/controller/metrics_fixture.h"

struct page {
	struct top_view view;
	struct top_rows rows;
	char *text;
	int title, selected;
};

static struct top_sample sample(size_t chains, unsigned round)
{
	struct metrics_snapshot snapshot;
	struct top_sample ret;
	json_t *json;

	fixture_snapshot(chains, round, &snapshot);
	json = metrics_snapshot_json(&snapshot);
	fixture_done(&snapshot);
	assert_int_equal(top_sample_read(json, &ret), 0);
	json_decref(json);
	return ret;
}

static struct top_rows rows_between(size_t chains, unsigned from, unsigned to)
{
	struct top_sample before = sample(chains, from), after = sample(chains, to);
	struct top_rows rows;

	assert_int_equal(top_rows_make(&before, &after, &rows), 0);
	top_sample_done(&before);
	top_sample_done(&after);
	return rows;
}

static int setup(void **state)
{
	static struct page page;

	page = (struct page){ .text = NULL };
	top_view_init(&page.view);
	page.rows = rows_between(3, 1, 3);
	*state = &page;
	return 0;
}

static int teardown(void **state)
{
	struct page *page = *state;

	free(page->text);
	top_rows_done(&page->rows);
	return 0;
}

static const char *render(struct page *page)
{
	size_t size;
	FILE *out;

	free(page->text);
	out = open_memstream(&page->text, &size);
	top_view_render(&page->view, &page->rows, out, &page->title, &page->selected);
	fclose(out);
	return page->text;
}

static void line_of(const struct page *page, int number, char *ret, size_t size)
{
	const char *line = page->text;

	while (number-- > 0)
		line = strchr(line, '\n') + 1;
	snprintf(ret, size, "%.*s", (int)strcspn(line, "\n"), line);
}

static void assert_begins(const struct page *page, int number, const char *text)
{
	char line[256];

	line_of(page, number, line, sizeof(line));
	if (strncmp(line, text, strlen(text)))
		fail_msg("line %d is \"%s\", not \"%s\"", number, line, text);
}

static void test_page(void **state)
{
	struct page *page = *state;
	char line[256];

	top_rows_done(&page->rows);
	page->rows = rows_between(1, 1, 3);
	assert_string_equal(
		render(page),
		"1 chain  100 req/s  5 errors/s  CPU 85.0%  sprocketd 1.0%\n"
		"CHAIN/FUNCTION    INST  REQ/S ERR/S   FLY WAIT50 WAIT99  RUN99  CPU%   RSS  BUFS\n"
		"shop               3/3    100     5     7    4us  1.0ms  256us    85 11.0M    10\n"
		"  detect           1/1    100     0     1    4us  1.0ms  256us    10  1.0M     2\n"
		"  pay              1/1    100     0     3    4us  1.0ms  256us    30  3.0M     6\n"
		"  plate            1/1     50     0     2    4us  1.0ms  256us    20  2.0M     4\n");
	line_of(page, 1, line, sizeof(line));
	assert_int_equal(strlen(line), 80);
	assert_int_equal(page->title, 1);
	assert_int_equal(page->selected, -1);
}

static void test_every_line_fits(void **state)
{
	struct page *page = *state;
	char line[512];

	for (page->view.width = TOP_WIDTH_MIN; page->view.width <= TOP_WIDTH_MAX;
	     page->view.width += 20) {
		render(page);
		for (int n = 0; n < 14; n++) {
			line_of(page, n, line, sizeof(line));
			assert_true(strlen(line) <= page->view.width);
		}
	}
}

static void test_sorting(void **state)
{
	struct page *page = *state;

	top_view_key(&page->view, 'P');
	render(page);
	assert_begins(page, 3, "  pay ");
	assert_begins(page, 5, "  detect ");
	top_view_key(&page->view, 'P');
	render(page);
	assert_begins(page, 2, "shop-2 ");
	assert_begins(page, 3, "  detect ");
	top_view_key(&page->view, 'R');
	render(page);
	assert_begins(page, 5, "  plate ");
}

static void type(struct page *page, const char *keys)
{
	while (*keys)
		top_view_key(&page->view, *keys++);
}

static void test_filter_and_collapse(void **state)
{
	struct page *page = *state;

	type(page, "/plateX\177");
	assert_non_null(strstr(render(page), "show names with: plate_"));
	type(page, "\n");
	render(page);
	assert_begins(page, 2, "shop ");
	assert_begins(page, 3, "  plate ");
	assert_begins(page, 4, "shop-1 ");
	assert_int_equal(page->view.shown, 6);
	type(page, "/\n");
	type(page, "c");
	render(page);
	assert_int_equal(page->view.shown, 3);
	assert_begins(page, 3, "shop-1 ");
	type(page, "/nowhere\n");
	render(page);
	assert_int_equal(page->view.shown, 0);
	assert_int_equal(page->selected, -1);
}

static void test_moving_scrolls(void **state)
{
	struct page *page = *state;

	page->view.height = 6; /* four rows of twelve */
	render(page);
	assert_int_equal(page->selected, 2);
	for (int i = 0; i < 5; i++)
		top_view_key(&page->view, TOP_KEY_DOWN);
	render(page);
	assert_int_equal(page->view.first, 2);
	assert_int_equal(page->selected, 5);
	top_view_key(&page->view, TOP_KEY_END);
	render(page);
	assert_int_equal(page->view.first, 8);
	top_view_key(&page->view, TOP_KEY_PAGE_UP);
	top_view_key(&page->view, TOP_KEY_HOME);
	top_view_key(&page->view, TOP_KEY_UP);
	render(page);
	assert_int_equal(page->view.first, 0);
	assert_int_equal(page->selected, 2);
}

static void test_delay_help_quit(void **state)
{
	struct page *page = *state;

	type(page, "d0.5\n");
	assert_true(page->view.delay_s == 0.5);
	type(page, "d0\n");
	type(page, "dnan\n");
	type(page, "d1x\n");
	type(page, "d9\033");
	assert_true(page->view.delay_s == 0.5);
	type(page, "h");
	assert_non_null(strstr(render(page), "Keys of sprocket top"));
	type(page, "q"); /* leaves the help only */
	assert_false(page->view.quit);
	type(page, "q");
	assert_true(page->view.quit);
}

static void test_first_sample_has_no_rates(void **state)
{
	struct page *page = *state;
	struct top_sample first = sample(1, 2);

	top_rows_done(&page->rows);
	assert_int_equal(top_rows_make(NULL, &first, &page->rows), 0);
	assert_true(isnan(page->rows.rows[0].rate));
	render(page);
	assert_begins(page, 2,
		      "shop               3/3      -     -     7      -      -      -     -");
	top_sample_done(&first);
}

static void test_counts_that_went_back(void **state)
{
	struct top_rows rows = rows_between(1, 3, 1);

	(void)state;
	assert_true(isnan(rows.rows[0].rate)); /* its clock went back, too: nothing is known */
	top_rows_done(&rows);
}

static void test_json(void **state)
{
	struct page *page = *state;
	json_t *json = top_rows_json(&page->rows), *row;

	assert_true(json_number_value(json_object_get(json, "seconds")) == 2);
	row = json_array_get(json_object_get(json, "rows"), 1);
	assert_string_equal(json_string_value(json_object_get(row, "function")), "detect");
	assert_true(json_number_value(json_object_get(row, "requests_per_s")) == 100);
	assert_true(json_integer_value(json_object_get(row, "ready")) == 1);
	json_decref(json);
}

static void test_garbage_is_refused(void **state)
{
	static const char *const texts[] = { "{}", "[]", "{\"chains\":3,\"time_ns\":1}",
					     "{\"chains\":[],\"time_ns\":\"x\"}" };
	struct top_sample ret;
	json_t *odd = json_loads("{\"time_ns\":1,\"chains\":[7,{\"functions\":[[],{}]}]}", 0, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		json_t *json = json_loads(texts[i], 0, NULL);

		assert_int_not_equal(top_sample_read(json, &ret), 0);
		json_decref(json);
	}
	assert_int_equal(top_sample_read(odd, &ret), 0);
	assert_int_equal(ret.count, 4);
	top_sample_done(&ret);
	json_decref(odd);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_page),
		TEST(test_every_line_fits),
		TEST(test_sorting),
		TEST(test_filter_and_collapse),
		TEST(test_moving_scrolls),
		TEST(test_delay_help_quit),
		TEST(test_first_sample_has_no_rates),
		TEST(test_counts_that_went_back),
		TEST(test_json),
		TEST(test_garbage_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
