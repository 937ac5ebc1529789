/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - see table.h. */
#include "table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A plate is the first member of an entry, so it serves as key as well. */
static int entry_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The holder goes into JSON as it is. */
static bool holder_valid(const char *holder)
{
	for (const char *c = holder; *c; c++)
		if ((unsigned char)*c < ' ' || *c == '"' || *c == '\\')
			return false;
	return true;
}

static bool entry_parse(const char *line, struct table_entry *ret)
{
	int used = 0;

	sscanf(line, "%10[A-Z0-9-]%*[ \t]%9u%*[ \t]%48[^\n]%n", ret->plate, &ret->minutes,
	       ret->holder, &used);
	return used > 0 && (line[used] == '\n' || line[used] == '\0') &&
	       plate_text_valid(ret->plate, strlen(ret->plate)) &&
	       ret->minutes <= TABLE_MINUTES_MAX && holder_valid(ret->holder);
}

static bool line_empty(const char *line)
{
	return line[0] == '#' || line[strspn(line, " \t\n")] == '\0';
}

int table_read(FILE *file, struct table *ret, unsigned *ret_line)
{
	char line[TABLE_LINE_MAX];

	ret->count = 0;
	for (*ret_line = 1; fgets(line, sizeof(line), file); ++*ret_line) {
		if (line_empty(line))
			continue;
		if (ret->count == TABLE_ENTRY_MAX)
			return -E2BIG;
		if (!entry_parse(line, &ret->entries[ret->count++]))
			return -EINVAL;
	}
	if (ferror(file))
		return -EIO;
	qsort(ret->entries, ret->count, sizeof(ret->entries[0]), entry_compare);
	for (size_t i = 1; i < ret->count; i++)
		if (entry_compare(&ret->entries[i - 1], &ret->entries[i]) == 0)
			return -EEXIST;
	return 0;
}

const struct table_entry *table_find(const struct table *table, const char *plate)
{
	return bsearch(plate, table->entries, table->count, sizeof(table->entries[0]),
		       entry_compare);
}
