/* SPDX-License-Identifier: Apache-2.0 */
/*
 * currency.c - what an amount is in another currency.
 *
 *     list                     -> a line for each currency's code
 *     convert  AMOUNT, CODE    -> the amount in that currency, rounded to its smallest coin
 *
 * The 33 rates are those of the public demo, of the European Central Bank.
 */
#include "money.h"

static const struct rate {
	char code[4];
	int64_t per_euro; /* hundred-thousandths of a unit */
} rates[] = {
	{ "EUR", 100000 },   { "USD", 113050 },    { "JPY", 12640000 },   { "BGN", 195580 },
	{ "CZK", 2559200 },  { "DKK", 746090 },    { "GBP", 85970 },      { "HUF", 31551000 },
	{ "PLN", 429960 },   { "RON", 474630 },    { "SEK", 1053750 },    { "CHF", 113600 },
	{ "ISK", 13680000 }, { "NOK", 980400 },    { "HRK", 742100 },     { "RUB", 7442080 },
	{ "TRY", 612470 },   { "AUD", 160720 },    { "BRL", 426820 },     { "CAD", 151280 },
	{ "CNY", 758570 },   { "HKD", 887430 },    { "IDR", 1599940000 }, { "ILS", 408750 },
	{ "INR", 7943200 },  { "KRW", 127505000 }, { "MXN", 2179990 },    { "MYR", 462890 },
	{ "NZD", 166790 },   { "PHP", 5908300 },   { "SGD", 153490 },     { "THB", 3601200 },
	{ "ZAR", 1605830 },
};

#define RATE_COUNT (sizeof(rates) / sizeof(rates[0]))
_Static_assert(RATE_COUNT == 33, "the demo has 33 currencies");
_Static_assert(RATE_COUNT <= CURRENCIES_MAX, "who reads the list has room for it");

static const struct rate *rate_of(sp_str code)
{
	for (size_t i = 0; i < RATE_COUNT; i++)
		if (text_is(code, rates[i].code))
			return &rates[i];
	return NULL;
}

static sp_verdict list(sp_request *req)
{
	char data[RATE_COUNT * 4];
	struct wire_out out = WIRE_OUT(data);

	for (size_t i = 0; i < RATE_COUNT; i++)
		wire_put(&out, text_of(rates[i].code), WIRE_LINE);
	return wire_reply(req, &out);
}

static sp_verdict convert(sp_request *req)
{
	struct wire_in in = wire_in(sp_view(req));
	struct money money, result;
	char data[64];
	struct wire_out out = WIRE_OUT(data);
	const struct rate *from, *to;
	sp_str code;

	money_read(&in, WIRE_TAB, &money);
	code = wire_text(&in, WIRE_LINE, 1, 3);
	if (!wire_done(&in))
		return sp_fail(req, SP_EINPUT, "convert: expected an amount and a currency");
	from = rate_of(money_code(&money));
	to = rate_of(code);
	if (!from || !to)
		return sp_fail(req, SP_EINPUT, "There is no currency %.*s.",
			       SP_ARG(from ? code : money_code(&money)));
	if (money_convert(&money, code, from->per_euro, to->per_euro, &result) < 0)
		return sp_fail(req, SP_EINPUT, "convert: too large an amount");
	money_round(&result);
	money_write(&out, &result, WIRE_LINE);
	return wire_reply(req, &out);
}

static sp_verdict on_request(sp_request *req, void *state)
{
	sp_str topic = sp_meta_of(req)->topic;

	(void)state;
	if (text_is(topic, "list"))
		return list(req);
	if (text_is(topic, "convert"))
		return convert(req);
	return wire_refuse(req, "list or convert");
}

SP_FUNCTION(.name = "currency", .version = "1", .on_request = on_request);
