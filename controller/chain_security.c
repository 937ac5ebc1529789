/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_security.c - the security and secrets sections: what a function may do to the machine.
 *
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include "controller/chain_node.h"

int chain_read_security(struct chain_parse *parse, const yaml_node_t *node,
			struct chain_security *ret)
{
	if (node)
		chain_node_map(parse, node, "security");
	*ret = parse->chain->security;
	return 0;
}

int chain_read_secrets(struct chain_parse *parse, const yaml_node_t *node, int number)
{
	(void)number;
	if (node)
		chain_node_map(parse, node, "secrets");
	return 0;
}
