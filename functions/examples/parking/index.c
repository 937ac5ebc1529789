/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.c - taken for plates that search does not know: a ticket for a visitor.
 *
 * A visitor's first picture opens a ticket, later ones find it again. Tickets live in this
 * process, so the chain file asks for one instance; config `capacity` says how many there
 * may be, and beyond it the lot is full.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sprocket.h>

#include "record.h"

#define CAPACITY_MAX 10000U

static const char *const config[] = { "capacity=1000", NULL };

struct ticket {
	char plate[PLATE_LENGTH_MAX + 1];
	time_t since; /* seconds of CLOCK_BOOTTIME */
};

struct lot {
	uint32_t capacity;
	uint32_t count; /* tickets[i] has number i + 1 */
	struct ticket tickets[];
};

SP_COUNTER(tickets_opened);
SP_COUNTER(visitors_refused);

static time_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

static int init(sp_worker *worker, void **state)
{
	const char *text = sp_config(worker, "capacity").data;
	char *end;
	unsigned long capacity = strtoul(text, &end, 10);
	struct lot *lot;

	if (*end || capacity < 1 || capacity > CAPACITY_MAX) {
		sp_log(NULL, SP_ERROR, "capacity %s: expected a number from 1 to %u", text,
		       CAPACITY_MAX);
		return -EINVAL;
	}
	lot = calloc(1, sizeof(*lot) + capacity * sizeof(lot->tickets[0]));
	if (!lot)
		return -ENOMEM;
	lot->capacity = (uint32_t)capacity;
	*state = lot;
	return 0;
}

/* The ticket of a plate, opened if need be; NULL when the lot is full. */
static const struct ticket *lot_ticket(struct lot *lot, const char *plate)
{
	struct ticket *ticket = lot->tickets;

	for (uint32_t i = 0; i < lot->count; i++, ticket++)
		if (strcmp(ticket->plate, plate) == 0)
			return ticket;
	if (lot->count == lot->capacity)
		return NULL;
	lot->count++;
	memcpy(ticket->plate, plate, sizeof(ticket->plate));
	ticket->since = now_s();
	sp_count(&tickets_opened, 1);
	return ticket;
}

static sp_verdict on_request(sp_request *req, void *state)
{
	struct lot *lot = state;
	const struct ticket *ticket;
	struct record record;
	time_t minutes;

	if (record_read(req, &record) < 0)
		return sp_fail(req, SP_EINPUT, "body is not a record of search");
	ticket = lot_ticket(lot, record.plate);
	if (!ticket) {
		sp_count(&visitors_refused, 1);
		return sp_fail(req, SP_EUNAVAILABLE, "the lot is full");
	}
	minutes = (now_s() - ticket->since) / 60;
	record.minutes = minutes < RECORD_NUMBER_MAX ? (uint32_t)minutes : RECORD_NUMBER_MAX;
	record.ticket = (uint32_t)(ticket - lot->tickets) + 1;
	strcpy(record.holder, "visitor");
	if (record_write(req, &record) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the record");
	return SP_NEXT;
}

SP_FUNCTION(.name = "index", .version = "1", .init = init, .fini = free, .on_request = on_request,
	    .config = config);
