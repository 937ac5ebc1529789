/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "money.h"

/* Holds units and nanos as one number, and that times a rate. */
__extension__ typedef __int128 wide;

bool money_code_valid(sp_str code)
{
	if (code.len != 3)
		return false;
	for (size_t i = 0; i < 3; i++)
		if (code.data[i] < 'A' || code.data[i] > 'Z')
			return false;
	return true;
}

void money_code_set(struct money *money, sp_str code)
{
	memcpy(money->code, code.data, 3);
	money->code[3] = '\0';
}

sp_str money_code(const struct money *money)
{
	return (sp_str){ money->code, 3 };
}

static wide all_nanos(const struct money *money)
{
	return (wide)money->units * MONEY_NANOS + money->nanos;
}

static int set_nanos(struct money *ret, wide nanos)
{
	wide units = nanos / MONEY_NANOS;

	if (units > MONEY_UNITS_MAX || units < -MONEY_UNITS_MAX)
		return -ERANGE;
	ret->units = (int64_t)units;
	ret->nanos = (int32_t)(nanos % MONEY_NANOS);
	return 0;
}

int money_add(struct money *sum, const struct money *more)
{
	if (memcmp(sum->code, more->code, 3) != 0)
		return -EINVAL;
	return set_nanos(sum, all_nanos(sum) + all_nanos(more));
}

int money_times(const struct money *money, uint32_t count, struct money *ret)
{
	*ret = *money;
	return set_nanos(ret, all_nanos(money) * count);
}

/* Half of one away from zero. */
static wide divide(wide number, wide by)
{
	wide half = by / 2;

	return number < 0 ? -((-number + half) / by) : (number + half) / by;
}

int money_convert(const struct money *money, sp_str code, int64_t from, int64_t to,
		  struct money *ret)
{
	struct money result;

	money_code_set(&result, code);
	if (set_nanos(&result, divide(all_nanos(money) * to, from)) < 0)
		return -ERANGE;
	*ret = result;
	return 0;
}

static const struct currency {
	const char *code;
	const char *symbol;
	int digits; /* after the point: 2, or 0 where there is no coin below the unit */
} currencies[] = {
	{ "USD", "$", 2 },
	{ "EUR", "\xe2\x82\xac", 2 },
	{ "GBP", "\xc2\xa3", 2 },
	{ "JPY", "\xc2\xa5", 0 },
	{ "TRY", "\xe2\x82\xba", 2 },
	{ "CAD", "CA$", 2 },
	{ "INR", "\xe2\x82\xb9", 2 },
	{ "KRW", "\xe2\x82\xa9", 0 },
	{ "ILS", "\xe2\x82\xaa", 2 },
	{ "ISK", "ISK ", 0 },
};

static struct currency currency_of(const struct money *money, char symbol[8])
{
	for (size_t i = 0; i < sizeof(currencies) / sizeof(currencies[0]); i++)
		if (strcmp(currencies[i].code, money->code) == 0)
			return currencies[i];
	snprintf(symbol, 8, "%.3s ", money->code);
	return (struct currency){ money->code, symbol, 2 };
}

void money_round(struct money *money)
{
	char symbol[8];
	wide coin = currency_of(money, symbol).digits ? MONEY_NANOS / 100 : MONEY_NANOS;

	/* What would be beyond the largest amount stays as it is. */
	set_nanos(money, divide(all_nanos(money), coin) * coin);
}

/* 1234567 as 1,234,567. */
static void grouped(int64_t number, char text[32])
{
	char plain[24];
	int len = snprintf(plain, sizeof(plain), "%" PRId64, number), out = 0;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			text[out++] = ',';
		text[out++] = plain[i];
	}
	text[out] = '\0';
}

sp_str money_text(const struct money *money, char text[MONEY_TEXT_MAX])
{
	char symbol[8], units[32];
	struct currency currency = currency_of(money, symbol);
	int64_t coins = currency.digits ? 100 : 1;
	/* The smallest coins there are, which then are units and coins again. */
	int64_t all = (int64_t)divide(all_nanos(money), MONEY_NANOS / coins);
	int64_t size = all < 0 ? -all : all;
	const char *sign = all < 0 ? "-" : "";
	int len;

	grouped(size / coins, units);
	if (currency.digits)
		len = snprintf(text, MONEY_TEXT_MAX, "%s%s%s.%02d", sign, currency.symbol, units,
			       (int)(size % coins));
	else
		len = snprintf(text, MONEY_TEXT_MAX, "%s%s%s", sign, currency.symbol, units);
	return (sp_str){ text, (size_t)len };
}

void money_write(struct wire_out *out, const struct money *money, char mark)
{
	wire_put(out, money_code(money), WIRE_TAB);
	wire_put_number(out, money->units, WIRE_TAB);
	wire_put_number(out, money->nanos, mark);
}

void money_read(struct wire_in *in, char mark, struct money *ret)
{
	sp_str code = wire_text(in, WIRE_TAB, 3, 3);

	memset(ret, 0, sizeof(*ret));
	if (in->bad || !money_code_valid(code)) {
		in->bad = true;
		return;
	}
	money_code_set(ret, code);
	ret->units = wire_number(in, WIRE_TAB, -MONEY_UNITS_MAX, MONEY_UNITS_MAX);
	ret->nanos = (int32_t)wire_number(in, mark, 1 - MONEY_NANOS, MONEY_NANOS - 1);
	/* One amount has one sign. */
	if ((ret->units > 0 && ret->nanos < 0) || (ret->units < 0 && ret->nanos > 0))
		in->bad = true;
}
