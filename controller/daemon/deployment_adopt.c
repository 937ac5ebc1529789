// SPDX-License-Identifier: Apache-2.0
/*
 * deployment_adopt.c - what a daemon does first: take over what runs, then bring it to what is
 * declared.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/cgroup.h"
#include "controller/daemon/deployment_private.h"
#include "controller/daemon/raised.h"
#include "controller/runtime_keep.h"
#include "shm/hugepages.h"

static int on_entry(struct fdstore_entry *entry, void *arg)
{
	int r = keep_sort(arg, entry);

	return r < 0 ? r : 0;
}

static struct document *document_read(const struct keep_entries *entries)
{
	struct document *document = NULL;
	int fd = keep_document(entries);
	struct stat st;
	void *text;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
		return NULL;
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (text == MAP_FAILED)
		return NULL;
	document_parse(text, (size_t)st.st_size, &document);
	munmap(text, (size_t)st.st_size);
	return document;
}

static void pins_of(const struct deployments *all, const char *name, char *ret, size_t size)
{
	snprintf(ret, size, "%s/%s", all->options.pins, name);
}

/* Does `a` serve rather than `b`, another runtime of the same chain? What serves goes before
 * what starts, the later before the earlier. */
static bool goes_before(const struct keep_entries *a, const struct keep_entries *b)
{
	bool a_serves = a->state == RUNTIME_SERVING, b_serves = b->state == RUNTIME_SERVING;

	if (a->state > RUNTIME_SERVING || b->state > RUNTIME_SERVING)
		return a->state < b->state;
	return a_serves != b_serves ? a_serves : a->incarnation > b->incarnation;
}

static void adopt_one(struct deployments *all, struct keep_entries *entries, bool serves,
		      struct document *document)
{
	struct deployment *d = deployment_by_name(all, document->name);
	struct runtime_options options;
	struct runtime *runtime;
	struct chain *chain;
	char pins[256];

	if (!d)
		d = deployment_new(all, document->name);
	runtime = d ? runtime_new() : NULL;
	if (!runtime || document_chain(document, stderr, &chain) < 0) {
		pins_of(all, entries->name, pins, sizeof(pins));
		keep_discard(all->options.fdstore, entries, pins);
		if (runtime)
			munmap(runtime, sizeof(*runtime));
		document_free(document);
		return;
	}
	deployment_options(d, &options);
	options.incarnation = entries->incarnation;
	pins_of(all, entries->name, pins, sizeof(pins));
	options.pins = pins;
	runtime_adopt(runtime, chain, all->options.loop, &options, entries);
	runtime->options.pins = NULL;
	if (serves) {
		d->runtime = runtime;
		document_free(d->document);
		d->document = document;
		d->starting = true; /* until it is seen to serve */
		all->starting++;
		if (runtime->state == RUNTIME_SERVING)
			deployment_route_lead(d, runtime);
	} else {
		document_free(document);
		deployment_retire(d, runtime);
	}
	deployment_tick(d);
}

/* Of several runtimes of one chain one serves; what drains goes on draining; what was being
 * started in its place ends, and is started again if it is still declared. */
static void adopt_all(struct deployments *all, struct keep_entries *list)
{
	for (struct keep_entries *e = list, *next; e; e = next) {
		struct document *document = document_read(e);
		bool serves = document != NULL;
		char pins[256];

		next = e->next;
		for (struct keep_entries *o = list; serves && o; o = o->next) {
			struct document *other = o != e && o->count ? document_read(o) : NULL;

			if (other && !strcmp(other->name, document->name) && goes_before(o, e))
				serves = false;
			document_free(other);
		}
		if (e->incarnation > all->incarnation)
			all->incarnation = e->incarnation;
		if (document && (serves || e->state >= RUNTIME_SERVING)) {
			adopt_one(all, e, serves && e->state <= RUNTIME_SERVING, document);
			continue;
		}
		document_free(document);
		pins_of(all, e->name, pins, sizeof(pins));
		keep_discard(all->options.fdstore, e, pins);
		events_add(all->options.events, "", "Warning", "NotAdopted",
			   "%s was not complete; what there was of it is gone", e->name);
	}
}

/* It stays declared, and shows as failed until it is declared anew or deleted. */
static void set_unreadable(struct deployment *d, const char *why)
{
	snprintf(d->failed, sizeof(d->failed), "%s", why);
	d->declared = d->unreadable = true;
	conditions_update(d);
	events_add(d->all->options.events, d->name, "Warning", "Unreadable", "%s", why);
}

