// SPDX-License-Identifier: Apache-2.0
/*
 * runtime_cgroup.c - what an instance may use of the machine: its control group's life.
 *
 * How: made before its process, removed after it. What of it does not die at once is buried:
 * tried again by a timer. A function that goes on starting processes although it is refused one
 * after the other is ended; it does nothing else any more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "controller/chain_value.h"
#include "controller/runtime_keep.h"
#include "controller/runtime_private.h"

#define REFUSED_FORKS_MAX 64U /* then it is killed */
#define BURIAL_PAUSE_NS 20000000ULL
#define BURIAL_TRIES 250U
#define BURIAL_END_TRIES 25U /* of 20 ms, when the runtime goes */

struct grave {
	struct cgroup cgroup;
	unsigned tries;
	struct grave *next;
};

static const struct chain_function *function_of(const struct instance *instance,
						const struct chain *chain)
{
	return &chain->functions[instance->fn - 1];
}

static bool outlives(const struct runtime *runtime)
{
	return runtime->options.fdstore != NULL;
}

/* ---- the end ---- */

static void graves_visit(void *arg)
{
	struct runtime *runtime = arg;
	struct grave **at = &runtime->graves;

	while (*at) {
		struct grave *grave = *at;

		cgroup_kill(&grave->cgroup);
		if (cgroup_remove(&grave->cgroup) < 0 && ++grave->tries < BURIAL_TRIES) {
			at = &grave->next;
			continue;
		}
		if (grave->cgroup.made) /* `sprocket doctor --clean` finds it */
			cgroup_let_go(&grave->cgroup);
		*at = grave->next;
		free(grave);
	}
	if (runtime->graves)
		loop_arm(runtime->loop, &runtime->graves_timer, BURIAL_PAUSE_NS);
}

static void bury(struct runtime *runtime, struct cgroup *cgroup)
{
	struct grave *grave = calloc(1, sizeof(*grave));

	if (!grave) {
		cgroup_let_go(cgroup);
		return;
	}
	grave->cgroup = *cgroup;
	*cgroup = (struct cgroup){ .events = -1 };
	grave->next = runtime->graves;
	runtime->graves = grave;
	runtime->graves_timer.on_time = graves_visit;
	runtime->graves_timer.arg = runtime;
	loop_arm(runtime->loop, &runtime->graves_timer, BURIAL_PAUSE_NS);
}

void cgroups_done(struct runtime *runtime)
{
	for (unsigned i = 0; i < BURIAL_END_TRIES && runtime->graves; i++) {
		graves_visit(runtime);
		if (runtime->graves)
			usleep((useconds_t)(BURIAL_PAUSE_NS / 1000));
	}
	loop_disarm(runtime->loop, &runtime->graves_timer);
	while (runtime->graves) {
		struct grave *grave = runtime->graves;

		runtime->graves = grave->next;
		cgroup_let_go(&grave->cgroup);
		free(grave);
	}
}

void instance_cgroup_end(struct instance *instance)
{
	if (!instance->cgroup.made)
		return;
	loop_remove(instance->runtime->loop, &instance->on_refused);
	if (cgroup_remove(&instance->cgroup) == 0)
		return;
	cgroup_kill(&instance->cgroup);
	if (cgroup_remove(&instance->cgroup) < 0)
		bury(instance->runtime, &instance->cgroup);
}

void instance_cgroup_let_go(struct instance *instance)
{
	if (!instance->cgroup.made)
		return;
	loop_remove(instance->runtime->loop, &instance->on_refused);
	cgroup_let_go(&instance->cgroup);
}

/* ---- what happens in it ---- */

void instance_cgroup_look(struct instance *instance)
{
	struct runtime *runtime = instance->runtime;
	const char *name = runtime_fn_name(runtime, instance->fn);
	struct cgroup_events now;

	if (!instance->cgroup.made)
		return;
	cgroup_events_read(&instance->cgroup, &now);
	if (now.refused_forks > 0 && instance->refused_forks == 0)
		runtime_warn(runtime, "PidsLimit",
			     "%s (slot %u) has as many processes and threads as it may: %u; it "
			     "gets no more (resources.limits.pids)",
			     name, instance->slot, instance->limits.pids);
	if (now.refused_forks >= REFUSED_FORKS_MAX && instance->refused_forks < REFUSED_FORKS_MAX) {
		runtime_warn(runtime, "ForkBomb",
			     "%s (slot %u) goes on starting processes above its limit; killed",
			     name, instance->slot);
		instance_kill(instance);
	}
	instance->refused_forks = now.refused_forks;
}

static void on_refused(void *arg, uint32_t events)
{
	struct instance *instance = arg;
	char byte;

	/* Reading it is what ends the notice. */
	(void)events;
	if (pread(instance->cgroup.events, &byte, 1, 0) < 0)
		loop_remove(instance->runtime->loop, &instance->on_refused);
	else
		instance_cgroup_look(instance);
}

static void watch(struct instance *instance)
{
	instance->refused_forks = 0;
	instance->on_refused = (struct loop_source){ .fd = -1 };
	if (instance->cgroup.events < 0)
		return;
	instance->on_refused =
		(struct loop_source){ instance->cgroup.events, on_refused, instance };
	if (loop_add(instance->runtime->loop, &instance->on_refused, EPOLLPRI) < 0)
		instance->on_refused.fd = -1;
}

