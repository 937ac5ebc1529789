/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_view.h - the page of `sprocket top`: which rows, in which order, as text.
 *
 * How: the view is what the user has chosen; a key changes it, rendering reads it. The text
 * is plain, a line for each line of the screen and none longer than its width; what is to be
 * highlighted is told by line number.
 * Thread-safety: no state but the view's.
 */
#ifndef SPROCKET_CONTROLLER_CLI_TOP_VIEW_H
#define SPROCKET_CONTROLLER_CLI_TOP_VIEW_H

#include <stdbool.h>
#include <stdio.h>

#include "controller/cli/top_sample.h"

#define TOP_FILTER_MAX 64
#define TOP_WIDTH_MIN 80
#define TOP_WIDTH_MAX 200
#define TOP_DELAY_MIN_S 0.1
#define TOP_DELAY_MAX_S 3600.0

/* Orders; X(id, key, what). */
#define TOP_SORTS(X)                \
	X(NAME, 'N', "name")        \
	X(RATE, 'R', "requests")    \
	X(ERRORS, 'E', "errors")    \
	X(FLIGHT, 'F', "in flight") \
	X(WAIT, 'W', "wait p99")    \
	X(RUN, 'T', "run time p99") \
	X(CPU, 'P', "CPU")          \
	X(RSS, 'M', "memory")       \
	X(BUFFERS, 'B', "buffers")  \
	X(INSTANCES, 'I', "instances")

enum top_sort {
#define X(id, key, text) TOP_SORT_##id,
	TOP_SORTS(X)
#undef X
};

/* What is being typed, if anything. */
enum top_prompt { TOP_PROMPT_NONE, TOP_PROMPT_FILTER, TOP_PROMPT_DELAY };

struct top_view {
	enum top_sort sort;
	bool reverse, collapsed, help, quit, refresh;
	char filter[TOP_FILTER_MAX]; /* part of a chain's or function's name */
	enum top_prompt prompt;
	char typed[TOP_FILTER_MAX];
	double delay_s;
	unsigned width, height;
	size_t first, selected, shown; /* of the rows that pass the filter */
	char message[256];             /* instead of the summary, when not empty */
};

/* At most 6 columns: "12us", "1.2ms", "3.4s", "-" for NAN. */
#define TOP_CELL_MAX 16
void top_format_time(double us, char ret[TOP_CELL_MAX]);

/* Keys that are no character. */
enum top_key {
	TOP_KEY_NONE = 0,
	TOP_KEY_UP = 0x100,
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_RESIZE,
	TOP_KEY_END_OF_INPUT,
};

void top_view_init(struct top_view *view);
void top_view_key(struct top_view *view, int key);

/* Sorts `rows` and writes the page: view->height lines, or all there are when it is 0.
 * *ret_title and *ret_selected: lines to highlight, -1 for none. */
void top_view_render(struct top_view *view, struct top_rows *rows, FILE *out, int *ret_title,
		     int *ret_selected);

#endif
