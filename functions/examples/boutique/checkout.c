/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkout.c - makes an order of what is in a user's cart.
 *
 *     place  USER, CURRENCY, EMAIL, then ADDRESS, then CARD  -> the ORDER
 *
 * For k products in the cart these are 7 + 2 k calls, in six steps: the cart; each product
 * and the cost of shipping; all of that in the user's currency; the payment; the parcel; the
 * cart emptied and the customer told. Nothing is charged before all of it is known. A parcel
 * that fails after the payment is an error in the log with the transaction's id.
 *
 * config `seed` makes ids of orders a sequence that is always the same, for tests.
 */
#include <errno.h>
#include <stdlib.h>

#include "batch.h"
#include "ids.h"
#include "order.h"

static const char *const calls[] = { "cart",    "productcatalog", "currency", "shipping",
				     "payment", "email",          NULL };
enum { CART, CATALOG, CURRENCY, SHIPPING, PAYMENT, EMAIL };

static const char *const config[] = { "seed=", NULL };

SP_COUNTER(orders_placed);

/* One order on its way. Texts lie in the request and in replies, and stay. */
struct purchase {
	sp_request *req;
	sp_str user;
	sp_str currency;
	struct card card;
	sp_str transaction;
	struct order order;
	struct money prices[LINES_MAX + 1]; /* of the products, and of shipping, in USD */
	char id[UUID_SIZE];
	struct batch batch; /* of the step it is at */
};

