// SPDX-License-Identifier: Apache-2.0
#include "gateway/breaker.h"

#include "gateway/instance.h"
#include "gateway/lease.h"
#include "gateway/request.h"
#include "gateway/tables.h"
#include "gateway/worker.h"

static const char *function_meant(const struct gateway *g, uint32_t index)
{
	const struct sp_owner *o = &g->owners[index];

	return o->hops > 0 && o->hops <= SP_HOPS_MAX ? gw_function_name(g, o->hop[o->hops - 1].fn) :
						       "";
}

void gw_breaker_refuse(struct gw_worker *worker, const struct sp_desc *d)
{
	struct gateway *g = worker->gateway;
	struct gw_request *r = gw_request_of(g, d->buf);

	switch (gw_request_state(r)) {
	case GW_IN_CHAIN: {
		struct gw_problem problem = { .kind = GW_PROBLEM_CIRCUIT_OPEN,
					      .function = function_meant(g, d->buf) };

		GW_COUNT(worker, circuit_open, 1);
		gw_request_refuse(r, &problem);
		gw_request_free(r);
		break;
	}
	case GW_ORPHAN:
		gw_request_free(r);
		break;
	case GW_LEASED: /* a message, a part, or what its caller waits for no more */
		if (!(d->flags & SP_DESC_PART) && gw_instance_is_message(worker, d->buf))
			gw_instance_message_lose(worker, d->buf);
		else
			gw_lease_return(worker, d->buf);
		break;
	default:
		break;
	}
}

/* The controller may be busy, or gone: what cannot be told now goes with the next. */
static void late_tell(struct gateway *g, uint32_t fn)
{
	uint32_t count = __atomic_add_fetch(&g->late[fn], 1, __ATOMIC_RELAXED);
	struct wiring_msg msg = { .type = WIRING_LATE, .fn = fn, .count = count };

	if (wiring_send(g->control, &msg, sizeof(msg), NULL, 0) == 0)
		__atomic_fetch_sub(&g->late[fn], count, __ATOMIC_RELAXED);
}

void gw_breaker_late(struct gw_worker *worker, uint32_t index)
{
	struct gateway *g = worker->gateway;
	uint32_t slot = (uint32_t)gw_owner_word(g, index), fn;

	if (slot >= SP_INST_MAX)
		return;
	fn = g->instances[slot].fn;
	if (fn > SP_GATEWAY_FN && fn < SP_FN_MAX && worker->tables->wiring.watched >> fn & 1)
		late_tell(g, fn);
}
