// SPDX-License-Identifier: Apache-2.0
/*
 * worker.c - what a function lives in: its registration, configuration, start and stop.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf/wire.h"
#include "functions/sdk/request.h"
#include "sproxy/rule.h"

int sdk_function_check(const sp_function *f, char *why, size_t why_size)
{
	uint32_t edges = 0, calls = 0;

	if (f->abi != SP_ABI)
		snprintf(why, why_size,
			 "was built for SDK ABI %u, this libsprocket has %u: build it again",
			 f->abi, SP_ABI);
	else if (!f->name || !*f->name)
		snprintf(why, why_size, "SP_FUNCTION has no .name");
	else if (!f->on_request)
		snprintf(why, why_size, "SP_FUNCTION has no .on_request");
	else
		why[0] = '\0';
	while (f->edges && f->edges[edges])
		edges++;
	while (f->calls && f->calls[calls])
		calls++;
	if (!why[0] && edges > SP_EDGE_MAX)
		snprintf(why, why_size, "declares %u edges, at most %d work", edges, SP_EDGE_MAX);
	if (!why[0] && calls > RULE_CALL_MAX)
		snprintf(why, why_size, "declares %u calls, at most %d work", calls, RULE_CALL_MAX);
	return why[0] ? -EINVAL : 0;
}

/* Entries are "key=default", "key!" or "key". */
static bool entry_is(const char *entry, const char *key)
{
	size_t len = strcspn(entry, "=!");

	return strlen(key) == len && memcmp(entry, key, len) == 0;
}

sp_str sp_config(sp_worker *worker, const char *key)
{
	const char *const *declared = worker->function->config;

	for (uint32_t i = 0; i < worker->config_count; i++)
		if (strcmp(worker->config[i].key, key) == 0)
			return (sp_str){ worker->config[i].value, strlen(worker->config[i].value) };
	for (; declared && *declared; declared++) {
		const char *is = strchr(*declared, '=');

		if (is && entry_is(*declared, key))
			return (sp_str){ is + 1, strlen(is + 1) };
	}
	return (sp_str){ NULL, 0 };
}

static bool config_has(const struct sp_worker *worker, const char *entry)
{
	for (uint32_t i = 0; i < worker->config_count; i++)
		if (entry_is(entry, worker->config[i].key))
			return true;
	return false;
}

static int config_check(const struct sp_worker *worker, char *why, size_t why_size)
{
	const char *const *entry = worker->function->config;

	for (; entry && *entry; entry++) {
		size_t len = strcspn(*entry, "=!");

		if ((*entry)[len] != '!' || config_has(worker, *entry))
			continue;
		snprintf(why, why_size,
			 "config value \"%.*s\" is missing: set it under config: of function %s",
			 (int)len, *entry, worker->name);
		return -EINVAL;
	}
	return 0;
}

int sdk_worker_start(struct sp_worker *worker, char *why, size_t why_size)
{
	const sp_function *f = worker->function;
	int r;

	worker->edge_count = worker->call_count = 0;
	while (f->edges && f->edges[worker->edge_count])
		worker->edge_count++;
	while (f->calls && f->calls[worker->call_count])
		worker->call_count++;
	r = config_check(worker, why, why_size);
	if (r < 0)
		return r;
	r = f->init ? f->init(worker, &worker->state) : 0;
	if (r != 0) {
		snprintf(why, why_size, "init failed: %s", strerror(r < 0 ? -r : EIO));
		return r < 0 ? r : -EIO;
	}
	r = f->ready ? f->ready(worker->state) : 0;
	if (r != 0) {
		snprintf(why, why_size, "not ready: %s", strerror(r < 0 ? -r : EIO));
		sdk_worker_stop(worker);
		return r < 0 ? r : -EIO;
	}
	return 0;
}

void sdk_worker_stop(struct sp_worker *worker)
{
	if (worker->function->fini)
		worker->function->fini(worker->state);
}

sp_str sp_folder(const sp_worker *worker)
{
	return (sp_str){ worker->folder, strlen(worker->folder) };
}

unsigned sp_worker_index(const sp_worker *worker)
{
	return worker->index;
}
