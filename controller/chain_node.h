/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_node.h - typed access to the nodes of a chain file.
 *
 * For: the readers of the file's sections (chain_parse.h).
 * How: `what` names the value in messages. A call that fails has added its error; outputs
 * are untouched then.
 * Thread-safety: one owner.
 */
#ifndef SPROCKET_CONTROLLER_CHAIN_NODE_H
#define SPROCKET_CONTROLLER_CHAIN_NODE_H

#include "controller/chain_parse.h"

/* Of what a request may wait for. */
#define CHAIN_DURATION_MIN_NS UINT64_C(1000000)
#define CHAIN_DURATION_MAX_NS (3600000 * CHAIN_DURATION_MIN_NS)

struct chain_place chain_node_place(const yaml_node_t *node);

/* Text of a scalar that is not null; NULL after an error. */
const char *chain_node_text(struct chain_parse *parse, const yaml_node_t *node, const char *what);

/* Is it a mapping? */
bool chain_node_map(struct chain_parse *parse, const yaml_node_t *node, const char *what);

/*
 * Takes a mapping apart: ret[i] becomes the value of keys[i], or NULL where it is absent.
 * Keys that are not among `keys` are errors, but no reason to fail.
 */
bool chain_node_take(struct chain_parse *parse, const yaml_node_t *node, const char *what,
		     const char *const *keys, size_t count, const yaml_node_t **ret);

/* Says that `key` is missing when value is NULL. Returns value != NULL. */
bool chain_node_need(struct chain_parse *parse, const yaml_node_t *map, const char *what,
		     const yaml_node_t *value, const char *key);

/* Is it a list of 1 to `max` items? */
bool chain_node_list(struct chain_parse *parse, const yaml_node_t *node, const char *what,
		     size_t max);

/* Items of a list, pairs of a mapping. */
size_t chain_node_count(const yaml_node_t *node);
const yaml_node_t *chain_node_item(const struct chain_parse *parse, const yaml_node_t *list,
				   size_t i);
const yaml_node_t *chain_node_key(const struct chain_parse *parse, const yaml_node_t *map,
				  size_t i);
const yaml_node_t *chain_node_value(const struct chain_parse *parse, const yaml_node_t *map,
				    size_t i);

bool chain_node_number(struct chain_parse *parse, const yaml_node_t *node, const char *what,
		       uint32_t min, uint32_t max, uint32_t *ret);
bool chain_node_size(struct chain_parse *parse, const yaml_node_t *node, const char *what,
		     uint64_t min, uint64_t max, uint64_t *ret);
bool chain_node_duration(struct chain_parse *parse, const yaml_node_t *node, const char *what,
			 uint64_t min_ns, uint64_t max_ns, uint64_t *ret_ns);
/* Index of the text in `names`, or -1 after an error. */
int chain_node_choice(struct chain_parse *parse, const yaml_node_t *node, const char *what,
		      const char *const *names, size_t count);

#endif
