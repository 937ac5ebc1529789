// SPDX-License-Identifier: Apache-2.0
/* The page: header, title line, rows. */
#include "controller/cli/top_view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_LINES 2   /* the summary and the titles */
#define COLUMNS_WIDTH 64 /* all but the name, at the widths below */

static const char help_text[] =
	"Keys of sprocket top\n"
	"\n"
	"  q             quit              h ?    this page\n"
	"  up down       move              PgUp PgDn Home End\n"
	"  space         refresh now       d      seconds between refreshes\n"
	"  /             show only names that contain a text (empty: all)\n"
	"  c             chains only, or functions too\n"
	"\n"
	"  sort by  N name  R requests  E errors  F in flight  W wait p99  T run p99\n"
	"           P CPU  M memory  B buffers  I instances; again: the other way round\n"
	"\n"
	"  WAIT: from hand-over until the instance had done what came before.\n"
	"  RUN: from then until it handed on; of a chain: a request from end to end.\n"
	"\n"
	"Any key goes back.\n";

static double sort_value(const struct top_row *row, enum top_sort sort)
{
	double value = 0;

	switch (sort) {
	case TOP_SORT_RATE:
		value = row->rate;
		break;
	case TOP_SORT_ERRORS:
		value = row->errors;
		break;
	case TOP_SORT_FLIGHT:
		value = row->in_flight;
		break;
	case TOP_SORT_WAIT:
		value = row->wait_p99_us;
		break;
	case TOP_SORT_RUN:
		value = row->run_p99_us;
		break;
	case TOP_SORT_CPU:
		value = row->cpu;
		break;
	case TOP_SORT_RSS:
		value = row->rss_bytes;
		break;
	case TOP_SORT_BUFFERS:
		value = row->buffers;
		break;
	case TOP_SORT_INSTANCES:
		value = row->ready;
		break;
	case TOP_SORT_NAME:
		break;
	}
	return isnan(value) ? -1 : value; /* NAN has no order */
}

struct sorting {
	const struct top_view *view;
	const struct top_row *rows;
	const size_t *chain_of; /* row -> its chain's row */
};

/* Highest first, names first to last; reverse turns both round. */
static int compare_rows(const struct sorting *s, const struct top_row *a, const struct top_row *b)
{
	double x = sort_value(a, s->view->sort), y = sort_value(b, s->view->sort);
	int names = strcmp(a->chain, b->chain);
	int order = x > y ? -1 : x < y;

	if (!order)
		order = names ? names : strcmp(a->function, b->function);
	return s->view->reverse ? -order : order;
}

/* Chains in order; a chain before its functions, which are in order among themselves. */
static int compare(const void *left, const void *right, void *arg)
{
	const struct sorting *s = arg;
	size_t a = *(const size_t *)left, b = *(const size_t *)right;

	if (s->chain_of[a] != s->chain_of[b])
		return compare_rows(s, &s->rows[s->chain_of[a]], &s->rows[s->chain_of[b]]);
	if (a == s->chain_of[a] || b == s->chain_of[b])
		return (b == s->chain_of[b]) - (a == s->chain_of[a]);
	return compare_rows(s, &s->rows[a], &s->rows[b]);
}

static bool passes(const struct top_view *view, const struct top_row *row)
{
	if (view->collapsed && row->function[0])
		return false;
	return strstr(row->chain, view->filter) || strstr(row->function, view->filter);
}

/* A chain stays when one of its functions passes. */
static bool chain_passes(const struct top_view *view, const struct top_rows *rows, size_t chain)
{
	for (size_t i = chain; i < rows->count && (i == chain || rows->rows[i].function[0]); i++)
		if (strstr(rows->rows[i].chain, view->filter) ||
		    strstr(rows->rows[i].function, view->filter))
			return true;
	return false;
}

/* Chooses and sorts: numbers of rows into `order`. Returns how many. */
static size_t choose(const struct top_view *view, const struct top_rows *rows, size_t *order,
		     size_t *chain_of)
{
	struct sorting sorting = { view, rows->rows, chain_of };
	size_t count = 0, chain = 0;

	for (size_t i = 0; i < rows->count; i++) {
		bool is_chain = !rows->rows[i].function[0];

		if (is_chain)
			chain = i;
		chain_of[i] = chain;
		if (is_chain ? chain_passes(view, rows, i) : passes(view, &rows->rows[i]))
			order[count++] = i;
	}
	qsort_r(order, count, sizeof(*order), compare, &sorting);
	return count;
}

void top_format_time(double us, char ret[TOP_CELL_MAX])
{
	if (isnan(us))
		strcpy(ret, "-");
	else if (us < 999.5)
		snprintf(ret, TOP_CELL_MAX, "%.0fus", us);
	else if (us < 99950)
		snprintf(ret, TOP_CELL_MAX, "%.1fms", us / 1e3);
	else if (us < 999500)
		snprintf(ret, TOP_CELL_MAX, "%.0fms", us / 1e3);
	else
		snprintf(ret, TOP_CELL_MAX, "%.1fs", us / 1e6);
}

/* At most 5 columns wide below 10^15. */
static void format_number(double value, char ret[TOP_CELL_MAX])
{
	static const char units[] = "kMGT";
	int unit = -1;

	if (isnan(value)) {
		strcpy(ret, "-");
		return;
	}
	while (value >= (unit < 0 ? 99999.5 : 999.5) && unit < 3) {
		value /= 1000;
		unit++;
	}
	if (unit < 0)
		snprintf(ret, TOP_CELL_MAX, "%.*f",
			 value < 99.95 && fabs(value - round(value)) >= 0.05, value);
	else
		snprintf(ret, TOP_CELL_MAX, "%.*f%c", value < 99.5 ? 1 : 0, value, units[unit]);
}

