// SPDX-License-Identifier: Apache-2.0
/* The start of a chain: memory, kernel program, gateway, functions. */
#include <string.h>

#include "controller/runtime_private.h"
#include "controller/tables.h"

static int memory_start(struct runtime *runtime)
{
	struct chain *chain = runtime->chain;
	char why[256] = "";
	int r = shm_memory_create(chain->name, chain->layout.size, chain->hugepages,
				  &runtime->memory, why);

	if (why[0])
		runtime_warn(runtime, "Hugepages", "%s", why);
	if (r < 0 && !why[0]) {
		snprintf(why, sizeof(why), "cannot create the pool: %s", strerror(-r));
		runtime_warn(runtime, "Pool", "%s", why);
	}
	if (r < 0)
		snprintf(runtime->why, sizeof(runtime->why), "%s", why);
	if (runtime->runstate)
		runstate_set_overcommit(runtime->runstate, r == 0 ? runtime->memory.overcommit : 0);
	return r;
}

static int kernel_start(struct runtime *runtime)
{
	const struct sproxy_options options = { .buffer_count = runtime->chain->layout.buffer_count,
						.fn_count = runtime->chain->function_count,
						.pins = runtime->options.pins };
	int r = sproxy_open(&options, &runtime->proxy);

	if (r < 0) {
		runtime_warn(runtime, "Kernel",
			     "cannot load the kernel program: %s (`sprocket doctor` says why)",
			     strerror(-r));
		return r;
	}
	r = tables_routes(runtime->chain, runtime->proxy);
	if (r == 0)
		traffic_switch(runtime);
	return r < 0 ? r : runtime_watch_kernel(runtime);
}

static int revisions_open(struct runtime *runtime)
{
	const struct chain *chain = runtime->chain;
	int r = 0;

	for (uint32_t fn = 1; r == 0 && fn <= chain->function_count; fn++) {
		r = revision_open(chain, fn - 1, &runtime->functions[fn].revision);
		if (r < 0)
			runtime_warn(runtime, "Program", "cannot open %s: %s",
				     chain->functions[fn - 1].exec, strerror(-r));
	}
	return r;
}

static int instances_start(struct runtime *runtime)
{
	const struct chain *chain = runtime->chain;
	int r = 0;

	for (uint32_t fn = 1; r == 0 && fn <= chain->function_count; fn++) {
		struct function_state *f = &runtime->functions[fn];

		for (uint32_t i = 0; r == 0 && i < runtime_instances_wanted(runtime, chain, fn);
		     i++)
			r = instance_start(runtime, chain, fn, i, f->revision, NULL);
	}
	return r;
}

static int all_start(struct runtime *runtime)
{
	uint64_t began = loop_now_ns();
	int r = revisions_open(runtime);

	if (r == 0)
		r = memory_start(runtime);
	if (r == 0 && runtime->options.fdstore)
		r = keep_memory(runtime);
	runtime_tell(runtime, "Phase", "phase memory %.1f ms", runtime_ms_since(began));
	if (r == 0)
		r = gateway_begin(runtime);
	if (r < 0)
		return r;
	began = loop_now_ns();
	r = kernel_start(runtime); /* as long as the gateway needs until it can be wired */
	runtime_tell(runtime, "Phase", "phase kernel %.1f ms", runtime_ms_since(began));
	if (r == 0)
		r = gateway_open(runtime);
	if (r == 0 && runtime->options.fdstore)
		r = keep_chain(runtime);
	if (r == 0 && runtime->options.fdstore)
		r = keep_workers(runtime);
	if (r == 0)
		r = runtime_sandbox(runtime, runtime->chain);
	if (r == 0 && runtime->options.inlined)
		r = host_start(runtime);
	if (r == 0)
		r = instances_start(runtime);
	return r == 0 && runtime->options.inlined ? host_go(runtime) : r;
}

int runtime_start(struct runtime *runtime, struct chain *chain, int document, struct loop *loop,
		  struct runstate *runstate, const struct runtime_options *options)
{
	int r;

	runtime_init(runtime, chain, document, loop, runstate, options);
	r = all_start(runtime);
	if (r < 0)
		runtime_fail(runtime, "it did not start");
	return r;
}
