// SPDX-License-Identifier: Apache-2.0
/* All deployments: what is asked of them by name, and the store of fds behind them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "controller/cgroup.h"
#include "controller/chain_compare.h"
#include "controller/daemon/deployment_private.h"
#include "controller/daemon/front.h"
#include "controller/daemon/raised.h"
#include "controller/logstore.h"
#include "controller/runtime_keep.h"
#include "shm/hugepages.h"

/* Nothing that runs is hurt: the store alone has to be filled again. */
static void fdstore_restore(void *arg)
{
	struct deployments *all = arg;
	int r = fdstore_reopen(all->options.fdstore);

	events_add(all->options.events, "", "Warning", "FdstoreDied",
		   r < 0 ? "the fdstore is gone and cannot be started: %s; until it can, a restart "
			   "of the daemon would end every chain" :
			   "the fdstore was gone; another one has been filled%s",
		   r < 0 ? strerror(-r) : "");
	if (r < 0) {
		loop_arm(all->options.loop, &all->fdstore_again, DEPLOYMENT_FDSTORE_NS);
		return;
	}
	for (struct deployment *d = all->first; d; d = d->next) {
		if (d->runtime)
			keep_all(d->runtime);
		if (d->successor)
			keep_all(d->successor);
		for (struct retired *x = d->retired; x; x = x->next)
			keep_all(x->runtime);
	}
	if (all->options.front)
		front_keep(all->options.front);
	all->on_fdstore.fd = fdstore_fd(all->options.fdstore);
	loop_add(all->options.loop, &all->on_fdstore, EPOLLIN | EPOLLRDHUP);
}

static void on_fdstore_gone(void *arg, uint32_t events)
{
	struct deployments *all = arg;

	(void)events;
	loop_remove(all->options.loop, &all->on_fdstore);
	fdstore_restore(all);
}

static void on_log_trouble(void *arg, const char *sentence)
{
	const struct deployments *all = arg;

	events_add(all->options.events, "", "Warning", "Logs", "%s", sentence);
}

/* See shm_hugepages_watch(). */
static void on_limit(void *arg, long change, long limit)
{
	struct deployments *all = arg;

	raised_ahead(all->options.raised, all->raised, change, limit);
	all->raised += change;
	all->raised_ahead = true;
}

int deployments_open(const struct deployments_options *options, struct deployments **ret)
{
	struct deployments *all = calloc(1, sizeof(*all));
	int r;

	if (!all)
		return -ENOMEM;
	all->options = *options;
	all->on_fdstore =
		(struct loop_source){ fdstore_fd(options->fdstore), on_fdstore_gone, all };
	all->fdstore_again = (struct loop_timer){ .on_time = fdstore_restore, .arg = all };
	r = loop_add(options->loop, &all->on_fdstore, EPOLLIN | EPOLLRDHUP);
	if (r < 0) {
		free(all);
		return r;
	}
	logstore_on_trouble(options->logs, on_log_trouble, all);
	shm_hugepages_watch(on_limit, all);
	*ret = all;
	return 0;
}

struct deployments *deployments_close(struct deployments *all)
{
	if (!all)
		return NULL;
	loop_remove(all->options.loop, &all->on_fdstore);
	loop_disarm(all->options.loop, &all->fdstore_again);
	loop_disarm(all->options.loop, &all->sweep_again);
	logstore_on_trouble(all->options.logs, NULL, NULL);
	while (all->first)
		deployment_leave(all->first);
	shm_hugepages_watch(NULL, NULL);
	free(all);
	return NULL;
}

struct deployment *deployment_by_name(const struct deployments *all, const char *name)
{
	struct deployment *d = all->first;

	while (d && strcmp(d->name, name) != 0)
		d = d->next;
	return d;
}

struct deployment *deployments_find(const struct deployments *all, const char *name)
{
	struct deployment *d = deployment_by_name(all, name);

	return d && (d->document || d->changes || d->unreadable) ? d : NULL;
}

struct deployment *deployments_next(const struct deployments *all, const struct deployment *after)
{
	struct deployment *d = after ? after->next : all->first;

	while (d && !d->document && !d->changes && !d->unreadable)
		d = d->next;
	return d;
}

/* By a chain that is declared, or is being declared. */
static bool host_taken(const struct deployments *all, const struct chain *chain,
		       char why[DEPLOYMENT_WHY_MAX])
{
	for (const struct deployment *d = all->first; d; d = d->next)
		for (const struct change *c = d->changes; c; c = c->next)
			if (front_routes_conflict(&c->claim, chain->name, chain->ingress,
						  chain->ingress_count, why, DEPLOYMENT_WHY_MAX))
				return true;
	return front_conflict(all->options.front, chain->name, chain->ingress, chain->ingress_count,
			      why);
}

static long raised_for(const struct runtime *runtime)
{
	return runtime ? runtime->memory.overcommit : 0;
}

