/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "ids.h"

int ids_init(struct ids *ids, sp_str seed)
{
	*ids = (struct ids){ .seeded = seed.len > 0 };
	if (seed.len > 18)
		return -EINVAL;
	for (size_t i = 0; i < seed.len; i++) {
		if (seed.data[i] < '0' || seed.data[i] > '9')
			return -EINVAL;
		ids->state = ids->state * 10 + (uint64_t)(seed.data[i] - '0');
	}
	return 0;
}

/* Steele, Lea and Flood: SplitMix64. */
static uint64_t split_mix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

uint64_t ids_next(struct ids *ids)
{
	uint64_t number;

	if (ids->seeded)
		return split_mix(&ids->state);
	/* Up to 256 bytes come whole once the kernel has booted. */
	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		abort();
	return number;
}

void ids_uuid(struct ids *ids, char ret[UUID_SIZE])
{
	uint64_t a = ids_next(ids), b = ids_next(ids);

	a = (a & ~UINT64_C(0xf000)) | 0x4000;
	b = (b & ~(UINT64_C(3) << 62)) | UINT64_C(2) << 62;
	snprintf(ret, UUID_SIZE, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(a >> 32),
		 (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xffff), (unsigned)(b >> 48),
		 (unsigned long long)(b & 0xffffffffffffU));
}

int month_of(sp_str today, int *ret)
{
	int year, month, used = 0;
	struct tm tm;
	time_t now;

	if (today.len == 0) {
		now = time(NULL);
		gmtime_r(&now, &tm);
		*ret = (tm.tm_year + 1900) * 12 + tm.tm_mon;
		return 0;
	}
	/* Values of the chain file end with a NUL. */
	if (sscanf(today.data, "%4d-%2d%n", &year, &month, &used) != 2 ||
	    (size_t)used != today.len || used != 7 || year < 2000 || month < 1 || month > 12)
		return -EINVAL;
	*ret = year * 12 + month - 1;
	return 0;
}
