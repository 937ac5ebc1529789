// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "sproxy/ends.h"
#include "sproxy/state.h"
#include "sproxy/wiring.h"

/* Programs run under rcu_read_lock(); this is synchronize_rcu(): afterwards none runs that
 * began before. Takes 8 to 16 ms. */
static void grace_period(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

int sink_open(struct sproxy *proxy)
{
	__u64 fd; /* as sockmaps want it */
	uint32_t key = 0;
	int r = ends_unix_pair(proxy->sink);

	if (r < 0)
		return r;
	fd = (__u64)proxy->sink[0];
	return bpf_map_update_elem(proxy->maps[MAP_sink], &key, &fd, BPF_ANY) < 0 ? -errno : 0;
}

/* What lies in it is at most one descriptor per buffer, since the buffers belong to a worker
 * that is gone; so emptying it when a worker comes is enough. */
static void sink_drain(const struct sproxy *proxy)
{
	struct sp_desc descs[SP_BATCH_MAX];

	while (recv(proxy->sink[0], descs, sizeof(descs), MSG_DONTWAIT) > 0)
		continue;
}

/* Puts both ends into their maps. The identity comes first: a socket in the map without
 * one could send, and would be refused. */
static int ends_insert(struct sproxy *proxy, uint32_t slot, uint32_t fn, int send, int receive)
{
	struct sp_identity who = { slot, fn };
	__u64 send_fd = (__u64)send, receive_fd = (__u64)receive; /* as sockmaps want them */

	if (bpf_map_update_elem(proxy->maps[MAP_identities], &send, &who, BPF_NOEXIST) < 0)
		return -errno;
	if (bpf_map_update_elem(proxy->maps[MAP_receivers], &slot, &receive_fd, BPF_NOEXIST) < 0)
		return -errno;
	if (bpf_map_update_elem(proxy->maps[MAP_senders], &slot, &send_fd, BPF_NOEXIST) < 0)
		return -errno;
	return 0;
}

int sproxy_attach(struct sproxy *proxy, uint32_t slot, const struct sproxy_place *place,
		  struct sproxy_ends *ret)
{
	/* The kernel knows a worker's slot by its lending from itself. */
	const uint32_t lender = place->fn == SP_GATEWAY_FN ? slot : place->lender;
	int tcp[2] = { -1, -1 }, local[2] = { -1, -1 }, r;

	if (slot == SP_SLOT_NONE || slot >= SP_INST_MAX || place->fn > proxy->fn_count ||
	    lender == SP_SLOT_NONE || lender >= SP_INST_MAX)
		return -EINVAL;
	if (proxy->slots[slot].used)
		return -EBUSY;
	if (place->fn == SP_GATEWAY_FN)
		sink_drain(proxy);
	r = ends_tcp_pair(tcp);
	if (r == 0)
		r = ends_unix_pair(local);
	if (r < 0)
		goto fail;
	wiring_refuse_fds(local[1]);
	proxy->instances[slot] =
		(struct sp_instance){ .fn = place->fn,
				      .cpu = place->cpu,
				      .lender = lender,
				      .life = (uint16_t)(proxy->instances[slot].life + 1) };
	proxy->slots[slot] =
		(struct slot){ .used = true, .kept = { .send = tcp[1], .receive = local[1] } };
	r = ends_insert(proxy, slot, place->fn, tcp[0], local[0]);
	if (r < 0) {
		close_fd(&tcp[0]);
		close_fd(&local[0]);
		sproxy_detach(proxy, slot);
		return r;
	}
	*ret = (struct sproxy_ends){ .send = tcp[0], .receive = local[0] };
	return 0;
fail:
	for (int i = 0; i < 2; i++) {
		close_fd(&tcp[i]);
		close_fd(&local[i]);
	}
	return r;
}

/* Its place in the function's table, or f->count. */
static uint32_t slot_index(const struct sp_function_slots *f, uint32_t slot)
{
	uint32_t i = 0;

	while (i < f->count && f->slot[i] != slot)
		i++;
	return i;
}

int sproxy_adopt_slot(struct sproxy *proxy, uint32_t slot, struct sproxy_kept kept)
{
	const struct sp_function_slots *f;

	if (slot == SP_SLOT_NONE || slot >= SP_INST_MAX)
		return -EINVAL;
	if (proxy->slots[slot].used)
		return -EBUSY;
	if (proxy->instances[slot].fn > proxy->fn_count ||
	    proxy->instances[slot].lender == SP_SLOT_NONE)
		return -ESTALE;
	f = &proxy->functions[proxy->instances[slot].fn];
	proxy->slots[slot] = (struct slot){ .used = true,
					    .enabled = slot_index(f, slot) < f->count,
					    .kept = kept };
	return 0;
}

bool sproxy_enabled(const struct sproxy *proxy, uint32_t slot)
{
	return slot < SP_INST_MAX && proxy->slots[slot].enabled;
}

struct sproxy_kept sproxy_kept(const struct sproxy *proxy, uint32_t slot)
{
	return slot < SP_INST_MAX ? proxy->slots[slot].kept : (struct sproxy_kept){ -1, -1 };
}

int sproxy_enable(struct sproxy *proxy, uint32_t slot, uint32_t behind)
{
	struct sp_instance *instance;
	struct sp_function_slots *f;
	uint32_t count;

	if (slot >= SP_INST_MAX || !proxy->slots[slot].used)
		return -ENOENT;
	instance = &proxy->instances[slot];
	f = &proxy->functions[instance->fn];
	count = f->count;
	if (!proxy->slots[slot].enabled && count >= SP_FN_INST_MAX)
		return -ENOSPC;
	f->behind = (uint16_t)(behind > UINT16_MAX ? UINT16_MAX : behind);
	if (proxy->slots[slot].enabled)
		return 0;
	f->slot[count] = (uint8_t)slot;
	if (f->on_cpu[instance->cpu % SP_CPU_MAX] == SP_SLOT_NONE)
		f->on_cpu[instance->cpu % SP_CPU_MAX] = (uint8_t)slot;
	/* The program reads the count first: the entry must be there before it. */
	__atomic_store_n(&f->count, (uint8_t)(count + 1), __ATOMIC_RELEASE);
	proxy->slots[slot].enabled = true;
	return 0;
}

void sproxy_limit(struct sproxy *proxy, uint32_t slot, uint32_t limit)
{
	uint16_t value = limit < UINT16_MAX ? (uint16_t)limit : UINT16_MAX;

	if (slot < SP_INST_MAX && proxy->slots[slot].enabled)
		__atomic_store_n(&proxy->instances[slot].limit, value, __ATOMIC_RELAXED);
}

/* The first instance of `f` left on that CPU. */
static uint8_t slot_on_cpu(const struct sproxy *proxy, const struct sp_function_slots *f,
			   uint32_t cpu)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (proxy->instances[f->slot[i]].cpu % SP_CPU_MAX == cpu)
			return f->slot[i];
	return SP_SLOT_NONE;
}

