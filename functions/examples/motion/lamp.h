/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lamp.h - a lamp that motion switches on, and that goes out by itself.
 *
 *     OFF ──motion──► ON ──motion within the hold time──► ON, for longer
 *      ▲               │ hold time over
 *      └───────────────┘
 *
 * For: actuator. How: no timer runs. When a lamp went out is known from its last motion, and
 * is made up for when it is next looked at.
 * Thread-safety: one thread per struct lamp.
 */
#ifndef MOTION_LAMP_H
#define MOTION_LAMP_H

#include <stdbool.h>
#include <stdint.h>

enum lamp_state {
	LAMP_OFF, /* dark since until_ms, or from the beginning */
	LAMP_ON,  /* lit since since_ms, until until_ms unless something moves before */
};

struct lamp {
	enum lamp_state state;
	uint64_t since_ms; /* when it was switched on last */
	uint64_t until_ms; /* when it goes out, or went out */
	uint64_t lit_ms;   /* how long it was lit, up to since_ms */
	uint32_t switched; /* how often it was switched on */
};

/* What a motion did. */
enum lamp_change {
	LAMP_SWITCHED, /* it was dark, and is lit now */
	LAMP_EXTENDED, /* it is lit, and will be for longer */
	LAMP_OLD,      /* the motion was before what is known: nothing has changed */
};

/* Motion at `at_ms`; the lamp is lit for `hold_ms` from then on. */
enum lamp_change lamp_motion(struct lamp *lamp, uint64_t at_ms, uint64_t hold_ms);

/* True when it is lit at `at_ms`, which is not before the last motion. Puts it out when its
 * time is over. */
bool lamp_lit(struct lamp *lamp, uint64_t at_ms);

#endif
