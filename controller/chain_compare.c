// SPDX-License-Identifier: Apache-2.0
#include "controller/chain_compare.h"

#include <stdio.h>
#include <string.h>

struct comparison {
	enum chain_change change;
	json_t *changes;
};

void chain_change_add(json_t *changes, const char *path, const char *change)
{
	if (changes)
		json_array_append_new(changes,
				      json_pack("{s:s, s:s}", "path", path, "change", change));
}

static void differs(struct comparison *c, enum chain_change change, const char *path,
		    const char *text)
{
	if (change > c->change)
		c->change = change;
	chain_change_add(c->changes, path, text);
}

static bool text_same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* Functions are known by number to the kernel and each other. */
static bool functions_same(const struct chain *old, const struct chain *next)
{
	if (old->function_count != next->function_count)
		return false;
	for (uint32_t i = 0; i < old->function_count; i++)
		if (strcmp(old->functions[i].name, next->functions[i].name) != 0 ||
		    old->functions[i].traffic.first != next->functions[i].traffic.first)
			return false;
	return true;
}

static bool has_function(const struct chain *chain, const char *name)
{
	for (uint32_t i = 0; i < chain->function_count; i++)
		if (!strcmp(chain->functions[i].label, name))
			return true;
	return false;
}

/* Those of `a` that `b` has not. */
static void functions_list(struct comparison *c, const struct chain *a, const struct chain *b,
			   const char *text)
{
	for (uint32_t i = 0; i < a->function_count; i++) {
		char path[2 * CHAIN_NAME_MAX + 16];

		snprintf(path, sizeof(path), "functions/%s", a->functions[i].label);
		if (!has_function(b, a->functions[i].label))
			differs(c, CHAIN_CHANGE_REPLACE, path, text);
	}
}

static bool limits_same(const struct chain_limit *a, const struct chain_limit *b)
{
	return a->on == b->on &&
	       (!a->on || (a->error_rate == b->error_rate && a->min_requests == b->min_requests &&
			   a->window_ns == b->window_ns));
}

static void traffic_compare(struct comparison *c, const char *path, const struct chain_traffic *a,
			    const struct chain_traffic *b)
{
	char text[2 * CHAIN_NAME_MAX + 32];

	if (strcmp(a->revision, b->revision) != 0) {
		snprintf(text, sizeof(text), "revision %s instead of %s",
			 b->revision[0] ? b->revision : "none",
			 a->revision[0] ? a->revision : "none");
		differs(c, CHAIN_CHANGE_LIVE, path, text);
	}
	if (a->percent != b->percent && a->revision[0] && b->revision[0]) {
		snprintf(text, sizeof(text), "%u %% of the requests instead of %u %%", b->percent,
			 a->percent);
		differs(c, CHAIN_CHANGE_LIVE, path, text);
	}
	if (!limits_same(&a->rollback, &b->rollback) || a->rollback_crashes != b->rollback_crashes)
		differs(c, CHAIN_CHANGE_LIVE, path, "another roll-back");
	if (!limits_same(&a->breaker, &b->breaker) || a->breaker_open_ns != b->breaker_open_ns)
		differs(c, CHAIN_CHANGE_LIVE, path, "another breaker");
}

static void functions_compare(struct comparison *c, const struct chain *old,
			      const struct chain *next, uint64_t revised)
{
	for (uint32_t i = 0; i < next->function_count; i++) {
		const struct chain_function *a = &old->functions[i], *b = &next->functions[i];
		char path[2 * CHAIN_NAME_MAX + 16], text[64];

		snprintf(path, sizeof(path), "functions/%s", b->label);
		traffic_compare(c, path, &a->traffic, &b->traffic);
		if (revised >> i & 1)
			differs(c, CHAIN_CHANGE_LIVE, path, "new revision");
		if (a->concurrency != b->concurrency) {
			snprintf(text, sizeof(text), "concurrency %u instead of %u", b->concurrency,
				 a->concurrency);
			differs(c, CHAIN_CHANGE_LIVE, path, text);
		}
		if (a->max_in_flight != b->max_in_flight)
			differs(c, CHAIN_CHANGE_LIVE, path, "another maxInFlight");
		if (a->idempotent != b->idempotent)
			differs(c, CHAIN_CHANGE_LIVE, path,
				b->idempotent ? "idempotent" : "no more idempotent");
		if (a->instances != b->instances) {
			snprintf(text, sizeof(text), "instances %u instead of %u", b->instances,
				 a->instances);
			differs(c, CHAIN_CHANGE_LIVE, path, text);
		}
		if (memcmp(&a->limits, &b->limits, sizeof(a->limits)) != 0)
			differs(c, CHAIN_CHANGE_LIVE, path, "other limits");
		if (a->hang_ns != b->hang_ns)
			differs(c, CHAIN_CHANGE_LIVE, path, "another hangTimeout");
		if (a->workers != b->workers) { /* its revision differs too: new processes */
			snprintf(text, sizeof(text), "workers %u instead of %u", b->workers,
				 a->workers);
			differs(c, CHAIN_CHANGE_LIVE, path, text);
		}
	}
}

/* An edge as the place it leads to, which fits its byte. */
static uint8_t place_of(const struct sp_route *targets, uint8_t edge)
{
	_Static_assert(SP_FN_MAX <= 64 && SP_ROUTE_CALL < 4, "two bits and six");

	return (uint8_t)(targets[edge].kind << 6 | targets[edge].fn);
}

