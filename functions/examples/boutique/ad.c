/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ad.c - advertisements that go with what the user looks at.
 *
 *     get  USER, then a line for each category  -> at most two lines: ID of a product, TEXT
 *
 * Without a category, or where nothing goes with them, it is any two; which depends on the
 * user.
 */
#include "wire.h"

#define ADS_MAX 2U

static const struct ad {
	const char *category;
	const char *product;
	const char *text;
} ads[] = {
	{ "hair", "2ZYFJ3GM2N", "Hairdryer for sale. 50% off." },
	{ "clothing", "66VCHSJNUP", "Tank top for sale. 20% off." },
	{ "decor", "0PUK6V6EV0", "Candle holder for sale. 30% off." },
	{ "kitchen", "9SIQT8TOJO", "Bamboo glass jar for sale. 10% off." },
	{ "accessories", "1YMWWN1N4O", "Watch for sale. Buy one, get second kit for free" },
	{ "kitchen", "6E92ZMYYFZ", "Mug for sale. Buy two, get third one for free" },
	{ "footwear", "L9ECAV7KIM", "Loafers for sale. Buy one, get second one for free" },
};

#define AD_COUNT (sizeof(ads) / sizeof(ads[0]))

static void put(struct wire_out *out, const struct ad *ad, size_t *count)
{
	if (*count == ADS_MAX)
		return;
	wire_put(out, text_of(ad->product), WIRE_TAB);
	wire_put(out, text_of(ad->text), WIRE_LINE);
	++*count;
}

static sp_verdict on_request(sp_request *req, void *state)
{
	struct wire_in in = wire_in(sp_view(req));
	char data[256];
	struct wire_out out = WIRE_OUT(data);
	size_t count = 0, first;
	sp_str user, category;
	bool matched;

	(void)state;
	if (!text_is(sp_meta_of(req)->topic, "get"))
		return wire_refuse(req, "get");
	user = wire_text(&in, WIRE_LINE, 1, USER_MAX);
	while (wire_more(&in)) {
		category = wire_text(&in, WIRE_LINE, 1, TEXT_MAX);
		for (size_t i = 0; i < AD_COUNT; i++)
			if (text_is(category, ads[i].category))
				put(&out, &ads[i], &count);
	}
	if (!wire_done(&in))
		return sp_fail(req, SP_EINPUT, "get: expected a user and categories");
	matched = count > 0;
	first = text_hash(user, 0) % AD_COUNT;
	for (size_t i = 0; i < ADS_MAX && !matched; i++)
		put(&out, &ads[(first + i) % AD_COUNT], &count);
	return wire_reply(req, &out);
}

SP_FUNCTION(.name = "ad", .version = "1", .on_request = on_request);
