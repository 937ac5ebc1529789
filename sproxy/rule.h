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
#define RULE_TEE_MAX 4     /* functions that read along on one route */
#define RULE_GROUP_MAX 8   /* joins after one function */
#define RULE_MEMBER_MAX 32 /* functions of one fan-out */
#define RULE_CALL_MAX 32   /* functions that one function calls */

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
	uint8_t answers;   /* 1: wire_edge leads to no function, it is the answer */
	uint8_t group;     /* 0: wire_edge is where it goes; n: to all of group n - 1 first */
	uint8_t tee_count; /* copies by reference, which nobody waits for */
	uint8_t tees[RULE_TEE_MAX];
	char name[RULE_NAME_MAX];   /* header name, lower case */
	char value[RULE_VALUE_MAX]; /* compared exactly; a path may end in a star */
};

/* An edge of kind SP_ROUTE_CALL and the number of the function it leads to. */
struct rule_call {
	uint8_t edge;
	uint8_t fn;
};

/* A fan-out of one body by reference, whose answers go on together. */
struct rule_group {
	uint64_t timeout_ns; /* from the fan-out on; 0: the request's deadline */
	uint8_t count;
	uint8_t need;    /* answers that are enough: 1..count */
	uint8_t partial; /* 1: when so many do not come, it goes on with those that did */
	uint8_t reserved[5];
	struct rule_call members[RULE_MEMBER_MAX];
};

struct rule_table {
	uint32_t count;
	uint32_t call_count;
	uint32_t group_count;
	struct rule_call calls[RULE_CALL_MAX]; /* by index of the function's .calls */
	struct rule_group groups[RULE_GROUP_MAX];
	struct rule rules[RULE_MAX];
};

/* Where a request goes; a copy, whatever becomes of the table. */
struct rule_way {
	uint8_t edge;    /* with a group: where request and answers go then */
	uint8_t answers; /* 1: to no function: it is the answer */
	uint8_t tee_count;
	uint8_t tees[RULE_TEE_MAX];
	struct rule_group group; /* count 0: none */
};

/* Where a request goes that leaves by `from_edge`. `header` is the checked copy of the header
 * that `slot` begins with (the same, for the holder of the buffer).
 * Returns 0 and *ret, or -ENOENT when no rule matches. Numbers in the table beyond its bounds
 * are clamped: its reader may not trust its writer. */
int rule_find(const struct rule_table *table, uint32_t from_edge, const struct shm_header *header,
	      const struct shm_header *slot, struct rule_way *ret);

/* The edge alone, for who fans nothing out. */
int rule_match(const struct rule_table *table, uint32_t from_edge, const struct shm_header *header,
	       const struct shm_header *slot);

/* Call `call` of the function. Returns 0 and *ret, or -ENOENT. */
int rule_call(const struct rule_table *table, uint32_t call, struct rule_call *ret);

/* True when `path` is `pattern`, or begins with it where the pattern ends in "/" and a star. */
int rule_path_match(const char *pattern, size_t pattern_len, const char *path, size_t path_len);

#endif
