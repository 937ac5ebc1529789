/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance.h - what functions and controller share: the instances.
 */
#ifndef SPROCKET_TESTS_SIM_INSTANCE_H
#define SPROCKET_TESTS_SIM_INSTANCE_H

#include "sim.h"

#define HELD_MAX 256U
#define STOCK_MAX 256U

enum life { LIFE_NONE, LIFE_RUNS, LIFE_DEAD, LIFE_REPORTED };

struct held {
	struct sp_desc d;
	uint32_t waits; /* tag of its call; 0: it may go on */
	bool canceled;  /* nobody waits for the answer */
};

/* By slot. Slots 0 and 1 are nobody's and the gateway's. */
struct instance {
	enum life life;
	uint32_t fn;
	struct sp_desc queue[SIM_QUEUE]; /* what it has not read */
	uint32_t first, count;
	struct held held[HELD_MAX];
	uint32_t held_count;
	uint32_t stock[STOCK_MAX];
	uint32_t stock_count;
	uint32_t asked; /* bit n: for buffers of class n */
};

extern struct instance sim_instance[SP_INST_MAX];

/* Starts one of a function, in a slot that nobody has; the gateway hears of it if `told`. False:
 * there is no such slot. */
bool sim_instance_start(uint32_t fn, bool told);
/* A random one that runs, or NULL. */
struct instance *sim_instance_any(void);
/* It sends what `d` says. False: that was refused. */
bool sim_instance_send(struct instance *in, struct sp_desc *d, uint32_t count);

static inline uint32_t sim_slot_of(const struct instance *in)
{
	return (uint32_t)(in - sim_instance);
}

#endif
