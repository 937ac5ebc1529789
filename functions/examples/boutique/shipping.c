/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shipping.c - what it costs to send a parcel, and the parcel on its way.
 *
 *     quote  a line for each product: ID, QUANTITY                    -> an amount in USD
 *     ship   ADDRESS, then a line for each product: ID, QUANTITY      -> the tracking id
 *
 * As in the public demo each parcel costs $8.99; nothing costs nothing. config `seed` makes
 * tracking ids a sequence that is always the same, for tests.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "ids.h"
#include "order.h"

static const char *const config[] = { "seed=", NULL };

SP_COUNTER(parcels_shipped);

static int init(sp_worker *worker, void **state)
{
	sp_str seed = sp_config(worker, "seed");
	struct ids *ids = calloc(1, sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	if (ids_init(ids, seed) < 0) {
		sp_log(NULL, SP_ERROR, "seed %.*s: expected a number below 10^18", SP_ARG(seed));
		free(ids);
		return -EINVAL;
	}
	*state = ids;
	return 0;
}

static sp_verdict quote(sp_request *req)
{
	struct wire_in in = wire_in(sp_view(req));
	struct line lines[LINES_MAX];
	size_t count = lines_read(&in, lines);
	struct money cost = { "USD", count ? 990000000 : 0, count ? 8 : 0 };
	char data[64];
	struct wire_out out = WIRE_OUT(data);

	if (!wire_done(&in))
		return sp_fail(req, SP_EINPUT, "quote: expected lines of id and quantity");
	money_write(&out, &cost, WIRE_LINE);
	return wire_reply(req, &out);
}

/* Two letters, then 3 and 7 digits after the lengths of the address and of its half, as the
 * public demo's. */
static sp_str tracking_id(struct ids *ids, const struct address *address, char text[40])
{
	size_t salt = address->street.len + address->city.len + address->state.len + 4;
	uint64_t random = ids_next(ids);
	int len = snprintf(text, 40, "%c%c-%zu%03u-%zu%07u", (char)('A' + random % 26),
			   (char)('A' + random / 26 % 26), salt, (unsigned)(random / 676 % 1000),
			   salt / 2, (unsigned)(random / 676000 % 10000000));

	return (sp_str){ text, (size_t)len };
}

static sp_verdict ship(sp_request *req, struct ids *ids)
{
	struct wire_in in = wire_in(sp_view(req));
	struct line lines[LINES_MAX];
	struct address address;
	char data[64], text[40];
	struct wire_out out = WIRE_OUT(data);

	address_read(&in, &address);
	if (lines_read(&in, lines) == 0 || !wire_done(&in))
		return sp_fail(req, SP_EINPUT, "ship: expected an address and what is sent");
	wire_put(&out, tracking_id(ids, &address, text), WIRE_LINE);
	sp_count(&parcels_shipped, 1);
	return wire_reply(req, &out);
}

static sp_verdict on_request(sp_request *req, void *state)
{
	sp_str topic = sp_meta_of(req)->topic;

	if (text_is(topic, "quote"))
		return quote(req);
	if (text_is(topic, "ship"))
		return ship(req, state);
	return wire_refuse(req, "quote or ship");
}

SP_FUNCTION(.name = "shipping", .version = "1", .init = init, .fini = free,
	    .on_request = on_request, .config = config);
