// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/chaos/client.h"

static uint8_t reason_index(struct tally *tally, const char *name)
{
	for (uint32_t i = 0; i < tally->reason_count; i++)
		if (strcmp(tally->reason_names[i], name) == 0)
			return (uint8_t)i;
	if (tally->reason_count == REASONS_MAX)
		return REASONS_MAX - 1;
	snprintf(tally->reason_names[tally->reason_count], REASON_SIZE, "%s", name);
	return (uint8_t)tally->reason_count++;
}

uint8_t tally_reason(struct tally *tally, const char *name)
{
	uint8_t index = reason_index(tally, name);

	tally->reasons[index]++;
	return index;
}

void tally_print(const struct tally *t)
{
	const char *comma = "";

	printf("{\"requests\":%" PRIu64 ",\"late\":%" PRIu64 ",\"late_max_ms\":%.1f,"
	       "\"extra\":%" PRIu64 ",\"connections\":%" PRIu64 ",\"stall_max_ms\":%.1f,"
	       "\"outcomes\":{",
	       t->ended, t->late, (double)t->late_max_ns / 1e6, t->extra, t->opened,
	       (double)t->stall_max_ns / 1e6);
#define X(name)                                                                 \
	printf("%s\"" #name "\":%" PRIu64, comma, t->outcomes[OUTCOME_##name]); \
	comma = ",";
	OUTCOMES(X)
#undef X
	printf("},\"reasons\":{");
	for (uint32_t i = 0; i < t->reason_count; i++)
		printf("%s\"%s\":%" PRIu64, i ? "," : "", t->reason_names[i], t->reasons[i]);
	printf("}}\n");
}
