// SPDX-License-Identifier: Apache-2.0
/* See event_table.h. */
#include "controller/cli/event_table.h"
#include "controller/cli/object.h"

void event_table_init(struct table *table)
{
	static const char *const headers[] = { "LAST SEEN", "COUNT", "TYPE",
					       "REASON",    "CHAIN", "MESSAGE" };

	table_init(table, headers, sizeof(headers) / sizeof(headers[0]));
}

void event_table_row(struct table *table, const json_t *event)
{
	char age[TABLE_AGE_MAX], count[OBJECT_NUMBER_MAX];
	const char *chain = object_text(event, "chain");
	const char *cells[] = {
		table_age_since(object_text(event, "time"), time(NULL), age),
		object_number(event, "count", count),
		object_text(event, "type"),
		object_text(event, "reason"),
		chain ? chain : "",
		object_text(event, "message"),
	};

	table_row(table, cells);
}

void event_table_rows(struct table *table, const json_t *events, size_t max)
{
	size_t count = json_array_size(events);

	for (size_t i = max && count > max ? count - max : 0; i < count; i++)
		event_table_row(table, json_array_get(events, i));
}
