// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/deployment_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/clock.h"
#include "controller/daemon/front.h"
#include "controller/daemon/tap_stream.h"
#include "controller/logstore.h"

static void on_log(void *arg, const char *source, const char *text, size_t len)
{
	struct deployment *d = arg;

	logstore_line(d->all->options.logs, d->name, source, clock_ns(CLOCK_REALTIME), text, len);
}

void deployment_tick_in(struct deployment *d, uint64_t delay_ns)
{
	if (!d->tick.armed || d->tick.at_ns > loop_now_ns() + delay_ns)
		loop_arm(d->all->options.loop, &d->tick, delay_ns);
}

void deployment_tick(struct deployment *d)
{
	deployment_tick_in(d, 0);
}

static void forget(struct deployment *d)
{
	struct deployment **at = &d->all->first;

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	loop_disarm(d->all->options.loop, &d->tick);
	loop_disarm(d->all->options.loop, &d->retry);
	document_free(d->document);
	free(d);
}

/* ---- runtimes ---- */

static void start_ended(struct deployment *d)
{
	if (!d->starting)
		return;
	d->starting = false;
	d->all->starting--;
	for (struct deployment *other = d->all->first; other; other = other->next)
		if (other->changes && !other->changes->begun)
			deployment_tick(other);
}

void deployment_route_lead(struct deployment *d, const struct runtime *runtime)
{
	if (d->all->options.front)
		front_route_add(d->all->options.front, d->name, runtime->front,
				runtime->chain->ingress, runtime->chain->ingress_count);
}

static void serves(struct deployment *d, struct runtime *runtime)
{
	const struct deployments_options *o = &d->all->options;

	d->runtime = runtime;
	d->failures = 0;
	d->failed[0] = '\0';
	start_ended(d);
	deployment_route_lead(d, runtime);
	events_add(o->events, d->name, "Normal", "Serving", "serves at http://%s",
		   runtime->address);
}

void deployment_route_hold(struct deployment *d, const struct chain *chain)
{
	const struct deployments_options *o = &d->all->options;
	char path[sizeof(((struct front_route *)NULL)->socket)];

	if (!o->front)
		return;
	snprintf(path, sizeof(path), "%s/" DEPLOYMENT_NOWHERE, o->front_folder);
	front_route_add(o->front, d->name, path, chain->ingress, chain->ingress_count);
}

void deployment_retire(struct deployment *d, struct runtime *runtime)
{
	struct retired *r = malloc(sizeof(*r));

	if (!r) { /* it drains all the same, and stays in memory */
		runtime_stop(runtime, true);
		return;
	}
	*r = (struct retired){ runtime, loop_now_ns(), d->retired };
	d->retired = r;
	deployment_tick(d);
}

/* A runtime is told to drain when the front, too, sends nobody to it any more. */
static void retired_stop(struct deployment *d)
{
	const struct deployments_options *o = &d->all->options;

	for (struct retired *r = d->retired; r; r = r->next) {
		if (r->runtime->state != RUNTIME_SERVING)
			continue;
		if (!o->front || front_settled(o->front) ||
		    loop_now_ns() - r->since_ns > DEPLOYMENT_SETTLE_NS)
			runtime_stop(r->runtime, true);
		else
			deployment_tick_in(d, DEPLOYMENT_WAIT_NS);
	}
}

static void runtime_end(struct deployment *d, struct runtime *runtime)
{
	tap_stream_end(d->all->options.taps, runtime);
	runtime_done(runtime);
}

static void runtime_let_go(struct deployment *d, struct runtime *runtime)
{
	if (!runtime)
		return;
	tap_stream_end(d->all->options.taps, runtime);
	runtime_leave(runtime);
}

void deployment_leave(struct deployment *d)
{
	struct change *c;

	while ((c = d->changes)) {
		d->changes = c->next;
		change_free(c); /* whoever asked is gone */
	}
	for (struct retired *r = d->retired, *next; r; r = next) {
		next = r->next;
		runtime_let_go(d, r->runtime);
		free(r);
	}
	runtime_let_go(d, d->runtime);
	runtime_let_go(d, d->successor);
	forget(d);
}

static void retired_reap(struct deployment *d)
{
	struct retired **at = &d->retired;

	while (*at) {
		struct retired *r = *at;

		if (r->runtime->state != RUNTIME_STOPPED) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		runtime_end(d, r->runtime);
		free(r);
	}
}

/* ---- ticks ---- */

static void on_retry(void *arg)
{
	deployment_tick(arg);
}

static void retry_later(struct deployment *d)
{
	uint64_t delay = DEPLOYMENT_RETRY_MIN_NS << (d->failures > 6 ? 6 : d->failures);

	d->failures++;
	if (delay > DEPLOYMENT_RETRY_MAX_NS)
		delay = DEPLOYMENT_RETRY_MAX_NS;
	loop_arm(d->all->options.loop, &d->retry, delay);
	events_add(d->all->options.events, d->name, "Warning", "Failed",
		   "does not run: %s; tried again in %.0f s", d->failed, (double)delay / 1e9);
}

