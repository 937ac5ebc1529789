/* SPDX-License-Identifier: Apache-2.0 */
#include "batch.h"

void batch_init(struct batch *batch)
{
	batch->count = 0;
	batch->needed = 0;
	batch->out = (struct wire_out)WIRE_OUT(batch->data);
}

struct wire_out *batch_ask(struct batch *batch, int fn, const char *topic)
{
	if (batch->count == BATCH_MAX) {
		batch->out.bad = true;
		return &batch->out;
	}
	batch->starts[batch->count] = batch->out.len;
	batch->calls[batch->count++] = (sp_call){ .fn = fn, .topic = text_of(topic) };
	return &batch->out;
}

sp_error batch_run(struct batch *batch, sp_request *req, size_t needed)
{
	size_t end = batch->out.len;

	batch->needed = needed;
	for (size_t i = batch->count; i-- > 0; end = batch->starts[i]) {
		sp_str body = { batch->data + batch->starts[i], end - batch->starts[i] };

		batch->calls[i].body = body;
		/* Half a question is asked of nobody. */
		if (batch->out.bad)
			batch->calls[i].error = SP_EINTERNAL;
	}
	if (batch->out.bad)
		return SP_EINTERNAL;
	if (sp_call_all(req, batch->calls, batch->count) == SP_OK)
		return SP_OK;
	return batch_failed(batch) ? batch_failed(batch)->error : SP_OK;
}

const sp_call *batch_failed(const struct batch *batch)
{
	for (size_t i = 0; i < batch->needed; i++)
		if (batch->calls[i].error != SP_OK)
			return &batch->calls[i];
	return NULL;
}

bool call_money(const sp_call *call, struct money *ret)
{
	struct wire_in in = wire_of(call);

	if (call->error != SP_OK)
		return false;
	money_read(&in, WIRE_LINE, ret);
	return wire_done(&in);
}

bool call_product(const sp_call *call, struct product *ret)
{
	struct wire_in in = wire_of(call);

	if (call->error != SP_OK)
		return false;
	product_read(&in, ret);
	return wire_done(&in);
}
