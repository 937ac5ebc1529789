// SPDX-License-Identifier: Apache-2.0
/*
 * runtime_adopt.c - takes over a chain that another controller started and left, or was
 * killed over.
 *
 * How: everything was kept in the fdstore before it was put to use (runtime_keep.c), maps are
 * pinned, processes are named by pid and start time. What died meanwhile is treated as a
 * death that is noticed now; what was being changed is taken back, and the change is made
 * again by whoever declared it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/runtime_keep.h"
#include "shm/dpdk_folder.h"

static struct fdstore_entry *entry_find(const struct keep_entries *entries, const char *suffix)
{
	char name[FDSTORE_NAME_MAX];

	snprintf(name, sizeof(name), "chain/%s%s", entries->name, suffix);
	for (size_t i = 0; i < entries->count; i++)
		if (!strcmp(entries->items[i]->name, name))
			return entries->items[i];
	return NULL;
}

static int fd_take(struct fdstore_entry *entry, size_t i)
{
	int fd = i < entry->fd_count ? entry->fds[i] : -1;

	if (fd >= 0)
		entry->fds[i] = -1;
	return fd;
}

static int64_t number(json_t *data, const char *key)
{
	return json_integer_value(json_object_get(data, key));
}

static long overcommit_take(const struct keep_entries *entries)
{
	const struct fdstore_entry *entry = entry_find(entries, KEEP_MEMORY);
	json_t *data = entry ? json_loads(entry->data, 0, NULL) : NULL;
	long pages = (long)number(data, "overcommit");

	json_decref(data);
	return pages;
}

static int head_take(struct runtime *runtime, struct keep_entries *entries)
{
	struct fdstore_entry *entry = entry_find(entries, "");
	json_t *data = entry ? json_loads(entry->data, 0, NULL) : NULL, *cpus;
	size_t i;
	json_t *cpu, *revision;

	cpus = json_object_get(data, "cpus");
	if (!data || entry->fd_count < 3 || json_array_size(cpus) == 0 ||
	    json_array_size(cpus) > SP_CPU_MAX || number(data, "workers") < 1 ||
	    number(data, "workers") > WIRING_WORKER_MAX ||
	    (uint64_t)number(data, "size") != runtime->chain->layout.size) {
		json_decref(data);
		return -ESTALE;
	}
	runtime->memory = (struct shm_memory){ .fd = fd_take(entry, 0),
					       .huge = json_is_true(json_object_get(data, "huge")),
					       .size = (size_t)number(data, "size"),
					       .overcommit = overcommit_take(entries) };
	runtime->stats_fd = fd_take(entry, 1);
	runtime->document = fd_take(entry, 2);
	runtime->front_listener = fd_take(entry, 3);
	runtime->state = entries->state;
	runtime->handover = entries->handover;
	runtime->options.workers = (uint32_t)number(data, "workers");
	runtime->options.cpu_count = (uint32_t)json_array_size(cpus);
	json_array_foreach(cpus, i, cpu)
		runtime->options.cpus[i] = (uint32_t)json_integer_value(cpu);
	json_array_foreach(json_object_get(data, "revisions"), i, revision)
		if (i + 1 < SP_FN_MAX)
			snprintf(runtime->functions[i + 1].adopted, REVISION_NAME_MAX, "%s",
				 json_string_value(revision));
	runtime->tables_sent = json_is_true(json_object_get(data, "tables_sent"));
	if (runtime->front_listener >= 0 && runtime->options.front)
		snprintf(runtime->front, sizeof(runtime->front), "%s/%s.sock",
			 runtime->options.front, runtime->name);
	json_decref(data);
	return gateway_stats_map(runtime);
}

static int kernel_take(struct runtime *runtime)
{
	const struct sproxy_options options = { .buffer_count = runtime->chain->layout.buffer_count,
						.fn_count = runtime->chain->function_count,
						.pins = runtime->options.pins };
	int r = sproxy_adopt(&options, &runtime->proxy);

	return r < 0 ? r : runtime_watch_kernel(runtime);
}

static int workers_take(struct runtime *runtime, struct keep_entries *entries)
{
	for (uint32_t i = 0; i < runtime->options.workers; i++) {
		struct worker_fds *w = &runtime->workers[i];
		struct fdstore_entry *entry;
		struct sproxy_kept kept;
		char suffix[32];
		int r;

		snprintf(suffix, sizeof(suffix), "/worker/%u", i);
		entry = entry_find(entries, suffix);
		if (!entry || entry->fd_count != 5)
			return -ESTALE;
		w->listener = fd_take(entry, 0);
		w->ends = (struct sproxy_ends){ fd_take(entry, 1), fd_take(entry, 2) };
		kept.send = fd_take(entry, 3);
		kept.receive = fd_take(entry, 4);
		r = sproxy_adopt_slot(runtime->proxy, i + 1, kept);
		if (r < 0) {
			close(kept.send);
			close(kept.receive);
			return r;
		}
	}
	return listen_adopt(runtime->workers[0].listener, runtime->address);
}

/* Takes the process of an entry whose fds wiring and log are at `at`. */
static int process_take(struct fdstore_entry *entry, json_t *data, size_t at, struct process *ret)
{
	int wiring = fd_take(entry, at), log = fd_take(entry, at + 1);
	int r = process_adopt((pid_t)number(data, "pid"), (uint64_t)number(data, "start"), wiring,
			      log, ret);

	if (r < 0) {
		close(wiring);
		close(log);
	}
	return r;
}

