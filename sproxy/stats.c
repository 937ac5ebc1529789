// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "sproxy/state.h"

_Static_assert(sizeof(struct sp_function_counts) % sizeof(uint64_t) == 0, "words only");

/* Sums an entry of a per-CPU map, which is nothing but `words` 64-bit counts. */
static int entry_sum(int map, uint32_t key, uint64_t *ret, size_t words)
{
	int cpus = libbpf_num_possible_cpus(), r = 0;
	uint64_t *values;

	if (cpus < 0)
		return cpus;
	values = calloc((size_t)cpus * words, sizeof(*values));
	if (!values)
		return -ENOMEM;
	if (bpf_map_lookup_elem(map, &key, values) < 0)
		r = -errno;
	if (r == 0)
		memset(ret, 0, words * sizeof(*ret));
	for (size_t i = 0; r == 0 && i < (size_t)cpus * words; i++)
		ret[i % words] += values[i];
	free(values);
	return r;
}

int sproxy_counters(const struct sproxy *proxy, uint64_t ret[SP_COUNT_MAX])
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < SP_COUNT_MAX; i++)
		r = entry_sum(proxy->maps[MAP_counters], i, &ret[i], 1);
	return r;
}

uint64_t sproxy_tap_lost(const struct sproxy *proxy)
{
	uint64_t lost = 0;

	entry_sum(proxy->maps[MAP_counters], SP_COUNT_TAP_LOST, &lost, 1);
	return lost;
}

static int function_counts(const struct sproxy *proxy, uint32_t fn, struct sp_function_counts *ret)
{
	if (fn > proxy->fn_count)
		return -EINVAL;
	return entry_sum(proxy->maps[MAP_function_counts], fn, (uint64_t *)(void *)ret,
			 sizeof(*ret) / sizeof(uint64_t));
}

int sproxy_function_stats(const struct sproxy *proxy, uint32_t fn, struct sp_function_stats *ret)
{
	struct sp_function_counts counts;
	int r = function_counts(proxy, fn, &counts);

	if (r == 0)
		*ret = counts.stats;
	return r;
}

int sproxy_edge_counts(const struct sproxy *proxy, uint32_t fn, uint64_t ret[SP_EDGE_MAX + 1])
{
	struct sp_function_counts counts;
	int r = function_counts(proxy, fn, &counts);

	if (r == 0)
		memcpy(ret, counts.edges, sizeof(counts.edges));
	return r;
}

uint64_t sproxy_faults(const struct sproxy *proxy, uint32_t fn, uint64_t *ret_out)
{
	struct sp_function_counts counts = { 0 };

	function_counts(proxy, fn, &counts);
	*ret_out = counts.stats.out;
	return counts.faults;
}

const char *sproxy_violation_name(uint32_t reason)
{
	static const char *const names[] = {
#define X(id, name, text) name,
		SP_VIOLATIONS(X)
#undef X
	};

	return reason < SP_VIOLATION_COUNT ? names[reason] : "unknown";
}

const char *sproxy_violation_text(uint32_t reason)
{
	static const char *const texts[] = {
#define X(id, name, text) text,
		SP_VIOLATIONS(X)
#undef X
	};

	return reason < SP_VIOLATION_COUNT ? texts[reason] : "unknown";
}
