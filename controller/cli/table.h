/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - columns of text, and times as people read them.
 *
 * For: what lists things (get, events).
 * How: rows wait until they are flushed, then each column is as wide as its widest cell.
 * Widths only grow, so that what is flushed line by line (-w) stays in its columns.
 * Failure modes: a row that finds no memory is printed short of its cells.
 * Ownership: cells are copied. Thread-safety: one owner.
 */
#ifndef SPROCKET_CONTROLLER_CLI_TABLE_H
#define SPROCKET_CONTROLLER_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define TABLE_COLUMNS_MAX 12
#define TABLE_AGE_MAX 48 /* bytes of an age's text */

struct table_row {
	char *cells[TABLE_COLUMNS_MAX];
};

struct table {
	size_t columns;
	size_t widths[TABLE_COLUMNS_MAX];
	struct table_row *rows; /* not flushed yet */
	size_t count, size;
};

/* The header is the first row. */
void table_init(struct table *table, const char *const *headers, size_t columns);
void table_done(struct table *table);

/* NULL is shown as <unknown>, "" as <none>. */
void table_row(struct table *table, const char *const *cells);
void table_flush(struct table *table, FILE *out);

/* "5s", "3m20s", "42m", "2h", "4d": as kubectl counts. Returns buf (TABLE_AGE_MAX bytes). */
const char *table_age(int64_t seconds, char *buf);

/* The age of an RFC 3339 time in UTC at `now`; NULL when it is no such time. Returns buf. */
const char *table_age_since(const char *time, time_t now, char *buf);

#endif