static int gateway_take(struct runtime *runtime, struct keep_entries *entries)
{
	struct gateway_state *g = &runtime->gateway;
	struct fdstore_entry *entry = entry_find(entries, "/gateway");
	json_t *data = entry ? json_loads(entry->data, 0, NULL) : NULL;
	int r = -ESRCH;

	g->started_ns = loop_now_ns();
	/* Without an entry the last one has died; before that it had served, unless the chain was
	 * just starting. */
	g->served = data ? json_is_true(json_object_get(data, "served")) :
			   runtime->state != RUNTIME_STARTING;
	g->restarts = (uint32_t)number(data, "restarts");
	if (data)
		r = process_take(entry, data, 0, &g->process);
	if (r == 0) {
		g->state = (enum gateway_state_id)number(data, "state");
		runtime->children++;
		r = gateway_sources_add(runtime);
	} else if (runtime->state < RUNTIME_DRAINING) {
		shm_dpdk_folder_remove((pid_t)number(data, "pid"));
		runtime_warn(runtime, "GatewayDied", "the gateway died while no controller ran");
		g->restarts++;
		r = gateway_start(runtime);
	} else {
		r = 0;
	}
	json_decref(data);
	return r;
}

static void revision_take(struct instance *i, struct fdstore_entry *entry, json_t *data)
{
	struct function_state *f = &i->runtime->functions[i->fn];
	const char *name = json_string_value(json_object_get(data, "revision"));
	int fd = fd_take(entry, 5);

	if (f->revision && !strcmp(f->revision->name, name ? name : "")) {
		close(fd);
		i->revision = revision_get(f->revision);
		return;
	}
	i->revision = revision_adopt(name ? name : "", fd);
	if (i->revision && !strcmp(i->revision->name, f->adopted))
		f->revision = revision_get(i->revision);
}

/* The slot and state of an entry; false when it is none that can be. */
static bool instance_read(struct runtime *runtime, const struct fdstore_entry *entry, json_t *data,
			  struct instance **ret)
{
	const char *slash = strrchr(entry->name, '/');
	unsigned long slot = slash ? strtoul(slash + 1, NULL, 10) : 0;
	struct instance *i;

	if (!data || entry->fd_count != 6 || slot <= runtime->options.workers ||
	    slot >= SP_INST_MAX || number(data, "fn") < 1 ||
	    number(data, "fn") > runtime->chain->function_count ||
	    number(data, "number") >= SP_FN_INST_MAX)
		return false;
	i = &runtime->instances[slot];
	i->runtime = runtime;
	i->slot = (uint32_t)slot;
	i->fn = (uint32_t)number(data, "fn");
	i->number = (uint32_t)number(data, "number");
	i->next = json_is_true(json_object_get(data, "next"));
	i->debugged = json_is_true(json_object_get(data, "debugged"));
	i->started_ns = loop_now_ns();
	i->state = INSTANCE_STARTING; /* nothing is counted yet */
	*ret = i;
	return true;
}

/* Goes on where the other controller was. What it had prepared for a change fits when the
 * change was made. */
static void instance_resume(struct instance *i, enum instance_state state)
{
	struct runtime *runtime = i->runtime;

	/* Enabled before it could be written down. */
	if (state == INSTANCE_STARTING && sproxy_enabled(runtime->proxy, i->slot))
		state = INSTANCE_READY;
	if (state == INSTANCE_PREPARED && instance_fits(i))
		state = INSTANCE_READY;
	i->next = false;
	if (state == INSTANCE_READY)
		instance_set_state(i, state);
	if (state == INSTANCE_DRAINING)
		instance_drain(i);
	else if (state == INSTANCE_STOPPING)
		instance_stop(i);
	else
		instance_conform(i);
	if (i->state == INSTANCE_STARTING && !i->debugged)
		instance_limit_arm(i, RUNTIME_START_LIMIT_NS);
}

/* Its process has died, and that is noticed now. */
static void instance_missed(struct instance *i, enum instance_state state)
{
	bool served =
		state == INSTANCE_READY || state == INSTANCE_STARTING || state == INSTANCE_PREPARED;

	i->next = false;
	if (!served || !instance_fits(i))
		i->state = INSTANCE_STOPPING;
	instance_page_close(i);
	instance_gone(i, i->state == INSTANCE_STARTING ? "while no controller ran" : NULL);
}

static int instance_take(struct runtime *runtime, struct fdstore_entry *entry,
			 enum instance_state *states)
{
	json_t *data = json_loads(entry->data, 0, NULL);
	struct sproxy_kept kept;
	struct instance *i;
	int r;

