// SPDX-License-Identifier: Apache-2.0
/*
 * png.c - charts as commands of gnuplot.
 *
 * How: texts come from documents that anyone may have written. They stand in single quotes, where
 * gnuplot runs nothing (in double quotes it runs what is between back-quotes), with quotes doubled
 * and control characters left out; `noenhanced` takes every letter as it is. At a tick it is a format
 * all the same, in which % is doubled.
 */
#include <math.h>

#include "bench/report/chart.h"

#define LETTERS_MAX 64U /* of one text: the picture has room for no more */

static const char *const colours[BENCH_CHART_COLOURS + 1] = { "#0072b2", "#c44e00", "#00805d",
							      "#a03c86", "#8f6a00", "#5546c8",
							      "#4d4d4d", "#b0002f", "#6b7280" };
static const unsigned points[BENCH_CHART_MARKERS] = { 7, 5, 9, 13, 11, 2 };
static const unsigned dashes[BENCH_CHART_DASHES] = { 1, 2, 4, 3 };

static void put_some(FILE *to, const char *before, const char *text, bool is_format)
{
	size_t letters = 0;

	fprintf(to, "%s'", before);
	for (const char *s = text ? text : ""; *s; s++) {
		letters += ((unsigned char)*s & 0xc0) != 0x80; /* not the rest of a letter */
		if (letters > LETTERS_MAX)
			break;
		if (*s == '\'' || (*s == '%' && is_format))
			fputc(*s, to);
		fputc((unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s, to);
	}
	fputc('\'', to);
}

static void put_quoted(FILE *to, const char *before, const char *text)
{
	put_some(to, before, text, false);
}

static void put_axis(const struct bench_axis *axis, char name, unsigned most, FILE *to)
{
	struct bench_tick ticks[BENCH_TICKS_MAX];
	size_t count = bench_axis_ticks(axis, most, ticks);

	fprintf(to, "set %crange [%.9g:%.9g]\n%s logscale %c\nset %clabel", name, axis->low,
		axis->high, axis->log ? "set" : "unset", name, name);
	put_quoted(to, " ", axis->label);
	fprintf(to, " noenhanced\nset %ctics (", name);
	for (size_t i = 0; i < count; i++) {
		put_quoted(to, i ? ", " : "", ticks[i].label);
		fprintf(to, " %.9g", ticks[i].at);
	}
	fputs(") noenhanced\n", to);
}

static void put_rows(const struct bench_chart *c, FILE *to)
{
	fprintf(to, "set yrange [%.1f:-0.5]\nunset logscale y\nset ylabel ''\nset ytics (",
		(double)c->row_count - 0.35);
	for (size_t i = 0; i < c->row_count; i++) {
		put_some(to, i ? ", " : "", c->rows[i].name, true);
		fprintf(to, " %zu", i);
	}
	fputs(") noenhanced\n", to);
	for (size_t i = 0; i < c->row_count; i++) {
		put_quoted(to, "set label ", c->rows[i].note);
		fprintf(to, " at graph 0.995, first %.2f right noenhanced front\n",
			(double)i + 0.43);
	}
}

static void put_marks(const struct bench_chart *c, FILE *to)
{
	for (size_t i = 0; i < c->mark_count; i++) {
		double x = c->marks[i].x;
		bool left = bench_axis_place(&c->x, x) > 0.5;

		fprintf(to,
			"set arrow from first %.9g, graph 0 to first %.9g, graph 1 nohead "
			"dt 3 lw 1.5 lc rgb '#444444'\n",
			x, x);
		put_quoted(to, "set label ", c->marks[i].name);
		fprintf(to, " at first %.9g, graph 0.96 %s offset %d,0 noenhanced front\n", x,
			left ? "right" : "left", left ? -1 : 1);
	}
}

/* Points as a block of data, of a stack as the corners of its boxes. */
static void put_data(const struct bench_chart *c, size_t series, double *ends, FILE *to)
{
	const struct bench_series *s = &c->series[series];

	fprintf(to, "$d%zu << EOD\n", series);
	for (size_t i = 0; i < s->count; i++) {
		const struct bench_point *p = &s->points[i];

		if (c->kind == BENCH_CHART_STACKS) {
			double *end = &ends[(size_t)p->y];

			fprintf(to, "%.9g %.9g %.9g %.9g %.9g %.9g\n", *end + p->x / 2, p->y, *end,
				*end + p->x, p->y - 0.3, p->y + 0.22);
			*end += p->x;
		} else if (c->kind == BENCH_CHART_DOTS) {
			bool bare = isnan(p->low);

			fprintf(to, "%.9g %.9g %.9g %.9g 1\n", p->x, p->y + (bare ? -0.1 : 0.12),
				bare ? p->x : p->low, bare ? p->x : p->high);
		} else {
			fprintf(to, "%.9g %.9g %d\n", p->x, p->y, p->marked || s->count == 1);
		}
	}
	fputs("EOD\n", to);
}

static void put_line(const struct bench_series *s, size_t i, FILE *to)
{
	const char *colour = colours[s->colour];

	if (s->line)
		fprintf(to, "$d%zu using 1:2 with lines dt %u lw 2 lc rgb '%s' notitle, ", i,
			dashes[s->dash], colour);
	fprintf(to,
		"$d%zu using 1:($3 > 0 ? $2 : NaN) with points pt %u ps 1.2 lc rgb '%s' notitle, ",
		i, points[s->marker], colour);
	fprintf(to, "keyentry with %s dt %u lw 2 pt %u lc rgb '%s' title",
		s->line ? "linespoints" : "points", dashes[s->dash], points[s->marker], colour);
	put_quoted(to, " ", s->name);
	fputs(" noenhanced", to);
}

static void put_series(const struct bench_chart *c, size_t i, FILE *to)
{
	const struct bench_series *s = &c->series[i];

	if (c->kind == BENCH_CHART_LINES) {
		put_line(s, i, to);
		return;
	}
	if (c->kind == BENCH_CHART_STACKS)
		fprintf(to,
			"$d%zu with boxxyerror fs solid 1 border lc rgb '#ffffff' fc rgb '%s' "
			"title",
			i, colours[s->colour]);
	else
		fprintf(to,
			"$d%zu using 1:2:3:4 with xerrorbars lw 1.5 pt %u ps 1.2 lc rgb '%s' title",
			i, points[s->marker], colours[s->colour]);
	put_quoted(to, " ", s->name);
	fputs(" noenhanced", to);
}

static void put_plot(const struct bench_chart *c, FILE *to)
{
	const char *between = "plot ";

	for (size_t i = 0; i < c->series_count; i++) {
		if (c->series[i].count == 0)
			continue;
		fputs(between, to);
		put_series(c, i, to);
		between = ", ";
	}
	fputs("\nunset output\n", to);
}

void bench_chart_gnuplot(const struct bench_chart *c, double *ends, FILE *to)
{
	double height = c->kind == BENCH_CHART_LINES ? 640 : 190 + 52 * (double)c->row_count;

	fprintf(to,
		"reset\nset encoding utf8\nset terminal pngcairo noenhanced size 1040,%.0f "
		"font 'sans,12' background rgb '#ffffff'\n",
		height);
	put_quoted(to, "set output ", c->file);
	put_quoted(to, "\nset title ", c->title);
	fputs(" noenhanced\nset key below noenhanced\nset grid lc rgb '#dddddd' lt 1\n"
	      "set border 3\nset tics nomirror\n",
	      to);
	put_axis(&c->x, 'x', 10, to);
	if (c->kind == BENCH_CHART_LINES)
		put_axis(&c->y, 'y', 12, to);
	else
		put_rows(c, to);
	put_marks(c, to);
	for (size_t i = 0; i < c->series_count; i++)
		if (c->series[i].count > 0)
			put_data(c, i, ends, to);
	put_plot(c, to);
}
