/* SPDX-License-Identifier: Apache-2.0 */
/*
 * money.h - amounts, exact to the billionth of a unit.
 *
 * An amount is whole units and nanos (billionths), both with the amount's sign, and the code
 * of its currency (ISO 4217). Nothing here uses floating point, so sums of prices are the
 * prices' sums.
 */
#ifndef BOUTIQUE_MONEY_H
#define BOUTIQUE_MONEY_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

#define MONEY_NANOS 1000000000
#define MONEY_UNITS_MAX INT64_C(999999999999999) /* either way */
#define MONEY_TEXT_MAX 48U

struct money {
	char code[4];
	int32_t nanos;
	int64_t units;
};

/* Three capital letters. */
bool money_code_valid(sp_str code);
void money_code_set(struct money *money, sp_str code);
sp_str money_code(const struct money *money);

/* Both sides are in one currency. 0; -EINVAL when they are not; -ERANGE. */
int money_add(struct money *sum, const struct money *more);
int money_times(const struct money *money, uint32_t count, struct money *ret);
/* Each euro is `from` of the amount's currency and `to` of the other, in the same fraction of
 * a unit. Rounded to the nearest nano, half of one away from zero. 0 or -ERANGE. */
int money_convert(const struct money *money, sp_str code, int64_t from, int64_t to,
		  struct money *ret);

/* To the smallest coin of its currency, so that what a page shows adds up. Half of one goes away
 * from zero. */
void money_round(struct money *money);

/* As people write it: "$19.99", "¥2,236", "CHF 20.08"; rounded to what coins there are. */
sp_str money_text(const struct money *money, char text[MONEY_TEXT_MAX]);

void money_write(struct wire_out *out, const struct money *money, char mark);
void money_read(struct wire_in *in, char mark, struct money *ret);

#endif
