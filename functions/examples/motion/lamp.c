/* SPDX-License-Identifier: Apache-2.0 */
/* lamp.c - see lamp.h. */
#include "lamp.h"

bool lamp_lit(struct lamp *lamp, uint64_t at_ms)
{
	if (lamp->state == LAMP_ON && at_ms >= lamp->until_ms) {
		lamp->state = LAMP_OFF;
		lamp->lit_ms += lamp->until_ms - lamp->since_ms;
	}
	return lamp->state == LAMP_ON;
}

enum lamp_change lamp_motion(struct lamp *lamp, uint64_t at_ms, uint64_t hold_ms)
{
	if (at_ms + hold_ms <= lamp->until_ms)
		return LAMP_OLD;
	if (lamp_lit(lamp, at_ms)) {
		lamp->until_ms = at_ms + hold_ms;
		return LAMP_EXTENDED;
	}
	lamp->state = LAMP_ON;
	lamp->since_ms = at_ms;
	lamp->until_ms = at_ms + hold_ms;
	lamp->switched++;
	return LAMP_SWITCHED;
}
