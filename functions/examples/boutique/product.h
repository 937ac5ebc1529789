/* SPDX-License-Identifier: Apache-2.0 */
/* product.h - a product as it travels: one line, its texts lie in the message. */
#ifndef BOUTIQUE_PRODUCT_H
#define BOUTIQUE_PRODUCT_H

#include "money.h"
#include "wire.h"

struct product {
	sp_str id;
	sp_str name;
	sp_str description;
	sp_str picture;     /* file under /static/products */
	sp_str categories;  /* with commas between them */
	struct money price; /* in USD */
};

void product_write(struct wire_out *out, const struct product *product);
void product_read(struct wire_in *in, struct product *ret);
/* The answer to "list". Returns how many; none after an error. */
size_t products_read(struct wire_in *in, struct product products[PRODUCTS_MAX]);

#endif
