// SPDX-License-Identifier: Apache-2.0
#include "controller/runtime_keep.h"
#include "controller/runtime_private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/runstate_file.h"
#include "shm/dpdk_folder.h"
#include "shm/hugepages.h"

#define PREFIX "chain/"

static int put(struct runtime *runtime, const char *name, json_t *data, const int *fds,
	       size_t count)
{
	char *text = json_dumps(data, JSON_COMPACT);
	int r = -ENOMEM;

	if (text && fds)
		r = fdstore_put(runtime->options.fdstore, name, text, strlen(text), fds, count);
	else if (text)
		r = fdstore_set(runtime->options.fdstore, name, text, strlen(text));
	free(text);
	json_decref(data);
	return r == -EPIPE ? 0 : r;
}

static json_t *process_json(const struct process *process)
{
	uint64_t start = 0;

	runstate_process_start(process->pid, &start);
	return json_pack("{s:i, s:I}", "pid", (int)process->pid, "start", (json_int_t)start);
}

int keep_memory(struct runtime *runtime)
{
	char name[FDSTORE_NAME_MAX];
	const int none = -1;

	snprintf(name, sizeof(name), PREFIX "%s" KEEP_MEMORY, runtime->name);
	return put(runtime, name,
		   json_pack("{s:I}", "overcommit", (json_int_t)runtime->memory.overcommit), &none,
		   0);
}

int keep_user(struct runtime *runtime)
{
	char name[FDSTORE_NAME_MAX];

	if (runtime->user_fd < 0)
		return 0;
	snprintf(name, sizeof(name), PREFIX "%s" KEEP_USER, runtime->name);
	return put(runtime, name, json_pack("{s:I}", "uid", (json_int_t)runtime->user),
		   &runtime->user_fd, 1);
}

static json_t *revisions_json(const struct runtime *runtime)
{
	json_t *list = json_array();

	for (uint32_t fn = 1; fn <= runtime->chain->function_count; fn++) {
		const struct revision *revision = runtime->functions[fn].revision;

		json_array_append_new(list, json_string(revision ? revision->name : ""));
	}
	return list;
}

int keep_chain(struct runtime *runtime)
{
	char name[FDSTORE_NAME_MAX];
	int fds[4] = { runtime->memory.fd, runtime->stats_fd, runtime->document,
		       runtime->front_listener };
	json_t *cpus = json_array();

	if (runtime->memory.fd < 0 || runtime->stats_fd < 0 || runtime->document < 0)
		return 0; /* it is not complete yet, or does not start */
	snprintf(name, sizeof(name), PREFIX "%s", runtime->name);
	for (uint32_t i = 0; i < runtime->options.cpu_count; i++)
		json_array_append_new(cpus, json_integer(runtime->options.cpus[i]));
	return put(runtime, name,
		   json_pack("{s:I, s:i, s:b, s:b, s:i, s:o, s:o, s:I, s:b, s:I}", "incarnation",
			     (json_int_t)runtime->options.incarnation, "state", runtime->state,
			     "handover", runtime->handover, "tables_sent", runtime->tables_sent,
			     "workers", (int)runtime->options.workers, "cpus", cpus, "revisions",
			     revisions_json(runtime), "size", (json_int_t)runtime->memory.size,
			     "huge", runtime->memory.huge, "rolled_back",
			     (json_int_t)runtime_rolled_back(runtime)),
		   fds, runtime->front_listener >= 0 ? 4 : 3);
}

int keep_workers(struct runtime *runtime)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < runtime->options.workers; i++) {
		const struct worker_fds *w = &runtime->workers[i];
		struct sproxy_kept kept = sproxy_kept(runtime->proxy, i + 1);
		const int fds[5] = { w->listener, w->ends.send, w->ends.receive, kept.send,
				     kept.receive };
		char name[FDSTORE_NAME_MAX];

		snprintf(name, sizeof(name), PREFIX "%s/worker/%u", runtime->name, i);
		r = put(runtime, name, json_object(), fds, 5);
	}
	return r;
}

int keep_gateway(struct runtime *runtime)
{
	const struct gateway_state *g = &runtime->gateway;
	const int fds[2] = { g->process.wiring, g->process.log };
	char name[FDSTORE_NAME_MAX];
	json_t *data = process_json(&g->process);

	snprintf(name, sizeof(name), PREFIX "%s/gateway", runtime->name);
	json_object_set_new(data, "state", json_integer(g->state));
	json_object_set_new(data, "served", json_boolean(g->served));
	json_object_set_new(data, "restarts", json_integer(g->restarts));
	return put(runtime, name, data, fds, 2);
}

