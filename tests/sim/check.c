// SPDX-License-Identifier: Apache-2.0
/* What holds at any time, and what holds when nothing is under way. */
#include <string.h>

#include "gateway/request.h"
#include "gateway/worker.h"
#include "shm/pool.h"
#include "sim.h"

#define N(n) (unsigned long long)(n)

/* Free, the gateway's, a function's, or that of one which is being reclaimed: nothing else. */
void sim_check_always(void)
{
	for (uint32_t i = 0; i < sim.layout.buffer_count; i++) {
		uint32_t holder = (uint32_t)sim_owners()[i].word;

		SIM_CHECK(holder == SP_HOLDER_FREE || holder == SIM_WORKER_SLOT ||
				  sim_slot_used(holder),
			  "buffer %u is held by %#x, which is nobody", i, holder);
	}
}

static void check_buffer(const struct gateway *g, uint32_t i)
{
	const struct sp_owner *o = &sim_owners()[i];
	const char *slot = (const char *)gw_slot(g, i);
	size_t stride = shm_layout_class(&sim.layout, i)->stride;
	uint32_t holder = (uint32_t)o->word;

	SIM_CHECK(holder == SP_HOLDER_FREE,
		  "buffer %u is lost: %#x holds it, state %u, leased %u, "
		  "refs %u, kept %u",
		  i, holder, gw_request_of(g, i)->state, o->leased, o->refs, g->kept[i]);
	SIM_CHECK(gw_request_of(g, i)->state == GW_FREE, "buffer %u is free, its request is not",
		  i);
	SIM_CHECK(!sim.wiring->wipe_on_free ||
			  (slot[0] == 0 && memcmp(slot, slot + 1, stride - 1) == 0),
		  "buffer %u is free, and not wiped", i);
	SIM_CHECK(o->refs == 0 && o->ref == 0 && !g->kept[i], "buffer %u is free, and read", i);
}

/* Each request has ended in one way. */
static void check_ends(const struct wiring_stats *s)
{
	uint64_t ended = s->answered + s->failed + s->timed_out + s->lost - s->messages_lost +
			 s->bad_buffer + s->abandoned + s->circuit_open + s->shed_inside;

	SIM_CHECK(s->requests == ended,
		  "%llu requests, but %llu ends: answered %llu, failed %llu, timed out %llu, lost "
		  "%llu less %llu, bad %llu, abandoned %llu, open %llu, shed %llu",
		  N(s->requests), N(ended), N(s->answered), N(s->failed), N(s->timed_out),
		  N(s->lost), N(s->messages_lost), N(s->bad_buffer), N(s->abandoned),
		  N(s->circuit_open), N(s->shed_inside));
}

static void check_counts(const struct gateway *g)
{
	const struct gw_worker *w = &g->workers[0];
	const struct wiring_stats *s = w->stats;
	uint32_t available = 0;

	for (uint32_t cls = 0; cls < sim.layout.class_count; cls++) {
		available += shm_pool_available(g->pool, cls);
		SIM_CHECK(g->leased[cls] == 0, "%u buffers of class %u are leased, to nobody",
			  g->leased[cls], cls);
		SIM_CHECK(w->requests[cls] == 0, "%d requests of class %u, of nobody",
			  w->requests[cls], cls);
	}
	SIM_CHECK(available == sim.layout.buffer_count, "%u of %u buffers are in the pool",
		  available, sim.layout.buffer_count);
	SIM_CHECK(w->live == 0 && s->in_flight == 0 && s->leased == 0,
		  "live %u, in flight %llu, leased %llu at rest", w->live,
		  (unsigned long long)s->in_flight, (unsigned long long)s->leased);
	check_ends(s);
	for (uint32_t slot = 2; slot < SP_INST_MAX; slot++)
		SIM_CHECK(!sim_slot_alive(slot) || sim_instances()[slot].in_flight == 0,
			  "%u in flight at slot %u, which has none",
			  sim_instances()[slot].in_flight, slot);
}

void sim_check_rest(void)
{
	for (uint32_t i = 0; i < sim.layout.buffer_count; i++)
		check_buffer(sim.gateway, i);
	check_counts(sim.gateway);
}
