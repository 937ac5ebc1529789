/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_overload.c - the overload section, and what a function says of its own requests.
 *
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include "controller/chain_node.h"

void chain_read_overload(struct chain_parse *parse, const yaml_node_t *node)
{
	if (node)
		chain_node_map(parse, node, "overload");
}

void chain_read_admission(struct chain_parse *parse, const yaml_node_t *idempotent,
			  const yaml_node_t *max_in_flight, struct chain_function *function)
{
	if (max_in_flight)
		chain_node_number(parse, max_in_flight, "maxInFlight", 1, UINT16_MAX,
				  &function->max_in_flight);
	(void)idempotent;
}
