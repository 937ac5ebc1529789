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

static int wire(struct instance *instance, const struct chain *chain,
		const struct sproxy_ends *ends)
{
	struct runtime *runtime = instance->runtime;
	struct wiring_function *message = calloc(1, sizeof(*message));
	struct wiring_worker workers[WIRING_FN_WORKER_MAX];
	int fds[WIRING_FN_FDS_MAX] = {
		[WIRING_FN_MEMORY] = runtime->memory.fd, [WIRING_FN_PAGE] = instance->page_fd
	};
	uint32_t count = instance->worker_count;
	int read_only = -1, r;

	if (!message)
		return -ENOMEM;
	if (chain->functions[instance->fn - 1].read_only) {
		read_only = shm_memory_read_only(runtime->memory.fd);
		if (read_only < 0) {
			free(message);
			return read_only;
		}
		fds[WIRING_FN_MEMORY] = read_only;
	}
	for (uint32_t i = 0; i < count; i++) {
		fds[WIRING_FN_SEND + 2 * i] = ends[i].send;
		fds[WIRING_FN_RECEIVE + 2 * i] = ends[i].receive;
		workers[i] = (struct wiring_worker){
			.slot = instance->workers[i].slot,
			.home = slots_lender(instance, i),
			/* One thread is where its process is. */
			.cpu = count > 1 ? slots_cpu(instance, i) : UINT32_MAX,
		};
	}
	r = tables_function(chain, instance->fn - 1, workers, count, message);
	message->gateway_count = runtime->options.workers;
	if (r == 0)
		r = wiring_send(instance->process.wiring, message, message->size, fds,
				WIRING_FN_WORKERS + 2 * count);
	if (read_only >= 0)
		close(read_only);
	free(message);
	return r;
}

static int process_begin(struct instance *instance, const struct chain *chain)
{
	struct runtime *runtime = instance->runtime;
	const struct chain_function *f = &chain->functions[instance->fn - 1];
	uint32_t cpus[WIRING_FN_WORKER_MAX];
	int joined[CGROUP_KIND_COUNT + 1];
	char cores[PROCESS_CORE_PATH_MAX];
	struct process_spec spec = { .path = f->exec,
				     .name = f->name,
				     .cpus = cpus,
				     .cpu_count = instance->worker_count,
				     .env = &f->env,
				     .exec_fd = instance->revision->exec_fd,
				     .detached = runtime->options.fdstore != NULL,
				     .stopped = instance->debugged,
				     .cgroup_fds = joined,
				     .read_only = f->read_only,
				     .core_folder = instance_core_folder(runtime, cores) };
	int r;

	if (runtime->sandbox)
		spec.sandbox = sandbox_child(runtime->sandbox, instance->fn - 1);
	for (uint32_t i = 0; i < instance->worker_count; i++)
		cpus[i] = slots_cpu(instance, i);
	instance->started_ns = loop_now_ns();
	instance->ready_ns = 0;
	instance->violated = instance->dismissed = instance->late = instance->hung = false;
	instance_cgroup_make(instance, chain);
	spec.cgroup_into = cgroup_join_open(&instance->cgroup, joined);
	r = runtime->options.inlined ? host_add(instance, chain) :
				       process_start(&spec, &instance->process);
	cgroup_join_close(spec.cgroup_into, joined);
	if (r < 0)
		return r;
	instance_set_state(instance, INSTANCE_STARTING);
	runtime->children++;
	if (runtime->runstate && !runtime->options.inlined)
		runstate_add_child(runtime->runstate, instance->process.pid);
	r = instance_sources_add(instance);
	if (r == 0 && !instance->debugged && !runtime->host.debugged)
		instance_limit_arm(instance, RUNTIME_START_LIMIT_NS);
	return r;
}

static int begin(struct instance *instance, const struct chain *chain,
		 const struct sproxy_ends *ends)
{
	const struct chain_function *f = &chain->functions[instance->fn - 1];
	int r = page_make(instance, &f->rules);

	if (r == 0)
		r = process_begin(instance, chain);
	/* Kept before it is wired: unwired it ends with us, wired it outlives us. */
	if (r == 0 && instance->runtime->options.fdstore)
		r = keep_instance(instance, true);
	if (r == 0)
		r = wire(instance, chain, ends);
	return r == -EPIPE ? 0 : r; /* it is dead already: its end tells why */
}

static void begin_failed(struct instance *instance)
{
	if (instance->process.pid > 0) {
		process_kill(&instance->process); /* its exit cleans up */
		return;
	}
	instance->next = instance->debugged = false;
	instance_cgroup_end(instance);
	instance_page_close(instance);
	slots_detach(instance);
	instance->revision = revision_put(instance->revision);
	slots_give_back(instance);
}

int instance_start(struct runtime *runtime, const struct chain *chain, uint32_t fn, uint32_t number,
		   struct revision *revision, struct instance **ret)
{
	struct instance *instance =
		slots_take(runtime,
			   runtime->options.inlined ? 1 : chain->functions[fn - 1].workers);
	const char *name = chain->functions[fn - 1].name;
	struct sproxy_ends ends[WIRING_FN_WORKER_MAX];
	int r;

	if (!instance) {
		runtime_warn(runtime, "NoSlot",
			     "no free slot for %s: a chain has at most %u threads of functions",
			     name, SP_INST_MAX - 1 - runtime->options.workers);
		return -ENOSPC;
	}
	instance->fn = fn;
	instance->number = number;
	r = slots_attach(instance, ends);
	if (r < 0) {
		slots_give_back(instance);
		runtime_warn(runtime, "Wiring", "cannot wire %s: %s", name, strerror(-r));
		return r;
	}
	instance->next = chain != runtime->chain;
	instance->debugged = ret && !instance->next;
	instance->revision = revision_get(revision);
	r = begin(instance, chain, ends);
	/* No copy of its own ends may stay with us: it would keep a dead instance routed to. */
	for (uint32_t i = 0; i < instance->worker_count; i++) {
		close(ends[i].send);
		close(ends[i].receive);
	}
	if (r < 0) {
		runtime_warn(runtime, "FailedStart", "cannot start %s: %s", name, strerror(-r));
		begin_failed(instance);
		return r;
	}
	if (ret)
		*ret = instance;
	return 0;
}
