// SPDX-License-Identifier: Apache-2.0
/*
 * runtime_update.c - a change in a running chain, made as a whole or not at all.
 *
 * How: 1. every new instance is started beside the old ones; 2. when the last one is ready,
 * the kernel's routes get what is new, the chain is kept as it is to be, instances that stay
 * read other rules, new instances are chosen and old ones no longer, and the gateway is told;
 * 3. old instances finish what they have and stop, and what only they used leaves the route
 * table. When an instance of step 1 does not become ready, all of them are killed and nothing
 * has happened.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <unistd.h>

#include "controller/runtime_private.h"
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

/* ---- the switch ---- */

bool instance_fits(const struct instance *instance)
{
	const struct runtime *runtime = instance->runtime;
	const struct revision *wanted = runtime->functions[instance->fn].revision;

	return !strcmp(instance->revision->name, wanted->name) &&
	       instance->number < runtime_instances_wanted(runtime, runtime->chain, instance->fn);
}

void instance_conform(struct instance *instance)
{
	struct runtime *runtime = instance->runtime;
	const struct chain_function *f;

	if (instance->state != INSTANCE_READY && instance->state != INSTANCE_STARTING)
		return;
	f = &runtime->chain->functions[instance->fn - 1];
	if (instance_fits(instance)) {
		wiring_page_rules(instance->page, &f->rules);
		if (instance->state == INSTANCE_READY) /* with another limit, perhaps */
			slots_enable(instance, f->concurrency);
	} else if (instance->state == INSTANCE_READY) {
		instance_drain(instance);
	} else {
		instance->dismissed = true;
		instance_set_state(instance, INSTANCE_STOPPING);
		process_kill(&instance->process);
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
			traffic_renew(runtime, fn);
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
	if (runtime->options.fdstore)
		keep_chain(runtime);
}

/* New ones are chosen before old ones are no longer. */
static void instances_switch(struct runtime *runtime)
{
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++) {
		struct instance *i = &runtime->instances[slot];

		if (!i->next)
			continue;
		i->next = false;
		if (instance_enable(i, runtime->chain->functions[i->fn - 1].concurrency) < 0)
			process_kill(&i->process); /* another one follows */
	}
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++)
		instance_conform(&runtime->instances[slot]);
	cgroups_conform(runtime);
}

/* Once the chain is kept the change is made, whoever dies: a controller that takes over does
 * what is left of it. Before, it has only added to the routes. */
static void commit(struct runtime *runtime)
{
	struct update *u = runtime->update;

	routes_switch(runtime, u->chain);
	functions_switch(runtime, u);
	runtime->tables_sent = true;
	chain_switch(runtime, u);
	traffic_switch(runtime);
	instances_switch(runtime);
	gateway_tables_tell(runtime);
}

void update_prepared(struct runtime *runtime)
{
	if (runtime->update && --runtime->update->waiting == 0)
		commit(runtime);
}

void update_tables_done(struct runtime *runtime)
{
	if (!runtime->tables_sent)
		return;
	runtime->tables_sent = false;
	if (runtime->options.fdstore)
		keep_chain(runtime);
	if (runtime->update && runtime->update->made)
		update_end(runtime, 0, NULL);
}

/* ---- the start ---- */

static int revisions_compare(const struct runtime *runtime, const struct chain *next,
			     struct function_update *functions)
{
	for (uint32_t fn = 1; fn <= next->function_count; fn++) {
		struct function_update *f = &functions[fn];
		const struct revision *running;
		int r = revision_open(next, fn - 1, &f->revision);

		if (r < 0)
			return r;
		running = runtime->functions[fn].revision; /* NULL: it could not be opened */
		f->revised = !running || strcmp(f->revision->name, running->name) != 0 ||
			     runtime->functions[fn].traffic.rolled_back;
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

		/* Each thread takes a place. */
		fresh *= next->functions[fn - 1].workers;
		/* Those that are missing now may be back by then. */
		have = MAX(have, runtime->functions[fn].ready) *
		       runtime->chain->functions[fn - 1].workers;
		if (fresh + have > SP_FN_INST_MAX)
			return false;
		more += fresh;
	}
	return more <= slots_free(runtime);
}

/* Starts what is new. Returns 0 or -errno. */
static int prepare(struct runtime *runtime, struct update *u)
{
	int r = 0;

	for (uint32_t fn = 1; r == 0 && fn <= u->chain->function_count; fn++) {
		uint32_t wanted = runtime_instances_wanted(runtime, u->chain, fn);
		uint32_t have = runtime_instances_wanted(runtime, runtime->chain, fn);

		for (uint32_t n = u->functions[fn].revised ? 0 : have; r == 0 && n < wanted; n++) {
			r = u->waiting == 0 ? runtime_sandbox(runtime, u->chain) : 0;
			if (r == 0)
				r = instance_start(runtime, u->chain, fn, n,
						   u->functions[fn].revision, NULL);
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
	if (debug_goes_on(runtime)) {
		update_failed(runtime, -EBUSY,
			      "a function is being debugged: end the debugger, then apply again");
		return;
	}
	r = routes_merge(runtime, next);
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
