// SPDX-License-Identifier: Apache-2.0
/*
 * svg.c - charts as SVG inside the page.
 *
 * How: drawn for 560 units of width, which a phone shows at about 0.62 of the size; the style
 * sheet has larger letters there, for which the margins leave room. Colours are classes (c0..c7),
 * so that the same drawing serves a light and a dark page.
 */
#include <math.h>
#include <string.h>

#include "bench/report/chart.h"

#define WIDTH 560.0
#define HEIGHT 350.0
#define LEFT 74.0
#define RIGHT 18.0
#define TOP 36.0
#define BOTTOM 54.0

static double x_of(const struct bench_chart *c, double value)
{
	return LEFT + bench_axis_place(&c->x, value) * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct bench_chart *c, double value)
{
	return HEIGHT - BOTTOM - bench_axis_place(&c->y, value) * (HEIGHT - TOP - BOTTOM);
}

/* Bytes of the character that begins there; 0: it is none, for it was cut in the middle. */
static size_t character(const unsigned char *s)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* What XML does not know, and what turns the direction of the text that follows. */
static bool is_forbidden(const unsigned char *s)
{
	if (s[0] < 0x20)
		return s[0] != '\t' && s[0] != '\n' && s[0] != '\r';
	return s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0) ||  /* C1 */
	       (s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe) || /* U+FFFE, U+FFFF */
	       (s[0] == 0xe2 && s[1] == 0x80 && s[2] >= 0xaa && s[2] <= 0xae) ||
	       (s[0] == 0xe2 && s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9);
}

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void bench_html(FILE *to, const char *text, size_t most)
{
	const unsigned char *s = (const unsigned char *)(text ? text : "");

	for (size_t count = 0; *s; count++) {
		size_t len = character(s);

		if (most > 0 && count == most) {
			fputs("…", to);
			return;
		}
		if (len == 0 || is_forbidden(s))
			fputs("\xef\xbf\xbd", to);
		else if (entity((char)*s))
			fputs(entity((char)*s), to);
		else
			fwrite(s, 1, len, to);
		s += len ? len : 1;
	}
}

void bench_marker_svg(unsigned marker, unsigned colour, double x, double y, const char *title,
		      FILE *to)
{
	static const char *const shapes[BENCH_CHART_MARKERS] = {
		"M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", /* circle */
		"M-3.7 -3.7h7.4v7.4h-7.4z",            /* square */
		"M0 -4.8L4.6 3.4H-4.6z",               /* triangle */
		"M0 -5.2L5.2 0L0 5.2L-5.2 0z",         /* diamond */
		"M0 4.8L4.6 -3.4H-4.6z",               /* triangle, upside down */
		"M-4 -4L4 4M-4 4L4 -4",                /* cross: not filled, so no closed line */
	};

	fprintf(to, "<path class=\"m c%u%s\" transform=\"translate(%.1f %.1f)\" d=\"%s\">", colour,
		marker == BENCH_CHART_MARKERS - 1 ? " open" : "", x, y, shapes[marker]);
	if (title) {
		fputs("<title>", to);
		bench_html(to, title, 0);
		fputs("</title>", to);
	}
	fputs("</path>", to);
}

static void put_text(FILE *to, double x, double y, const char *class, const char *text)
{
	fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
	bench_html(to, text, BENCH_LABEL_TEXT);
	fputs("</text>\n", to);
}

