/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ids.h - ids that nobody can guess, and what day it is.
 *
 * How: the kernel's random numbers, one call for each id. For tests that compare whole pages,
 * config `seed` makes the ids of one thread a sequence that is always the same.
 */
#ifndef BOUTIQUE_IDS_H
#define BOUTIQUE_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include <sprocket.h>

#define UUID_SIZE 37U

struct ids {
	bool seeded;
	uint64_t state;
};

/* `seed`: "" or a decimal number below 10^18. 0 or -EINVAL. */
int ids_init(struct ids *ids, sp_str seed);
uint64_t ids_next(struct ids *ids);
/* A UUID of version 4, NUL-terminated. */
void ids_uuid(struct ids *ids, char ret[UUID_SIZE]);

/* Months since the year 0: today's, or those of `today`, "YYYY-MM". "": the clock's.
 * 0 or -EINVAL. */
int month_of(sp_str today, int *ret);

#endif