static void on_unreadable(const char *name, const char *why, void *arg)
{
	struct deployments *all = arg;
	struct deployment *d = deployments_find(all, name);
	int r;

	if (!d || !d->document) {
		d = d ? d : deployment_new(all, name);
		if (d)
			set_unreadable(d, why);
		return;
	}
	/* It runs, with all that was declared: that is written down again. */
	d->declared = true;
	r = store_save(all->options.store, d->document);
	events_add(all->options.events, name, "Warning", "Unreadable", "%s%s%s", why,
		   r < 0 ? "; what runs cannot be written in its place: " :
			   "; what runs is written in its place",
		   r < 0 ? strerror(-r) : "");
}

static void drained_restore(struct deployment *d, struct document *document)
{
	struct change *c;
	struct chain *chain;

	document_free(d->document);
	d->document = document;
	c = d->runtime ? change_new(CHANGE_DRAIN, NULL, NULL) : NULL;
	if (c)
		change_add(d, c);
	if (document_chain(document, stderr, &chain) < 0)
		return;
	deployment_route_hold(d, chain);
	chain_free(chain);
}

static void on_document(struct document *document, void *arg)
{
	struct deployments *all = arg;
	struct deployment *d = deployment_by_name(all, document->name);
	struct change *c;

	if (d && d->document && d->document->generation == document->generation &&
	    !document->drained) {
		document_free(d->document);
		d->document = document;
		d->declared = true;
		return;
	}
	if (!d)
		d = deployment_new(all, document->name);
	if (!d) {
		document_free(document);
		return;
	}
	d->declared = true;
	if (document->drained) {
		drained_restore(d, document);
		return;
	}
	c = change_new(CHANGE_APPLY, NULL, NULL);
	if (!c || document_chain(document, stderr, &c->chain) < 0) {
		if (c)
			change_free(c);
		document_free(document);
		set_unreadable(d, "what is declared cannot be used any more; apply it again");
		return;
	}
	if (!d->runtime)
		deployment_route_hold(d, c->chain);
	c->restored = true;
	c->document = document;
	change_add(d, c);
}

/* Runs, and nobody declares it: it was being deleted. */
static void undeclared_stop(struct deployments *all)
{
	for (struct deployment *d = all->first; d; d = d->next) {
		if (d->document && !d->declared)
			deployments_delete(all, d->name, NULL, NULL);
	}
}

static bool runtime_known(const struct deployments *all, const char *name)
{
	for (const struct deployment *d = all->first; d; d = d->next) {
		if (d->runtime && !strcmp(d->runtime->name, name))
			return true;
		for (const struct retired *r = d->retired; r; r = r->next)
			if (!strcmp(r->runtime->name, name))
				return true;
	}
	return false;
}

static void socket_remove(const char *path)
{
	unlink(path);
}

static void pins_remove(const char *path)
{
	sproxy_remove_pins(path);
}

/* What lies in a folder, NAME and `ending`, of chains that nobody can adopt: killed before
 * they were kept. */
static void sweep(const struct deployments *all, const char *folder, const char *ending,
		  void (*remove_it)(const char *path))
{
	DIR *dir = folder ? opendir(folder) : NULL;
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name), end = strlen(ending);
		char path[512], name[RUNTIME_NAME_MAX];

		if (entry->d_name[0] == '.' || len < end || len - end >= sizeof(name) ||
		    strcmp(entry->d_name + len - end, ending) != 0)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(len - end), entry->d_name);
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (!runtime_known(all, name))
			remove_it(path);
	}
	if (dir)
		closedir(dir);
}

/* What the daemon before us raised the limit of hugepages by, and the fdstore does not know of:
 * both died. */
static void raised_give_back(struct deployments *all, const struct keep_entries *list)
{
	long lost = raised_read(all->options.raised, shm_hugepages_limit());

	all->raised = lost;
	for (const struct keep_entries *e = list; e; e = e->next)
		lost -= keep_overcommit(e);
	if (lost > 0)
		shm_hugepages_lower(lost);
}

/* The control groups of what died with the daemon before us. */
static void on_sweep(void *arg)
{
	(void)arg;
	cgroup_sweep();
}

int deployments_adopt(struct deployments *all)
{
	struct keep_entries *list = NULL;
	int r = fdstore_list(all->options.fdstore, on_entry, &list);

	if (r == 0)
		raised_give_back(all, list);
	if (r == 0)
		adopt_all(all, list);
	while (list) {
		struct keep_entries *next = list->next;

		keep_entries_free(list);
		list = next;
	}
	if (r == 0)
		r = store_load(all->options.store, on_document, on_unreadable, all);
	if (r < 0)
		return r;
	undeclared_stop(all);
	deployments_raised(all);
	sweep(all, all->options.pins, "", pins_remove);
	sweep(all, all->options.front_folder, ".sock", socket_remove);
	cgroup_sweep();
	all->sweep_again = (struct loop_timer){ .on_time = on_sweep, .arg = all };
	loop_arm(all->options.loop, &all->sweep_again, DEPLOYMENT_SWEEP_NS);
	return 0;
}
