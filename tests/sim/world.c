// SPDX-License-Identifier: Apache-2.0
/* Whose turn it is. A schedule: requests begin, everything happens in any order, all comes to rest. */
#include <sys/socket.h>
#include <unistd.h>

#include "sim.h"
#include "sproxy/wiring.h"

#define REQUESTS_MOST 6
#define FOREVER_MS 1000000000 /* libh2o's way to say so is INT32_MAX */
#define WOKEN_MOST_NS 1000000
#define STEPS_MOST 150 /* of a schedule, before everybody only finishes */

static enum { ACTIVE, SETTLING, ENDING } phase = SETTLING;
static uint32_t steps;

static uint64_t due_ns; /* when the gateway's next timer ends; it is never made to oversleep */

static bool woken; /* it has something to read: it is not kept from its work for long */

static void clock_move(uint64_t ns)
{
	if (woken)
		ns %= WOKEN_MOST_NS;
	sim_clients_read(); /* they do not wait */
	sim.now_ns = sim.now_ns + ns < due_ns ? sim.now_ns + ns : due_ns;
}

static void step(void)
{
	uint32_t what = sim_random(1000);

	sim.steps++;
	if (what < 400)
		sim_client_step();
	else if (what < 920)
		sim_instance_step();
	else if (what < 980)
		sim_controller_step(false);
	else if (what < 985)
		sim_instance_kill();
	else if (what < 987)
		sim_instance_misbehave();
	else
		clock_move(sim_random(what < 990 ? 80000000 : 200000));
}

static void schedule_begin(void)
{
	sim.schedule++;
	/* Each by itself: what chance decides does not depend on those before. */
	sim.random = sim.options.seed + sim.schedule * UINT64_C(0x9e3779b97f4a7c15);
	steps = 0;
	sim_gateway_death_plan();
	phase = ACTIVE;
	sim.idempotent = sim.wiring->idempotent;
	sim_clients_begin(1 + sim_random(REQUESTS_MOST));
	SIM_LOG("---- schedule %llu", (unsigned long long)sim.schedule);
}

static void end_begin(void)
{
	struct wiring_msg msg = { .type = WIRING_DRAIN, .count = WIRING_DRAIN_STOP };

	phase = ENDING;
	sim.options.deaths = 0;
	sim_gateway_death_plan(); /* none any more */
	SIM_CHECK(wiring_send(sim.control, &msg, sizeof(msg), NULL, 0) == 0,
		  "the gateway does not hear");
}

static void active_run(void)
{
	uint32_t count = 1 + sim_random(sim_chance(50) ? 3 : 24);

	for (uint32_t i = 0; i < count && sim.now_ns < due_ns; i++) {
		step();
		woken = true; /* that may have been for it */
	}
	steps += count;
	if (steps > STEPS_MOST || sim_clients_done()) {
		phase = SETTLING;
		sim_controller_settle();
	}
}

/* True when something moved. */
static bool settling_run(void)
{
	bool moved = sim_clients_read();

	moved |= sim_clients_finish();
	moved |= sim_controller_step(true);
	moved |= !sim_instances_settle();
	return moved;
}

static bool at_rest(void)
{
	return sim_clients_done() && sim_controller_settled();
}

static enum sim_moved timer_await(void)
{
	SIM_CHECK(due_ns < UINT64_MAX, "everybody waits for ever, and not all is answered");
	sim.now_ns = due_ns;
	return SIM_TIMER;
}

/* All has come to rest: the gateway sleeps with nothing to read. */
static void rest(void)
{
	sim_check_rest();
	if (sim.schedule < sim.options.schedules)
		schedule_begin();
	else
		end_begin();
}

static enum sim_moved ending_run(void)
{
	struct wiring_msg msg;
	ssize_t n = recv(sim.control, &msg, sizeof(msg), MSG_DONTWAIT);

	sim_clients_read();
	sim_instances_settle();
	if (n <= 0)
		return timer_await();
	if (msg.type == WIRING_DRAINED)
		shutdown(sim.control, SHUT_WR);
	return SIM_MOVED;
}

void sim_world_sleep(int timeout_ms)
{
	due_ns = timeout_ms < 0 || timeout_ms > FOREVER_MS ?
			 UINT64_MAX :
			 sim.now_ns + (uint64_t)timeout_ms * 1000000;
}

enum sim_moved sim_world_run(bool gateway_woken)
{
	woken = gateway_woken;
	sim_check_always();
	if (phase == ENDING)
		return ending_run();
	if (phase == ACTIVE) {
		active_run();
		return sim.now_ns < due_ns ? SIM_MOVED : SIM_TIMER;
	}
	if (settling_run() || woken)
		return SIM_MOVED;
	if (sim_gateway_died() && sim_instances_give_up())
		return SIM_MOVED;
	if (!at_rest())
		return timer_await();
	rest();
	return SIM_MOVED;
}
