/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.h - calls that go out together.
 *
 *     batch_init(&batch);
 *     wire_put(batch_ask(&batch, CART, "get"), user, WIRE_LINE);
 *     batch_ask(&batch, CURRENCY, "list");
 *     if (batch_run(&batch, req, 2) != SP_OK)
 *             return wire_failed(req, batch_failed(&batch), "...");
 *
 * Replies are the handler's until it returns, also when the batch is used again.
 */
#ifndef BOUTIQUE_BATCH_H
#define BOUTIQUE_BATCH_H

#include "money.h"
#include "product.h"
#include "wire.h"

#define BATCH_MAX 26U
#define BATCH_DATA 8192U

_Static_assert(BATCH_MAX > PRODUCTS_MAX && BATCH_MAX > LINES_MAX + 6, "one for each of a list");

struct batch {
	size_t count;
	size_t needed;
	struct wire_out out;
	size_t starts[BATCH_MAX];
	sp_call calls[BATCH_MAX];
	char data[BATCH_DATA];
};

void batch_init(struct batch *batch);
/* One more call; write its body to what this returns, before the next one. */
struct wire_out *batch_ask(struct batch *batch, int fn, const char *topic);
/* Makes the calls. SP_OK, or the error of the first of the first `needed` ones that failed;
 * the others may fail. */
sp_error batch_run(struct batch *batch, sp_request *req, size_t needed);
/* That first one; NULL when there is none. */
const sp_call *batch_failed(const struct batch *batch);

/* Answers that are one thing. False: the call failed, or its answer is of no known form. */
bool call_money(const sp_call *call, struct money *ret);
bool call_product(const sp_call *call, struct product *ret);

#endif
