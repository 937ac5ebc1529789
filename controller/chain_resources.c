/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_resources.c - the resources and memory sections: what a function may use.
 *
 * How: resources are written as Kubernetes writes them. `requests` are accepted, as nothing is
 * scheduled by them here.
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/chain_node.h"
#include "controller/chain_value.h"

#define CPU_MILLIS_MAX 1024000U
#define MEMORY_MIN (4U << 20) /* below that a process does not start */
#define MEMORY_MAX (UINT64_C(1) << 50)
#define PIDS_MAX 4194304U
#define HANG_GRACE_NS UINT64_C(1000000000)
#define HANG_MIN_NS (100 * CHAIN_DURATION_MIN_NS)

enum resource_key { LIMITS, REQUESTS, RESOURCE };
static const char *const resource_keys[RESOURCE] = { "limits", "requests" };

enum limit_key { CPU, MEMORY, PIDS, LIMIT };
static const char *const limit_keys[LIMIT] = { "cpu", "memory", "pids" };

enum memory_key { READ_ONLY, WIPE, SECTION };
static const char *const memory_keys[SECTION] = { "readOnly", "wipeOnFree" };

/* "500m", "0.5", "2": thousandths. */
static bool cpu_parse(const char *text, uint32_t *ret)
{
	char *end;
	double value;

	if (!strchr("0123456789", text[0]) || strpbrk(text, "eExXnN"))
		return false;
	value = strtod(text, &end);
	if (!strcmp(end, "m"))
		end++;
	else
		value *= 1000;
	if (*end || value < 1 || value > CPU_MILLIS_MAX)
		return false;
	*ret = (uint32_t)value;
	return *ret == value;
}

static void read_cpu(struct chain_parse *parse, const yaml_node_t *node, uint32_t *ret)
{
	const char *text = chain_node_text(parse, node, "cpu");

	if (text && !cpu_parse(text, ret))
		chain_errors_add(parse->errors, chain_node_place(node),
				 "cpu must be CPUs or thousandths of one (0.5, 500m), 1m to %u",
				 CPU_MILLIS_MAX / 1000);
}

/* Binary units as everywhere in the file, and Kubernetes' decimal ones. */
static bool memory_parse(const char *text, uint64_t *ret)
{
	static const struct {
		char unit;
		uint64_t factor;
	} units[] = { { 'k', 1000 }, { 'M', 1000000 }, { 'G', 1000000000 } };
	char number[CHAIN_SIZE_TEXT_MAX];
	size_t len = strlen(text);
	uint64_t value;

	if (chain_value_size(text, ret) == 0)
		return true;
	if (len < 2 || len >= sizeof(number))
		return false;
	memcpy(number, text, len);
	number[len - 1] = '\0';
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (text[len - 1] == units[i].unit && chain_value_number(number, &value) == 0 &&
		    value <= MEMORY_MAX / units[i].factor) {
			*ret = value * units[i].factor;
			return true;
		}
	return false;
}

static void read_bytes(struct chain_parse *parse, const yaml_node_t *node, uint64_t *ret)
{
	const char *text = chain_node_text(parse, node, "memory");
	uint64_t value;

	if (!text)
		return;
	if (!memory_parse(text, &value) || value < MEMORY_MIN || value > MEMORY_MAX)
		chain_errors_add(parse->errors, chain_node_place(node),
				 "memory must be a size (64Mi, 1Gi, 100M), 4Mi at least");
	else
		*ret = value;
}

static void read_limits(struct chain_parse *parse, const yaml_node_t *node, const char *what,
			struct chain_limits *ret)
{
	const yaml_node_t *v[LIMIT] = { NULL };

	if (!chain_node_take(parse, node, what, limit_keys, LIMIT, v))
		return;
	if (v[CPU])
		read_cpu(parse, v[CPU], &ret->cpu_millis);
	if (v[MEMORY])
		read_bytes(parse, v[MEMORY], &ret->memory_bytes);
	if (v[PIDS])
		chain_node_number(parse, v[PIDS], "pids", 1, PIDS_MAX, &ret->pids);
}

/* By default it may be late for a request, and for the one that came right behind it. */
static void read_hang(struct chain_parse *parse, const yaml_node_t *node, uint64_t *ret_ns)
{
	const char *text;

	*ret_ns = 2 * parse->chain->timeout_ns + HANG_GRACE_NS;
	if (!node)
		return;
	text = chain_node_text(parse, node, "hangTimeout");
	if (text && !strcmp(text, "never"))
		*ret_ns = UINT64_MAX;
	else if (text)
		chain_node_duration(parse, node, "hangTimeout", HANG_MIN_NS, CHAIN_DURATION_MAX_NS,
				    ret_ns);
}

void chain_read_resources(struct chain_parse *parse, const yaml_node_t *node,
			  const yaml_node_t *hang, struct chain_function *function)
{
	const yaml_node_t *v[RESOURCE] = { NULL };
	struct chain_limits requests;

	read_hang(parse, hang, &function->hang_ns);
	if (!node || !chain_node_take(parse, node, "resources", resource_keys, RESOURCE, v))
		return;
	if (v[LIMITS])
		read_limits(parse, v[LIMITS], "resources.limits", &function->limits);
	if (v[REQUESTS])
		read_limits(parse, v[REQUESTS], "resources.requests", &requests);
}

/* They exist by now. */
static void read_only(struct chain_parse *parse, const yaml_node_t *list)
{
	if (!chain_node_list(parse, list, "memory.readOnly", SP_FN_MAX))
		return;
	for (size_t i = 0; i < chain_node_count(list); i++) {
		const yaml_node_t *item = chain_node_item(parse, list, i);
		const char *name = chain_node_text(parse, item, "memory.readOnly");
		bool broken = false;
		int number;

		if (!name)
			continue;
		number = chain_find_function(parse, item, "memory.readOnly", name, NULL, &broken);
		if (!broken && number > 0)
			parse->chain->functions[number - 1].read_only = true;
	}
}

void chain_read_memory(struct chain_parse *parse, const yaml_node_t *node)
{
	static const char *const choices[] = { "false", "true" };
	const yaml_node_t *v[SECTION] = { NULL };
	int choice;

	if (!node || !chain_node_take(parse, node, "memory", memory_keys, SECTION, v))
		return;
	if (v[READ_ONLY])
		read_only(parse, v[READ_ONLY]);
	if (!v[WIPE])
		return;
	choice = chain_node_choice(parse, v[WIPE], "memory.wipeOnFree", choices, 2);
	parse->chain->wipe_on_free = choice == 1;
}

void chain_check_memory(struct chain_parse *parse)
{
	for (uint32_t i = 0; i < parse->chain->function_count; i++) {
		const struct chain_function *f = &parse->chain->functions[i];
		const char *what = NULL;

		for (uint32_t r = 0; r < f->rules.count; r++)
			if (f->rules.rules[r].tee_count > 0)
				what = "has a tee on its route";
		if (f->rules.group_count > 0)
			what = "sends to all of several";
		if (f->rules.call_count > 0)
			what = "calls others";
		if (f->read_only && what)
			chain_errors_add(parse->errors, parse->functions[i + 1].at,
					 "%s is in memory.readOnly, but %s: messages of its own "
					 "have to be written",
					 f->name, what);
	}
}