/* The runtime that served, or was to, has stopped. */
static void runtime_ended(struct deployment *d)
{
	const struct deployments_options *o = &d->all->options;
	struct change *c = d->changes;
	char why[DEPLOYMENT_WHY_MAX];

	snprintf(why, sizeof(why), "%s", d->runtime->why[0] ? d->runtime->why : "it ended");
	runtime_end(d, d->runtime);
	d->runtime = NULL;
	if (o->front && !d->document)
		front_route_remove(o->front, d->name);
	if (d->successor) /* it takes the place, or fails and is rolled back */
		return;
	start_ended(d);
	if (c && c->begun && c->kind == CHANGE_DELETE) {
		logstore_remove(o->logs, d->name);
		change_end(d, 0, "deleted", NULL);
	} else if (c && c->begun && c->kind != CHANGE_APPLY) {
		change_end(d, 0, "drained", NULL);
	} else if (c && c->begun && c->creates && !d->document) {
		change_roll_back(d, why);
	} else {
		if (c && c->begun) /* it fell under the change that was made to it */
			change_roll_back(d, why);
		if (d->document && d->document->drained)
			return;
		memcpy(d->failed, why, sizeof(d->failed));
		retry_later(d);
	}
}

/* Starts what should run and does not, after a failure. */
static void runtime_again(struct deployment *d)
{
	struct chain *chain;
	int r;

	if (d->all->starting >= DEPLOYMENT_STARTS_MAX) {
		loop_arm(d->all->options.loop, &d->retry, DEPLOYMENT_WAIT_NS);
		return;
	}
	r = document_chain(d->document, stderr, &chain);
	if (r == 0)
		d->runtime = deployment_launch(d, chain, d->document, NULL);
	if (!d->runtime)
		retry_later(d);
}

static void on_tick(void *arg)
{
	struct deployment *d = arg;
	struct change *c = d->changes;

	retired_stop(d);
	retired_reap(d);
	if (d->successor && d->successor->state == RUNTIME_STOPPED) {
		char why[DEPLOYMENT_WHY_MAX];

		snprintf(why, sizeof(why), "%s", d->successor->why);
		runtime_end(d, d->successor);
		d->successor = NULL;
		start_ended(d);
		change_roll_back(d, why);
	} else if (d->successor && d->successor->state == RUNTIME_SERVING) {
		struct runtime *before = d->runtime;

		serves(d, d->successor);
		d->successor = NULL;
		if (before)
			deployment_retire(d, before);
		change_end(d, 0, "replaced", NULL);
	} else if (d->runtime && d->runtime->state == RUNTIME_STOPPED) {
		runtime_ended(d);
	} else if (d->runtime && d->runtime->state == RUNTIME_SERVING && d->starting &&
		   !d->successor) {
		serves(d, d->runtime);
		if (c && c->begun && c->kind == CHANGE_APPLY && c->creates)
			change_end(d, 0, d->document ? "configured" : "created", NULL);
	} else if (!d->runtime && !d->changes && d->document && !d->document->drained &&
		   !d->shutdown && !d->unreadable && !d->retry.armed) {
		runtime_again(d);
	}
	conditions_update(d);
	if (d->changes && !d->changes->begun)
		change_begin(d);
	deployments_raised(d->all);
	if (!d->document && !d->unreadable && !d->changes && !d->runtime && !d->successor &&
	    !d->retired)
		forget(d);
}

struct deployment *deployment_new(struct deployments *all, const char *name)
{
	struct deployment *d = calloc(1, sizeof(*d)), **at = &all->first;

	if (!d)
		return NULL;
	d->all = all;
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->logs = (struct logs_sink){ on_log, d };
	d->tick = (struct loop_timer){ .on_time = on_tick, .arg = d };
	d->retry = (struct loop_timer){ .on_time = on_retry, .arg = d };
	while (*at && strcmp((*at)->name, name) < 0)
		at = &(*at)->next;
	d->next = *at;
	*at = d;
	return d;
}

const char *deployment_name(const struct deployment *d)
{
	return d->name;
}

struct runtime *deployment_runtime(const struct deployment *d)
{
	return d->runtime && d->runtime->proxy && d->runtime->stats ? d->runtime : NULL;
}

const struct document *deployment_document(const struct deployment *d)
{
	if (d->document)
		return d->document;
	return d->changes ? d->changes->document : NULL;
}

int deployment_debug(struct deployment *d, const char *function, pid_t *ret_pid,
		     char why[DEPLOYMENT_WHY_MAX])
{
	uint32_t slot;
	int r = -ENOENT;

	if (!d->runtime || d->runtime->state != RUNTIME_SERVING) {
		snprintf(why, DEPLOYMENT_WHY_MAX, "chain %s does not serve now", d->name);
		return -EAGAIN;
	}
	for (uint32_t fn = 1; fn <= d->runtime->chain->function_count; fn++)
		if (!strcmp(runtime_fn_name(d->runtime, fn), function))
			r = runtime_debug(d->runtime, fn, ret_pid, &slot);
	if (r == -ENOENT)
		snprintf(why, DEPLOYMENT_WHY_MAX, "chain %s has no function %.64s", d->name,
			 function);
	else if (r == -EBUSY)
		snprintf(why, DEPLOYMENT_WHY_MAX, "chain %s is being debugged already", d->name);
	else if (r < 0)
		snprintf(why, DEPLOYMENT_WHY_MAX, "cannot start an instance: %s", strerror(-r));
	return r;
}
