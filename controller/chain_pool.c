/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_pool.c - the pool section: memory, buffer sizes, hugepages.
 *
 * How: the section is read first, since maxBody is measured against the buffer sizes; the
 * layout is computed last, when the number of instances is known.
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include <errno.h>
#include <string.h>

#include "controller/chain_node.h"
#include "controller/chain_value.h"

#define MEMORY_DEFAULT (UINT64_C(64) << 20)
#define MEMORY_MAX (UINT64_C(1024) << 30)

static const uint32_t sizes_default[] = { 2U << 10, 16U << 10, 64U << 10, 1U << 20 };

enum pool_key { MEMORY, SIZES, HUGEPAGES, POOL };
static const char *const pool_keys[POOL] = { "memory", "bufferSizes", "hugepages" };

/* In the order of enum shm_hugepages. */
static const char *const hugepages_names[] = { "auto", "required", "never" };

static bool read_sizes(struct chain_parse *parse, const yaml_node_t *list)
{
	bool ok = chain_node_list(parse, list, "pool.bufferSizes", SHM_CLASS_MAX);
	uint32_t sizes[SHM_CLASS_MAX];

	if (!ok)
		return false;
	for (size_t i = 0; i < chain_node_count(list); i++) {
		const yaml_node_t *item = chain_node_item(parse, list, i);
		uint64_t size = 0;

		ok &= chain_node_size(parse, item, "buffer size", SHM_SIZE_MIN, SHM_SIZE_MAX,
				      &size);
		sizes[i] = (uint32_t)size;
		if (i > 0 && ok && sizes[i] <= sizes[i - 1]) {
			chain_errors_add(parse->errors, chain_node_place(item),
					 "buffer sizes must ascend, each once");
			ok = false;
		}
	}
	if (!ok)
		return false;
	parse->size_count = (uint32_t)chain_node_count(list);
	memcpy(parse->sizes, sizes, parse->size_count * sizeof(*sizes));
	return true;
}

int chain_read_pool(struct chain_parse *parse, const yaml_node_t *pool)
{
	const yaml_node_t *v[POOL] = { NULL };
	int choice = SHM_HUGEPAGES_AUTO;

	parse->memory = MEMORY_DEFAULT;
	parse->size_count = sizeof(sizes_default) / sizeof(sizes_default[0]);
	memcpy(parse->sizes, sizes_default, sizeof(sizes_default));
	if (pool && !chain_node_take(parse, pool, "pool", pool_keys, POOL, v)) {
		parse->pool_bad = true;
		return 0;
	}
	if (v[HUGEPAGES])
		choice = chain_node_choice(parse, v[HUGEPAGES], "pool.hugepages", hugepages_names,
					   sizeof(hugepages_names) / sizeof(hugepages_names[0]));
	if (choice >= 0)
		parse->chain->hugepages = (enum shm_hugepages)choice;
	if (v[SIZES]) {
		parse->pool_at = chain_node_place(v[SIZES]);
		parse->pool_bad |= !read_sizes(parse, v[SIZES]);
	}
	if (v[MEMORY]) {
		parse->pool_at = chain_node_place(v[MEMORY]);
		parse->pool_bad |= !chain_node_size(parse, v[MEMORY], "pool.memory", 1, MEMORY_MAX,
						    &parse->memory);
	}
	return 0;
}

static void say_too_small(struct chain_parse *parse, uint32_t count_min, uint64_t memory_min)
{
	char have[CHAIN_SIZE_TEXT_MAX], need[CHAIN_SIZE_TEXT_MAX], one[CHAIN_SIZE_TEXT_MAX];
	char list[SHM_CLASS_MAX * (CHAIN_SIZE_TEXT_MAX + 2)] = "";
	bool few = parse->sizes[parse->size_count - 1] > SHM_SIZE_HUGE && count_min > SHM_HUGE_MIN;
	size_t used = 0;

	for (uint32_t i = 0; i < parse->size_count; i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
					 chain_value_size_text(parse->sizes[i], one));
	chain_errors_add(parse->errors, parse->pool_at,
			 "pool.memory %s is below the smallest workable %s (at least %u buffers of "
			 "each size%s: %s)",
			 chain_value_size_text(parse->memory, have),
			 chain_value_size_text(memory_min, need), count_min,
			 few ? ", 2 above 1Mi" : "", list);
}

int chain_compute_pool(struct chain_parse *parse)
{
	const struct chain *chain = parse->chain;
	uint32_t count_min = 0;
	uint64_t memory_min = 0;
	int err;

	if (parse->size_count == 0 || parse->pool_bad || parse->instances_bad)
		return 0;
	for (uint32_t i = 0; i < chain->function_count; i++) {
		const struct chain_function *f = &chain->functions[i];

		count_min += (f->instances ? f->instances : 1) * f->workers;
	}
	if (count_min < 2)
		count_min = 2;
	err = shm_layout_compute(parse->sizes, parse->size_count, parse->memory, count_min,
				 &parse->chain->layout, &memory_min);
	if (err == -ENOSPC)
		say_too_small(parse, count_min, memory_min);
	else if (err)
		chain_errors_add(parse->errors, parse->pool_at, "pool cannot be laid out: %s",
				 strerror(-err));
	return 0;
}
