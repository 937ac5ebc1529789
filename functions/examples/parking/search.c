/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search.c - second function: who is registered with this plate?
 *
 * The table is the file that config `table` names, relative to the folder of this
 * executable; without one, a few plates that are built in.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sprocket.h>

#include "record.h"
#include "table.h"

static const char *const edges[] = { "unknown_plate", NULL };
enum { UNKNOWN_PLATE };

static const char *const config[] = { "table=", NULL };

static const char builtin_table[] = "AB-1234 95 Ada Lovelace\n"
				    "GH-4711 30 Grace Hopper\n";

SP_COUNTER(plates_known);
SP_COUNTER(plates_unknown);

static FILE *table_open(sp_worker *worker, const char *name)
{
	char path[2 * PATH_MAX];

	if (!name[0]) /* the stream only reads */
		return fmemopen((char *)(uintptr_t)builtin_table, strlen(builtin_table), "r");
	if (name[0] == '/')
		return fopen(name, "re");
	snprintf(path, sizeof(path), "%.*s/%s", SP_ARG(sp_folder(worker)), name);
	return fopen(path, "re");
}

/* Returns 0 and *ret, or -errno after saying why. */
static int table_load(sp_worker *worker, const char *name, struct table *ret)
{
	FILE *file = table_open(worker, name);
	unsigned line = 0;
	int r;

	if (!file) {
		r = -errno;
		sp_log(NULL, SP_ERROR, "table %s: %s", name, strerror(-r));
		return r;
	}
	r = table_read(file, ret, &line);
	fclose(file);
	if (r < 0)
		sp_log(NULL, SP_ERROR, "table %s, line %u: %s; expected: PLATE MINUTES HOLDER",
		       name, line, strerror(-r));
	return r;
}

static int init(sp_worker *worker, void **state)
{
	struct table *table = malloc(sizeof(*table));
	int r = table ? table_load(worker, sp_config(worker, "table").data, table) : -ENOMEM;

	if (r < 0) {
		free(table);
		return r;
	}
	sp_log(NULL, SP_INFO, "%zu plates registered", table->count);
	*state = table;
	return 0;
}

static sp_verdict search(sp_request *req, void *state)
{
	const struct table_entry *entry;
	struct record record;

	if (record_read(req, &record) < 0)
		return sp_fail(req, SP_EINPUT, "body is not a record of detect");
	entry = table_find(state, record.plate);
	if (!entry) {
		sp_count(&plates_unknown, 1);
		return UNKNOWN_PLATE;
	}
	sp_count(&plates_known, 1);
	memcpy(record.holder, entry->holder, sizeof(record.holder));
	record.minutes = entry->minutes;
	if (record_write(req, &record) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the record");
	return SP_NEXT;
}

SP_FUNCTION(.name = "search", .version = "1", .init = init, .fini = free, .on_request = search,
	    .edges = edges, .config = config);
