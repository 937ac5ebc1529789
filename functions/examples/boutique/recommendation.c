/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recommendation.c - what else the user may like: five products of the catalogue.
 *
 *     list  USER, then a line for each product that the user sees now  -> five lines of ids
 *
 * Products that the user sees come only when there are not five others. Which five depends on
 * the request alone, so that a page that is loaded again is the same page.
 */
#include "product.h"

#define RECOMMENDED 5U

static const char *const calls[] = { "productcatalog", NULL };
enum { CATALOG };

struct seen {
	sp_str ids[LINES_MAX];
	size_t count;
};

static bool seen_read(struct wire_in *in, struct seen *ret)
{
	wire_text(in, WIRE_LINE, 1, USER_MAX);
	ret->count = 0;
	while (wire_more(in) && ret->count < LINES_MAX)
		ret->ids[ret->count++] = wire_text(in, WIRE_LINE, 1, ID_MAX);
	return wire_done(in);
}

static bool seen_has(const struct seen *seen, sp_str id)
{
	for (size_t i = 0; i < seen->count; i++)
		if (text_equals(seen->ids[i], id))
			return true;
	return false;
}

/* Those not seen first, then the others; both shuffled. */
static void arrange(struct product *products, size_t count, const struct seen *seen, uint64_t hash)
{
	struct product kept;
	size_t fresh = 0, other;

	for (size_t i = count; i > 1; i--) {
		/* Knuth: MMIX. Its upper half is the random one. */
		hash = hash * 6364136223846793005U + 1442695040888963407U;
		other = (size_t)((hash >> 32) % i);
		kept = products[other];
		products[other] = products[i - 1];
		products[i - 1] = kept;
	}
	for (size_t i = 0; i < count; i++) {
		if (seen_has(seen, products[i].id))
			continue;
		kept = products[fresh];
		products[fresh++] = products[i];
		products[i] = kept;
	}
}

static sp_verdict on_request(sp_request *req, void *state)
{
	sp_call call = { .fn = CATALOG, .topic = SP_S("list") };
	struct wire_in in = wire_in(sp_view(req));
	struct product products[PRODUCTS_MAX];
	char data[RECOMMENDED * (ID_MAX + 1)];
	struct wire_out out = WIRE_OUT(data);
	struct seen seen;
	size_t count;

	(void)state;
	if (!text_is(sp_meta_of(req)->topic, "list"))
		return wire_refuse(req, "list");
	if (!seen_read(&in, &seen))
		return sp_fail(req, SP_EINPUT, "list: expected a user and at most %u ids",
			       LINES_MAX);
	if (sp_call_one(req, &call) != SP_OK)
		return wire_failed(req, &call, "catalogue");
	in = wire_of(&call);
	count = products_read(&in, products);
	if (!wire_done(&in))
		return wire_failed(req, &call, "catalogue");
	arrange(products, count, &seen, text_hash(sp_view(req), 0));
	for (size_t i = 0; i < count && i < RECOMMENDED; i++)
		wire_put(&out, products[i].id, WIRE_LINE);
	return wire_reply(req, &out);
}

SP_FUNCTION(.name = "recommendation", .version = "1", .on_request = on_request, .calls = calls);
