/* SPDX-License-Identifier: Apache-2.0 */
#include "product.h"

void product_write(struct wire_out *out, const struct product *product)
{
	wire_put(out, product->id, WIRE_TAB);
	wire_put(out, product->name, WIRE_TAB);
	wire_put(out, product->description, WIRE_TAB);
	wire_put(out, product->picture, WIRE_TAB);
	wire_put(out, product->categories, WIRE_TAB);
	money_write(out, &product->price, WIRE_LINE);
}

void product_read(struct wire_in *in, struct product *ret)
{
	ret->id = wire_text(in, WIRE_TAB, 1, ID_MAX);
	ret->name = wire_text(in, WIRE_TAB, 1, TEXT_MAX);
	ret->description = wire_text(in, WIRE_TAB, 0, TEXT_MAX);
	ret->picture = wire_text(in, WIRE_TAB, 1, TEXT_MAX);
	ret->categories = wire_text(in, WIRE_TAB, 0, TEXT_MAX);
	money_read(in, WIRE_LINE, &ret->price);
}

size_t products_read(struct wire_in *in, struct product products[PRODUCTS_MAX])
{
	size_t count = 0;

	while (wire_more(in)) {
		if (count == PRODUCTS_MAX) {
			in->bad = true;
			break;
		}
		product_read(in, &products[count++]);
	}
	return in->bad ? 0 : count;
}