static void format_bytes(double bytes, char ret[TOP_CELL_MAX])
{
	static const char units[] = "KMGT";
	int unit = 0;

	bytes /= 1024;
	while (bytes >= 999.5 && unit < 3) {
		bytes /= 1024;
		unit++;
	}
	snprintf(ret, TOP_CELL_MAX, "%.*f%c", bytes < 99.95 && unit ? 1 : 0, bytes, units[unit]);
}

static void write_row(const struct top_view *view, const struct top_row *row, FILE *out)
{
	char rate[TOP_CELL_MAX], errors[TOP_CELL_MAX], flight[TOP_CELL_MAX], p50[TOP_CELL_MAX],
		p99[TOP_CELL_MAX];
	char run[TOP_CELL_MAX], cpu[TOP_CELL_MAX], rss[TOP_CELL_MAX], buffers[TOP_CELL_MAX];
	char name[TOP_NAME_MAX + 4], instances[TOP_CELL_MAX];
	int width = (int)view->width - COLUMNS_WIDTH;

	snprintf(name, sizeof(name), "%s%s", row->function[0] ? "  " : "",
		 row->function[0] ? row->function : row->chain);
	snprintf(instances, sizeof(instances), "%.0f/%.0f", row->ready, row->desired);
	format_number(row->rate, rate);
	format_number(row->errors, errors);
	format_number(row->in_flight, flight);
	top_format_time(row->wait_p50_us, p50);
	top_format_time(row->wait_p99_us, p99);
	top_format_time(row->run_p99_us, run);
	format_number(row->cpu, cpu);
	format_bytes(row->rss_bytes, rss);
	format_number(row->buffers, buffers);
	fprintf(out, "%-*.*s %5s %6s %5s %5s %6s %6s %6s %5s %5s %5s\n", width, width, name,
		instances, rate, errors, flight, p50, p99, run, cpu, rss, buffers);
}

static void write_titles(const struct top_view *view, FILE *out)
{
	fprintf(out, "%-*s %5s %6s %5s %5s %6s %6s %6s %5s %5s %5s\n",
		(int)view->width - COLUMNS_WIDTH, "CHAIN/FUNCTION", "INST", "REQ/S", "ERR/S", "FLY",
		"WAIT50", "WAIT99", "RUN99", "CPU%", "RSS", "BUFS");
}

static void write_summary(const struct top_view *view, const struct top_rows *rows, FILE *out)
{
	double rate = 0, errors = 0, cpu = 0;
	char line[TOP_WIDTH_MAX + 1], rate_text[TOP_CELL_MAX], errors_text[TOP_CELL_MAX];

	for (size_t i = 0; i < rows->count; i++) {
		const struct top_row *row = &rows->rows[i];

		if (row->function[0] || isnan(row->rate))
			continue;
		rate += row->rate;
		errors += row->errors;
		cpu += row->cpu;
	}
	format_number(rate, rate_text);
	format_number(errors, errors_text);
	if (view->prompt == TOP_PROMPT_FILTER)
		snprintf(line, sizeof(line), "show names with: %s_", view->typed);
	else if (view->prompt == TOP_PROMPT_DELAY)
		snprintf(line, sizeof(line), "seconds between refreshes (now %g): %s_",
			 view->delay_s, view->typed);
	else if (view->message[0])
		snprintf(line, sizeof(line), "%.*s", TOP_WIDTH_MAX, view->message);
	else
		snprintf(line, sizeof(line),
			 "%zu chain%s  %s req/s  %s errors/s  CPU %.1f%%  sprocketd %.1f%%%s%.32s",
			 rows->chains, rows->chains == 1 ? "" : "s", rate_text, errors_text, cpu,
			 isnan(rows->daemon_cpu) ? 0 : rows->daemon_cpu,
			 view->filter[0] ? "  filter: " : "", view->filter);
	fprintf(out, "%.*s\n", (int)view->width, line);
}

/* Keeps the selected row on the page. Returns how many rows the page has. */
static size_t scroll(struct top_view *view)
{
	size_t page = view->height > HEADER_LINES ? view->height - HEADER_LINES : 1;

	if (!view->height)
		return view->shown;
	if (view->selected >= view->shown)
		view->selected = view->shown ? view->shown - 1 : 0;
	if (view->selected < view->first)
		view->first = view->selected;
	if (view->selected >= view->first + page)
		view->first = view->selected - page + 1;
	if (view->first && view->first + page > view->shown)
		view->first = view->shown > page ? view->shown - page : 0;
	return view->shown - view->first < page ? view->shown - view->first : page;
}

void top_view_render(struct top_view *view, struct top_rows *rows, FILE *out, int *ret_title,
		     int *ret_selected)
{
	size_t *order = calloc(rows->count + 1, 2 * sizeof(*order)), page;

	*ret_title = *ret_selected = -1;
	if (view->help) {
		fputs(help_text, out);
		free(order);
		return;
	}
	if (!order)
		return;
	view->shown = choose(view, rows, order, order + rows->count + 1);
	page = scroll(view);
	write_summary(view, rows, out);
	write_titles(view, out);
	*ret_title = HEADER_LINES - 1;
	for (size_t i = 0; i < page; i++)
		write_row(view, &rows->rows[order[view->first + i]], out);
	if (view->height && view->shown)
		*ret_selected = HEADER_LINES + (int)(view->selected - view->first);
	free(order);
}
