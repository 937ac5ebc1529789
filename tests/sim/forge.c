// SPDX-License-Identifier: Apache-2.0
/* What a function may not do. */
#include "instance.h"

static void forge(struct instance *in)
{
	struct sp_desc d = { .buf = sim_random(sim.layout.buffer_count + 2),
			     .gen = sim_random(4),
			     .len = sim_random(4000),
			     .edge = (uint8_t)sim_random(256),
			     .flags = (uint8_t)sim_random(256),
			     .home = (uint16_t)sim_random(12) };
	uint32_t holder = d.buf < sim.layout.buffer_count ? (uint32_t)sim_owners()[d.buf].word :
							    SP_HOLDER_FREE;

	/* What it holds it may send: that is no forgery. Nor is what names no buffer. */
	if (holder == sim_slot_of(in) || d.edge == SP_EDGE_REFILL || d.edge == SP_EDGE_WAKE ||
	    d.edge == SP_EDGE_CANCEL)
		return;
	if (sim_chance(50) && d.buf < sim.layout.buffer_count)
		d.gen = (uint32_t)(sim_owners()[d.buf].word >> 32);
	SIM_CHECK(!sim_instance_send(in, &d, 1), "slot %u: a forged descriptor was accepted",
		  sim_slot_of(in));
	in->life = LIFE_DEAD; /* the controller cuts it off */
	sim.deaths++;
}

/* What it holds itself, to somebody who does not wait for it, or longer than it can be. */
static void misname(struct instance *in)
{
	struct sp_desc d = in->held[sim_random(in->held_count)].d;

	if (d.home != SIM_WORKER_SLOT || sim_owners()[d.buf].leased != SP_LEASE_NONE)
		return;
	d.edge = SP_EDGE_REPLY;
	d.flags = 0;
	if (sim_chance(50))
		d.home = (uint16_t)(2 + sim_random(SIM_INSTANCES));
	else
		d.len = sim_owners()[d.buf].cap + 1;
	SIM_CHECK(!sim_instance_send(in, &d, 1), "slot %u: buffer %u went where it may not",
		  sim_slot_of(in), d.buf);
	in->life = LIFE_DEAD;
	sim.deaths++;
}

void sim_instance_misbehave(void)
{
	struct instance *in = sim_instance_any();

	if (in && in->held_count && sim_chance(50))
		misname(in);
	else if (in)
		forge(in);
}