static json_t *instance_json(const struct instance *instance)
{
	json_t *data = process_json(&instance->process), *slots = json_array();

	for (uint32_t i = 0; i < instance->worker_count; i++)
		json_array_append_new(slots, json_integer(instance->workers[i].slot));
	json_object_set_new(data, "slots", slots);
	json_object_set_new(data, "state", json_integer(instance->state));
	json_object_set_new(data, "fn", json_integer(instance->fn));
	json_object_set_new(data, "number", json_integer(instance->number));
	json_object_set_new(data, "next", json_boolean(instance->next));
	json_object_set_new(data, "debugged", json_boolean(instance->debugged));
	json_object_set_new(data, "revision", json_string(instance->revision->name));
	json_object_set_new(data, "groups", instance_cgroup_json(instance));
	json_object_set_new(data, "restarts",
			    json_integer(instance->runtime->functions[instance->fn].restarts));
	return data;
}

int keep_instance(struct instance *instance, bool whole)
{
	struct runtime *runtime = instance->runtime;
	int fds[KEEP_INSTANCE_FDS_MAX] = { instance->process.wiring, instance->process.log,
					   instance->page_fd, instance->revision->exec_fd };
	size_t count = KEEP_INSTANCE_FDS;
	char name[FDSTORE_NAME_MAX];

	for (uint32_t i = 0; i < instance->worker_count; i++) {
		struct sproxy_kept kept = sproxy_kept(runtime->proxy, instance->workers[i].slot);

		fds[count++] = kept.send;
		fds[count++] = kept.receive;
	}
	snprintf(name, sizeof(name), PREFIX "%s/instance/%u", runtime->name, instance->slot);
	return put(runtime, name, instance_json(instance), whole ? fds : NULL, count);
}

void keep_remove_gateway(struct runtime *runtime)
{
	char name[FDSTORE_NAME_MAX];

	snprintf(name, sizeof(name), PREFIX "%s/gateway", runtime->name);
	fdstore_remove(runtime->options.fdstore, name);
}

void keep_remove_instance(const struct instance *instance)
{
	char name[FDSTORE_NAME_MAX];

	snprintf(name, sizeof(name), PREFIX "%s/instance/%u", instance->runtime->name,
		 instance->slot);
	fdstore_remove(instance->runtime->options.fdstore, name);
}

void keep_remove_chain(struct runtime *runtime)
{
	char name[FDSTORE_NAME_MAX];

	keep_remove_gateway(runtime);
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++)
		if (runtime->instances[slot].runtime)
			keep_remove_instance(&runtime->instances[slot]);
	for (uint32_t i = 0; i < runtime->options.workers; i++) {
		snprintf(name, sizeof(name), PREFIX "%s/worker/%u", runtime->name, i);
		fdstore_remove(runtime->options.fdstore, name);
	}
	/* Last: without it the others name nothing that could be adopted. */
	snprintf(name, sizeof(name), PREFIX "%s", runtime->name);
	fdstore_remove(runtime->options.fdstore, name);
	snprintf(name, sizeof(name), PREFIX "%s" KEEP_MEMORY, runtime->name);
	fdstore_remove(runtime->options.fdstore, name);
	snprintf(name, sizeof(name), PREFIX "%s" KEEP_USER, runtime->name);
	fdstore_remove(runtime->options.fdstore, name);
}

void keep_all(struct runtime *runtime)
{
	keep_memory(runtime);
	keep_user(runtime);
	keep_chain(runtime);
	keep_workers(runtime);
	if (runtime->gateway.state != GATEWAY_NONE)
		keep_gateway(runtime);
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++)
		if (runtime->instances[slot].process.pid > 0)
			keep_instance(&runtime->instances[slot], true);
}

/* ---- what another controller has kept ---- */

/* The runtime's part of "chain/NAME/...", or an empty string. */
static void runtime_name_of(const char *entry, char ret[RUNTIME_NAME_MAX])
{
	size_t len;

	ret[0] = '\0';
	if (strncmp(entry, PREFIX, strlen(PREFIX)) != 0)
		return;
	entry += strlen(PREFIX);
	len = strcspn(entry, "/");
	if (len < RUNTIME_NAME_MAX)
		snprintf(ret, RUNTIME_NAME_MAX, "%.*s", (int)len, entry);
}

static struct keep_entries *entries_find(struct keep_entries **list, const char *name)
{
	struct keep_entries *at = *list;

	while (at && strcmp(at->name, name) != 0)
		at = at->next;
	if (at)
		return at;
	at = calloc(1, sizeof(*at));
	if (!at)
		return NULL;
	snprintf(at->name, sizeof(at->name), "%s", name);
	at->next = *list;
	*list = at;
	return at;
}

