// SPDX-License-Identifier: Apache-2.0
/* The start of an instance: a slot, sockets, a page, a process, and what it is told. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/runtime_private.h"
#include "controller/tables.h"

static struct instance *slot_find(struct runtime *runtime)
{
	for (uint32_t slot = runtime->options.workers + 1; slot < SP_INST_MAX; slot++)
		if (runtime->instances[slot].state == INSTANCE_NONE) {
			runtime->instances[slot].slot = slot;
			return &runtime->instances[slot];
		}
	return NULL;
}

uint32_t instance_slots_free(const struct runtime *runtime)
{
	uint32_t count = 0;

	for (uint32_t slot = runtime->options.workers + 1; slot < SP_INST_MAX; slot++)
		count += runtime->instances[slot].state == INSTANCE_NONE;
	return count;
}

int instance_page_open(struct instance *instance, int fd)
{
	void *page =
		mmap(NULL, sizeof(struct wiring_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED) {
		int r = -errno;

		close(fd);
		return r;
	}
	instance->page = page;
	instance->page_fd = fd;
	return 0;
}

void instance_page_close(struct instance *instance)
{
	if (!instance->page)
		return;
	munmap(instance->page, sizeof(*instance->page));
	close(instance->page_fd);
	instance->page = NULL;
}

/* The page it shares with us. */
static int page_make(struct instance *instance, const struct rule_table *rules)
{
	int fd = memfd_create("sprocket-instance", MFD_CLOEXEC | MFD_ALLOW_SEALING), r;

	if (fd < 0)
		return -errno;
	/* Sealed: an instance that shrank it would give us SIGBUS. */
	if (ftruncate(fd, sizeof(struct wiring_page)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	r = instance_page_open(instance, fd);
	if (r == 0)
		wiring_page_rules(instance->page, rules);
	return r;
}

/* The gateway worker that lends it buffers. */
static uint32_t lender(const struct instance *instance)
{
	return instance->number % instance->runtime->options.workers + 1;
}

static int wire(struct instance *instance, const struct chain *chain,
		const struct sproxy_ends *ends)
{
	struct runtime *runtime = instance->runtime;
	struct wiring_function *message = calloc(1, sizeof(*message));
	const int fds[WIRING_FN_FDS] = { [WIRING_FN_SEND] = ends->send,
					 [WIRING_FN_RECEIVE] = ends->receive,
					 [WIRING_FN_MEMORY] = runtime->memory.fd,
					 [WIRING_FN_PAGE] = instance->page_fd };
	const struct wiring_worker worker = { .slot = instance->slot,
					      .home = lender(instance),
					      .cpu = UINT32_MAX };
	int r;

	if (!message)
		return -ENOMEM;
	r = tables_function(chain, instance->fn - 1, &worker, 1, message);
	if (r == 0)
		r = wiring_send(instance->process.wiring, message, message->size, fds,
				WIRING_FN_FDS);
	free(message);
	return r;
}

static int process_begin(struct instance *instance, const struct chain *chain, const uint32_t *cpu)
{
	struct runtime *runtime = instance->runtime;
	const struct chain_function *f = &chain->functions[instance->fn - 1];
	char cores[PROCESS_CORE_PATH_MAX];
	struct process_spec spec = { .path = f->exec,
				     .name = f->name,
				     .cpus = cpu,
				     .cpu_count = 1,
				     .env = &f->env,
				     .exec_fd = instance->revision->exec_fd,
				     .detached = runtime->options.fdstore != NULL,
				     .stopped = instance->debugged,
				     .core_folder = instance_core_folder(runtime, cores) };
	int r;

	instance->started_ns = loop_now_ns();
	instance->ready_ns = 0;
	instance->violated = instance->dismissed = instance->late = false;
	r = process_start(&spec, &instance->process);
	if (r < 0)
		return r;
	instance_set_state(instance, INSTANCE_STARTING);
	runtime->children++;
	if (runtime->runstate)
		runstate_add_child(runtime->runstate, instance->process.pid);
	r = instance_sources_add(instance);
	if (r == 0 && !instance->debugged)
		instance_limit_arm(instance, RUNTIME_START_LIMIT_NS);
	return r;
}

static int begin(struct instance *instance, const struct chain *chain, uint32_t cpu,
		 const struct sproxy_ends *ends)
{
	const struct chain_function *f = &chain->functions[instance->fn - 1];
	int r = page_make(instance, &f->rules);

	if (r == 0)
		r = process_begin(instance, chain, &cpu);
	/* Kept before it is wired: unwired it ends with us, wired it outlives us. */
	if (r == 0 && instance->runtime->options.fdstore)
		r = keep_instance(instance, true);
	return r == 0 ? wire(instance, chain, ends) : r;
}

static void begin_failed(struct instance *instance)
{
	if (instance->process.pid > 0) {
		process_kill(&instance->process); /* its exit cleans up */
		return;
	}
	instance->next = instance->debugged = false;
	instance_page_close(instance);
	sproxy_detach(instance->runtime->proxy, instance->slot);
	instance->revision = revision_put(instance->revision);
}

int instance_start(struct runtime *runtime, const struct chain *chain, uint32_t fn, uint32_t number,
		   struct revision *revision, struct instance **ret)
{
	struct instance *instance = slot_find(runtime);
	const char *name = chain->functions[fn - 1].name;
	struct sproxy_place place = { .fn = fn };
	struct sproxy_ends ends;
	int r;

	if (!instance) {
		runtime_warn(runtime, "NoSlot",
			     "no free slot for %s: a chain has at most %u instances", name,
			     SP_INST_MAX - 1);
		return -ENOSPC;
	}
	instance->runtime = runtime;
	instance->fn = fn;
	instance->number = number;
	place.cpu = runtime->options.cpus[number % runtime->options.cpu_count];
	place.lender = lender(instance);
	r = sproxy_attach(runtime->proxy, instance->slot, &place, &ends);
	if (r < 0) {
		runtime_warn(runtime, "Wiring", "cannot wire %s: %s", name, strerror(-r));
		return r;
	}
	instance->next = chain != runtime->chain;
	instance->debugged = ret && !instance->next;
	instance->revision = revision_get(revision);
	r = begin(instance, chain, place.cpu, &ends);
	/* No copy of its own ends may stay with us: it would keep a dead instance routed to. */
	close(ends.send);
	close(ends.receive);
	if (r < 0) {
		runtime_warn(runtime, "FailedStart", "cannot start %s: %s", name, strerror(-r));
		begin_failed(instance);
		return r;
	}
	if (ret)
		*ret = instance;
	return 0;
}
