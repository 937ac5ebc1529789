/* SPDX-License-Identifier: Apache-2.0 */
/*
 * visit.h - who it is that asks, by cookies, as the public demo's: shop_session-id is the
 * user's id, shop_currency the currency of the prices.
 */
#ifndef BOUTIQUE_VISIT_H
#define BOUTIQUE_VISIT_H

#include "ids.h"
#include "wire.h"

#define COOKIE_USER "shop_session-id"
#define COOKIE_CURRENCY "shop_currency"
#define COOKIE_SECONDS "172800" /* two days */

struct shop;

struct visit {
	sp_request *req;
	struct shop *shop;
	bool fresh; /* the user had no id, or none that can be one */
	char user[USER_MAX + 1];
	char currency[4];
};

_Static_assert(UUID_SIZE == USER_MAX + 1, "a user's id is a UUID");

void visit_read(struct visit *visit, struct ids *ids);
sp_str visit_user(const struct visit *visit);
sp_str visit_currency(const struct visit *visit);

/* Adds Set-Cookie. 0, or what sp_set_header says. */
int visit_set_cookie(struct visit *visit, const char *name, sp_str value);

#endif
