// SPDX-License-Identifier: Apache-2.0
#include "sproxy/rule.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Lengths are read once, and bounded: a table may lie in a page that others write to. */
static size_t bounded(const uint16_t *len, size_t most)
{
	size_t n = __atomic_load_n(len, __ATOMIC_RELAXED);

	return n < most ? n : most;
}

static bool equals(const struct rule *rule, const char *data, size_t len)
{
	return len == bounded(&rule->value_len, RULE_VALUE_MAX) &&
	       memcmp(data, rule->value, len) == 0;
}

static bool slice_equals(const struct rule *rule, const struct shm_header *slot, struct shm_slice s)
{
	return equals(rule, shm_slice_data(slot, s), s.len);
}

static bool header_equals(const struct rule *rule, const struct shm_header *header,
			  const struct shm_header *slot)
{
	struct shm_field field;

	return shm_record_find(slot, header->request_headers, rule->name,
			       (uint32_t)bounded(&rule->name_len, RULE_NAME_MAX), &field) &&
	       equals(rule, field.value, field.value_len);
}

int rule_path_match(const char *pattern, size_t pattern_len, const char *path, size_t path_len)
{
	if (pattern_len >= 2 && pattern[pattern_len - 1] == '*' && pattern[pattern_len - 2] == '/')
		return path_len >= pattern_len - 1 && memcmp(path, pattern, pattern_len - 1) == 0;
	return path_len == pattern_len && memcmp(path, pattern, path_len) == 0;
}

static bool rule_holds(const struct rule *rule, const struct shm_header *header,
		       const struct shm_header *slot)
{
	switch (rule->kind) {
	case RULE_ALWAYS:
		return true;
	case RULE_HEADER:
		return header_equals(rule, header, slot);
	case RULE_TOPIC:
		return slice_equals(rule, slot, header->topic);
	case RULE_STATUS:
		return header->status == rule->status;
	case RULE_PATH:
		return rule_path_match(rule->value, bounded(&rule->value_len, RULE_VALUE_MAX),
				       shm_slice_data(slot, header->path), header->path.len);
	case RULE_METHOD:
		return slice_equals(rule, slot, header->method);
	default:
		return false;
	}
}

static const struct rule *rule_first(const struct rule_table *table, uint32_t from_edge,
				     const struct shm_header *header, const struct shm_header *slot)
{
	uint32_t count = table->count < RULE_MAX ? table->count : RULE_MAX;

	for (uint32_t i = 0; i < count; i++) {
		const struct rule *rule = &table->rules[i];

		if (rule->from_edge == from_edge && rule_holds(rule, header, slot))
			return rule;
	}
	return NULL;
}

int rule_match(const struct rule_table *table, uint32_t from_edge, const struct shm_header *header,
	       const struct shm_header *slot)
{
	const struct rule *rule = rule_first(table, from_edge, header, slot);

	return rule ? rule->wire_edge : -ENOENT;
}

static void group_copy(const struct rule_group *group, struct rule_group *ret)
{
	*ret = *group;
	if (ret->count > RULE_MEMBER_MAX)
		ret->count = RULE_MEMBER_MAX;
	if (ret->need > ret->count)
		ret->need = ret->count;
}

int rule_find(const struct rule_table *table, uint32_t from_edge, const struct shm_header *header,
	      const struct shm_header *slot, struct rule_way *ret)
{
	const struct rule *rule = rule_first(table, from_edge, header, slot);

	if (!rule)
		return -ENOENT;
	ret->edge = rule->wire_edge;
	ret->answers = rule->answers;
	ret->tee_count = rule->tee_count < RULE_TEE_MAX ? rule->tee_count : RULE_TEE_MAX;
	memcpy(ret->tees, rule->tees, sizeof(ret->tees));
	ret->group.count = 0;
	if (rule->group > 0 && rule->group <= RULE_GROUP_MAX)
		group_copy(&table->groups[rule->group - 1], &ret->group);
	return 0;
}

int rule_call(const struct rule_table *table, uint32_t call, struct rule_call *ret)
{
	uint32_t count = table->call_count < RULE_CALL_MAX ? table->call_count : RULE_CALL_MAX;

	if (call >= count)
		return -ENOENT;
	*ret = table->calls[call];
	return 0;
}
