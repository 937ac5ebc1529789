/* SPDX-License-Identifier: Apache-2.0 */
#include "order.h"

#define TRACKING_MAX 40U

void address_write(struct wire_out *out, const struct address *address)
{
	wire_put(out, address->street, WIRE_TAB);
	wire_put(out, address->city, WIRE_TAB);
	wire_put(out, address->state, WIRE_TAB);
	wire_put(out, address->zip, WIRE_TAB);
	wire_put(out, address->country, WIRE_LINE);
}

void address_read(struct wire_in *in, struct address *ret)
{
	ret->street = wire_text(in, WIRE_TAB, 1, TEXT_MAX);
	ret->city = wire_text(in, WIRE_TAB, 1, TEXT_MAX);
	ret->state = wire_text(in, WIRE_TAB, 0, STATE_MAX);
	ret->zip = wire_text(in, WIRE_TAB, 1, ZIP_MAX);
	ret->country = wire_text(in, WIRE_LINE, 1, TEXT_MAX);
}

void card_write(struct wire_out *out, const struct card *card)
{
	wire_put(out, card->number, WIRE_TAB);
	wire_put(out, card->cvv, WIRE_TAB);
	wire_put_number(out, card->month, WIRE_TAB);
	wire_put_number(out, card->year, WIRE_LINE);
}

void card_read(struct wire_in *in, struct card *ret)
{
	ret->number = wire_text(in, WIRE_TAB, 1, CARD_NUMBER_MAX);
	ret->cvv = wire_text(in, WIRE_TAB, 1, CVV_MAX);
	ret->month = (int)wire_number(in, WIRE_TAB, 1, 12);
	ret->year = (int)wire_number(in, WIRE_LINE, 0, YEAR_MAX);
}

void order_write(struct wire_out *out, const struct order *order)
{
	wire_put(out, order->id, WIRE_TAB);
	wire_put(out, order->tracking, WIRE_TAB);
	wire_put(out, order->email, WIRE_LINE);
	money_write(out, &order->shipping, WIRE_TAB);
	money_write(out, &order->total, WIRE_LINE);
	address_write(out, &order->address);
	for (size_t i = 0; i < order->count; i++) {
		const struct order_item *item = &order->items[i];

		wire_put(out, item->name, WIRE_TAB);
		money_write(out, &item->cost, WIRE_TAB);
		line_write(out, &item->line);
	}
}

static void item_read(struct wire_in *in, struct order_item *ret)
{
	ret->name = wire_text(in, WIRE_TAB, 1, TEXT_MAX);
	money_read(in, WIRE_TAB, &ret->cost);
	ret->line.id = wire_text(in, WIRE_TAB, 1, ID_MAX);
	ret->line.quantity = (uint32_t)wire_number(in, WIRE_LINE, 1, QUANTITY_MAX);
}

void order_read(struct wire_in *in, struct order *ret)
{
	ret->id = wire_text(in, WIRE_TAB, 1, USER_MAX);
	ret->tracking = wire_text(in, WIRE_TAB, 1, TRACKING_MAX);
	ret->email = wire_text(in, WIRE_LINE, 1, EMAIL_MAX);
	money_read(in, WIRE_TAB, &ret->shipping);
	money_read(in, WIRE_LINE, &ret->total);
	address_read(in, &ret->address);
	ret->count = 0;
	while (wire_more(in)) {
		if (ret->count == LINES_MAX)
			in->bad = true;
		else
			item_read(in, &ret->items[ret->count++]);
	}
	/* An order of nothing is none. */
	if (ret->count == 0)
		in->bad = true;
}

int order_sum(struct order *order)
{
	struct money cost;
	int r;

	order->total = order->shipping;
	for (size_t i = 0; i < order->count; i++) {
		r = money_times(&order->items[i].cost, order->items[i].line.quantity, &cost);
		if (r == 0)
			r = money_add(&order->total, &cost);
		if (r < 0)
			return r;
	}
	return 0;
}
