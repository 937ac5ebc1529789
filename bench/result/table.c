// SPDX-License-Identifier: Apache-2.0
#include "bench/result/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

void bench_table_init(struct bench_table *t)
{
	t->rows = t->column = 0;
}

void bench_table_row(struct bench_table *t, const char *first)
{
	if (t->rows == BENCH_TABLE_ROWS)
		return;
	memset(t->cells[t->rows], 0, sizeof(t->cells[0]));
	t->rows++;
	t->column = 0;
	bench_table_cell(t, "%s", first);
}

void bench_table_cell(struct bench_table *t, const char *format, ...)
{
	va_list args;

	if (t->rows == 0 || t->column == BENCH_TABLE_COLUMNS)
		return;
	va_start(args, format);
	vsnprintf(t->cells[t->rows - 1][t->column++], BENCH_CELL_MAX, format, args);
	va_end(args);
}

/* Characters of UTF-8: bytes that do not go on with one. */
static unsigned width(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

static unsigned column_width(const struct bench_table *t, unsigned column)
{
	unsigned widest = 0;

	for (unsigned r = 0; r < t->rows; r++)
		if (width(t->cells[r][column]) > widest)
			widest = width(t->cells[r][column]);
	return widest;
}

static void row_print(const struct bench_table *t, unsigned row, const unsigned *widths,
		      unsigned columns, FILE *to)
{
	for (unsigned c = 0; c < columns; c++) {
		const char *text = t->cells[row][c];
		int pad = (int)(widths[c] - width(text));

		if (c == 0)
			fprintf(to, "%s%*s", text, columns > 1 ? pad : 0, "");
		else
			fprintf(to, "  %*s%s", pad, "", text);
	}
	fputc('\n', to);
}

void bench_table_print(struct bench_table *t, FILE *to)
{
	unsigned widths[BENCH_TABLE_COLUMNS];

	for (unsigned c = 0; c < BENCH_TABLE_COLUMNS; c++)
		widths[c] = column_width(t, c);
	for (unsigned r = 0; r < t->rows; r++) {
		unsigned columns = BENCH_TABLE_COLUMNS;

		while (columns > 1 && !t->cells[r][columns - 1][0])
			columns--;
		row_print(t, r, widths, columns, to);
	}
	bench_table_init(t);
}

/* Three digits that say something. */
static void digits(char to[BENCH_CELL_MAX], double n, const char *unit)
{
	int decimals = n < 9.995 ? 2 : n < 99.95 ? 1 : 0;

	snprintf(to, BENCH_CELL_MAX, "%.*f %s", decimals, n, unit);
}

const char *bench_text_time(char to[BENCH_CELL_MAX], double us)
{
	if (us < 1)
		snprintf(to, BENCH_CELL_MAX, "%.0f ns", us * 1000);
	else if (us < 999.5)
		digits(to, us, "µs");
	else if (us < 999500)
		digits(to, us / 1000, "ms");
	else
		digits(to, us / 1e6, "s");
	return to;
}

const char *bench_text_count(char to[BENCH_CELL_MAX], double n)
{
	char plain[32];
	int len = snprintf(plain, sizeof(plain), "%.0f", n < 0 || n > 1e18 ? 0 : n);
	char *at = to;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			*at++ = ',';
		*at++ = plain[i];
	}
	*at = '\0';
	return to;
}

const char *bench_text_bytes(char to[BENCH_CELL_MAX], double n)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned unit = 0;

	while (n >= 1024 && unit < 4) {
		n /= 1024;
		unit++;
	}
	if (unit == 0)
		snprintf(to, BENCH_CELL_MAX, "%.0f B", n);
	else
		digits(to, n, units[unit]);
	return to;
}