void deployments_raised(struct deployments *all)
{
	long pages = 0;

	for (const struct deployment *d = all->first; d; d = d->next) {
		pages += raised_for(d->runtime) + raised_for(d->successor);
		for (const struct retired *r = d->retired; r; r = r->next)
			pages += raised_for(r->runtime);
	}
	if (pages == all->raised && !all->raised_ahead)
		return;
	all->raised = pages;
	all->raised_ahead = false;
	raised_write(all->options.raised, pages);
}

/* Why a chain cannot be declared beside the others, or NULL. */
static const char *conflict(const struct deployments *all, const struct chain *chain,
			    char why[DEPLOYMENT_WHY_MAX])
{
	if (all->options.front && host_taken(all, chain, why))
		return why;
	for (const struct deployment *d = all->first; chain->listen && d; d = d->next) {
		if (!d->runtime || !d->runtime->chain->listen || !strcmp(d->name, chain->name) ||
		    strcmp(d->runtime->chain->listen, chain->listen) != 0 ||
		    strstr(chain->listen, ":0") == chain->listen + strlen(chain->listen) - 2)
			continue;
		snprintf(why, DEPLOYMENT_WHY_MAX, "chain %s listens on %s already", d->name,
			 chain->listen);
		return why;
	}
	return NULL;
}

void deployments_apply(struct deployments *all, struct document *document, struct chain *chain,
		       deployment_done_fn *done, void *arg)
{
	struct deployment *d = deployment_by_name(all, chain->name);
	struct change *c = change_new(CHANGE_APPLY, done, arg);
	char buf[DEPLOYMENT_WHY_MAX];
	const char *why = !c                 ? "no memory" :
			  all->shutdown_done ? "sprocketd is shutting down" :
					       conflict(all, chain, buf);

	if (!why &&
	    front_routes_add(&c->claim, chain->name, "", chain->ingress, chain->ingress_count) < 0)
		why = "no memory for its ingress, or one of its hosts or paths is too long";
	if (!why && !d) {
		d = deployment_new(all, chain->name);
		why = d ? NULL : "no memory";
	}
	if (why) {
		document_free(document);
		chain_free(chain);
		if (c)
			change_free(c);
		done(arg, -EINVAL, NULL, NULL, why);
		return;
	}
	c->document = document;
	c->chain = chain;
	change_add(d, c);
}

static void change_ask(struct deployments *all, const char *name, enum change_kind kind,
		       deployment_done_fn *done, void *arg)
{
	struct deployment *d = deployments_find(all, name);
	struct change *c = d ? change_new(kind, done, arg) : NULL;

	if (!d)
		done(arg, -ENOENT, NULL, NULL, "no such chain");
	else if (!c)
		done(arg, -ENOMEM, NULL, NULL, "no memory");
	else
		change_add(d, c);
}

void deployments_delete(struct deployments *all, const char *name, deployment_done_fn *done,
			void *arg)
{
	change_ask(all, name, CHANGE_DELETE, done, arg);
}

void deployments_drain(struct deployments *all, const char *name, deployment_done_fn *done,
		       void *arg)
{
	change_ask(all, name, CHANGE_DRAIN, done, arg);
}

static void on_shutdown_tick(void *arg)
{
	struct deployments *all = arg;
	bool any = false;

	for (const struct deployment *d = all->first; d; d = d->next)
		any |= d->runtime || d->successor || d->retired || d->changes;
	if (any) {
		loop_arm(all->options.loop, &all->shutdown_tick, DEPLOYMENT_WAIT_NS);
		return;
	}
	cgroup_sweep();
	all->shutdown_done(all->shutdown_arg, 0, "drained", NULL, NULL);
}

void deployments_shutdown(struct deployments *all, deployment_done_fn *done, void *arg)
{
	for (struct deployment *d = all->first; d; d = d->next) {
		struct change *c = change_new(CHANGE_SHUTDOWN, NULL, NULL);

		d->shutdown = true;
		if (c)
			change_add(d, c);
	}
	all->shutdown_done = done;
	all->shutdown_arg = arg;
	all->shutdown_tick = (struct loop_timer){ .on_time = on_shutdown_tick, .arg = all };
	loop_arm(all->options.loop, &all->shutdown_tick, DEPLOYMENT_WAIT_NS);
}

json_t *deployments_plan(const struct deployments *all, const struct chain *chain,
			 const char **ret_result)
{
	const struct deployment *d = deployments_find(all, chain->name);
	json_t *changes = json_array();
	enum chain_change change;

	if (!d || !d->runtime) {
		chain_change_add(changes, chain->name, d ? "started" : "created");
		*ret_result = d ? "configured" : "created";
		return changes;
	}
	change = change_compare(d->runtime, chain, changes);
	*ret_result = change == CHAIN_CHANGE_NONE ? "unchanged" :
		      change == CHAIN_CHANGE_LIVE ? "configured" :
						    "replaced";
	return changes;
}
