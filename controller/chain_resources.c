/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_resources.c - the resources and memory sections: what a function may use.
 *
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include "controller/chain_node.h"

void chain_read_resources(struct chain_parse *parse, const yaml_node_t *node,
			  struct chain_function *function)
{
	(void)function;
	if (node)
		chain_node_map(parse, node, "resources");
}

void chain_read_memory(struct chain_parse *parse, const yaml_node_t *node)
{
	if (node)
		chain_node_map(parse, node, "memory");
}