	if (!instance_read(runtime, entry, data, &i)) {
		json_decref(data);
		return -ESTALE;
	}
	states[i->slot] = (enum instance_state)number(data, "state");
	runtime->functions[i->fn].restarts = (uint32_t)number(data, "restarts");
	kept.send = fd_take(entry, 0);
	kept.receive = fd_take(entry, 1);
	r = sproxy_adopt_slot(runtime->proxy, i->slot, kept);
	if (r < 0) {
		close(kept.send);
		close(kept.receive);
	}
	revision_take(i, entry, data);
	if (r == 0 && !i->revision)
		r = -ENOMEM;
	if (r == 0)
		r = instance_page_open(i, fd_take(entry, 4));
	if (r == 0 && process_take(entry, data, 2, &i->process) == 0) {
		runtime->children++;
		r = instance_sources_add(i);
	}
	json_decref(data);
	return r;
}

/* What runs new instances, for functions none of whose own is left. */
static int revisions_fill(struct runtime *runtime)
{
	int r = 0;

	for (uint32_t fn = 1; r == 0 && fn <= runtime->chain->function_count; fn++)
		if (!runtime->functions[fn].revision)
			r = revision_open(runtime->chain, fn - 1, &runtime->functions[fn].revision);
	return r;
}

static int instances_take(struct runtime *runtime, struct keep_entries *entries)
{
	enum instance_state states[SP_INST_MAX] = { INSTANCE_NONE };
	int r = 0;

	for (size_t n = 0; r == 0 && n < entries->count; n++)
		if (strstr(entries->items[n]->name, "/instance/"))
			r = instance_take(runtime, entries->items[n], states);
	if (r == 0)
		r = revisions_fill(runtime);
	/* First those that live, so that the others are known to be missed. */
	for (uint32_t slot = 0; r == 0 && slot < SP_INST_MAX; slot++)
		if (runtime->instances[slot].process.pid > 0)
			instance_resume(&runtime->instances[slot], states[slot]);
	for (uint32_t slot = 0; r == 0 && slot < SP_INST_MAX; slot++) {
		struct instance *i = &runtime->instances[slot];

		if (i->runtime && i->process.pid <= 0 && states[slot] != INSTANCE_NONE)
			instance_missed(i, states[slot]);
		else if (i->debugged && i->state == INSTANCE_READY)
			debug_begin(i);
	}
	return r;
}

/* Instances that were waiting for their back-off, or whose start nobody wrote down. */
static int gaps_fill(struct runtime *runtime)
{
	int r = 0;

	for (uint32_t fn = 1; r == 0 && fn <= runtime->chain->function_count; fn++) {
		struct function_state *f = &runtime->functions[fn];
		bool have[SP_FN_INST_MAX] = { false };

		for (uint32_t slot = 0; slot < SP_INST_MAX; slot++) {
			const struct instance *i = &runtime->instances[slot];

			if (i->fn == fn && !i->debugged &&
			    (i->state == INSTANCE_READY || i->state == INSTANCE_STARTING))
				have[i->number] = true;
		}
		for (uint32_t n = 0; n < runtime_instances_wanted(runtime, runtime->chain, fn); n++)
			if (r == 0 && !have[n] && !f->missing[n] &&
			    runtime->state < RUNTIME_DRAINING)
				r = instance_start(runtime, runtime->chain, fn, n, f->revision,
						   NULL);
	}
	return r;
}

static int all_take(struct runtime *runtime, struct keep_entries *entries)
{
	int r = head_take(runtime, entries);

	if (r == 0)
		r = kernel_take(runtime);
	if (r == 0)
		r = routes_adopt(runtime);
	if (r == 0)
		r = workers_take(runtime, entries);
	if (r == 0)
		r = gateway_take(runtime, entries);
	if (r == 0)
		r = instances_take(runtime, entries);
	for (uint32_t slot = 0; r == 0 && slot < SP_INST_MAX; slot++)
		if (runtime->instances[slot].debugged &&
		    runtime->instances[slot].state == INSTANCE_READY)
			debug_begin(&runtime->instances[slot]);
	return r == 0 ? gaps_fill(runtime) : r;
}

/* Says again what may not have been said, and looks for ends that nobody will report. */
static void state_resume(struct runtime *runtime)
{
	if (runtime->tables_sent)
		gateway_tables_tell(runtime);
	if (runtime->state == RUNTIME_STARTING)
		runtime_check_ready(runtime);
	else if (runtime->state == RUNTIME_DRAINING)
		gateway_drain(runtime);
	else if (runtime->state == RUNTIME_STOPPING)
		gateway_functions_stop(runtime);
}

int runtime_adopt(struct runtime *runtime, struct chain *chain, struct loop *loop,
		  const struct runtime_options *options, struct keep_entries *entries)
{
	int r;

	runtime_init(runtime, chain, -1, loop, NULL, options);
	r = all_take(runtime, entries);
	if (r < 0) {
		runtime_warn(runtime, "NotAdopted", "cannot be taken over: %s", strerror(-r));
		keep_discard(options->fdstore, entries, options->pins);
		runtime->memory.overcommit = 0; /* lowered just now */
		runtime_fail(runtime, "it could not be taken over");
		return r;
	}
	state_resume(runtime);
	return 0;
}
