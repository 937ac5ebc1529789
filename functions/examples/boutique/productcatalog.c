/* SPDX-License-Identifier: Apache-2.0 */
/*
 * productcatalog.c - what the shop sells: the nine products of the public demo.
 *
 *     list             -> a line for each product
 *     get  ID          -> its line; not found
 */
#include "product.h"

/* SP_S of a constant initializer. */
#define T(literal)                           \
	{                                    \
		literal, sizeof(literal) - 1 \
	}
#define USD(whole, cents)                      \
	{                                      \
		"USD", (cents)*10000000, whole \
	}

static const struct product products[] = {
	{ .id = T("OLJCESPC7Z"),
	  .name = T("Sunglasses"),
	  .price = USD(19, 99),
	  .description = T("Add a modern touch to your outfits with these sleek aviator "
			   "sunglasses."),
	  .picture = T("sunglasses.svg"),
	  .categories = T("accessories") },
	{ .id = T("66VCHSJNUP"),
	  .name = T("Tank Top"),
	  .price = USD(18, 99),
	  .description = T("Perfectly cropped cotton tank, with a scooped neckline."),
	  .picture = T("tank-top.svg"),
	  .categories = T("clothing,tops") },
	{ .id = T("1YMWWN1N4O"),
	  .name = T("Watch"),
	  .price = USD(109, 99),
	  .description = T("This gold-tone stainless steel watch will work with most of your "
			   "outfits."),
	  .picture = T("watch.svg"),
	  .categories = T("accessories") },
	{ .id = T("L9ECAV7KIM"),
	  .name = T("Loafers"),
	  .price = USD(89, 99),
	  .description = T("A neat addition to your summer wardrobe."),
	  .picture = T("loafers.svg"),
	  .categories = T("footwear") },
	{ .id = T("2ZYFJ3GM2N"),
	  .name = T("Hairdryer"),
	  .price = USD(24, 99),
	  .description = T("This lightweight hairdryer has 3 heat and speed settings. It's "
			   "perfect for travel."),
	  .picture = T("hairdryer.svg"),
	  .categories = T("hair,beauty") },
	{ .id = T("0PUK6V6EV0"),
	  .name = T("Candle Holder"),
	  .price = USD(18, 99),
	  .description = T("This small but intricate candle holder is an excellent gift."),
	  .picture = T("candle-holder.svg"),
	  .categories = T("decor,home") },
	{ .id = T("LS4PSXUNUM"),
	  .name = T("Salt & Pepper Shakers"),
	  .price = USD(18, 49),
	  .description = T("Add some flavor to your kitchen."),
	  .picture = T("salt-and-pepper-shakers.svg"),
	  .categories = T("kitchen") },
	{ .id = T("9SIQT8TOJO"),
	  .name = T("Bamboo Glass Jar"),
	  .price = USD(5, 49),
	  .description = T("This bamboo glass jar can hold 57 oz (1.7 l) and is perfect for "
			   "any kitchen."),
	  .picture = T("bamboo-glass-jar.svg"),
	  .categories = T("kitchen") },
	{ .id = T("6E92ZMYYFZ"),
	  .name = T("Mug"),
	  .price = USD(8, 99),
	  .description = T("A simple mug with a mustard interior."),
	  .picture = T("mug.svg"),
	  .categories = T("kitchen") },
};

#define PRODUCT_COUNT (sizeof(products) / sizeof(products[0]))
_Static_assert(PRODUCT_COUNT <= PRODUCTS_MAX, "who reads the list has room for it");

static sp_verdict list(sp_request *req)
{
	char data[4096];
	struct wire_out out = WIRE_OUT(data);

	for (size_t i = 0; i < PRODUCT_COUNT; i++)
		product_write(&out, &products[i]);
	return wire_reply(req, &out);
}

static sp_verdict get(sp_request *req)
{
	struct wire_in in = wire_in(sp_view(req));
	sp_str id = wire_text(&in, WIRE_LINE, 1, ID_MAX);
	char data[1024];
	struct wire_out out = WIRE_OUT(data);

	if (!wire_done(&in))
		return sp_fail(req, SP_EINPUT, "get: expected a line with a product's id");
	for (size_t i = 0; i < PRODUCT_COUNT; i++) {
		if (text_equals(products[i].id, id)) {
			product_write(&out, &products[i]);
			return wire_reply(req, &out);
		}
	}
	return sp_fail(req, SP_ENOTFOUND, "There is no product %.*s.", SP_ARG(id));
}

static sp_verdict on_request(sp_request *req, void *state)
{
	sp_str topic = sp_meta_of(req)->topic;

	(void)state;
	if (text_is(topic, "list"))
		return list(req);
	if (text_is(topic, "get"))
		return get(req);
	return wire_refuse(req, "list or get");
}

SP_FUNCTION(.name = "productcatalog", .version = "1", .on_request = on_request);