bool instance_cgroup_why(const struct instance *instance, char *ret, size_t size)
{
	char limit[CHAIN_SIZE_TEXT_MAX];
	struct cgroup_events now;

	if (!instance->cgroup.folder[CGROUP_MEMORY])
		return false;
	cgroup_events_read(&instance->cgroup, &now);
	if (now.oom_kills == 0)
		return false;
	snprintf(ret, size, "out of memory: it needs more than its limit of %s",
		 chain_value_size_text(instance->limits.memory_bytes, limit));
	return true;
}

void instance_kill(struct instance *instance)
{
	if (instance->cgroup.made)
		cgroup_kill(&instance->cgroup);
	process_kill(&instance->process);
}

/* ---- the begin ---- */

static struct chain_limits limits_of(const struct chain_function *function)
{
	struct chain_limits limits = function->limits;

	if (!limits.pids)
		limits.pids = CGROUP_PIDS_DEFAULT;
	return limits;
}

json_t *limits_json(const struct chain_function *function)
{
	struct chain_limits limits = limits_of(function);
	json_t *json = json_pack("{s:I}", "pids", (json_int_t)limits.pids);
	char text[CHAIN_SIZE_TEXT_MAX];

	if (limits.memory_bytes)
		json_object_set_new(json, "memory",
				    json_string(chain_value_size_text(limits.memory_bytes, text)));
	if (limits.cpu_millis)
		json_object_set_new(json, "cpu", json_sprintf("%um", limits.cpu_millis));
	return json;
}

/* Once for a chain: what is asked for and cannot be had. */
static void lack_tell(struct runtime *runtime, const struct chain_limits *limits)
{
	if (runtime->lack_told || !cgroup_why()[0] ||
	    (cgroup_has(CGROUP_PIDS) && !(limits->memory_bytes && !cgroup_has(CGROUP_MEMORY)) &&
	     !(limits->cpu_millis && !cgroup_has(CGROUP_CPU))))
		return;
	runtime->lack_told = true;
	runtime_warn(runtime, "NoLimits", "not every limit of %s can be kept: %s",
		     runtime->chain->name, cgroup_why());
}

void instance_cgroup_make(struct instance *instance, const struct chain *chain)
{
	struct runtime *runtime = instance->runtime;
	const struct chain_function *f = function_of(instance, chain);
	int r;

	instance->limits = limits_of(f);
	instance->on_refused.fd = -1;
	if (runtime->options.inlined)
		return;
	lack_tell(runtime, &instance->limits);
	r = cgroup_make(runtime->name, f->name, &instance->limits, outlives(runtime),
			&instance->cgroup);
	if (r < 0)
		runtime_warn(runtime, "NoLimits", "%s has no limits: %s", f->name, strerror(-r));
	else
		watch(instance);
}

void instance_cgroup_adopt(struct instance *instance)
{
	const struct chain_function *f = function_of(instance, instance->runtime->chain);

	instance->limits = limits_of(f);
	instance->on_refused.fd = -1;
	if (instance->process.pid <= 0 ||
	    cgroup_adopt(instance->process.pid, &instance->cgroup) < 0)
		return;
	watch(instance);
	/* In v2 what was set may have gone with the controller before us. */
	cgroup_change(&instance->cgroup, instance->runtime->name, f->name, &instance->limits, true,
		      instance->process.pid);
}

json_t *instance_cgroup_json(const struct instance *instance)
{
	json_t *folders = json_array();

	for (enum cgroup_kind kind = 0; kind < CGROUP_KIND_COUNT; kind++) {
		const char *folder = instance->cgroup.folder[kind];

		json_array_append_new(folders, folder ? json_string(folder) : json_null());
	}
	return folders;
}

static int kept_adopt(json_t *data, struct cgroup *ret)
{
	json_t *kept = json_object_get(data, "groups");
	const char *folders[CGROUP_KIND_COUNT];

	for (enum cgroup_kind kind = 0; kind < CGROUP_KIND_COUNT; kind++)
		folders[kind] = json_string_value(json_array_get(kept, kind));
	return cgroup_adopt_folders(folders, ret);
}

void instance_cgroup_adopt_missed(struct instance *instance, json_t *data)
{
	instance->on_refused.fd = -1;
	kept_adopt(data, &instance->cgroup);
}

void cgroup_kept_end(json_t *data)
{
	struct cgroup cgroup;

	if (kept_adopt(data, &cgroup) < 0)
		return;
	cgroup_kill(&cgroup);
	cgroup_remove(&cgroup);
	cgroup_let_go(&cgroup); /* cgroup_sweep() removes what was still dying */
}

void cgroups_conform(struct runtime *runtime)
{
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++) {
		struct instance *i = &runtime->instances[slot];
		struct chain_limits limits;
		int r;

		if (i->state == INSTANCE_NONE || !i->cgroup.made || i->process.pid <= 0)
			continue;
		limits = limits_of(function_of(i, runtime->chain));
		if (!memcmp(&limits, &i->limits, sizeof(limits)))
			continue;
		i->limits = limits;
		r = cgroup_change(&i->cgroup, runtime->name, runtime_fn_name(runtime, i->fn),
				  &limits, outlives(runtime), i->process.pid);
		if (r < 0)
			runtime_warn(runtime, "NoLimits", "%s (slot %u) keeps old limits: %s",
				     runtime_fn_name(runtime, i->fn), i->slot, strerror(-r));
		if (runtime->options.fdstore)
			keep_instance(i, false);
	}
}
