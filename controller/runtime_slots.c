// SPDX-License-Identifier: Apache-2.0
/*
 * runtime_slots.c - the slots of an instance: one for each of its threads.
 *
 * How: to the kernel and the gateway each thread is an instance of its own, with sockets, a CPU
 * and a lender. Here they come and go together, as their process does.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controller/runtime_private.h"

uint32_t slots_free(const struct runtime *runtime)
{
	uint32_t count = 0;

	for (uint32_t slot = runtime->options.workers + 1; slot < SP_INST_MAX; slot++)
		count += runtime->taken[slot] == 0;
	return count;
}

bool slots_add(struct instance *instance, uint32_t slot)
{
	struct runtime *runtime = instance->runtime;

	if (slot <= runtime->options.workers || slot >= SP_INST_MAX || runtime->taken[slot] ||
	    instance->worker_count == WIRING_FN_WORKER_MAX)
		return false;
	if (instance->worker_count == 0)
		instance->slot = slot;
	runtime->taken[slot] = (uint8_t)instance->slot;
	instance->workers[instance->worker_count++] = (struct instance_worker){
		.instance = instance,
		.slot = slot,
		.on_kept_send.fd = -1,
		.on_kept_receive.fd = -1,
	};
	return true;
}

struct instance *slots_take(struct runtime *runtime, uint32_t count)
{
	struct instance *instance = NULL;

	if (slots_free(runtime) < count)
		return NULL;
	for (uint32_t slot = runtime->options.workers + 1; slot < SP_INST_MAX && count > 0;
	     slot++) {
		if (runtime->taken[slot])
			continue;
		if (!instance) {
			instance = &runtime->instances[slot];
			instance->runtime = runtime;
			instance->worker_count = 0;
		}
		count -= slots_add(instance, slot);
	}
	return instance;
}

void slots_give_back(struct instance *instance)
{
	for (uint32_t i = 0; i < instance->worker_count; i++)
		instance->runtime->taken[instance->workers[i].slot] = 0;
	instance->worker_count = 0;
}

struct instance *slots_instance(struct runtime *runtime, uint32_t slot)
{
	if (slot >= SP_INST_MAX || !runtime->taken[slot])
		return NULL;
	return &runtime->instances[runtime->taken[slot]];
}

/* Threads of all instances are dealt out in turn. */
static uint32_t turn(const struct instance *instance, uint32_t n)
{
	return instance->number * instance->worker_count + n;
}

uint32_t slots_cpu(const struct instance *instance, uint32_t n)
{
	const struct runtime_options *options = &instance->runtime->options;

	return options->cpus[turn(instance, n) % options->cpu_count];
}

uint32_t slots_lender(const struct instance *instance, uint32_t n)
{
	return turn(instance, n) % instance->runtime->options.workers + 1;
}

static uint32_t list(const struct instance *instance, uint32_t ret[WIRING_FN_WORKER_MAX])
{
	for (uint32_t i = 0; i < instance->worker_count; i++)
		ret[i] = instance->workers[i].slot;
	return instance->worker_count;
}

int slots_attach(struct instance *instance, struct sproxy_ends ends[WIRING_FN_WORKER_MAX])
{
	uint32_t done = 0;
	int r = 0;

	for (; r == 0 && done < instance->worker_count; done += r == 0) {
		const struct sproxy_place place = { .fn = instance->fn,
						    .cpu = slots_cpu(instance, done),
						    .lender = slots_lender(instance, done) };

		r = sproxy_attach(instance->runtime->proxy, instance->workers[done].slot, &place,
				  &ends[done]);
	}
	if (r == 0)
		return 0;
	for (uint32_t i = 0; i < done; i++) {
		close(ends[i].send);
		close(ends[i].receive);
	}
	slots_detach(instance);
	return r;
}

void slots_detach(struct instance *instance)
{
	uint32_t slots[WIRING_FN_WORKER_MAX];

	sproxy_detach_many(instance->runtime->proxy, slots, list(instance, slots));
}

