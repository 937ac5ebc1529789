/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - columns of text for people, as wide as their widest cell.
 *
 * For: what the commands print.
 * How: cells are added row by row, then all is printed: the first column to the left, the others
 * to the right. Widths count characters, not bytes ("µs").
 * Thread-safety: one thread. Failure modes: cells above the limits are left out.
 */
#ifndef SPROCKET_BENCH_TABLE_H
#define SPROCKET_BENCH_TABLE_H

#include <stdint.h>
#include <stdio.h>

#define BENCH_TABLE_COLUMNS 16U
#define BENCH_TABLE_ROWS 64U
#define BENCH_CELL_MAX 64U

struct bench_table {
	unsigned rows, column; /* the row that is being filled is the last; its next column */
	char cells[BENCH_TABLE_ROWS][BENCH_TABLE_COLUMNS][BENCH_CELL_MAX];
};

void bench_table_init(struct bench_table *t);
void bench_table_row(struct bench_table *t, const char *first); /* begins one */
__attribute__((format(printf, 2, 3))) void bench_table_cell(struct bench_table *t,
							    const char *format, ...);
/* Prints it and empties it, so that it may be filled again. */
void bench_table_print(struct bench_table *t, FILE *to);

/* "812 ns", "61.2 µs", "1.24 ms", "3.10 s"; "199,874"; "1.5 MiB". They return `to`. */
const char *bench_text_time(char to[BENCH_CELL_MAX], double us);
const char *bench_text_count(char to[BENCH_CELL_MAX], double n);
const char *bench_text_bytes(char to[BENCH_CELL_MAX], double n);

#endif
