// SPDX-License-Identifier: Apache-2.0
/*
 * top.c - `sprocket top`: chains and functions as they work, refreshed.
 *
 * How: asks sprocketd for its statistics at each refresh and shows what changed. On a
 * terminal a daemon that is away is shown as such and asked again; with -b it is the end.
 * Thread-safety: none, it is a command.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controller/cli/cli.h"
#include "controller/cli/client.h"
#include "controller/cli/options.h"
#include "controller/cli/top_terminal.h"
#include "controller/cli/top_view.h"
#include "controller/clock.h"

#define TOP_ANSWER_MS 2000 /* keys wait for an answer */
#define TOP_FIRST_S 0.5    /* until the first rates */
#define BATCH_WIDTH 100

static const char help[] =
	"usage: sprocket top [-d SECONDS] [-s KEY] [-c] [-b [-n COUNT] [-o json]] [TEXT]\n"
	"Shows for each chain and function, per second: requests and errors; requests in\n"
	"flight; the time they wait (half of them, 99 of 100) and run (99 of 100); CPU,\n"
	"memory, buffers in use, and instances, ready of desired. TEXT: only names with it.\n"
	"  -d SECONDS             between refreshes (default 2)\n"
	"  -s KEY                 sort as the key does: one of N R E F W T P M B I\n"
	"  -c                     chains only\n"
	"  -b                     print, for a file or a pipe; no keys\n"
	"  -n COUNT               end after COUNT refreshes\n"
	"  -o json                with -b: a line of JSON for each refresh\n" OPTIONS_HELP_SOCKET
	"\nKeys: q quit, h help, arrows and PgUp PgDn move, N R E F W T P M B I sort, c chains\n"
	"only, d seconds, / filter, space refresh.\n" OPTIONS_HELP_EXIT;

static const struct option longs[] = { OPTIONS_COMMON };

struct top {
	struct top_view view;
	bool batch, json;
	uint32_t count; /* refreshes; 0: no end */
	struct client *client;
	struct top_sample sample; /* the last one */
	struct top_rows rows;
};

static void take_delay(struct options *options, const char *text, struct top_view *view)
{
	char *end;
	double delay = strtod(text, &end);

	if (end == text || *end || !(delay >= TOP_DELAY_MIN_S && delay <= TOP_DELAY_MAX_S))
		options_wrong(options, "-d takes seconds from %g to %g, not \"%s\"",
			      TOP_DELAY_MIN_S, TOP_DELAY_MAX_S, text);
	else
		view->delay_s = delay;
}

static void take_sort(struct options *options, const char *text, struct top_view *view)
{
#define X(id, key, what) key,
	static const char keys[] = { TOP_SORTS(X) '\0' };
#undef X

	if (strlen(text) != 1 || !strchr(keys, text[0]))
		options_wrong(options, "-s takes one of %s, not \"%s\"", keys, text);
	else if (text[0] != keys[view->sort]) /* the same again would turn it round */
		top_view_key(view, text[0]);
}

static void take_option(struct options *options, int option, struct top *top)
{
	enum options_format format;

	switch (option) {
	case 'd':
		take_delay(options, optarg, &top->view);
		break;
	case 's':
		take_sort(options, optarg, &top->view);
		break;
	case 'c':
		top->view.collapsed = true;
		break;
	case 'b':
		top->batch = true;
		break;
	case 'n':
		options_number(options, "-n", optarg, UINT32_MAX, &top->count);
		break;
	case 'o':
		options_format(options, optarg, OPTIONS_ALLOW(JSON), &format);
		top->json = true;
		break;
	default:
		break;
	}
}

static void take_arguments(struct options *options, int argc, char **argv, struct top *top)
{
	if (optind < argc)
		snprintf(top->view.filter, sizeof(top->view.filter), "%s", argv[optind++]);
	if (optind < argc)
		options_wrong(options, "one text to filter by, not \"%s\" too", argv[optind]);
	else if (top->json && !top->batch)
		options_wrong(options, "-o json goes with -b");
}

/* Asks once; the rows become those since the last time. */
static int refresh(struct top *top)
{
	struct top_sample sample;
	struct top_rows rows;
	json_t *stats;
	int code = client_ask(top->client, "GET", "/v1/stats", "statistics", &stats);
	int r;

	if (code != CLI_OK)
		return code;
	r = top_sample_read(stats, &sample);
	json_decref(stats);
	if (r == 0)
		r = top_rows_make(top->sample.items ? &top->sample : NULL, &sample, &rows);
	if (r < 0) {
		fprintf(stderr, "sprocket top: the statistics cannot be read: %s\n", strerror(-r));
		return CLI_FAILED;
	}
	top_sample_done(&top->sample);
	top_rows_done(&top->rows);
	top->sample = sample;
	top->rows = rows;
	return CLI_OK;
}

