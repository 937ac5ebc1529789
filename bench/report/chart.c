// SPDX-License-Identifier: Apache-2.0
#include "bench/report/chart.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MIN 1e-6 /* of an axis that is not empty, or logarithmic */
#define VALUE_MAX 1e15

void bench_chart_done(struct bench_chart *c)
{
	for (size_t i = 0; i < c->series_count; i++) {
		free(c->series[i].name);
		free(c->series[i].points);
	}
	for (size_t i = 0; i < c->row_count; i++) {
		free(c->rows[i].name);
		free(c->rows[i].note);
	}
	for (size_t i = 0; i < c->mark_count; i++)
		free(c->marks[i].name);
	free(c->series);
	free(c->rows);
	free(c->marks);
	free(c->text);
	*c = (struct bench_chart){ 0 };
}

/* Room for one more of `size` bytes; returns the array, which may have moved, or NULL. */
static void *one_more(struct bench_chart *c, void *array, size_t count, size_t *room, size_t size)
{
	size_t want = *room ? *room * 2 : 8;
	void *moved;

	if (count < *room)
		return array;
	moved = reallocarray(array, want, size);
	if (!moved) {
		c->failed = true;
		return NULL;
	}
	*room = want;
	return moved;
}

static char *copy_of(struct bench_chart *c, const char *text)
{
	char *copy = strdup(text ? text : "");

	c->failed |= !copy;
	return copy;
}

size_t bench_chart_series(struct bench_chart *c, const char *name, bool line)
{
	struct bench_series *moved =
		one_more(c, c->series, c->series_count, &c->series_room, sizeof(*c->series));
	unsigned i = (unsigned)c->series_count;
	char *copy = moved ? copy_of(c, name) : NULL;

	if (moved)
		c->series = moved;
	if (!copy)
		return SIZE_MAX;
	c->series[c->series_count] = (struct bench_series){ .name = copy,
							    .line = line,
							    .colour = i % BENCH_CHART_COLOURS,
							    .marker = i % BENCH_CHART_MARKERS,
							    .dash = i % BENCH_CHART_DASHES };
	return c->series_count++;
}

size_t bench_chart_named(struct bench_chart *c, const char *name, bool line)
{
	for (size_t i = 0; i < c->series_count; i++)
		if (!strcmp(c->series[i].name, name))
			return i;
	return bench_chart_series(c, name, line);
}

void bench_chart_set_cross(struct bench_chart *c, size_t series)
{
	if (series >= c->series_count)
		return;
	c->series[series].marker = BENCH_CHART_MARKERS - 1;
	c->series[series].colour = BENCH_CHART_NEUTRAL;
}

/* False for what no chart can show: a document may say anything. */
static bool holds(const struct bench_axis *axis, double value)
{
	return value >= (axis->log ? VALUE_MIN : 0) && value <= VALUE_MAX;
}

void bench_chart_point(struct bench_chart *c, size_t series, struct bench_point point)
{
	struct bench_point *moved;
	struct bench_series *s;

	if (series >= c->series_count || !holds(&c->x, point.x) || !holds(&c->y, point.y))
		return;
	if (!holds(&c->x, point.low) || !holds(&c->x, point.high))
		point.low = point.high = NAN;
	s = &c->series[series];
	moved = one_more(c, s->points, s->count, &s->room, sizeof(*s->points));
	if (!moved)
		return;
	s->points = moved;
	s->points[s->count++] = point;
}

size_t bench_chart_row(struct bench_chart *c, const char *name, const char *note)
{
	struct bench_row *moved =
		one_more(c, c->rows, c->row_count, &c->row_room, sizeof(*c->rows));
	struct bench_row row;

	if (!moved)
		return SIZE_MAX;
	c->rows = moved;
	row = (struct bench_row){ .name = copy_of(c, name), .note = copy_of(c, note) };
	if (!row.name || !row.note) {
		free(row.name);
		free(row.note);
		return SIZE_MAX;
	}
	c->rows[c->row_count] = row;
	return c->row_count++;
}

