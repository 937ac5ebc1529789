/* SPDX-License-Identifier: Apache-2.0 */
/*
 * email.c - tells the customer of an order.
 *
 *     send  ORDER  -> the text of the mail
 *
 * As in the public demo no mail leaves: the text is the answer, and a line in the log with
 * SPROCKET_DEBUG set.
 */
#include <errno.h>
#include <stdlib.h>

#include "assets.h"
#include "order.h"
#include "template.h"

#define MAIL_MAX 8000U

/* One thread's. What a handler does between its first and last use of it waits for nothing. */
struct desk {
	struct template *confirmation;
	struct view view;
	char text[MAIL_MAX];
};

SP_COUNTER(mails_sent);

static sp_str source(const char *name)
{
	for (size_t i = 0; i < asset_count; i++)
		if (text_is(text_of(name), assets[i].name))
			return assets[i].data;
	return (sp_str){ NULL, 0 };
}

static int init(sp_worker *worker, void **state)
{
	struct desk *desk = calloc(1, sizeof(*desk));

	(void)worker;
	if (!desk)
		return -ENOMEM;
	desk->confirmation = template_new("confirmation.txt", source);
	if (!desk->confirmation) {
		free(desk);
		return -EINVAL;
	}
	*state = desk;
	return 0;
}

static void fini(void *state)
{
	struct desk *desk = state;

	template_free(desk->confirmation);
	free(desk);
}

static void fill(struct view *view, const struct order *order)
{
	const struct address *address = &order->address;
	char text[MONEY_TEXT_MAX];

	view_reset(view);
	view_text(view, NULL, K_email, order->email);
	view_text(view, NULL, K_order_id, order->id);
	view_text(view, NULL, K_tracking, order->tracking);
	view_copy(view, NULL, K_shipping, money_text(&order->shipping, text));
	view_copy(view, NULL, K_total, money_text(&order->total, text));
	view_text(view, NULL, K_street, address->street);
	view_text(view, NULL, K_city, address->city);
	view_text(view, NULL, K_state, address->state);
	view_text(view, NULL, K_zip, address->zip);
	view_text(view, NULL, K_country, address->country);
	for (size_t i = 0; i < order->count; i++) {
		const struct order_item *item = &order->items[i];
		struct item *row = view_row(view, K_items);

		view_text(view, row, K_name, item->name);
		view_number(view, row, K_quantity, item->line.quantity);
		view_copy(view, row, K_cost, money_text(&item->cost, text));
	}
}

static sp_verdict on_request(sp_request *req, void *state)
{
	struct desk *desk = state;
	struct wire_in in = wire_in(sp_view(req));
	struct order order;
	long len;

	if (!text_is(sp_meta_of(req)->topic, "send"))
		return wire_refuse(req, "send");
	order_read(&in, &order);
	if (!wire_done(&in))
		return sp_fail(req, SP_EINPUT, "send: expected an order");
	fill(&desk->view, &order);
	len = template_render(desk->confirmation, &desk->view, desk->text, sizeof(desk->text));
	if (len < 0)
		return sp_fail(req, SP_ETOOBIG, "too long an order for a mail");
	sp_log(req, SP_DEBUG, "order %.*s: mail to %.*s", SP_ARG(order.id), SP_ARG(order.email));
	sp_count(&mails_sent, 1);
	if (sp_set_body(req, desk->text, (size_t)len) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the mail");
	return SP_REPLY;
}

SP_FUNCTION(.name = "email", .version = "1", .init = init, .fini = fini, .on_request = on_request);
