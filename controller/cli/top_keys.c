// SPDX-License-Identifier: Apache-2.0
/* What a key does to the page. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/top_view.h"

#define KEY_ESCAPE 27
#define KEY_BACKSPACE 127
#define KEY_ERASE_LINE 21 /* Ctrl-U */

void top_view_init(struct top_view *view)
{
	*view = (struct top_view){ .delay_s = 2, .width = TOP_WIDTH_MIN };
}

static void select_row(struct top_view *view, ptrdiff_t step)
{
	ptrdiff_t to = (ptrdiff_t)view->selected + step;

	if (to >= (ptrdiff_t)view->shown)
		to = (ptrdiff_t)view->shown - 1;
	view->selected = to > 0 ? (size_t)to : 0;
}

static void prompt_open(struct top_view *view, enum top_prompt prompt)
{
	view->prompt = prompt;
	view->typed[0] = '\0';
}

static void prompt_take(struct top_view *view)
{
	char *end;
	double delay;

	if (view->prompt == TOP_PROMPT_FILTER) {
		memcpy(view->filter, view->typed, sizeof(view->filter));
		view->selected = 0;
	} else {
		delay = strtod(view->typed, &end);
		if (end != view->typed && !*end && delay >= TOP_DELAY_MIN_S &&
		    delay <= TOP_DELAY_MAX_S)
			view->delay_s = delay;
	}
	view->prompt = TOP_PROMPT_NONE;
}

static void prompt_key(struct top_view *view, int key)
{
	size_t len = strlen(view->typed);

	if (key == '\n' || key == '\r')
		prompt_take(view);
	else if (key == KEY_ESCAPE)
		view->prompt = TOP_PROMPT_NONE;
	else if (key == KEY_ERASE_LINE)
		view->typed[0] = '\0';
	else if ((key == KEY_BACKSPACE || key == '\b') && len)
		view->typed[len - 1] = '\0';
	else if (key > ' ' && key < KEY_BACKSPACE && len + 1 < sizeof(view->typed))
		memcpy(view->typed + len, (char[2]){ (char)key }, 2);
}

static bool sort_key(struct top_view *view, int key)
{
	static const struct {
		int key;
		enum top_sort sort;
	} sorts[] = {
#define X(id, character, text) { character, TOP_SORT_##id },
		TOP_SORTS(X)
#undef X
	};

	for (size_t i = 0; i < sizeof(sorts) / sizeof(*sorts); i++) {
		if (key != sorts[i].key)
			continue;
		view->reverse = view->sort == sorts[i].sort && !view->reverse;
		view->sort = sorts[i].sort;
		return true;
	}
	return false;
}

static void move_key(struct top_view *view, int key)
{
	ptrdiff_t page = view->height > 3 ? (ptrdiff_t)view->height - 3 : 1;

	if (key == TOP_KEY_UP || key == 'k')
		select_row(view, -1);
	else if (key == TOP_KEY_DOWN || key == 'j')
		select_row(view, 1);
	else if (key == TOP_KEY_PAGE_UP)
		select_row(view, -page);
	else if (key == TOP_KEY_PAGE_DOWN)
		select_row(view, page);
	else if (key == TOP_KEY_HOME)
		view->selected = 0;
	else if (key == TOP_KEY_END)
		select_row(view, (ptrdiff_t)view->shown);
}

void top_view_key(struct top_view *view, int key)
{
	if (key == TOP_KEY_END_OF_INPUT) {
		view->quit = true;
	} else if (key == TOP_KEY_NONE || key == TOP_KEY_RESIZE) {
		return;
	} else if (view->help) {
		view->help = false;
	} else if (view->prompt != TOP_PROMPT_NONE) {
		prompt_key(view, key);
	} else if (key == 'q' || key == 'Q') {
		view->quit = true;
	} else if (key == 'h' || key == '?') {
		view->help = true;
	} else if (key == ' ') {
		view->refresh = true;
	} else if (key == 'c') {
		view->collapsed = !view->collapsed;
	} else if (key == '/') {
		prompt_open(view, TOP_PROMPT_FILTER);
	} else if (key == 'd' || key == 's') {
		prompt_open(view, TOP_PROMPT_DELAY);
	} else if (!sort_key(view, key)) {
		move_key(view, key);
	}
}
