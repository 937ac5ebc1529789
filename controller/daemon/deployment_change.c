// SPDX-License-Identifier: Apache-2.0
/* What is asked of a deployment: apply, delete, drain. One after the other, each as a whole. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "controller/chain_compare.h"
#include "controller/daemon/deployment_private.h"
#include "controller/daemon/front.h"
#include "controller/logstore.h"

void change_free(struct change *c)
{
	document_free(c->document);
	chain_free(c->chain);
	json_decref(c->changes);
	front_routes_done(&c->claim);
	free(c);
}

void change_end(struct deployment *d, int error, const char *result, const char *why)
{
	const struct deployments_options *o = &d->all->options;
	struct change *c = d->changes;

	if (!c)
		return;
	d->changes = c->next;
	if (error == 0 && c->kind == CHANGE_APPLY && c->document) {
		document_free(d->document);
		d->document = c->document;
		c->document = NULL;
	}
	snprintf(d->refused, sizeof(d->refused), "%s", error ? why : "");
	if (error)
		events_add(o->events, d->name, "Warning",
			   error == -ECANCELED ? "RolledBack" : "Refused", "%s", why);
	else if (strcmp(result, "unchanged") != 0)
		events_add(o->events, d->name, "Normal", "Changed", "%s", result);
	if (c->done)
		c->done(c->arg, error, result, c->changes, why);
	change_free(c);
	conditions_update(d);
	deployment_tick(d);
}

/* On disk it is as it was before the change. */
static void store_restore(struct deployment *d)
{
	struct store *store = d->all->options.store;
	int r = d->document ? store_save(store, d->document) : store_remove(store, d->name);

	if (r < 0)
		events_add(d->all->options.events, d->name, "Warning", "State",
			   "what was declared before cannot be written again: %s; apply it once "
			   "more when there is room",
			   strerror(-r));
}

void change_roll_back(struct deployment *d, const char *why)
{
	char text[DEPLOYMENT_WHY_MAX];

	snprintf(text, sizeof(text), "rolled back: %.200s", why);
	store_restore(d);
	change_end(d, -ECANCELED, NULL, text);
}

/* Declares the new document. False: it cannot be written, and the change has ended. */
static bool declare(struct deployment *d, struct change *c)
{
	char why[DEPLOYMENT_WHY_MAX];
	int r;

	if (!c->restored) {
		c->document->generation = d->document ? d->document->generation + 1 : 1;
		c->document->created_s =
			d->document ? d->document->created_s : (uint64_t)time(NULL);
		c->document->drained = false;
	}
	r = c->restored ? 0 : store_save(d->all->options.store, c->document);
	if (r == 0) {
		d->unreadable = false;
		return true;
	}
	snprintf(why, sizeof(why), "the state folder cannot be written: %s", strerror(-r));
	change_end(d, r, NULL, why);
	return false;
}

static void create(struct deployment *d, struct change *c)
{
	struct chain *chain = c->chain;

	if (!declare(d, c))
		return;
	c->chain = NULL;
	c->creates = true;
	if (c->restored) { /* stays declared whatever comes */
		document_free(d->document);
		d->document = c->document;
		c->document = NULL;
	}
	loop_disarm(d->all->options.loop, &d->retry);
	d->runtime = deployment_launch(d, chain, c->restored ? d->document : c->document, NULL);
	if (!d->runtime)
		change_roll_back(d, "no memory");
}

static void replace(struct deployment *d, struct change *c)
{
	const struct chain *old = d->runtime->chain;
	struct chain *chain = c->chain;
	bool same_address = (!old->listen && !chain->listen) ||
			    (old->listen && chain->listen && !strcmp(old->listen, chain->listen));

	if (!declare(d, c))
		return;
	c->chain = NULL;
	d->successor = deployment_launch(d, chain, c->document, same_address ? d->runtime : NULL);
	if (!d->successor)
		change_roll_back(d, "no memory");
}

static void on_updated(struct runtime *runtime, int error, const char *why, void *arg)
{
	struct deployment *d = arg;

	if (error) {
		change_roll_back(d, why);
		return;
	}
	deployment_route_lead(d, runtime);
	change_end(d, 0, "configured", NULL);
}

static void update(struct deployment *d, struct change *c)
{
	struct chain *chain = c->chain;
	int memfd;

	if (!declare(d, c))
		return;
	memfd = deployment_memfd(c->document);
	if (memfd < 0) {
		change_roll_back(d, "no memory");
		return;
	}
	c->chain = NULL;
	runtime_update(d->runtime, chain, memfd, on_updated, d);
}

