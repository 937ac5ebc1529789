/* SPDX-License-Identifier: Apache-2.0 */
/* record.c - see record.h. */
#include "record.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The parts, each read from *text and stepped over. */
static bool read_sighting(const char **text, struct record *record)
{
	struct box *box = &record->box;
	int used = 0;

	sscanf(*text, "{\"plate\":\"%10[A-Z0-9-]\",\"box\":[%5u,%5u,%5u,%5u],\"image\":[%5u,%5u]%n",
	       record->plate, &box->x, &box->y, &box->width, &box->height, &record->image_width,
	       &record->image_height, &used);
	*text += used;
	return used > 0;
}

static bool read_holder(const char **text, struct record *record)
{
	int used = 0;

	sscanf(*text, ",\"holder\":\"%48[^\"\\]\",\"minutes\":%5u%n", record->holder,
	       &record->minutes, &used);
	*text += used;
	return used > 0;
}

static bool read_ticket(const char **text, struct record *record)
{
	int used = 0;

	sscanf(*text, ",\"ticket\":%5u%n", &record->ticket, &used);
	*text += used;
	return used > 0;
}

/* %u takes a minus sign too; what it makes of it is far above the limit. */
static bool record_in_range(const struct record *record)
{
	const struct box *box = &record->box;
	const uint32_t numbers[] = {
		record->minutes,     record->ticket,      box->x, box->y, box->width, box->height,
		record->image_width, record->image_height
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i] > RECORD_NUMBER_MAX)
			return false;
	return true;
}

int record_read(sp_request *req, struct record *ret)
{
	sp_buf body = sp_body(req);
	struct record record = { 0 };
	char copy[RECORD_TEXT_MAX + 1]; /* the body has no NUL at its end */
	const char *text = copy;

	if (body.len > RECORD_TEXT_MAX)
		return -EBADMSG;
	memcpy(copy, body.data, body.len);
	copy[body.len] = '\0';
	if (!read_sighting(&text, &record))
		return -EBADMSG;
	if (read_holder(&text, &record))
		(void)read_ticket(&text, &record);
	if (strcmp(text, "}") != 0 || text + 1 != copy + body.len || !record_in_range(&record))
		return -EBADMSG;
	*ret = record;
	return 0;
}

int record_write(sp_request *req, const struct record *record)
{
	const struct box *box = &record->box;
	char holder[RECORD_HOLDER_MAX + 48] = "", ticket[32] = "";

	if (record->holder[0])
		snprintf(holder, sizeof(holder), ",\"holder\":\"%s\",\"minutes\":%u",
			 record->holder, record->minutes);
	if (record->ticket)
		snprintf(ticket, sizeof(ticket), ",\"ticket\":%u", record->ticket);
	return sp_print(req, "{\"plate\":\"%s\",\"box\":[%u,%u,%u,%u],\"image\":[%u,%u]%s%s}",
			record->plate, box->x, box->y, box->width, box->height, record->image_width,
			record->image_height, holder, ticket);
}
