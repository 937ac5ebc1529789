// SPDX-License-Identifier: Apache-2.0
/*
 * runtime_update.c - a change in a running chain, made as a whole or not at all.
 *
 * How: 1. every new instance is started beside the old ones; 2. when the last one is ready,
 * the kernel's routes get what is new, instances that stay read other rules, new instances
 * are chosen and old ones no longer, and the gateway is told; 3. old instances finish what
 * they have and stop, and what only they used leaves the route table. When an instance of
 * step 1 does not become ready, all of them are killed and nothing has happened.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/runtime.h"
#include "controller/tables.h"

struct function_update {
	struct revision *revision; /* referenced */
	bool revised;
};

struct update {
	struct chain *chain; /* owned until it is the runtime's */
	int document;        /* the same */
	uint32_t waiting;    /* instances that are not ready yet */
	bool made;           /* only the gateway's answer is missing */
	runtime_updated_fn *done;
	void *arg;
	struct function_update functions[SP_FN_MAX]; /* by function number */
};

/* An edge that no instance is told of any more, but old ones may still use. */
struct stale_edge {
	uint32_t fn;
	uint32_t edge;
	struct sp_route route;
	uint64_t until_ns;
	struct stale_edge *next;
};

uint64_t runtime_update_wait(const struct runtime *runtime)
{
	uint64_t now = loop_now_ns(), free_ns = runtime->updated_ns + RUNTIME_UPDATE_GAP_NS;

	if (runtime->update)
		return RUNTIME_UPDATE_GAP_NS;
	return now < free_ns ? free_ns - now : 0;
}

static void update_end(struct runtime *runtime, int error, const char *why)
{
	struct update *u = runtime->update;

	runtime->update = NULL;
	if (!u->made) {
		chain_free(u->chain);
		if (u->document >= 0)
			close(u->document);
	}
	for (uint32_t fn = 0; fn < SP_FN_MAX; fn++)
		revision_put(u->functions[fn].revision);
	if (u->done)
		u->done(runtime, error, why, u->arg);
	free(u);
}

void update_failed(struct runtime *runtime, int error, const char *format, ...)
{
	char why[256];
	va_list args;

	if (!runtime->update)
		return;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++) {
		struct instance *i = &runtime->instances[slot];

		if (!i->next)
			continue;
		i->next = false;
		i->dismissed = true;
		if (i->process.pid > 0) {
			instance_set_state(i, INSTANCE_STOPPING);
			process_kill(&i->process);
		}
	}
	update_end(runtime, error, why);
}

/* ---- the route table ---- */

static void on_stale(void *arg)
{
	struct runtime *runtime = arg;
	struct stale_edge **at = &runtime->stale;
	uint64_t now = loop_now_ns(), next = 0;

	while (*at) {
		struct stale_edge *edge = *at;

		if (edge->until_ns > now) {
			if (!next || edge->until_ns < next)
				next = edge->until_ns;
			at = &edge->next;
			continue;
		}
		sproxy_route(runtime->proxy, edge->fn, edge->edge, (struct sp_route){ 0 });
		*at = edge->next;
		free(edge);
	}
	if (next)
		loop_arm(runtime->loop, &runtime->stale_timer, next - now);
}

void update_stale_free(struct runtime *runtime)
{
	while (runtime->stale) {
		struct stale_edge *edge = runtime->stale;

		runtime->stale = edge->next;
		free(edge);
	}
}

static bool is_stale(const struct runtime *runtime, uint32_t fn, uint32_t edge)
{
	const struct stale_edge *e = runtime->stale;

	while (e && (e->fn != fn || e->edge != edge))
		e = e->next;
	return e;
}

static void stale_add(struct runtime *runtime, uint32_t fn, uint32_t edge, struct sp_route route)
{
	uint64_t wait = runtime->chain->timeout_ns + RUNTIME_DRAIN_GRACE_NS;
	struct stale_edge *e;

	if (is_stale(runtime, fn, edge))
		return;
	e = malloc(sizeof(*e));
	if (!e) { /* stays in the table: an edge too many, until the chain is replaced */
		runtime_warn(runtime, "Memory", "an unused edge stays: no memory");
		return;
	}
	*e = (struct stale_edge){ fn, edge, route, loop_now_ns() + wait, runtime->stale };
	runtime->stale = e;
	if (!runtime->stale_timer.armed) {
		runtime->stale_timer.on_time = on_stale;
		runtime->stale_timer.arg = runtime;
		loop_arm(runtime->loop, &runtime->stale_timer, wait);
	}
}

