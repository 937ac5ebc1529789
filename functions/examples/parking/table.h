/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - who is registered: plates, their holders, and how long they have parked.
 *
 * For: search. How: a text file, one plate a line, read once and sorted:
 *
 *     # plate  minutes  holder
 *     AB-1234  95       Ada Lovelace
 *
 * Thread-safety: read-only once loaded.
 */
#ifndef PARKING_TABLE_H
#define PARKING_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "plate.h"
#include "record.h"

#define TABLE_ENTRY_MAX 4096U
#define TABLE_LINE_MAX 256U
#define TABLE_MINUTES_MAX RECORD_NUMBER_MAX

struct table_entry {
	char plate[PLATE_LENGTH_MAX + 1];
	char holder[RECORD_HOLDER_MAX + 1];
	uint32_t minutes;
};

struct table {
	size_t count;
	struct table_entry entries[TABLE_ENTRY_MAX];
};

/*
 * Reads a table. Returns 0 and *ret; else its content is undefined: -EINVAL for a line
 * that is no entry, *ret_line says which (from 1); -EEXIST for a plate given twice;
 * -E2BIG for too many; -EIO.
 */
int table_read(FILE *file, struct table *ret, unsigned *ret_line);

/* The entry of a plate, or NULL. */
const struct table_entry *table_find(const struct table *table, const char *plate);

#endif