void bench_chart_mark(struct bench_chart *c, double x, const char *name)
{
	struct bench_mark *moved =
		one_more(c, c->marks, c->mark_count, &c->mark_room, sizeof(*c->marks));
	char *copy;

	if (moved)
		c->marks = moved;
	if (!moved || !holds(&c->x, x) || !(copy = copy_of(c, name)))
		return;
	c->marks[c->mark_count++] = (struct bench_mark){ .x = x, .name = copy };
}

void bench_chart_text(struct bench_chart *c, const char *format, ...)
{
	va_list args;

	free(c->text);
	va_start(args, format);
	if (vasprintf(&c->text, format, args) < 0) {
		c->text = NULL;
		c->failed = true;
	}
	va_end(args);
}

/* ---- ranges ---- */

static void widen(struct bench_axis *axis, double value)
{
	if (isnan(value))
		return;
	if (isnan(axis->low) || value < axis->low)
		axis->low = value;
	if (isnan(axis->high) || value > axis->high)
		axis->high = value;
}

/* The greatest of 1, 2, 5, 10, 20.. that is not above `value`. */
static double nice_below(double value)
{
	double decade = pow(10, floor(log10(value) + 1e-9)), digit = value / decade * (1 + 1e-9);

	return (digit >= 5 ? 5 : digit >= 2 ? 2 : 1) * decade;
}

static double nice_above(double value)
{
	double below = nice_below(value), digit;

	if (below >= value * (1 - 1e-9))
		return below;
	digit = below / pow(10, floor(log10(below) + 1e-9));
	return below * (digit > 1.5 && digit < 3 ? 2.5 : 2);
}

static double linear_step(const struct bench_axis *axis, unsigned most)
{
	return nice_above((axis->high - axis->low) / most);
}

static void round_off(struct bench_axis *axis)
{
	if (axis->unit == BENCH_UNIT_QUANTILE) {
		axis->low = 1;
		axis->high = axis->high < 10 ? 10 : axis->high * 1.15;
	} else if (axis->unit == BENCH_UNIT_RATIO) {
		axis->low /= 1.03;
		axis->high *= 1.03;
	} else if (axis->log) {
		axis->low = nice_below(axis->low);
		axis->high = nice_above(axis->high * 1.001);
	} else {
		axis->low = 0;
		axis->high = axis->high > VALUE_MIN ? axis->high * 1.04 : 1;
	}
}

/* What is drawn beside the points themselves: the stacks' ends, the intervals, the marks. */
static void widen_by_rows(struct bench_chart *c)
{
	for (size_t row = 0; row < c->row_count && c->kind == BENCH_CHART_STACKS; row++) {
		double sum = 0;

		for (size_t i = 0; i < c->series_count; i++)
			for (size_t p = 0; p < c->series[i].count; p++)
				if ((size_t)c->series[i].points[p].y == row)
					sum += c->series[i].points[p].x;
		widen(&c->x, sum);
	}
	for (size_t i = 0; i < c->mark_count; i++)
		widen(&c->x, c->marks[i].x);
}

bool bench_chart_settle(struct bench_chart *c)
{
	size_t points = 0;

	c->x.low = c->x.high = c->y.low = c->y.high = NAN;
	for (size_t i = 0; i < c->series_count; i++) {
		for (size_t p = 0; p < c->series[i].count; p++) {
			const struct bench_point *point = &c->series[i].points[p];

			widen(&c->x, point->x);
			widen(&c->x, point->low);
			widen(&c->x, point->high);
			widen(&c->y, point->y);
			points++;
		}
	}
	if (points == 0 || c->failed)
		return false;
	widen_by_rows(c);
	round_off(&c->x);
	round_off(&c->y);
	return true;
}

double bench_axis_place(const struct bench_axis *axis, double value)
{
	if (axis->log)
		return log(value / axis->low) / log(axis->high / axis->low);
	return (value - axis->low) / (axis->high - axis->low);
}

