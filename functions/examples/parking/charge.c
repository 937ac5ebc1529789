/* SPDX-License-Identifier: Apache-2.0 */
/*
 * charge.c - last function: what parking costs, as the answer to the client.
 *
 * Each hour begun costs config `rate`, the first one from the start.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <sprocket.h>

#include "record.h"

static const char *const config[] = { "rate=2.50", "currency=EUR", NULL };

#define CURRENCY_MAX 8

struct tariff {
	uint32_t rate_cents; /* per hour */
	char currency[CURRENCY_MAX + 1];
};

SP_COUNTER(cents_charged);

/* "2.50": units, a point, two digits. */
static int rate_parse(const char *text, uint32_t *ret_cents)
{
	uint32_t units, cents;
	int used = 0;

	if (sscanf(text, "%4u.%2u%n", &units, &cents, &used) != 2 || text[used] ||
	    text[used - 3] != '.' || units > 9999 || cents > 99)
		return -EINVAL;
	*ret_cents = units * 100 + cents;
	return 0;
}

static int currency_parse(const char *text, char ret[CURRENCY_MAX + 1])
{
	int used = 0;

	return sscanf(text, "%8[A-Z]%n", ret, &used) == 1 && !text[used] ? 0 : -EINVAL;
}

static int init(sp_worker *worker, void **state)
{
	const char *rate = sp_config(worker, "rate").data;
	const char *currency = sp_config(worker, "currency").data;
	struct tariff *tariff = calloc(1, sizeof(*tariff));

	if (!tariff)
		return -ENOMEM;
	if (rate_parse(rate, &tariff->rate_cents) < 0 ||
	    currency_parse(currency, tariff->currency) < 0) {
		sp_log(NULL, SP_ERROR, "rate %s, currency %s: expected something like 2.50, EUR",
		       rate, currency);
		free(tariff);
		return -EINVAL;
	}
	*state = tariff;
	return 0;
}

static int answer(sp_request *req, const struct record *record, const struct tariff *tariff)
{
	uint32_t hours = record->minutes > 60 ? (record->minutes + 59) / 60 : 1;
	uint64_t cents = (uint64_t)hours * tariff->rate_cents;
	const struct box *box = &record->box;
	char ticket[32] = "";

	if (record->ticket)
		snprintf(ticket, sizeof(ticket), ",\"ticket\":%u", record->ticket);
	sp_count(&cents_charged, cents);
	return sp_print(
		req,
		"{\"plate\":\"%s\",\"holder\":\"%s\"%s,\"minutes\":%u,\"charge\":%llu.%02llu,"
		"\"currency\":\"%s\",\"box\":[%u,%u,%u,%u],\"image\":[%u,%u]}\n",
		record->plate, record->holder, ticket, record->minutes,
		(unsigned long long)cents / 100, (unsigned long long)cents % 100, tariff->currency,
		box->x, box->y, box->width, box->height, record->image_width, record->image_height);
}

static sp_verdict charge(sp_request *req, void *state)
{
	struct record record;

	if (record_read(req, &record) < 0 || !record.holder[0])
		return sp_fail(req, SP_EINPUT, "body is not a record of search or index");
	if (answer(req, &record, state) < 0 ||
	    sp_set_header(req, "content-type", SP_S("application/json")) < 0 ||
	    sp_set_header(req, "cache-control", SP_S("no-store")) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the answer");
	sp_set_status(req, 200);
	return SP_REPLY;
}

SP_FUNCTION(.name = "charge", .version = "1", .init = init, .fini = free, .on_request = charge,
	    .config = config);
