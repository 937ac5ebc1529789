// SPDX-License-Identifier: Apache-2.0
/* The instances that another controller has left: those that go on, and those that are missed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/runtime_keep.h"
#include "controller/runtime_private.h"

static void revision_take(struct instance *i, struct fdstore_entry *entry, json_t *data)
{
	struct function_state *f = &i->runtime->functions[i->fn];
	const char *name = json_string_value(json_object_get(data, "revision"));
	int fd = keep_fd_take(entry, 3);

	if (f->revision && !strcmp(f->revision->name, name ? name : "")) {
		close(fd);
		i->revision = revision_get(f->revision);
		return;
	}
	i->revision = revision_adopt(name ? name : "", fd);
	if (i->revision && !strcmp(i->revision->name, f->adopted))
		f->revision = revision_get(i->revision);
}

/* What an entry says of the instance; false when that cannot be. */
static bool instance_read(struct runtime *runtime, const struct fdstore_entry *entry, json_t *data,
			  struct instance **ret)
{
	json_t *slots = json_object_get(data, "slots"), *slot;
	json_int_t first = json_integer_value(json_array_get(slots, 0));
	struct instance *i;
	size_t n;

	if (first < 1 || first >= SP_INST_MAX ||
	    entry->fd_count != KEEP_INSTANCE_FDS + 2 * json_array_size(slots) ||
	    keep_number(data, "fn") < 1 ||
	    keep_number(data, "fn") > runtime->chain->function_count ||
	    keep_number(data, "number") >= SP_FN_INST_MAX)
		return false;
	i = &runtime->instances[first];
	i->runtime = runtime;
	json_array_foreach(slots, n, slot)
		if (!slots_add(i, (uint32_t)json_integer_value(slot)))
			return false;
	i->fn = (uint32_t)keep_number(data, "fn");
	i->number = (uint32_t)keep_number(data, "number");
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
	instance_cgroup_end(i);
	instance_page_close(i);
	instance_gone(i, i->state == INSTANCE_STARTING ? "while no controller ran" : NULL);
}

static int slots_resume(struct instance *i, struct fdstore_entry *entry)
{
	int r = 0;

	for (uint32_t n = 0; r == 0 && n < i->worker_count; n++) {
		struct sproxy_kept kept;

		kept.send = keep_fd_take(entry, KEEP_INSTANCE_FDS + 2 * n);
		kept.receive = keep_fd_take(entry, KEEP_INSTANCE_FDS + 2 * n + 1);
		r = sproxy_adopt_slot(i->runtime->proxy, i->workers[n].slot, kept);
		if (r < 0) {
			close(kept.send);
			close(kept.receive);
		}
	}
	return r;
}

static int instance_take(struct runtime *runtime, struct fdstore_entry *entry,
			 enum instance_state *states)
{
	json_t *data = json_loads(entry->data, 0, NULL);
	struct instance *i;
	int r;

	if (!instance_read(runtime, entry, data, &i)) {
		json_decref(data);
		return -ESTALE;
	}
	states[i->slot] = (enum instance_state)keep_number(data, "state");
	runtime->functions[i->fn].restarts = (uint32_t)keep_number(data, "restarts");
	r = slots_resume(i, entry);
	revision_take(i, entry, data);
	if (r == 0 && !i->revision)
		r = -ENOMEM;
	if (r == 0)
		r = instance_page_open(i, keep_fd_take(entry, 2));
	if (r == 0 && keep_process_take(entry, data, 0, &i->process) == 0) {
		runtime->children++;
		instance_cgroup_adopt(i);
		r = instance_sources_add(i);
	} else {
		instance_cgroup_adopt_missed(i, data);
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

int adopt_instances(struct runtime *runtime, struct keep_entries *entries)
{
	enum instance_state states[SP_INST_MAX] = { INSTANCE_NONE };
	int r = 0;

	for (size_t n = 0; r == 0 && n < entries->count; n++)
		if (strstr(entries->items[n]->name, "/instance/"))
			r = instance_take(runtime, entries->items[n], states);
	if (r == 0)
		r = revisions_fill(runtime);
	watch_go_on(runtime); /* nobody has looked meanwhile */
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
int adopt_gaps_fill(struct runtime *runtime)
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
		for (uint32_t n = 0;
		     r == 0 && n < runtime_instances_wanted(runtime, runtime->chain, fn); n++) {
			if (have[n] || f->missing[n] || runtime->state >= RUNTIME_DRAINING)
				continue;
			r = runtime_sandbox(runtime, runtime->chain);
			if (r == 0)
				r = instance_start(runtime, runtime->chain, fn, n, f->revision,
						   NULL);
		}
	}
	return r;
}
