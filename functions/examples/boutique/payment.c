/* SPDX-License-Identifier: Apache-2.0 */
/*
 * payment.c - charges a card. No money moves: as in the public demo, the card is checked and
 * a transaction's id is made.
 *
 *     charge  AMOUNT, then CARD  -> the transaction's id
 *
 * config `seed` makes ids a sequence that is always the same, `today` (YYYY-MM) stands for
 * the clock: both for tests.
 */
#include <errno.h>
#include <stdlib.h>

#include "card_check.h"
#include "ids.h"

static const char *const config[] = { "seed=", "today=", NULL };

struct till {
	struct ids ids;
	sp_str today;
};

SP_COUNTER(cards_charged);
SP_COUNTER(cards_refused);

static int init(sp_worker *worker, void **state)
{
	sp_str seed = sp_config(worker, "seed"), today = sp_config(worker, "today");
	struct till *till = calloc(1, sizeof(*till));
	int month;

	if (!till)
		return -ENOMEM;
	till->today = today;
	if (ids_init(&till->ids, seed) < 0 || month_of(today, &month) < 0) {
		sp_log(NULL, SP_ERROR, "seed %.*s, today %.*s: expected something like 42, 2026-07",
		       SP_ARG(seed), SP_ARG(today));
		free(till);
		return -EINVAL;
	}
	*state = till;
	return 0;
}

static sp_verdict on_request(sp_request *req, void *state)
{
	struct till *till = state;
	struct wire_in in = wire_in(sp_view(req));
	char id[UUID_SIZE], data[UUID_SIZE + 1], ending[5], text[MONEY_TEXT_MAX];
	struct wire_out out = WIRE_OUT(data);
	const char *refusal;
	struct money amount;
	struct card card;
	int month;

	if (!text_is(sp_meta_of(req)->topic, "charge"))
		return wire_refuse(req, "charge");
	money_read(&in, WIRE_LINE, &amount);
	card_read(&in, &card);
	if (!wire_done(&in))
		return sp_fail(req, SP_EINPUT, "charge: expected an amount and a card");
	if (amount.units < 0 || amount.nanos < 0 || (amount.units == 0 && amount.nanos == 0))
		return sp_fail(req, SP_EINPUT, "charge: nothing to pay");
	month_of(till->today, &month);
	refusal = card_refusal(&card, month);
	if (refusal) {
		sp_count(&cards_refused, 1);
		return sp_fail(req, SP_EINPUT, "%s", refusal);
	}
	ids_uuid(&till->ids, id);
	card_ending(&card, ending);
	sp_log(req, SP_DEBUG, "transaction %s: %.*s from a card ending %s", id,
	       SP_ARG(money_text(&amount, text)), ending);
	sp_count(&cards_charged, 1);
	wire_put(&out, text_of(id), WIRE_LINE);
	return wire_reply(req, &out);
}

SP_FUNCTION(.name = "payment", .version = "1", .init = init, .fini = free, .on_request = on_request,
	    .config = config);