void sproxy_disable(struct sproxy *proxy, uint32_t slot)
{
	struct sp_function_slots *f;
	uint32_t i, cpu;

	if (slot >= SP_INST_MAX || !proxy->slots[slot].enabled)
		return;
	f = &proxy->functions[proxy->instances[slot].fn];
	cpu = proxy->instances[slot].cpu % SP_CPU_MAX;
	i = slot_index(f, slot);
	/* The program may read between these: at worst it picks an instance of the same
	 * function twice, or this one a last time. */
	__atomic_store_n(&f->slot[i], f->slot[f->count - 1], __ATOMIC_RELEASE);
	__atomic_store_n(&f->count, (uint8_t)(f->count - 1), __ATOMIC_RELEASE);
	if (f->on_cpu[cpu] == slot)
		__atomic_store_n(&f->on_cpu[cpu], slot_on_cpu(proxy, f, cpu), __ATOMIC_RELEASE);
	__atomic_store_n(&proxy->instances[slot].limit, 0, __ATOMIC_RELAXED);
	proxy->slots[slot].enabled = false;
}

static bool is_empty(const struct sproxy *proxy, uint32_t slot)
{
	return slot < SP_INST_MAX && proxy->slots[slot].used && !proxy->slots[slot].enabled &&
	       __atomic_load_n(&proxy->instances[slot].in_flight, __ATOMIC_ACQUIRE) == 0;
}

static bool are_empty(const struct sproxy *proxy, const uint32_t *slots, size_t count)
{
	size_t i = 0;

	while (i < count && is_empty(proxy, slots[i]))
		i++;
	return i == count;
}

/* Only what an instance was given before the last grace period can still be on its way. */
bool sproxy_idle(const struct sproxy *proxy, const uint32_t *slots, size_t count)
{
	if (!are_empty(proxy, slots, count))
		return false;
	grace_period();
	return are_empty(proxy, slots, count);
}

void sproxy_stop(struct sproxy *proxy, uint32_t slot)
{
	if (slot < SP_INST_MAX && proxy->slots[slot].kept.receive >= 0)
		shutdown(proxy->slots[slot].kept.receive, SHUT_WR);
}

void sproxy_detach_many(struct sproxy *proxy, const uint32_t *slots, size_t count)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		if (slots[i] >= SP_INST_MAX || !proxy->slots[slots[i]].used)
			continue;
		sproxy_disable(proxy, slots[i]);
		/* Absent already when the instance has closed its ends. */
		bpf_map_delete_elem(proxy->maps[MAP_senders], &slots[i]);
		bpf_map_delete_elem(proxy->maps[MAP_receivers], &slots[i]);
		any = true;
	}
	/* Afterwards no program can be about to make one of the slots an owner. */
	if (any)
		grace_period();
	for (size_t i = 0; i < count; i++) {
		if (slots[i] >= SP_INST_MAX || !proxy->slots[slots[i]].used)
			continue;
		close_fd(&proxy->slots[slots[i]].kept.send);
		close_fd(&proxy->slots[slots[i]].kept.receive);
		proxy->slots[slots[i]].used = false;
	}
}

void sproxy_detach(struct sproxy *proxy, uint32_t slot)
{
	sproxy_detach_many(proxy, &slot, 1);
}

/* The same instance twice, as in the middle of sproxy_disable(). */
static void duplicates_remove(struct sp_function_slots *f)
{
	for (uint32_t i = 0; i < f->count;) {
		if (slot_index(f, f->slot[i]) == i) {
			i++;
			continue;
		}
		f->slot[i] = f->slot[f->count - 1];
		__atomic_store_n(&f->count, (uint8_t)(f->count - 1), __ATOMIC_RELEASE);
	}
}

void functions_repair(struct sproxy *proxy)
{
	for (uint32_t fn = 1; fn <= proxy->fn_count; fn++) {
		struct sp_function_slots *f = &proxy->functions[fn];

		if (f->count > SP_FN_INST_MAX)
			__atomic_store_n(&f->count, SP_FN_INST_MAX, __ATOMIC_RELEASE);
		duplicates_remove(f);
		for (uint32_t cpu = 0; cpu < SP_CPU_MAX; cpu++)
			if (slot_index(f, f->on_cpu[cpu]) == f->count)
				__atomic_store_n(&f->on_cpu[cpu], slot_on_cpu(proxy, f, cpu),
						 __ATOMIC_RELEASE);
	}
}
