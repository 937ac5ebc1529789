// SPDX-License-Identifier: Apache-2.0
/*
 * rows.c - charts with rows as SVG: stacked bars, and dots with intervals.
 *
 * How: a row's name stands above its bar, not beside it: so a long name fits on a phone, too.
 */
#include <math.h>
#include <string.h>

#include "bench/report/chart.h"

#define WIDTH 560.0
#define LEFT 16.0
#define RIGHT 24.0
#define TOP 4.0
#define ROW 50.0
#define BAR_AT 22.0 /* below the row's top */
#define BAR 20.0
#define BOTTOM 52.0
#define NAME_LETTERS 34U
#define LETTER 7.4 /* about as wide as a letter on a bar is */

double bench_rows_height(const struct bench_chart *c)
{
	return TOP + ROW * (double)c->row_count + BOTTOM;
}

static double x_of(const struct bench_chart *c, double value)
{
	return LEFT + bench_axis_place(&c->x, value) * (WIDTH - LEFT - RIGHT);
}

static void put_axis(const struct bench_chart *c, FILE *to)
{
	double bottom = TOP + ROW * (double)c->row_count + 4;
	struct bench_tick ticks[BENCH_TICKS_MAX];
	size_t count = bench_axis_ticks(&c->x, 6, ticks);

	for (size_t i = 0; i < count; i++) {
		double x = x_of(c, ticks[i].at);

		fprintf(to,
			"<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>"
			"<text class=\"mid\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
			x, TOP, bottom, x, bottom + 17, ticks[i].label);
	}
	for (size_t i = 0; i < c->mark_count; i++)
		fprintf(to, "<path class=\"mark\" d=\"M%.1f %.1fV%.1f\"/>\n",
			x_of(c, c->marks[i].x), TOP, bottom);
	fprintf(to, "<text class=\"mid name\" x=\"%.1f\" y=\"%.1f\">", WIDTH / 2, bottom + 40);
	bench_html(to, c->x.label, 0);
	fputs("</text>\n", to);
}

static void put_names(const struct bench_chart *c, FILE *to)
{
	for (size_t row = 0; row < c->row_count; row++) {
		double y = TOP + ROW * (double)row + 15;

		fprintf(to, "<text class=\"strong halo\" x=\"%.1f\" y=\"%.1f\">", LEFT, y);
		bench_html(to, c->rows[row].name, NAME_LETTERS);
		fprintf(to, "</text><text class=\"end halo\" x=\"%.1f\" y=\"%.1f\">", WIDTH - RIGHT,
			y);
		bench_html(to, c->rows[row].note, NAME_LETTERS);
		fputs("</text>\n", to);
	}
}

static void put_segment(const struct bench_chart *c, const struct bench_series *s, double from,
			const struct bench_point *p, FILE *to)
{
	double left = x_of(c, from), right = x_of(c, from + p->x);
	double top = TOP + ROW * p->y + BAR_AT;
	char value[BENCH_LABEL_TEXT];

	bench_unit_text(c->x.unit, p->x, value);
	fprintf(to, "<rect class=\"b c%u\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">",
		s->colour, left, top, fmax(right - left, 0.5), BAR);
	fputs("<title>", to);
	bench_html(to, s->name, 0);
	fprintf(to, ": %s</title></rect>", value);
	if (right - left < LETTER * (double)(strlen(s->name) + 1) || strlen(s->name) > NAME_LETTERS)
		return;
	fprintf(to, "<text class=\"mid on\" x=\"%.1f\" y=\"%.1f\">", (left + right) / 2,
		top + 14.5);
	bench_html(to, s->name, 0);
	fputs("</text>\n", to);
}

static void put_stack(const struct bench_chart *c, size_t row, FILE *to)
{
	double from = 0;

	for (size_t i = 0; i < c->series_count; i++) {
		for (size_t p = 0; p < c->series[i].count; p++) {
			const struct bench_point *point = &c->series[i].points[p];

			if ((size_t)point->y != row)
				continue;
			put_segment(c, &c->series[i], from, point, to);
			from += point->x;
		}
	}
}

/* Rounds lie above the interval, so that none hides the other. */
static void put_dots(const struct bench_chart *c, const struct bench_series *s, FILE *to)
{
	char title[BENCH_LABEL_TEXT];

	for (size_t i = 0; i < s->count; i++) {
		const struct bench_point *p = &s->points[i];
		double y = TOP + ROW * p->y + BAR_AT + (isnan(p->low) ? 5 : 17);

		if (!isnan(p->low))
			fprintf(to,
				"<path class=\"interval c%u\" d=\"M%.1f %.1fH%.1fM%.1f %.1fv10"
				"M%.1f %.1fv10\"/>",
				s->colour, x_of(c, p->low), y, x_of(c, p->high), x_of(c, p->low),
				y - 5, x_of(c, p->high), y - 5);
		bench_unit_text(c->x.unit, p->x, title);
		bench_marker_svg(s->marker, s->colour, x_of(c, p->x), y, title, to);
	}
}

void bench_rows_svg(const struct bench_chart *c, FILE *to)
{
	put_axis(c, to);
	if (c->kind == BENCH_CHART_STACKS)
		for (size_t row = 0; row < c->row_count; row++)
			put_stack(c, row, to);
	else
		for (size_t i = 0; i < c->series_count; i++)
			put_dots(c, &c->series[i], to);
	put_names(c, to);
}
