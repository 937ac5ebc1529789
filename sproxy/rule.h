/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule.h - which of a function's edges a request takes: the routes' `when` conditions.
 *
 * For: the SDK after a handler returned, and the gateway at the ingress. The kernel knows
 * edges only; which edge a condition selects is decided here, by the sender, and the
 * kernel then checks that the edge is in the graph.
 * How: a table in the order of the chain file; the first rule that matches wins.
 * Thread-safety: a table is read-only once built.
 */
#ifndef SPROCKET_SPROXY_RULE_H
#define SPROCKET_SPROXY_RULE_H

#include <stdint.h>

#include "bpf/wire.h"
#include "shm/buffer.h"

#define RULE_MAX SP_EDGE_MAX
#define RULE_NAME_MAX 64
#define RULE_VALUE_MAX 128

/* What a condition compares: enum, name in the chain file. */
#define RULE_KINDS(X)       \
	X(ALWAYS, "always") \
	X(HEADER, "header") \
	X(TOPIC, "topic")   \
	X(STATUS, "status") \
	X(PATH, "path")     \
	X(METHOD, "method")

enum rule_kind {
#define X(id, name) RULE_##id,
	RULE_KINDS(X)
#undef X
		RULE_KIND_COUNT,
};

struct rule {
	uint8_t from_edge; /* 0: the default edge (SP_NEXT); 1 + i: declared edge i */
	uint8_t wire_edge; /* what goes into the descriptor */
	uint16_t kind;     /* enum rule_kind */
	uint16_t status;   /* for RULE_STATUS */
	uint16_t name_len;
	uint16_t value_len;
	char name[RULE_NAME_MAX];   /* header name, lower case */
	char value[RULE_VALUE_MAX]; /* compared exactly; a path may end in a star */
};

struct rule_table {
	uint32_t count;
	struct rule rules[RULE_MAX];
};

/* Edge for a request leaving by `from_edge`. `header` is the checked copy of the header
 * that `slot` begins with (the same, for the holder of the buffer).
 * Returns the wire edge, or -ENOENT when no rule matches. */
int rule_match(const struct rule_table *table, uint32_t from_edge, const struct shm_header *header,
	       const struct shm_header *slot);

/* True when `path` is `pattern`, or begins with it where the pattern ends in "/" and a star. */
int rule_path_match(const char *pattern, size_t pattern_len, const char *path, size_t path_len);

#endif
