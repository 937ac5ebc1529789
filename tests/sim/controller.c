// SPDX-License-Identifier: Apache-2.0
/* The controller: who dies is reported, reclaimed and replaced. */
#include <string.h>
#include <sys/socket.h>

#include "instance.h"
#include "sproxy/wiring.h"

static uint32_t reported; /* and not reclaimed */

static void tell(enum wiring_type type, uint32_t slot, uint32_t fn, uint32_t count)
{
	struct wiring_msg msg = { .type = type, .slot = slot, .fn = fn, .count = count };

	SIM_CHECK(wiring_send(sim.control, &msg, sizeof(msg), NULL, 0) == 0,
		  "the gateway does not hear");
}

static uint32_t running(uint32_t fn)
{
	uint32_t count = 0;

	for (uint32_t slot = 2; slot < 2 + 2 * SIM_INSTANCES; slot++)
		count += sim_instance[slot].fn == fn && sim_instance[slot].life == LIFE_RUNS;
	return count;
}

/* Those that are lost are not reclaimed yet by any. */
void sim_controller_takeover(void)
{
	for (uint32_t slot = 2; slot < 2 + 2 * SIM_INSTANCES; slot++)
		if (sim_instance[slot].life == LIFE_REPORTED)
			tell(WIRING_LOST, slot, sim_instance[slot].fn,
			     running(sim_instance[slot].fn));
	for (uint32_t fn = 1; fn <= SIM_FUNCTIONS; fn++)
		if (running(fn) > 0)
			tell(WIRING_UP, 0, fn, 0);
}

bool sim_instance_start(uint32_t fn, bool told)
{
	uint32_t slot = 2 + sim_random(2 * SIM_INSTANCES), tries = 0;

	for (; sim_instance[slot].life != LIFE_NONE; tries++) {
		if (tries == 2 * SIM_INSTANCES)
			return false; /* until a dead one is reclaimed */
		slot = slot + 1 < 2 + 2 * SIM_INSTANCES ? slot + 1 : 2;
	}
	memset(&sim_instance[slot], 0, sizeof(sim_instance[slot]));
	sim_instance[slot].life = LIFE_RUNS;
	sim_instance[slot].fn = fn;
	sim_kernel_attach(slot, fn);
	sim_kernel_enable(slot, true);
	if (told)
		tell(WIRING_UP, 0, fn, 0);
	SIM_LOG("slot %u runs function %u", slot, fn);
	return true;
}

void sim_instances_init(void)
{
	for (uint32_t i = 0; i < SIM_INSTANCES; i++)
		sim_instance_start(1 + i % SIM_FUNCTIONS, false);
	for (uint32_t fn = 1; fn <= SIM_FUNCTIONS; fn++)
		tell(WIRING_UP, 0, fn, 0);
}

void sim_instance_kill(void)
{
	struct instance *in = sim_instance_any();

	if (!in)
		return;
	SIM_LOG("slot %u dies, %u unread and %u in hand", sim_slot_of(in), in->count,
		in->held_count);
	in->life = LIFE_DEAD;
	sim.deaths++;
}

/* It is out of the kernel's tables, and no program can know it any more. */
static void report(struct instance *in)
{
	sim_kernel_detach(sim_slot_of(in));
	in->life = LIFE_REPORTED;
	reported++;
	tell(WIRING_LOST, sim_slot_of(in), in->fn, running(in->fn));
}

static bool reports_read(void)
{
	struct wiring_msg msg;
	bool any = false;
	ssize_t n;

	while ((n = recv(sim.control, &msg, sizeof(msg), MSG_DONTWAIT)) == sizeof(msg)) {
		any |= msg.type == WIRING_RECLAIMED || msg.type == WIRING_READY;
		if (msg.type == WIRING_READY)
			sim_controller_takeover();
		SIM_CHECK(msg.type != WIRING_FAILED, "the gateway failed: %s", msg.text);
		if (msg.type != WIRING_RECLAIMED)
			continue;
		SIM_CHECK(msg.slot < SP_INST_MAX && sim_instance[msg.slot].life == LIFE_REPORTED,
			  "slot %u was reclaimed, and not lost", msg.slot);
		sim_instance[msg.slot].life = LIFE_NONE;
		reported--;
	}
	SIM_CHECK(n < 0, "the gateway is gone");
	return any;
}

/* Other tables: who may be asked again, how many requests may be in the chain, and wait. */
static void tables_change(void)
{
	struct wiring_gateway *w = sim.wiring;

	w->idempotent = sim_random(1U << (SIM_FUNCTIONS + 1));
	w->max_in_flight = sim_chance(50) ? 0 : 1 + sim_random(4);
	w->max_queue = 1 + sim_random(6);
	w->trace = sim_random(2);
	sim.idempotent |= w->idempotent;
	SIM_LOG("tables: idempotent %#llx, %u in flight, %u wait",
		(unsigned long long)w->idempotent, w->max_in_flight, w->max_queue);
	SIM_CHECK(wiring_send(sim.control, w, w->size, NULL, 0) == 0, "the gateway does not hear");
}

/* What it does of its own accord. */
static void order(void)
{
	if (sim_chance(4))
		tables_change();
	if (sim_chance(8))
		sim_kernel_gate(1 + sim_random(SIM_FUNCTIONS),
				sim_chance(50) ? SP_GATE_OPEN : sim_random(SP_GATE_AJAR + 1));
}

void sim_controller_settle(void)
{
	for (uint32_t fn = 1; fn <= SIM_FUNCTIONS; fn++)
		sim_kernel_gate(fn, SP_GATE_OPEN);
}

/* Its replacement starts at once, in another slot. */
bool sim_controller_step(bool settling)
{
	bool any = reports_read();

	if (!settling)
		order();

	for (uint32_t slot = 2; slot < 2 + 2 * SIM_INSTANCES; slot++) {
		if (sim_instance[slot].life == LIFE_DEAD) {
			report(&sim_instance[slot]);
			return true;
		}
	}
	for (uint32_t fn = 1; fn <= SIM_FUNCTIONS; fn++) {
		if (running(fn) < SIM_INSTANCES / SIM_FUNCTIONS && sim_instance_start(fn, true))
			return true;
	}
	return any;
}

bool sim_controller_settled(void)
{
	for (uint32_t slot = 2; slot < 2 + 2 * SIM_INSTANCES; slot++)
		if (sim_instance[slot].life == LIFE_DEAD ||
		    sim_instance[slot].life == LIFE_REPORTED)
			return false;
	for (uint32_t fn = 1; fn <= SIM_FUNCTIONS; fn++)
		if (running(fn) < SIM_INSTANCES / SIM_FUNCTIONS)
			return false;
	return true;
}
