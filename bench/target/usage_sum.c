// SPDX-License-Identifier: Apache-2.0
/* usage_sum.c - what lies between two readings, and both as JSON: see usage.h. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "bench/target/usage.h"

/* What is counted up. */
#define COUNTED(X)              \
	X(switches_voluntary)   \
	X(switches_involuntary) \
	X(syscalls)             \
	X(cycles)               \
	X(instructions)         \
	X(cache_misses)         \
	X(page_faults)

static int64_t more(int64_t before, int64_t after)
{
	if (after < 0)
		return -1;
	return before < 0 ? after : after > before ? after - before : 0;
}

static const struct bench_component *same(const struct bench_usage *usage, const char *name)
{
	static const struct bench_component none;

	for (unsigned i = 0; i < usage->count; i++)
		if (strcmp(usage->components[i].name, name) == 0)
			return &usage->components[i];
	return &none;
}

/* Ticks say how the time is divided, the scheduler how much it was. */
static void scale(struct bench_component *c)
{
	int64_t ticks_ns = c->user_ns + c->system_ns;

	if (ticks_ns == 0) {
		c->user_ns = c->cpu_ns;
		c->system_ns = 0;
		return;
	}
	c->user_ns = (int64_t)((double)c->cpu_ns * (double)c->user_ns / (double)ticks_ns);
	c->system_ns = c->cpu_ns - c->user_ns;
}

void bench_usage_between(const struct bench_usage *before, const struct bench_usage *after,
			 struct bench_usage *ret)
{
	struct bench_usage between = *after;

	between.gone = after->gone - before->gone;
	for (unsigned i = 0; i < between.count; i++) {
		struct bench_component *c = &between.components[i];
		const struct bench_component *old = same(before, c->name);

		c->cpu_ns = more(old->cpu_ns, c->cpu_ns);
		c->user_ns = more(old->user_ns, c->user_ns);
		c->system_ns = more(old->system_ns, c->system_ns);
		scale(c);
#define X(name) c->name = more(old->name, c->name);
		COUNTED(X)
#undef X
	}
	*ret = between;
}

static int put(json_t *object, const char *name, double value, uint64_t requests)
{
	if (requests > 0)
		return json_object_set_new(object, name, json_real(value / (double)requests));
	return json_object_set_new(object, name, json_real(value));
}

static int put_count(json_t *object, const char *name, int64_t value, uint64_t requests)
{
	if (value < 0)
		return 0;
	return requests > 0 ? put(object, name, (double)value, requests) :
			      json_object_set_new(object, name, json_integer(value));
}

static json_t *component_json(const struct bench_component *c, uint64_t requests)
{
	json_t *object =
		json_pack("{s:i, s:i, s:I, s:I}", "processes", (int)c->processes, "threads",
			  (int)c->threads, "rss_bytes", (json_int_t)c->rss_bytes, "pool_bytes",
			  (json_int_t)c->pool_bytes);
	int r;

	if (!object)
		return NULL;
	r = put(object, "cpu_us", (double)c->cpu_ns / 1000, requests);
	r |= put(object, "user_us", (double)c->user_ns / 1000, requests);
	r |= put(object, "system_us", (double)c->system_ns / 1000, requests);
#define X(name) r |= put_count(object, #name, c->name, requests);
	COUNTED(X)
#undef X
	if (r != 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

json_t *bench_usage_json(const struct bench_usage *u, uint64_t requests)
{
	json_t *object = json_object();

	for (unsigned i = 0; object && i < u->count; i++)
		if (json_object_set_new(object, u->components[i].name,
					component_json(&u->components[i], requests)) < 0) {
			json_decref(object);
			return NULL;
		}
	return object;
}