/* How a chain gets from what runs to `next`. */
enum chain_change change_compare(const struct runtime *runtime, const struct chain *next,
				 json_t *changes)
{
	enum chain_change change;
	uint64_t revised = 0;

	/* An unreadable program shows when it is started, and all is rolled back. */
	if (runtime->chain->function_count == next->function_count)
		runtime_revised(runtime, next, &revised);
	change = chain_compare(runtime->chain, next, revised, changes);
	if (change == CHAIN_CHANGE_LIVE && !runtime_update_fits(runtime, next, revised))
		change = CHAIN_CHANGE_REPLACE;
	return change;
}

static void keep_as_is(struct deployment *d, struct change *c)
{
	bool same = d->document && d->document->yaml_len == c->document->yaml_len &&
		    !memcmp(d->document->yaml, c->document->yaml, c->document->yaml_len) &&
		    !strcmp(d->document->file, c->document->file);

	if (same) {
		document_free(c->document);
		c->document = NULL;
	} else if (!declare(d, c)) {
		return;
	}
	change_end(d, 0, "unchanged", NULL);
}

static void apply(struct deployment *d, struct change *c)
{
	enum chain_change change;
	bool full = d->all->starting >= DEPLOYMENT_STARTS_MAX;

	if (!d->runtime) {
		/* Woken when one of those that start is done. */
		if (!full) {
			c->begun = true;
			chain_change_add(c->changes, d->name, "created");
			create(d, c);
		}
		return;
	}
	/* It starts, ends, or its gateway has not taken the last change yet. */
	if (d->runtime->state != RUNTIME_SERVING || d->runtime->tables_sent) {
		deployment_tick_in(d, DEPLOYMENT_WAIT_NS);
		return;
	}
	json_array_clear(c->changes);
	change = change_compare(d->runtime, c->chain, c->changes);
	if (change == CHAIN_CHANGE_REPLACE && full)
		return;
	c->begun = true;
	if (change == CHAIN_CHANGE_NONE)
		keep_as_is(d, c);
	else if (change == CHAIN_CHANGE_LIVE)
		update(d, c);
	else
		replace(d, c);
}

static void stop(struct deployment *d, struct change *c)
{
	struct front *front = d->all->options.front;
	int r = 0;

	c->begun = true;
	/* Before anything stops: a daemon that comes after a kill goes on with it. */
	if (c->kind == CHANGE_DELETE) {
		r = store_remove(d->all->options.store, d->name);
	} else if (c->kind == CHANGE_DRAIN && d->document) {
		bool before = d->document->drained;

		d->document->drained = true;
		r = store_save(d->all->options.store, d->document);
		if (r < 0)
			d->document->drained = before;
	}
	if (r < 0) {
		char why[DEPLOYMENT_WHY_MAX];

		snprintf(why, sizeof(why), "the state folder cannot be written: %s", strerror(-r));
		change_end(d, r, NULL, why);
		return;
	}
	if (c->kind == CHANGE_DELETE) {
		d->document = document_free(d->document);
		d->unreadable = false;
	}
	d->shutdown = c->kind == CHANGE_SHUTDOWN;
	if (front && c->kind == CHANGE_DELETE)
		front_route_remove(front, d->name);
	else if (d->runtime)
		deployment_route_hold(d, d->runtime->chain);
	loop_disarm(d->all->options.loop, &d->retry);
	d->failures = 0;
	d->failed[0] = '\0';
	if (c->kind == CHANGE_DELETE && !d->runtime)
		logstore_remove(d->all->options.logs, d->name);
	if (d->runtime && d->runtime->state <= RUNTIME_SERVING)
		runtime_stop(d->runtime, false);
	else if (!d->runtime)
		change_end(d, 0, c->kind == CHANGE_DELETE ? "deleted" : "drained", NULL);
}

void change_begin(struct deployment *d)
{
	struct change *c = d->changes;

	if (!c || c->begun)
		return;
	if (c->kind == CHANGE_APPLY)
		apply(d, c);
	else
		stop(d, c);
}

void change_add(struct deployment *d, struct change *change)
{
	struct change **at = &d->changes;

	while (*at)
		at = &(*at)->next;
	*at = change;
	conditions_update(d);
	deployment_tick(d);
}

struct change *change_new(enum change_kind kind, deployment_done_fn *done, void *arg)
{
	struct change *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct change){ .kind = kind, .done = done, .arg = arg, .changes = json_array() };
	return c;
}
