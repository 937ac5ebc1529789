/* SPDX-License-Identifier: Apache-2.0 */
/* timeline.c - see timeline.h. */
#include "timeline.h"

#include <string.h>

uint64_t timeline_at(const struct timeline *timeline, uint32_t i)
{
	return timeline->ids[i];
}

uint32_t timeline_add(struct timeline *timeline, uint64_t id)
{
	uint32_t at = 0, moved;

	while (at < timeline->count && timeline->ids[at] > id)
		at++;
	if (at == TIMELINE_MAX || (at < timeline->count && timeline->ids[at] == id))
		return 0;
	if (timeline->count < TIMELINE_MAX)
		timeline->count++;
	moved = timeline->count - at - 1;
	memmove(&timeline->ids[at + 1], &timeline->ids[at], moved * sizeof(timeline->ids[0]));
	timeline->ids[at] = id;
	return 1;
}