static void header_read(struct keep_entries *entries, const struct fdstore_entry *entry)
{
	json_t *data = json_loads(entry->data, 0, NULL);

	entries->incarnation = (uint32_t)json_integer_value(json_object_get(data, "incarnation"));
	entries->state = (enum runtime_state)json_integer_value(json_object_get(data, "state"));
	entries->handover = json_is_true(json_object_get(data, "handover"));
	json_decref(data);
}

int keep_sort(struct keep_entries **list, struct fdstore_entry *entry)
{
	char name[RUNTIME_NAME_MAX];
	struct keep_entries *entries;
	struct fdstore_entry **items;

	runtime_name_of(entry->name, name);
	if (!name[0])
		return 1;
	entries = entries_find(list, name);
	if (!entries)
		return -ENOMEM;
	items = realloc(entries->items, (entries->count + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	entries->items = items;
	items[entries->count] = malloc(sizeof(*entry));
	if (!items[entries->count])
		return -ENOMEM;
	*items[entries->count++] = *entry;
	for (size_t i = 0; i < entry->fd_count; i++)
		entry->fds[i] = -1;
	if (!strchr(entry->name + strlen(PREFIX), '/'))
		header_read(entries, entry);
	return 0;
}

void keep_entries_free(struct keep_entries *entries)
{
	for (size_t i = 0; i < entries->count; i++) {
		for (size_t n = 0; n < entries->items[i]->fd_count; n++)
			if (entries->items[i]->fds[n] >= 0)
				close(entries->items[i]->fds[n]);
		free(entries->items[i]);
	}
	free(entries->items);
	free(entries);
}

int keep_document(const struct keep_entries *entries)
{
	char name[FDSTORE_NAME_MAX];

	snprintf(name, sizeof(name), PREFIX "%s", entries->name);
	for (size_t i = 0; i < entries->count; i++)
		if (!strcmp(entries->items[i]->name, name) && entries->items[i]->fd_count > 2)
			return entries->items[i]->fds[2];
	return -ENOENT;
}

struct fdstore_entry *keep_entry_find(const struct keep_entries *entries, const char *suffix)
{
	char name[FDSTORE_NAME_MAX];

	snprintf(name, sizeof(name), "chain/%s%s", entries->name, suffix);
	for (size_t i = 0; i < entries->count; i++)
		if (!strcmp(entries->items[i]->name, name))
			return entries->items[i];
	return NULL;
}

int keep_fd_take(struct fdstore_entry *entry, size_t i)
{
	int fd = i < entry->fd_count ? entry->fds[i] : -1;

	if (fd >= 0)
		entry->fds[i] = -1;
	return fd;
}

int64_t keep_number(json_t *data, const char *key)
{
	return json_integer_value(json_object_get(data, key));
}

/* Takes the process of an entry whose fds wiring and log are at `at`. */
int keep_process_take(struct fdstore_entry *entry, json_t *data, size_t at, struct process *ret)
{
	int wiring = keep_fd_take(entry, at), log = keep_fd_take(entry, at + 1);
	int r = process_adopt((pid_t)keep_number(data, "pid"), (uint64_t)keep_number(data, "start"),
			      wiring, log, ret);

	if (r < 0) {
		close(wiring);
		close(log);
	}
	return r;
}

long keep_overcommit(const struct keep_entries *entries)
{
	const struct fdstore_entry *entry = keep_entry_find(entries, KEEP_MEMORY);
	json_t *data = entry ? json_loads(entry->data, 0, NULL) : NULL;
	long pages = (long)keep_number(data, "overcommit");

	json_decref(data);
	return pages;
}

/* A process of that number may be another by now. */
static void process_end(json_t *data)
{
	pid_t pid = (pid_t)json_integer_value(json_object_get(data, "pid"));
	uint64_t start = 0;

	if (pid > 0 && runstate_process_start(pid, &start) == 0 &&
	    start == (uint64_t)json_integer_value(json_object_get(data, "start"))) {
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
	}
}

void keep_entry_end(struct fdstore *store, const struct fdstore_entry *entry)
{
	json_t *data = json_loads(entry->data, 0, NULL);

	process_end(data);
	cgroup_kept_end(data);
	/* Of a gateway that did not get to the end of its start. */
	shm_dpdk_folder_remove((pid_t)json_integer_value(json_object_get(data, "pid")));
	shm_hugepages_lower(json_integer_value(json_object_get(data, "overcommit")));
	fdstore_remove(store, entry->name);
	json_decref(data);
}

void keep_discard(struct fdstore *store, struct keep_entries *entries, const char *pins)
{
	for (size_t i = 0; i < entries->count; i++)
		keep_entry_end(store, entries->items[i]);
	if (pins)
		sproxy_remove_pins(pins);
}
