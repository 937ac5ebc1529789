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
#include "controller/runtime_private.h"
#include "shm/dpdk_folder.h"

static int head_take(struct runtime *runtime, struct keep_entries *entries)
{
	struct fdstore_entry *entry = keep_entry_find(entries, "");
	json_t *data = entry ? json_loads(entry->data, 0, NULL) : NULL, *cpus;
	size_t i;
	json_t *cpu, *revision;

	cpus = json_object_get(data, "cpus");
	if (!data || entry->fd_count < 3 || json_array_size(cpus) == 0 ||
	    json_array_size(cpus) > SP_CPU_MAX || keep_number(data, "workers") < 1 ||
	    keep_number(data, "workers") > WIRING_WORKER_MAX ||
	    (uint64_t)keep_number(data, "size") != runtime->chain->layout.size) {
		json_decref(data);
		return -ESTALE;
	}
	runtime->memory = (struct shm_memory){ .fd = keep_fd_take(entry, 0),
					       .huge = json_is_true(json_object_get(data, "huge")),
					       .size = (size_t)keep_number(data, "size"),
					       .overcommit = keep_overcommit(entries) };
	runtime->stats_fd = keep_fd_take(entry, 1);
	runtime->document = keep_fd_take(entry, 2);
	runtime->front_listener = keep_fd_take(entry, 3);
	runtime->state = entries->state;
	runtime->handover = entries->handover;
	runtime->options.workers = (uint32_t)keep_number(data, "workers");
	runtime->options.cpu_count = (uint32_t)json_array_size(cpus);
	json_array_foreach(cpus, i, cpu)
		runtime->options.cpus[i] = (uint32_t)json_integer_value(cpu);
	json_array_foreach(json_object_get(data, "revisions"), i, revision)
		if (i + 1 < SP_FN_MAX)
			snprintf(runtime->functions[i + 1].adopted, REVISION_NAME_MAX, "%s",
				 json_string_value(revision));
	traffic_rolled_back(runtime, (uint64_t)keep_number(data, "rolled_back"));
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
	int r;

	for (uint32_t i = 0; i < runtime->options.workers; i++) {
		struct worker_fds *w = &runtime->workers[i];
		struct fdstore_entry *entry;
		struct sproxy_kept kept;
		char suffix[32];

		snprintf(suffix, sizeof(suffix), "/worker/%u", i);
		entry = keep_entry_find(entries, suffix);
		if (!entry || entry->fd_count != 5)
			return -ESTALE;
		w->listener = keep_fd_take(entry, 0);
		w->ends = (struct sproxy_ends){ keep_fd_take(entry, 1), keep_fd_take(entry, 2) };
		kept.send = keep_fd_take(entry, 3);
		kept.receive = keep_fd_take(entry, 4);
		r = sproxy_adopt_slot(runtime->proxy, i + 1, kept);
		if (r < 0) {
			close(kept.send);
			close(kept.receive);
			return r;
		}
	}
	/* A chain that ends has closed its listeners: it has no address any more. */
	r = listen_adopt(runtime->workers[0].listener, runtime->address);
	return r == -EINVAL && runtime->state > RUNTIME_SERVING ? 0 : r;
}

static int gateway_take(struct runtime *runtime, struct keep_entries *entries)
{
	struct gateway_state *g = &runtime->gateway;
	struct fdstore_entry *entry = keep_entry_find(entries, "/gateway");
	json_t *data = entry ? json_loads(entry->data, 0, NULL) : NULL;
	int r = -ESRCH;

	g->started_ns = loop_now_ns();
	/* Without an entry the last one has died; before that it had served, unless the chain was
	 * just starting. */
	g->served = data ? json_is_true(json_object_get(data, "served")) :
			   runtime->state != RUNTIME_STARTING;
	g->restarts = (uint32_t)keep_number(data, "restarts");
	if (data)
		r = keep_process_take(entry, data, 0, &g->process);
	if (r == 0) {
		g->state = (enum gateway_state_id)keep_number(data, "state");
		g->wired = true;
		runtime->children++;
		r = gateway_sources_add(runtime);
	} else if (runtime->state < RUNTIME_DRAINING) {
		shm_dpdk_folder_remove((pid_t)keep_number(data, "pid"));
		runtime_warn(runtime, "GatewayDied", "the gateway died while no controller ran");
		g->restarts++;
		r = gateway_start(runtime);
	} else {
		r = 0;
	}
	json_decref(data);
	return r;
}

static int all_take(struct runtime *runtime, struct keep_entries *entries)
{
	int r = head_take(runtime, entries);

	runtime_sandbox_adopt(runtime, entries);
	if (r == 0)
		r = kernel_take(runtime);
	if (r == 0)
		r = routes_adopt(runtime);
	if (r == 0)
		r = workers_take(runtime, entries);
	if (r == 0)
		r = gateway_take(runtime, entries);
	if (r == 0)
		r = adopt_instances(runtime, entries);
	for (uint32_t slot = 0; r == 0 && slot < SP_INST_MAX; slot++)
		if (runtime->instances[slot].debugged &&
		    runtime->instances[slot].state == INSTANCE_READY)
			debug_begin(&runtime->instances[slot]);
	if (r == 0)
		traffic_resume(runtime);
	return r == 0 ? adopt_gaps_fill(runtime) : r;
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
		runtime_functions_stop(runtime);
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