static int connect_and_refresh(struct top *top)
{
	int code = CLI_OK;

	if (!top->client)
		code = client_open("top", &top->client);
	if (code != CLI_OK)
		return code;
	client_set_timeout(top->client, TOP_ANSWER_MS);
	code = refresh(top);
	if (code != CLI_OK)
		top->client = client_close(top->client);
	return code;
}

static void sleep_s(double seconds)
{
	struct timespec time = { .tv_sec = (time_t)seconds,
				 .tv_nsec = (long)(fmod(seconds, 1) * (double)CLOCK_NS_PER_S) };

	nanosleep(&time, NULL);
}

static int print(struct top *top)
{
	int title, selected;

	if (top->json) {
		json_t *json = top_rows_json(&top->rows);

		json_dumpf(json, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(json);
	} else {
		top_view_render(&top->view, &top->rows, stdout, &title, &selected);
		putchar('\n');
	}
	if (fflush(stdout) == 0)
		return CLI_OK;
	fprintf(stderr, "sprocket top: cannot write: %s\n", strerror(errno));
	return CLI_FAILED;
}

static int run_batch(struct top *top)
{
	int code = connect_and_refresh(top);

	top->view.width = BATCH_WIDTH;
	for (uint32_t n = 0; code == CLI_OK && (!top->count || n < top->count); n++) {
		sleep_s(top->view.delay_s);
		code = refresh(top);
		if (code == CLI_OK)
			code = print(top);
	}
	return code;
}

static void draw(struct top *top)
{
	struct top_view *view = &top->view;
	int title, selected;
	char *text = NULL;
	size_t size = 0;
	FILE *page;

	terminal_size(&view->width, &view->height);
	view->width = view->width < TOP_WIDTH_MIN ? TOP_WIDTH_MIN : view->width;
	view->width = view->width > TOP_WIDTH_MAX ? TOP_WIDTH_MAX : view->width;
	page = open_memstream(&text, &size);
	if (!page)
		return;
	top_view_render(view, &top->rows, page, &title, &selected);
	fclose(page);
	terminal_draw(text, title, selected);
	free(text);
}

static double now_s(void)
{
	return (double)clock_ns(CLOCK_MONOTONIC) / (double)CLOCK_NS_PER_S;
}

/* Draws and takes keys until the next refresh is due. */
static void wait_for_keys(struct top *top, double until_s)
{
	struct top_view *view = &top->view;
	double delay_s = view->delay_s;

	view->refresh = false;
	while (!view->quit && !view->refresh && view->delay_s == delay_s) {
		double left_s = until_s - now_s();

		draw(top);
		if (left_s <= 0)
			return;
		top_view_key(view, terminal_key((int)ceil(left_s * 1000)));
	}
}

static int run_live(struct top *top)
{
	int code = connect_and_refresh(top);
	int r = code == CLI_OK ? terminal_open() : 0;

	if (code != CLI_OK)
		return code;
	if (r < 0) {
		fprintf(stderr, "sprocket top: no terminal to show it on: use -b\n");
		return CLI_USAGE;
	}
	for (uint32_t n = 0; !top->view.quit && (!top->count || n <= top->count); n++) {
		double wait_s =
			n || top->view.delay_s < TOP_FIRST_S ? top->view.delay_s : TOP_FIRST_S;

		wait_for_keys(top, now_s() + wait_s);
		if (top->view.quit)
			break;
		connect_and_refresh(top);
		terminal_said(top->view.message, sizeof(top->view.message));
	}
	terminal_close();
	if (terminal_signal() && terminal_signal() != SIGINT)
		raise(terminal_signal());
	return CLI_OK;
}

int cli_top(int argc, char **argv)
{
	struct options options = {
		.command = "top", .help = help, .shorts = "hd:s:cbn:o:", .longs = longs
	};
	struct top top = { .batch = false };
	int option, code;

	top_view_init(&top.view);
	while ((option = options_next(&options, argc, argv)) > 0)
		take_option(&options, option, &top);
	if (!options.stop)
		take_arguments(&options, argc, argv, &top);
	if (options.stop)
		return options.code;
	code = top.batch ? run_batch(&top) : run_live(&top);
	top_rows_done(&top.rows);
	top_sample_done(&top.sample);
	client_close(top.client);
	return code;
}