/* Stale edges are in the kernel's table still: their places are taken, unless by the same. */
static void stale_show(const struct runtime *runtime, struct chain *chain)
{
	for (const struct stale_edge *e = runtime->stale; e; e = e->next) {
		struct chain_function *f = &chain->functions[e->fn - 1];

		f->targets[e->edge] = e->route;
		if (e->edge >= f->target_count)
			f->target_count = e->edge + 1;
	}
}

/* Used again: no longer stale. */
static void stale_drop(struct runtime *runtime, uint32_t fn, uint32_t edge)
{
	struct stale_edge **at = &runtime->stale;

	while (*at && ((*at)->fn != fn || (*at)->edge != edge))
		at = &(*at)->next;
	if (*at) {
		struct stale_edge *e = *at;

		*at = e->next;
		free(e);
	}
}

/* Writes what `next` has, and remembers what only the chain before has. */
static void routes_switch(struct runtime *runtime, const struct chain *next)
{
	for (uint32_t fn = 1; fn <= next->function_count; fn++) {
		const struct chain_function *was = &runtime->chain->functions[fn - 1];
		const struct chain_function *is = &next->functions[fn - 1];

		for (uint32_t edge = 0; edge < SP_EDGE_MAX; edge++) {
			if (is->targets[edge].kind != SP_ROUTE_NONE) {
				stale_drop(runtime, fn, edge);
				sproxy_route(runtime->proxy, fn, edge, is->targets[edge]);
			} else if (was->targets[edge].kind != SP_ROUTE_NONE) {
				stale_add(runtime, fn, edge, was->targets[edge]);
			}
		}
	}
}

/* ---- the switch ---- */

static void instance_switch(struct runtime *runtime, struct instance *i, const struct update *u)
{
	const struct chain_function *f;
	bool stays;

	if (i->state != INSTANCE_READY && i->state != INSTANCE_STARTING)
		return;
	if (i->revision == u->functions[i->fn].revision)
		return; /* one of the new */
	f = &u->chain->functions[i->fn - 1];
	stays = !u->functions[i->fn].revised &&
		i->number < runtime_instances_wanted(runtime, u->chain, i->fn);
	if (!stays && i->state == INSTANCE_READY) {
		instance_drain(i);
	} else if (!stays) {
		i->dismissed = true;
		instance_set_state(i, INSTANCE_STOPPING);
		process_kill(&i->process);
	} else {
		wiring_page_rules(i->page, &f->rules);
		if (i->state == INSTANCE_READY) /* with another limit, perhaps */
			sproxy_enable(runtime->proxy, i->slot, f->concurrency);
	}
}

static void functions_switch(struct runtime *runtime, struct update *u)
{
	for (uint32_t fn = 1; fn <= u->chain->function_count; fn++) {
		struct function_state *f = &runtime->functions[fn];
		uint32_t wanted = runtime_instances_wanted(runtime, u->chain, fn);

		if (u->functions[fn].revised) {
			revision_put(f->revision);
			f->revision = u->functions[fn].revision;
			u->functions[fn].revision = NULL;
			f->deaths = 0;
		}
		for (uint32_t n = 0; n < SP_FN_INST_MAX; n++)
			f->missing[n] = f->missing[n] && !u->functions[fn].revised && n < wanted;
	}
}

static void chain_switch(struct runtime *runtime, struct update *u)
{
	u->made = true;
	chain_free(runtime->chain);
	runtime->chain = u->chain;
	if (runtime->document >= 0)
		close(runtime->document);
	runtime->document = u->document;
	runtime->updated_ns = loop_now_ns();
	if (runtime->options.fdstore)
		keep_chain(runtime);
}

