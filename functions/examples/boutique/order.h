/* SPDX-License-Identifier: Apache-2.0 */
/* order.h - what is ordered, by whom, where it goes and who pays, as it travels. Texts lie in
 * the message. */
#ifndef BOUTIQUE_ORDER_H
#define BOUTIQUE_ORDER_H

#include "money.h"
#include "wire.h"

#define EMAIL_MAX 100U
#define STATE_MAX 40U
#define ZIP_MAX 16U
#define CVV_MAX 4U
#define YEAR_MAX 9999
#define CARD_NUMBER_MAX 32U /* with blanks and dashes */

struct address {
	sp_str street;
	sp_str city;
	sp_str state;
	sp_str zip;
	sp_str country;
};

struct card {
	sp_str number;
	sp_str cvv;
	int month; /* it is good until the end of: 1 to 12 */
	int year;
};

struct order_item {
	struct line line;
	sp_str name;
	struct money cost; /* of one */
};

struct order {
	sp_str id;
	sp_str tracking; /* of the parcel */
	sp_str email;
	struct money shipping;
	struct money total; /* items and shipping */
	struct address address;
	struct order_item items[LINES_MAX];
	size_t count;
};

void address_write(struct wire_out *out, const struct address *address);
void address_read(struct wire_in *in, struct address *ret);
void card_write(struct wire_out *out, const struct card *card);
void card_read(struct wire_in *in, struct card *ret);
void order_write(struct wire_out *out, const struct order *order);
/* Reads to the message's end. */
void order_read(struct wire_in *in, struct order *ret);

/* shipping and items make the total. 0; -EINVAL: not in one currency; -ERANGE. */
int order_sum(struct order *order);

#endif
