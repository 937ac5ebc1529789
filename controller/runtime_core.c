// SPDX-License-Identifier: Apache-2.0
/* Cores of a chain's functions: a folder per chain, and an event that names each. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "controller/runtime_private.h"

const char *instance_core_folder(const struct runtime *runtime, char ret[PROCESS_CORE_PATH_MAX])
{
	int n;

	if (!runtime->options.core_folder)
		return NULL;
	n = snprintf(ret, PROCESS_CORE_PATH_MAX, "%s/%s", runtime->options.core_folder,
		     runtime->chain->name);
	return n < PROCESS_CORE_PATH_MAX ? ret : NULL;
}

/* Of an adopted one (-1) nobody may have said that it left a core: the folder knows. */
void instance_core_take(struct instance *instance, int status)
{
	struct runtime *runtime = instance->runtime;
	const char *name = runtime_fn_name(runtime, instance->fn);
	char folder[PROCESS_CORE_PATH_MAX], path[PROCESS_CORE_PATH_MAX];
	int r;

	if (!instance_core_folder(runtime, folder) || (status != -1 && !WCOREDUMP(status)))
		return;
	r = process_core_take(folder, name, instance->process.pid, path);
	if (r == 0)
		runtime_warn(runtime, "CoreDumped", "%s (slot %u) left its core in %s", name,
			     instance->slot, path);
	else if (status != -1)
		runtime_warn(runtime, "CoreDumped",
			     "%s (slot %u) left a core, but not in %s (%s): "
			     "/proc/sys/kernel/core_pattern says where",
			     name, instance->slot, folder, strerror(-r));
}
