/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - the summary of a replay: see replay.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"

#define TALLY_MAX 64U

/* How often something was seen; what comes after the last place is not told apart. */
struct tally {
	const char *names[TALLY_MAX];
	size_t counts[TALLY_MAX];
	size_t used;
};

static void tally_add(struct tally *tally, const char *name)
{
	size_t i = 0;

	while (i < tally->used && strcmp(tally->names[i], name) != 0)
		i++;
	if (i == TALLY_MAX)
		i--;
	else if (i == tally->used)
		tally->names[tally->used++] = name;
	tally->counts[i]++;
}

static void tally_print(const struct tally *tally, const char *title, size_t total)
{
	for (size_t i = 0; i < tally->used; i++)
		printf("%-8s %6zu  %5.1f %%  %s\n", title, tally->counts[i],
		       100.0 * (double)tally->counts[i] / (double)total, tally->names[i]);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Of those that were answered. */
static void times_print(const struct player *player)
{
	static const double quantiles[] = { 0.5, 0.9, 0.99, 1 };
	size_t count = 0, late = 0;
	uint64_t *times = calloc(player->arrivals->count, sizeof(*times));

	if (!times)
		return;
	for (size_t i = 0; i < player->arrivals->count; i++) {
		late += player->outcomes[i].late_ns > REPLAY_LATE_NS;
		if (player->outcomes[i].status > 0)
			times[count++] = player->outcomes[i].took_ns;
	}
	qsort(times, count, sizeof(*times), by_size);
	printf("response time, us:");
	for (size_t i = 0; count > 0 && i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		size_t at = (size_t)(quantiles[i] * (double)count);

		printf("  p%g %.1f", quantiles[i] * 100,
		       (double)times[at < count ? at : count - 1] / 1000);
	}
	printf("\nsent more than %.0f ms after they were due: %zu\n", REPLAY_LATE_NS / 1e6, late);
	free(times);
}

size_t report_print(const struct player *player)
{
	size_t count = player->arrivals->count, failed = 0;
	struct tally paths = { 0 };
	size_t statuses[600] = { 0 };

	for (size_t i = 0; i < count; i++) {
		const struct outcome *outcome = &player->outcomes[i];
		long status = outcome->status;

		statuses[status > 0 && status < 600 ? status : 0]++;
		failed += status == 0 || status >= 400;
		if (outcome->path)
			tally_add(&paths, outcome->path);
	}
	printf("%zu requests in %.3f s at speed %g, %u connections: %zu failed\n", count,
	       (double)(player->ended_ns - player->began_ns) / 1e9 -
		       (double)player->arrivals->list[0].due_ns / 1e9 / player->speed,
	       player->speed, player->connections, failed);
	for (unsigned i = 0; i < 600; i++)
		if (statuses[i] > 0 && i == 0)
			printf("status   %6zu  no answer\n", statuses[i]);
		else if (statuses[i] > 0)
			printf("status   %6zu  %u\n", statuses[i], i);
	tally_print(&paths, "path", count);
	times_print(player);
	return failed;
}