/* ---- ticks ---- */

/* Three digits: 1.23, 12.3, 123, and no zeros at the end. */
static int digits(double value, char *to, size_t size)
{
	double magnitude = fabs(value);
	int decimals = magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : 2;
	int len;

	if (!isfinite(value))
		return snprintf(to, size, "–");
	if (magnitude > VALUE_MAX) /* hundreds of digits, some of them */
		return snprintf(to, size, "%.3g", value);
	len = snprintf(to, size, "%.*f", decimals, value);
	while (decimals > 0 && (to[len - 1] == '0' || to[len - 1] == '.'))
		if (to[--len] == '.')
			break;
	to[len] = '\0';
	return len;
}

void bench_unit_text(enum bench_unit unit, double value, char to[BENCH_LABEL_TEXT])
{
	static const struct {
		double least, divisor;
		const char *names[BENCH_UNIT_RATIO];
	} scales[] = {
		{ 999.5e3, 1e6, { " s", "M", " MB" } },
		{ 999.5, 1e3, { " ms", "k", " kB" } },
		{ 0, 1, { " µs", "", " B" } },
	};
	const char *name = "";
	int len;

	for (unsigned i = 0; i < 3 && unit < BENCH_UNIT_RATIO; i++) {
		if (fabs(value) >= scales[i].least) {
			value /= scales[i].divisor;
			name = scales[i].names[unit];
			break;
		}
	}
	len = digits(value, to, BENCH_LABEL_TEXT - 8);
	snprintf(to + len, 8, "%s", name);
}

static size_t add_tick(struct bench_tick *ticks, size_t count, enum bench_unit unit, double at)
{
	if (count >= BENCH_TICKS_MAX)
		return count;
	ticks[count].at = at;
	if (unit == BENCH_UNIT_QUANTILE)
		snprintf(ticks[count].label, BENCH_LABEL_TEXT, "p%.10g", (1 - 1 / at) * 100);
	else
		bench_unit_text(unit, at, ticks[count].label);
	return count + 1;
}

static size_t quantile_ticks(const struct bench_axis *axis, struct bench_tick *ticks)
{
	size_t count = add_tick(ticks, 0, axis->unit, 2);

	for (double at = 10; at <= axis->high; at *= 10)
		count = add_tick(ticks, count, axis->unit, at);
	return count;
}

static size_t log_ticks(const struct bench_axis *axis, unsigned most, struct bench_tick *ticks)
{
	static const double fine[] = { 1, 2, 5 };
	double decade = pow(10, floor(log10(axis->low) + 1e-9));
	double decades = log10(axis->high / axis->low);
	unsigned each = decades * 3 <= most ? 3 : 1;
	unsigned skip = decades > most ? (unsigned)ceil(decades / most) : 1;
	size_t count = 0;

	for (unsigned n = 0; decade <= axis->high * 1.001; decade *= 10, n++)
		for (unsigned i = 0; i < each && n % skip == 0; i++)
			if (decade * fine[i] >= axis->low * 0.999 &&
			    decade * fine[i] <= axis->high * 1.001)
				count = add_tick(ticks, count, axis->unit, decade * fine[i]);
	return count;
}

size_t bench_axis_ticks(const struct bench_axis *axis, unsigned most,
			struct bench_tick ticks[BENCH_TICKS_MAX])
{
	double step;
	size_t count = 0;

	if (axis->unit == BENCH_UNIT_QUANTILE)
		return quantile_ticks(axis, ticks);
	if (axis->log && log10(axis->high / axis->low) >= 0.9)
		return log_ticks(axis, most, ticks);
	step = linear_step(axis, most);
	for (double n = ceil(axis->low / step - 1e-9) + 0.0; n * step <= axis->high * (1 + 1e-9);
	     n++)
		if (!axis->log || n > 0)
			count = add_tick(ticks, count, axis->unit, n * step);
	return count;
}