static void put_axes(const struct bench_chart *c, FILE *to)
{
	struct bench_tick ticks[BENCH_TICKS_MAX];
	size_t count = bench_axis_ticks(&c->y, 10, ticks);

	for (size_t i = 0; i < count; i++) {
		double y = y_of(c, ticks[i].at);

		fprintf(to, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>", LEFT, y, WIDTH - RIGHT);
		put_text(to, LEFT - 7, y + 4, "end", ticks[i].label);
	}
	count = bench_axis_ticks(&c->x, 6, ticks);
	for (size_t i = 0; i < count; i++) {
		double x = x_of(c, ticks[i].at);

		fprintf(to, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>", x, TOP,
			HEIGHT - BOTTOM);
		put_text(to, x, HEIGHT - BOTTOM + 19, "mid", ticks[i].label);
	}
	fprintf(to, "<path class=\"axis\" d=\"M%.1f %.1fV%.1fH%.1f\"/>\n", LEFT, TOP,
		HEIGHT - BOTTOM, WIDTH - RIGHT);
	put_text(to, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "mid name", c->x.label);
	put_text(to, 4, 16, "name", c->y.label);
}

static void put_marks(const struct bench_chart *c, FILE *to)
{
	for (size_t i = 0; i < c->mark_count; i++) {
		double x = x_of(c, c->marks[i].x);
		bool left = x > (LEFT + WIDTH) / 2;

		fprintf(to, "<path class=\"mark\" d=\"M%.1f %.1fV%.1f\"/>", x, TOP,
			HEIGHT - BOTTOM);
		put_text(to, x + (left ? -6 : 6), TOP + 14, left ? "end strong" : "strong",
			 c->marks[i].name);
	}
}

static void put_title(const struct bench_chart *c, const struct bench_series *s,
		      const struct bench_point *p, char *to, size_t size)
{
	char x[BENCH_LABEL_TEXT], y[BENCH_LABEL_TEXT];

	if (c->x.unit == BENCH_UNIT_QUANTILE)
		snprintf(x, sizeof(x), "p%.7g", (1 - 1 / p->x) * 100);
	else
		bench_unit_text(c->x.unit, p->x, x);
	bench_unit_text(c->y.unit, p->y, y);
	snprintf(to, size, "%s: %s at %s", s->name, y, x);
}

static void put_series(const struct bench_chart *c, const struct bench_series *s, FILE *to)
{
	char title[512];

	if (s->line && s->count > 1) {
		fprintf(to, "<path class=\"l c%u d%u\" d=\"", s->colour, s->dash);
		for (size_t i = 0; i < s->count; i++)
			fprintf(to, "%s%.1f %.1f", i ? "L" : "M", x_of(c, s->points[i].x),
				y_of(c, s->points[i].y));
		fputs("\"/>\n", to);
	}
	for (size_t i = 0; i < s->count; i++) {
		if (!s->points[i].marked && s->count > 1)
			continue;
		put_title(c, s, &s->points[i], title, sizeof(title));
		bench_marker_svg(s->marker, s->colour, x_of(c, s->points[i].x),
				 y_of(c, s->points[i].y), title, to);
	}
	fputc('\n', to);
}

void bench_chart_svg(const struct bench_chart *c, const char *id, FILE *to)
{
	fprintf(to, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-labelledby=\"%s-t %s-d\">",
		WIDTH, c->kind == BENCH_CHART_LINES ? HEIGHT : bench_rows_height(c), id, id);
	fprintf(to, "<title id=\"%s-t\">", id);
	bench_html(to, c->title, 0);
	fprintf(to, "</title><desc id=\"%s-d\">", id);
	bench_html(to, c->text, 0);
	fputs("</desc>\n", to);
	if (c->kind == BENCH_CHART_LINES) {
		put_axes(c, to);
		put_marks(c, to);
		for (size_t i = 0; i < c->series_count; i++)
			put_series(c, &c->series[i], to);
	} else {
		bench_rows_svg(c, to);
	}
	fputs("</svg>\n", to);
}

void bench_chart_legend(const struct bench_chart *c, FILE *to)
{
	fputs("<ul class=\"legend\">", to);
	for (size_t i = 0; i < c->series_count; i++) {
		const struct bench_series *s = &c->series[i];

		if (s->count == 0)
			continue;
		fputs("<li><svg viewBox=\"0 0 34 14\" aria-hidden=\"true\">", to);
		if (c->kind == BENCH_CHART_STACKS) {
			fprintf(to,
				"<rect class=\"b c%u\" x=\"10\" y=\"1\" width=\"14\" "
				"height=\"12\"/>",
				s->colour);
		} else {
			if (s->line)
				fprintf(to, "<path class=\"l c%u d%u\" d=\"M1 7H33\"/>", s->colour,
					s->dash);
			bench_marker_svg(s->marker, s->colour, 17, 7, NULL, to);
		}
		fputs("</svg>", to);
		bench_html(to, s->name, 0);
		fputs("</li>", to);
	}
	fputs("</ul>\n", to);
}
