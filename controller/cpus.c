// SPDX-License-Identifier: Apache-2.0
#include "controller/cpus.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

/* "0,2-3" -> {0, 2, 3}. Returns how many, or -EINVAL when it is no such list. */
static int list_parse(const char *text, uint32_t *ret, size_t max)
{
	size_t count = 0;

	while (*text) {
		char *end;
		unsigned long first = strtoul(text, &end, 10), last = first;

		if (end == text || first >= CPU_SETSIZE)
			return -EINVAL;
		if (*end == '-') {
			text = end + 1;
			last = strtoul(text, &end, 10);
			if (end == text || last < first || last >= CPU_SETSIZE)
				return -EINVAL;
		}
		if (*end && (*end != ',' || !end[1]))
			return -EINVAL;
		for (unsigned long cpu = first; cpu <= last; cpu++) {
			if (count == max)
				return -EINVAL;
			ret[count++] = (uint32_t)cpu;
		}
		text = *end ? end + 1 : end;
	}
	return count > 0 ? (int)count : -EINVAL;
}

int cpus_choose(const char *list, uint32_t *ret, size_t max)
{
	cpu_set_t allowed;
	size_t found = 0;
	int count;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return -errno;
	if (!list) {
		for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && found < max; cpu--)
			if (CPU_ISSET(cpu, &allowed))
				ret[found++] = (uint32_t)cpu;
		return (int)found;
	}
	count = list_parse(list, ret, max);
	for (int i = 0; i < count; i++)
		if (!CPU_ISSET(ret[i], &allowed))
			return -EINVAL;
	return count;
}
