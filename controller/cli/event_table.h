/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event_table.h - events as rows: for `events` and `describe`.
 *
 * Ownership: table_done(). Thread-safety: one owner.
 */
#ifndef SPROCKET_CONTROLLER_CLI_EVENT_TABLE_H
#define SPROCKET_CONTROLLER_CLI_EVENT_TABLE_H

#include <jansson.h>

#include "controller/cli/table.h"

void event_table_init(struct table *table);
void event_table_row(struct table *table, const json_t *event);
/* The last `max` of the events; 0: all. */
void event_table_rows(struct table *table, const json_t *events, size_t max);

#endif