/* Makes tables comparable that number their edges differently. */
static void name_places(struct rule_table *table, const struct sp_route *targets)
{
	for (uint32_t i = 0; i < table->count; i++) {
		struct rule *rule = &table->rules[i];

		rule->wire_edge = place_of(targets, rule->wire_edge);
		for (uint8_t t = 0; t < rule->tee_count; t++)
			rule->tees[t] = place_of(targets, rule->tees[t]);
	}
	for (uint32_t i = 0; i < table->call_count; i++)
		table->calls[i].edge = 0; /* fn says it all */
	for (uint32_t i = 0; i < table->group_count; i++)
		for (uint8_t m = 0; m < table->groups[i].count; m++)
			table->groups[i].members[m].edge = 0;
}

static bool routes_same(const struct rule_table *a, const struct rule_table *b)
{
	return a->count == b->count && !memcmp(a->rules, b->rules, a->count * sizeof(*a->rules)) &&
	       a->group_count == b->group_count &&
	       !memcmp(a->groups, b->groups, a->group_count * sizeof(*a->groups));
}

static bool calls_same(const struct rule_table *a, const struct rule_table *b)
{
	return a->call_count == b->call_count &&
	       !memcmp(a->calls, b->calls, a->call_count * sizeof(*a->calls));
}

static void routes_compare(struct comparison *c, const struct chain *old, const struct chain *next)
{
	if (!routes_same(&old->ingress_rules, &next->ingress_rules))
		differs(c, CHAIN_CHANGE_LIVE, "routes/ingress", "other routes");
	for (uint32_t i = 0; i < next->function_count; i++) {
		struct rule_table a = old->functions[i].rules, b = next->functions[i].rules;
		char path[CHAIN_NAME_MAX + 16];

		name_places(&a, old->functions[i].targets);
		name_places(&b, next->functions[i].targets);
		snprintf(path, sizeof(path), "routes/%s", next->functions[i].name);
		if (!routes_same(&a, &b))
			differs(c, CHAIN_CHANGE_LIVE, path, "other routes");
		snprintf(path, sizeof(path), "calls/%s", next->functions[i].name);
		if (!calls_same(&a, &b))
			differs(c, CHAIN_CHANGE_LIVE, path, "other calls");
	}
}

static bool ingress_same(const struct chain_ingress *a, const struct chain_ingress *b)
{
	if (!text_same(a->path, b->path) || !text_same(a->host, b->host) ||
	    a->max_body != b->max_body || a->method_count != b->method_count)
		return false;
	for (uint32_t i = 0; i < a->method_count; i++)
		if (!text_same(a->methods[i], b->methods[i]))
			return false;
	return true;
}

static void ingress_compare(struct comparison *c, const struct chain *old, const struct chain *next)
{
	bool same = old->ingress_count == next->ingress_count;

	for (uint32_t i = 0; same && i < next->ingress_count; i++)
		same = ingress_same(&old->ingress[i], &next->ingress[i]);
	if (!same)
		differs(c, CHAIN_CHANGE_LIVE, "ingress", "other hosts, paths, methods or sizes");
}

static uint32_t threads_of(const struct chain *chain)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < chain->function_count; i++)
		n += chain->functions[i].instances * chain->functions[i].workers;
	return n;
}

static void frame_compare(struct comparison *c, const struct chain *old, const struct chain *next)
{
	/* Nobody changed `pool` who asks for other instances; then this says what that does. */
	const char *pool =
		threads_of(old) == threads_of(next) ?
			"another size or other buffers" :
			"other numbers of buffers: each instance needs one of every size";

	if (memcmp(&old->layout, &next->layout, sizeof(old->layout)) != 0 ||
	    old->hugepages != next->hugepages)
		differs(c, CHAIN_CHANGE_REPLACE, "pool", pool);
	if (old->timeout_ns != next->timeout_ns)
		differs(c, CHAIN_CHANGE_REPLACE, "timeout", "another timeout");
	if (old->spin_ns != next->spin_ns)
		differs(c, CHAIN_CHANGE_LIVE, "spin", "another time before workers sleep");
	if (old->wipe_on_free != next->wipe_on_free)
		differs(c, CHAIN_CHANGE_LIVE, "memory/wipeOnFree", "another wipeOnFree");
	if (old->max_in_flight != next->max_in_flight || old->max_queue != next->max_queue ||
	    old->queue_target_ns != next->queue_target_ns ||
	    old->queue_interval_ns != next->queue_interval_ns)
		differs(c, CHAIN_CHANGE_LIVE, "overload", "other bounds");
	if (old->connections != next->connections ||
	    old->connections_per_address != next->connections_per_address)
		differs(c, CHAIN_CHANGE_LIVE, "clients", "other limits of connections");
	if (!text_same(old->listen, next->listen))
		differs(c, CHAIN_CHANGE_REPLACE, "listen", "another address");
}

enum chain_change chain_compare(const struct chain *old, const struct chain *next, uint64_t revised,
				json_t *changes)
{
	struct comparison c = { CHAIN_CHANGE_NONE, changes };

	frame_compare(&c, old, next);
	ingress_compare(&c, old, next);
	if (!functions_same(old, next)) {
		functions_list(&c, next, old, "added");
		functions_list(&c, old, next, "removed");
		if (c.change < CHAIN_CHANGE_REPLACE)
			differs(&c, CHAIN_CHANGE_REPLACE, "functions", "another order");
		return c.change;
	}
	functions_compare(&c, old, next, revised);
	routes_compare(&c, old, next);
	return c.change;
}
