// SPDX-License-Identifier: Apache-2.0
/* See table.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/table.h"

#define GAP 3 /* spaces between columns, as kubectl has */

void table_init(struct table *table, const char *const *headers, size_t columns)
{
	*table = (struct table){ .columns = columns };
	table_row(table, headers);
}

static void drop_rows(struct table *table)
{
	for (size_t r = 0; r < table->count; r++)
		for (size_t c = 0; c < table->columns; c++)
			free(table->rows[r].cells[c]);
	table->count = 0;
}

void table_done(struct table *table)
{
	drop_rows(table);
	free(table->rows);
	*table = (struct table){ 0 };
}

static const char *shown(const char *cell)
{
	return !cell ? "<unknown>" : *cell ? cell : "<none>";
}

void table_row(struct table *table, const char *const *cells)
{
	struct table_row *row;

	if (table->count == table->size) {
		size_t size = table->size ? 2 * table->size : 16;
		struct table_row *rows = realloc(table->rows, size * sizeof(*rows));

		if (!rows)
			return;
		table->rows = rows;
		table->size = size;
	}
	row = &table->rows[table->count++];
	for (size_t c = 0; c < table->columns; c++) {
		const char *text = shown(cells[c]);
		size_t len = strlen(text);

		row->cells[c] = strdup(text);
		if (len > table->widths[c])
			table->widths[c] = len;
	}
}

void table_flush(struct table *table, FILE *out)
{
	for (size_t r = 0; r < table->count; r++) {
		for (size_t c = 0; c < table->columns; c++) {
			const char *text = table->rows[r].cells[c] ? table->rows[r].cells[c] : "";

			if (c + 1 < table->columns)
				fprintf(out, "%-*s", (int)table->widths[c] + GAP, text);
			else
				fprintf(out, "%s\n", text);
		}
	}
	drop_rows(table);
}

/* From which age on which units are shown; `small` only where it is not 0. */
static const struct {
	int64_t below, unit, small;
	char unit_name, small_name;
} steps[] = {
	{ 120, 1, 0, 's', 0 },
	{ 600, 60, 1, 'm', 's' },
	{ 3 * 3600, 60, 0, 'm', 0 },
	{ 8 * 3600, 3600, 60, 'h', 'm' },
	{ 48 * 3600, 3600, 0, 'h', 0 },
	{ 8 * 86400, 86400, 3600, 'd', 'h' },
	{ INT64_C(2) * 365 * 86400, 86400, 0, 'd', 0 },
	{ INT64_C(8) * 365 * 86400, 365 * 86400, 86400, 'y', 'd' },
	{ INT64_MAX, 365 * 86400, 0, 'y', 0 },
};

const char *table_age(int64_t seconds, char *buf)
{
	size_t i = 0;
	int64_t rest;

	if (seconds < 0)
		seconds = 0; /* the clock was set back */
	while (seconds >= steps[i].below && steps[i].below != INT64_MAX)
		i++;
	rest = steps[i].small ? seconds % steps[i].unit / steps[i].small : 0;
	if (rest)
		snprintf(buf, TABLE_AGE_MAX, "%" PRId64 "%c%" PRId64 "%c", seconds / steps[i].unit,
			 steps[i].unit_name, rest, steps[i].small_name);
	else
		snprintf(buf, TABLE_AGE_MAX, "%" PRId64 "%c", seconds / steps[i].unit,
			 steps[i].unit_name);
	return buf;
}

const char *table_age_since(const char *time, time_t now, char *buf)
{
	struct tm tm = { 0 };
	const char *rest = time ? strptime(time, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

	if (!rest)
		return NULL;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	return strcmp(rest, "Z") == 0 ? table_age((int64_t)now - timegm(&tm), buf) : NULL;
}
