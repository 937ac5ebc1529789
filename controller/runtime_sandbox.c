// SPDX-License-Identifier: Apache-2.0
/*
 * The sandbox of a chain's functions: made before the first starts, made anew when what it was
 * made from has changed, and the chain's user, which it keeps while it runs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/capability.h>

#include "controller/privilege.h"
#include "controller/runtime_keep.h"
#include "controller/runtime_private.h"
#include "controller/sandbox_user.h"

int runtime_user_take(struct runtime *runtime)
{
	int fd;

	if (runtime->user_fd >= 0 || !privilege_has(CAP_SETUID) || !privilege_has(CAP_SETGID) ||
	    geteuid() != 0)
		return 0;
	fd = sandbox_user_take(runtime->chain->name, &runtime->user);
	if (fd < 0) {
		runtime_warn(runtime, "Isolation", "no user for its functions: %s", strerror(-fd));
		return fd;
	}
	runtime->user_fd = fd;
	/* Before a process has it: it must not become another chain's while that lives. */
	return runtime->options.fdstore ? keep_user(runtime) : 0;
}

static void lacks_tell(struct runtime *runtime)
{
	const char *lacks = sandbox_lacks(runtime->sandbox);

	if (!*lacks || runtime->sandbox_told)
		return;
	runtime->sandbox_told = true;
	runtime_warn(runtime, "Isolation", "its functions are less isolated than they could be: %s",
		     lacks);
}

static const char *absent_of(const struct chain_paths *paths)
{
	for (size_t i = 0; i < paths->count; i++)
		if (access(paths->items[i], F_OK) < 0 && errno == ENOENT)
			return paths->items[i];
	return NULL;
}

/* A misspelt path is left out like one that is not there. One is told: most functions have the
 * same ones. */
static void absent_tell(struct runtime *runtime, const struct chain *chain)
{
	const char *absent = NULL;

	for (uint32_t i = 0; !absent && i < chain->function_count; i++) {
		absent = absent_of(&chain->functions[i].security.read);
		if (!absent)
			absent = absent_of(&chain->functions[i].security.write);
	}
	if (absent)
		runtime_warn(runtime, "Isolation",
			     "security.files: %s is not there, and functions will not see it: "
			     "make it, and start the chain anew",
			     absent);
}

/* A process that all functions share, for a debugger, is in none. */
int runtime_sandbox(struct runtime *runtime, const struct chain *chain)
{
	char cores[PROCESS_CORE_PATH_MAX], why[SANDBOX_WHY_MAX];
	struct sandbox *sandbox;
	int r;

	if (runtime->options.inlined || (runtime->sandbox && sandbox_fits(runtime->sandbox, chain)))
		return 0;
	r = runtime_user_take(runtime);
	if (r < 0)
		return r;
	r = sandbox_new(chain, runtime->user_fd >= 0 ? runtime->user : 0,
			instance_core_folder(runtime, cores), &sandbox, why);
	if (r < 0) {
		runtime_warn(runtime, "Isolation", "its functions cannot be isolated: %s", why);
		if (runtime->state == RUNTIME_STARTING)
			snprintf(runtime->why, sizeof(runtime->why), "%s", why);
		return r;
	}
	sandbox_free(runtime->sandbox);
	runtime->sandbox = sandbox;
	lacks_tell(runtime);
	absent_tell(runtime, chain);
	return 0;
}

void runtime_sandbox_adopt(struct runtime *runtime, struct keep_entries *entries)
{
	struct fdstore_entry *entry = keep_entry_find(entries, KEEP_USER);
	json_t *data = entry ? json_loads(entry->data, 0, NULL) : NULL;

	if (!data)
		return;
	runtime->user = (uid_t)keep_number(data, "uid");
	runtime->user_fd = keep_fd_take(entry, 0);
	json_decref(data);
}

void runtime_sandbox_done(struct runtime *runtime, bool ended)
{
	runtime->sandbox = sandbox_free(runtime->sandbox);
	if (runtime->user_fd < 0)
		return;
	if (ended) {
		sandbox_user_end(runtime->user);
		sandbox_user_end(runtime->user + SANDBOX_UID_GATEWAY);
	}
	close(runtime->user_fd);
	runtime->user_fd = -1;
}