static int init(sp_worker *worker, void **state)
{
	sp_str seed = sp_config(worker, "seed");
	struct ids *ids = calloc(1, sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	if (ids_init(ids, seed) < 0) {
		sp_log(NULL, SP_ERROR, "seed %.*s: expected a number below 10^18", SP_ARG(seed));
		free(ids);
		return -EINVAL;
	}
	*state = ids;
	return 0;
}

static sp_error garbled(struct purchase *p, const char *what)
{
	sp_fail(p->req, SP_EUPSTREAM, "%s: an answer of no known form", what);
	return SP_EUPSTREAM;
}

/* All calls of the step. When one fails so does the handler, with what that one said. */
static sp_error run(struct purchase *p, const char *what)
{
	sp_error error = batch_run(&p->batch, p->req, p->batch.count);

	if (error != SP_OK)
		wire_failed(p->req, batch_failed(&p->batch), what);
	return error;
}

/* Each step is SP_OK, or the handler has failed. */
static sp_error step_cart(struct purchase *p)
{
	struct line lines[LINES_MAX];
	struct wire_in in;

	batch_init(&p->batch);
	wire_put(batch_ask(&p->batch, CART, "get"), p->user, WIRE_LINE);
	if (run(p, "cart") != SP_OK)
		return SP_EUPSTREAM;
	in = wire_of(&p->batch.calls[0]);
	p->order.count = lines_read(&in, lines);
	if (!wire_done(&in))
		return garbled(p, "cart");
	if (p->order.count == 0) {
		sp_fail(p->req, SP_ECONFLICT, "Your cart is empty.");
		return SP_ECONFLICT;
	}
	for (size_t i = 0; i < p->order.count; i++)
		p->order.items[i].line = lines[i];
	return SP_OK;
}

static sp_error step_products(struct purchase *p)
{
	size_t n = p->order.count;
	struct batch *batch = &p->batch;
	struct product product;
	struct wire_out *out;

	batch_init(batch);
	for (size_t i = 0; i < n; i++)
		wire_put(batch_ask(batch, CATALOG, "get"), p->order.items[i].line.id, WIRE_LINE);
	out = batch_ask(batch, SHIPPING, "quote");
	for (size_t i = 0; i < n; i++)
		line_write(out, &p->order.items[i].line);
	if (run(p, "products") != SP_OK)
		return SP_EUPSTREAM;
	for (size_t i = 0; i < n; i++) {
		if (!call_product(&batch->calls[i], &product))
			return garbled(p, "productcatalog");
		p->order.items[i].name = product.name;
		p->prices[i] = product.price;
	}
	return call_money(&batch->calls[n], &p->prices[n]) ? SP_OK : garbled(p, "shipping");
}

static sp_error step_convert(struct purchase *p)
{
	size_t n = p->order.count;
	struct batch *batch = &p->batch;
	struct wire_out *out;

	batch_init(batch);
	for (size_t i = 0; i <= n; i++) {
		out = batch_ask(batch, CURRENCY, "convert");
		money_write(out, &p->prices[i], WIRE_TAB);
		wire_put(out, p->currency, WIRE_LINE);
	}
	if (run(p, "currency") != SP_OK)
		return SP_EUPSTREAM;
	for (size_t i = 0; i <= n; i++)
		if (!call_money(&batch->calls[i],
				i < n ? &p->order.items[i].cost : &p->order.shipping))
			return garbled(p, "currency");
	if (order_sum(&p->order) < 0) {
		sp_fail(p->req, SP_EINPUT, "That is more than can be paid at once.");
		return SP_EINPUT;
	}
	return SP_OK;
}

/* The one call of a step whose answer is one line of text, which is then in `*ret`. */
static sp_error ask_line(struct purchase *p, const char *what, sp_str *ret)
{
	struct wire_in in;

	if (run(p, what) != SP_OK)
		return SP_EUPSTREAM;
	in = wire_of(&p->batch.calls[0]);
	*ret = wire_text(&in, WIRE_LINE, 1, UUID_SIZE);
	return wire_done(&in) ? SP_OK : garbled(p, what);
}

static sp_error step_pay(struct purchase *p)
{
	struct wire_out *out;

	batch_init(&p->batch);
	out = batch_ask(&p->batch, PAYMENT, "charge");
	money_write(out, &p->order.total, WIRE_LINE);
	card_write(out, &p->card);
	return ask_line(p, "payment", &p->transaction);
}

static sp_error step_ship(struct purchase *p)
{
	struct wire_out *out;
	sp_error error;

	batch_init(&p->batch);
	out = batch_ask(&p->batch, SHIPPING, "ship");
	address_write(out, &p->order.address);
	for (size_t i = 0; i < p->order.count; i++)
		line_write(out, &p->order.items[i].line);
	error = ask_line(p, "shipping", &p->order.tracking);
	if (error != SP_OK)
		sp_log(p->req, SP_ERROR, "order %s is not sent, but transaction %.*s was charged",
		       p->id, SP_ARG(p->transaction));
	return error;
}

/* The order stands whatever becomes of these two. */
static void step_finish(struct purchase *p)
{
	static const char *const names[2] = { "cart", "email" };
	struct batch *batch = &p->batch;

	batch_init(batch);
	wire_put(batch_ask(batch, CART, "empty"), p->user, WIRE_LINE);
	order_write(batch_ask(batch, EMAIL, "send"), &p->order);
	batch_run(batch, p->req, 2);
	for (size_t i = 0; i < 2; i++)
		if (batch->calls[i].error != SP_OK)
			sp_log(p->req, SP_WARNING, "order %s stands, but %s failed: %.*s", p->id,
			       names[i], (int)batch->calls[i].reply.len,
			       batch->calls[i].reply.data);
}

static bool purchase_read(struct purchase *p)
{
	struct wire_in in = wire_in(sp_view(p->req));

	p->user = wire_text(&in, WIRE_TAB, 1, USER_MAX);
	p->currency = wire_text(&in, WIRE_TAB, 3, 3);
	p->order.email = wire_text(&in, WIRE_LINE, 1, EMAIL_MAX);
	address_read(&in, &p->order.address);
	card_read(&in, &p->card);
	return wire_done(&in);
}

static sp_verdict on_request(sp_request *req, void *state)
{
	struct purchase purchase, *p = &purchase;
	struct wire_out *out;

	p->req = req;
	if (!text_is(sp_meta_of(req)->topic, "place"))
		return wire_refuse(req, "place");
	if (!purchase_read(p))
		return sp_fail(req, SP_EINPUT, "place: expected a user, an address and a card");
	ids_uuid(state, p->id);
	p->order.id = text_of(p->id);
	if (step_cart(p) != SP_OK || step_products(p) != SP_OK || step_convert(p) != SP_OK ||
	    step_pay(p) != SP_OK || step_ship(p) != SP_OK)
		return SP_FAILED;
	step_finish(p);
	sp_count(&orders_placed, 1);
	batch_init(&p->batch);
	out = &p->batch.out;
	order_write(out, &p->order);
	return wire_reply(req, out);
}

SP_FUNCTION(.name = "checkout", .version = "1", .init = init, .fini = free,
	    .on_request = on_request, .calls = calls, .config = config);
