/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unique_id.c - a number for a post that no other has, and that rises with time.
 *
 *     63      22 21     12 11      0
 *     | ms, 41  | place, 10 | seq, 12 |
 *
 * The milliseconds count from 2020. Place is config `machine` (0 to 31) and the thread of this
 * process. When the clock goes back, or more than 4,096 are asked for in a millisecond, the
 * last time is counted on. With config `clock: steps` each number is a millisecond of its own,
 * from 1 on: answers that can be compared.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include <sprocket.h>

#include "form.h"
#include "post.h"

#define EPOCH_MS 1577836800000ULL /* 2020-01-01 UTC */
#define SEQUENCE_BITS 12
#define PLACE_BITS 10
#define WORKER_BITS 5
#define MACHINE_MAX 31U

static const char *const config[] = { "clock=system", "machine=0", NULL };

struct unique {
	bool steps;
	uint64_t place;
	uint64_t last_ms;
	uint64_t sequence;
};

static int machine_read(sp_str text, uint64_t *ret)
{
	*ret = 0;
	return str_is(text, "0") ? 0 : number_read(text, ret);
}

static int init(sp_worker *worker, void **state)
{
	sp_str clock = sp_config(worker, "clock"), text = sp_config(worker, "machine");
	struct unique *unique;
	uint64_t machine;

	if (machine_read(text, &machine) < 0 || machine > MACHINE_MAX ||
	    (!str_is(clock, "system") && !str_is(clock, "steps"))) {
		sp_log(NULL, SP_ERROR,
		       "machine %.*s, clock %.*s: expected 0 to 31, and system or steps",
		       SP_ARG(text), SP_ARG(clock));
		return -EINVAL;
	}
	unique = calloc(1, sizeof(*unique));
	if (!unique)
		return -ENOMEM;
	unique->steps = str_is(clock, "steps");
	unique->place = machine << WORKER_BITS | sp_worker_index(worker);
	*state = unique;
	return 0;
}

static uint64_t now_ms(const struct unique *unique)
{
	struct timespec now;

	if (unique->steps)
		return unique->last_ms + 1;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000U + (uint64_t)now.tv_nsec / 1000000U - EPOCH_MS;
}

static uint64_t unique_next(struct unique *unique)
{
	uint64_t ms = now_ms(unique);

	if (ms > unique->last_ms) {
		unique->last_ms = ms;
		unique->sequence = 0;
	} else if (++unique->sequence >> SEQUENCE_BITS) {
		unique->last_ms++;
		unique->sequence = 0;
	}
	return unique->last_ms << (PLACE_BITS + SEQUENCE_BITS) | unique->place << SEQUENCE_BITS |
	       unique->sequence;
}

static sp_verdict unique_id(sp_request *req, void *state)
{
	if (sp_print(req, "id=%llu", (unsigned long long)unique_next(state)) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the answer");
	return SP_REPLY;
}

SP_FUNCTION(.name = "unique-id", .version = "1", .init = init, .fini = free,
	    .on_request = unique_id, .config = config);
