/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_overload.c - the overload section, and what a function says of its own requests.
 *
 * How: what the file does not say follows from the pool: of a chain with several functions none
 * may have so many buffers that requests which do not need it find none.
 * Thread-safety: one owner.
 * Failure modes: see chain_parse.h.
 */
#include "controller/chain_node.h"

#define TARGET_DEFAULT_NS (5 * CHAIN_DURATION_MIN_NS)
#define INTERVAL_DEFAULT_NS (100 * CHAIN_DURATION_MIN_NS)
#define WAIT_MAX_NS (60000 * CHAIN_DURATION_MIN_NS)
#define QUEUE_MAX 1000000

enum overload_key { MAX_IN_FLIGHT, MAX_QUEUE, TARGET, INTERVAL, OVERLOAD };
static const char *const overload_keys[OVERLOAD] = { "maxInFlight", "maxQueue", "target",
						     "interval" };

void chain_read_overload(struct chain_parse *parse, const yaml_node_t *node)
{
	struct chain *chain = parse->chain;
	const yaml_node_t *v[OVERLOAD] = { NULL };

	chain->queue_target_ns = TARGET_DEFAULT_NS;
	chain->queue_interval_ns = INTERVAL_DEFAULT_NS;
	if (!node || !chain_node_take(parse, node, "overload", overload_keys, OVERLOAD, v))
		return;
	if (v[MAX_IN_FLIGHT])
		chain_node_number(parse, v[MAX_IN_FLIGHT], "overload.maxInFlight", 1, QUEUE_MAX,
				  &chain->max_in_flight);
	if (v[MAX_QUEUE])
		chain_node_number(parse, v[MAX_QUEUE], "overload.maxQueue", 1, QUEUE_MAX,
				  &chain->max_queue);
	if (v[TARGET])
		chain_node_duration(parse, v[TARGET], "overload.target", CHAIN_DURATION_MIN_NS,
				    WAIT_MAX_NS, &chain->queue_target_ns);
	if (v[INTERVAL])
		chain_node_duration(parse, v[INTERVAL], "overload.interval", CHAIN_DURATION_MIN_NS,
				    WAIT_MAX_NS, &chain->queue_interval_ns);
	if (chain->queue_interval_ns < chain->queue_target_ns)
		chain_errors_add(parse->errors, chain_node_place(v[INTERVAL] ? v[INTERVAL] : node),
				 "overload.interval is below overload.target: a request may wait "
				 "longer while there is no queue, not shorter");
}

void chain_read_admission(struct chain_parse *parse, const yaml_node_t *idempotent,
			  const yaml_node_t *max_in_flight, struct chain_function *function)
{
	static const char *const words[] = { "false", "true" };

	if (max_in_flight)
		chain_node_number(parse, max_in_flight, "maxInFlight", 1, UINT16_MAX,
				  &function->max_in_flight);
	if (idempotent)
		function->idempotent =
			chain_node_choice(parse, idempotent, "idempotent", words, 2) == 1;
}

static bool makes_messages(const struct chain *chain)
{
	for (uint32_t i = 0; i < chain->function_count; i++)
		if (chain->functions[i].rules.call_count > 0 ||
		    chain->functions[i].rules.group_count > 0)
			return true;
	return false;
}

/* Buffers of the smallest size that clients' requests may have: where functions make messages of
 * their own that is half. */
static uint32_t share(const struct chain *chain)
{
	uint32_t count = chain->layout.class_count ? chain->layout.classes[0].count : 0;

	return makes_messages(chain) ? count - count / 2 : count;
}

static uint32_t at_least_one(uint32_t n)
{
	return n > 0 ? n : 1;
}

uint32_t chain_in_flight_max(const struct chain *chain, uint32_t fn)
{
	const struct chain_function *f = &chain->functions[fn - 1];
	uint32_t all = share(chain);

	if (f->max_in_flight > 0 || chain->function_count == 1)
		return f->max_in_flight;
	/* With those that wait for it, by default half as many as are left, others have some. */
	return all > 1 ? all - at_least_one(all / 32) : 1;
}

uint32_t chain_queue_max(const struct chain *chain)
{
	if (chain->max_queue > 0)
		return chain->max_queue;
	/* A request that waits before the chain has no buffer. */
	return chain->max_in_flight > 0 ? chain->max_in_flight : at_least_one(share(chain) / 64);
}