static void commit(struct runtime *runtime)
{
	struct update *u = runtime->update;

	routes_switch(runtime, u->chain);
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++) {
		struct instance *i = &runtime->instances[slot];

		if (i->next)
			instance_enable(i, u->chain->functions[i->fn - 1].concurrency);
	}
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++)
		instance_switch(runtime, &runtime->instances[slot], u);
	functions_switch(runtime, u);
	chain_switch(runtime, u);
	/* Without a gateway: the next one begins with these. */
	if (runtime->gateway.state == GATEWAY_READY && gateway_tables(runtime, runtime->chain) < 0)
		process_kill(&runtime->gateway.process);
}

void update_prepared(struct runtime *runtime)
{
	if (runtime->update && --runtime->update->waiting == 0)
		commit(runtime);
}

void update_tables_done(struct runtime *runtime)
{
	if (runtime->update && runtime->update->made)
		update_end(runtime, 0, NULL);
}

/* ---- the start ---- */

static int revisions_compare(const struct runtime *runtime, const struct chain *next,
			     struct function_update *functions)
{
	for (uint32_t fn = 1; fn <= next->function_count; fn++) {
		struct function_update *f = &functions[fn];
		int r = revision_open(next, fn - 1, &f->revision);

		if (r < 0)
			return r;
		f->revised = strcmp(f->revision->name, runtime->functions[fn].revision->name) != 0;
	}
	return 0;
}

int runtime_revised(const struct runtime *runtime, const struct chain *next, uint64_t *ret)
{
	struct function_update functions[SP_FN_MAX] = { 0 };
	int r = revisions_compare(runtime, next, functions);

	*ret = 0;
	for (uint32_t fn = 1; fn <= next->function_count; fn++) {
		*ret |= (uint64_t)functions[fn].revised << (fn - 1);
		revision_put(functions[fn].revision);
	}
	return r;
}

bool runtime_update_fits(const struct runtime *runtime, const struct chain *next, uint64_t revised)
{
	uint32_t more = 0;

	for (uint32_t fn = 1; fn <= next->function_count; fn++) {
		uint32_t wanted = runtime_instances_wanted(runtime, next, fn);
		uint32_t have = runtime_instances_wanted(runtime, runtime->chain, fn);
		uint32_t fresh = revised >> (fn - 1) & 1 ? wanted :
				 wanted > have           ? wanted - have :
							   0;

		if (fresh + runtime->functions[fn].ready > SP_FN_INST_MAX)
			return false;
		more += fresh;
	}
	return more <= instance_slots_free(runtime);
}

/* Starts what is new. Returns 0 or -errno. */
static int prepare(struct runtime *runtime, struct update *u)
{
	int r = 0;

	for (uint32_t fn = 1; r == 0 && fn <= u->chain->function_count; fn++) {
		uint32_t wanted = runtime_instances_wanted(runtime, u->chain, fn);
		uint32_t have = runtime_instances_wanted(runtime, runtime->chain, fn);

		for (uint32_t n = u->functions[fn].revised ? 0 : have; r == 0 && n < wanted; n++) {
			r = instance_start(runtime, u->chain, fn, n, u->functions[fn].revision,
					   NULL);
			u->waiting += r == 0;
		}
	}
	return r;
}

void runtime_update(struct runtime *runtime, struct chain *next, int document,
		    runtime_updated_fn *done, void *arg)
{
	struct update *u = calloc(1, sizeof(*u));
	int r = u ? 0 : -ENOMEM;

	if (!u) {
		chain_free(next);
		if (document >= 0)
			close(document);
		done(runtime, r, strerror(-r), arg);
		return;
	}
	*u = (struct update){ .chain = next, .document = document, .done = done, .arg = arg };
	runtime->update = u;
	stale_show(runtime, runtime->chain);
	r = tables_merge(runtime->chain, next);
	if (r == 0)
		r = revisions_compare(runtime, next, u->functions);
	if (r == 0)
		r = prepare(runtime, u);
	if (runtime->update != u)
		return; /* it has failed meanwhile, and said so */
	if (r < 0)
		update_failed(runtime, r, "cannot start what is new: %s", strerror(-r));
	else if (u->waiting == 0)
		commit(runtime);
}

void update_drop(struct runtime *runtime)
{
	if (!runtime->update)
		return;
	runtime->update->done = NULL;
	update_end(runtime, 0, NULL);
}
