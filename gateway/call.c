// SPDX-License-Identifier: Apache-2.0
#include "gateway/call.h"

#include <stdio.h>
#include <string.h>

#include "functions/sdk/sprocket.h"
#include "gateway/gateway.h"
#include "gateway/lease.h"
#include "gateway/outbox.h"
#include "gateway/worker.h"

bool gw_call_is(const struct gateway *g, uint32_t index)
{
	const struct sp_owner *o = &g->owners[index];

	return o->leased == SP_LEASE_OUT && !gw_is_worker(g, o->home);
}

/* Puts the reason into the buffer. Returns its length. */
static uint32_t reason_put(const struct gateway *g, uint32_t index, uint32_t fn, const char *what)
{
	struct shm_header header, *slot = gw_slot(g, index);
	char text[RULE_NAME_MAX + 64];
	uint32_t len;

	snprintf(text, sizeof(text), "%s %s", gw_function_name(g, fn), what);
	len = (uint32_t)strlen(text);
	shm_header_init(&header, shm_layout_class(&g->wiring.layout, index)->stride);
	header.error = SP_EUPSTREAM;
	memcpy(slot, &header, sizeof(header));
	/* What others read is not written to. */
	if (__atomic_load_n(&g->owners[index].refs, __ATOMIC_ACQUIRE) > 0 ||
	    len > g->owners[index].cap)
		return 0;
	memcpy(shm_buffer_payload(slot), text, len);
	return len;
}

void gw_call_fail(struct gw_worker *worker, uint32_t index, uint32_t fn, const char *what,
		  uint8_t again)
{
	struct gateway *g = worker->gateway;
	struct sp_desc d = { .buf = index,
			     .gen = (uint32_t)(gw_owner_word(g, index) >> 32),
			     .len = reason_put(g, index, fn, what),
			     .edge = SP_EDGE_REPLY,
			     .flags = (uint8_t)(SP_DESC_FAILED | again),
			     .home = g->owners[index].home };

	if (gw_outbox_send(worker, &d, 1) < 0)
		gw_lease_return(worker, index);
}
