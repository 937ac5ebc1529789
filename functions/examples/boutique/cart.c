/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cart.c - what each user has put into the cart.
 *
 *     get    USER                  -> a line for each product: ID, QUANTITY
 *     add    USER, ID, QUANTITY    -> nothing
 *     empty  USER                  -> nothing
 *
 * The carts live in this process alone, so the chain has one instance of it with one worker;
 * they are gone when it ends. config `carts` is how many there are at most.
 */
#include <errno.h>
#include <stdlib.h>

#include "cart_store.h"

static const char *const config[] = { "carts=16384", NULL };

SP_COUNTER(carts_evicted);

static int init(sp_worker *worker, void **state)
{
	const char *carts = sp_config(worker, "carts").data;
	char *end;
	unsigned long capacity = strtoul(carts, &end, 10);

	if (*carts < '0' || *carts > '9' || *end || capacity < 1 || capacity > CARTS_MAX) {
		sp_log(NULL, SP_ERROR, "carts %s: expected a number from 1 to %u", carts,
		       CARTS_MAX);
		return -EINVAL;
	}
	if (sp_worker_index(worker) > 0) {
		sp_log(NULL, SP_ERROR, "carts are kept in one place: expected workers: 1");
		return -EINVAL;
	}
	*state = cart_store_new((uint32_t)capacity);
	return *state ? 0 : -ENOMEM;
}

static void fini(void *state)
{
	cart_store_free(state);
}

static sp_verdict get(sp_request *req, struct cart_store *store, sp_str user)
{
	const struct cart *cart = cart_get(store, user);
	char data[LINES_MAX * 32];
	struct wire_out out = WIRE_OUT(data);

	for (uint32_t i = 0; cart && i < cart->count; i++)
		line_write(&out,
			   &(struct line){ text_of(cart->lines[i].id), cart->lines[i].quantity });
	return wire_reply(req, &out);
}

static sp_verdict nothing(sp_request *req)
{
	return wire_reply(req, &(struct wire_out){ .data = NULL });
}

static sp_verdict add(sp_request *req, struct cart_store *store)
{
	struct wire_in in = wire_in(sp_view(req));
	sp_str user = wire_text(&in, WIRE_TAB, 1, USER_MAX);
	struct line line;
	bool evicted;
	int r;

	line.id = wire_text(&in, WIRE_TAB, 1, ID_MAX);
	line.quantity = (uint32_t)wire_number(&in, WIRE_LINE, 1, QUANTITY_MAX);
	if (!wire_done(&in))
		return sp_fail(req, SP_EINPUT,
			       "add: expected a user, a product's id and a "
			       "quantity");
	r = cart_add(store, user, &line, &evicted);
	sp_count(&carts_evicted, evicted);
	if (r == -ERANGE)
		return sp_fail(req, SP_ECONFLICT, "A cart holds at most %u of one product.",
			       QUANTITY_MAX);
	if (r < 0)
		return sp_fail(req, SP_ECONFLICT, "A cart holds at most %u different products.",
			       LINES_MAX);
	return nothing(req);
}

static sp_verdict on_request(sp_request *req, void *state)
{
	sp_str topic = sp_meta_of(req)->topic;
	struct wire_in in;
	sp_str user;

	if (text_is(topic, "add"))
		return add(req, state);
	if (!text_is(topic, "get") && !text_is(topic, "empty"))
		return wire_refuse(req, "get, add or empty");
	in = wire_in(sp_view(req));
	user = wire_text(&in, WIRE_LINE, 1, USER_MAX);
	if (!wire_done(&in))
		return sp_fail(req, SP_EINPUT, "%.*s: expected a user", SP_ARG(topic));
	if (text_is(topic, "get"))
		return get(req, state, user);
	cart_empty(state, user);
	return nothing(req);
}

SP_FUNCTION(.name = "cart", .version = "1", .init = init, .fini = fini, .on_request = on_request,
	    .config = config);