/* Its part of what the function may have. A message comes with all its parts, or not at all, so
 * there is room for one at least. */
static uint32_t limit_of(const struct instance *instance)
{
	const struct runtime *runtime = instance->runtime;
	const struct chain *chain = runtime->chain;
	uint32_t most = chain_in_flight_max(chain, instance->fn), least = 1, threads;

	if (most == 0)
		return UINT16_MAX;
	threads = runtime_instances_wanted(runtime, chain, instance->fn) * instance->worker_count;
	for (uint32_t i = 0; i < chain->function_count; i++)
		if (chain->functions[i].rules.group_count > 0)
			least = 1 + RULE_MEMBER_MAX;
	most = threads > 0 ? (most + threads - 1) / threads : most;
	return most > least ? most : least;
}

int slots_enable(struct instance *instance, uint32_t concurrency)
{
	uint32_t limit = limit_of(instance);
	int r = 0;

	/* Who can take no more is behind. */
	concurrency = concurrency < limit ? concurrency : limit;

	for (uint32_t i = 0; r == 0 && i < instance->worker_count; i++)
		r = sproxy_enable(instance->runtime->proxy, instance->workers[i].slot, concurrency);
	for (uint32_t i = 0; r == 0 && i < instance->worker_count; i++)
		sproxy_limit(instance->runtime->proxy, instance->workers[i].slot, limit);
	if (r < 0)
		slots_disable(instance);
	return r;
}

void slots_disable(struct instance *instance)
{
	for (uint32_t i = 0; i < instance->worker_count; i++)
		sproxy_disable(instance->runtime->proxy, instance->workers[i].slot);
}

bool slots_idle(const struct instance *instance)
{
	uint32_t slots[WIRING_FN_WORKER_MAX];

	return sproxy_idle(instance->runtime->proxy, slots, list(instance, slots));
}

void slots_stop(struct instance *instance)
{
	for (uint32_t i = 0; i < instance->worker_count; i++)
		sproxy_stop(instance->runtime->proxy, instance->workers[i].slot);
}

/* A kept end: bytes have bypassed the program, or the instance closed its own end and can
 * send or receive no more. */
static void kept_ready(struct instance_worker *worker, struct loop_source *source)
{
	struct instance *instance = worker->instance;
	struct sp_event event = { .slot = worker->slot, .reason = SP_VIOLATION_BYPASS };
	char byte;

	if (recv(source->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
		instance_violated(instance, &event);
	else if (instance->state != INSTANCE_STOPPING)
		process_kill(&instance->process);
	loop_remove(instance->runtime->loop, source);
}

static void on_kept_send(void *arg, uint32_t events)
{
	struct instance_worker *worker = arg;

	(void)events;
	kept_ready(worker, &worker->on_kept_send);
}

static void on_kept_receive(void *arg, uint32_t events)
{
	struct instance_worker *worker = arg;

	(void)events;
	kept_ready(worker, &worker->on_kept_receive);
}

int slots_watch(struct instance *instance)
{
	struct runtime *runtime = instance->runtime;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < instance->worker_count; i++) {
		struct instance_worker *worker = &instance->workers[i];
		struct sproxy_kept kept = sproxy_kept(runtime->proxy, worker->slot);

		worker->on_kept_send = (struct loop_source){ kept.send, on_kept_send, worker };
		worker->on_kept_receive =
			(struct loop_source){ kept.receive, on_kept_receive, worker };
		r = loop_add(runtime->loop, &worker->on_kept_send, EPOLLIN | EPOLLRDHUP);
		if (r == 0)
			r = loop_add(runtime->loop, &worker->on_kept_receive, EPOLLIN | EPOLLRDHUP);
	}
	return r;
}

void slots_unwatch(struct instance *instance)
{
	for (uint32_t i = 0; i < instance->worker_count; i++) {
		loop_remove(instance->runtime->loop, &instance->workers[i].on_kept_send);
		loop_remove(instance->runtime->loop, &instance->workers[i].on_kept_receive);
	}
}
