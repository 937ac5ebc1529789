/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_traffic.c - revisions that share a function's requests, and when to stop giving them any.
 *
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include "controller/chain_node.h"

int chain_read_traffic(struct chain_parse *parse, const yaml_node_t *traffic,
		       const yaml_node_t *rollback, const yaml_node_t *breaker, int number)
{
	(void)number;
	if (traffic)
		chain_node_list(parse, traffic, "traffic", 2);
	if (rollback)
		chain_node_map(parse, rollback, "rollback");
	if (breaker)
		chain_node_map(parse, breaker, "breaker");
	return 0;
}
