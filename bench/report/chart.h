/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chart.h - a chart as data: what the pages and the PNGs of `report` are both drawn from.
 *
 * For: curves.c and bars.c, which fill charts in; svg.c, rows.c and
 * png.c, which draw them.
 * How: a chart has two axes and series of points. BENCH_CHART_LINES draws lines over x and y; the
 * others have rows in place of y: BENCH_CHART_STACKS puts the series of a row end to end,
 * BENCH_CHART_DOTS sets a dot for each point and a bar from `low` to `high` where there is one.
 * A series differs from the next by colour, marker and dashes, never by colour alone.
 * Thread-safety: one thread. Failure modes: without memory what is added is left out and `failed`
 * is set; who draws asks bench_chart_failed() once.
 */
#ifndef SPROCKET_BENCH_REPORT_CHART_H
#define SPROCKET_BENCH_REPORT_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define BENCH_CHART_COLOURS 8U
#define BENCH_CHART_NEUTRAL BENCH_CHART_COLOURS /* one more: for what is none of the series */
#define BENCH_CHART_MARKERS 6U
#define BENCH_CHART_DASHES 4U
#define BENCH_TICKS_MAX 24U
#define BENCH_LABEL_TEXT 64U

enum bench_chart_kind { BENCH_CHART_LINES, BENCH_CHART_STACKS, BENCH_CHART_DOTS };

/* What an axis counts, which decides about its ticks. */
enum bench_unit {
	BENCH_UNIT_US,       /* 20 µs, 5 ms, 1 s */
	BENCH_UNIT_RATE,     /* 500, 20k, 1.5M */
	BENCH_UNIT_BYTES,    /* 500 B, 20 kB, 1.5 MB */
	BENCH_UNIT_RATIO,    /* 0.5, 1, 2 */
	BENCH_UNIT_QUANTILE, /* 1 / (1 - quantile): p50, p90, p99 */
};

struct bench_axis {
	const char *label;
	enum bench_unit unit;
	bool log;
	double low, high; /* by bench_chart_settle */
};

struct bench_point {
	double x, y;      /* y: the row, where a chart has rows */
	double low, high; /* NAN: no interval */
	bool marked;      /* has a marker */
};

struct bench_series {
	char *name;
	struct bench_point *points;
	size_t count, room;
	unsigned colour, marker, dash; /* dash 0: solid */
	bool line;                     /* false: markers alone */
};

struct bench_row {
	char *name, *note;
};

struct bench_mark { /* a line across the chart at x */
	double x;
	char *name;
};

struct bench_chart {
	enum bench_chart_kind kind;
	const char *title, *file; /* file: of the PNG */
	char *text;               /* what it shows, in words, for who cannot see it */
	struct bench_axis x, y;
	struct bench_series *series;
	size_t series_count, series_room;
	struct bench_row *rows;
	size_t row_count, row_room;
	struct bench_mark *marks;
	size_t mark_count, mark_room;
	bool failed;
};

struct bench_tick {
	double at;
	char label[BENCH_LABEL_TEXT];
};

void bench_chart_done(struct bench_chart *c);

/* Returns its index, or SIZE_MAX without memory, which bench_chart_point() leaves out. */
size_t bench_chart_series(struct bench_chart *c, const char *name, bool line);
/* The series of that name, added when there is none. */
size_t bench_chart_named(struct bench_chart *c, const char *name, bool line);
/* What was found wanting: grey crosses, on no line. */
void bench_chart_set_cross(struct bench_chart *c, size_t series);
/* A point whose x or y is no number that the axis can show is left out. */
void bench_chart_point(struct bench_chart *c, size_t series, struct bench_point point);
size_t bench_chart_row(struct bench_chart *c, const char *name, const char *note);
void bench_chart_mark(struct bench_chart *c, double x, const char *name);
void bench_chart_text(struct bench_chart *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Ranges of the axes from the points. False when there is nothing to draw. */
bool bench_chart_settle(struct bench_chart *c);
/* At most `most` of them (and BENCH_TICKS_MAX). Returns how many. */
size_t bench_axis_ticks(const struct bench_axis *axis, unsigned most,
			struct bench_tick ticks[BENCH_TICKS_MAX]);
/* 0 at the axis's low end, 1 at its high end. */
double bench_axis_place(const struct bench_axis *axis, double value);

/* "12.3 µs", "1.2k", as ticks have them but with three digits. */
void bench_unit_text(enum bench_unit unit, double value, char to[BENCH_LABEL_TEXT]);

/* The whole chart as <svg>, its ids beginning with `id`. */
void bench_chart_svg(const struct bench_chart *c, const char *id, FILE *to);
/* The inside of it, where there are rows. */
double bench_rows_height(const struct bench_chart *c);
void bench_rows_svg(const struct bench_chart *c, FILE *to);
/* A marker, as the chart and its legend have it. */
void bench_marker_svg(unsigned marker, unsigned colour, double x, double y, const char *title,
		      FILE *to);
/* What the colours and markers stand for, as a list. */
void bench_chart_legend(const struct bench_chart *c, FILE *to);

/* gnuplot's commands that draw it into `file`. `ends` is room for a number for each row, all 0. */
void bench_chart_gnuplot(const struct bench_chart *c, double *ends, FILE *to);

/* Text in HTML, XML and attributes: escaped, what XML does not know replaced. `most` > 0: cut off
 * after so many characters. */
void bench_html(FILE *to, const char *text, size_t most);

#endif
