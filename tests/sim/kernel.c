// SPDX-License-Identifier: Apache-2.0
/* The kernel: its helpers, over plain arrays. The program is tests/fuzz/native's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include "sim.h"
#include "tests/fuzz/native/bpf/bpf_helpers.h"

volatile __u32 buffer_count; /* as set before load; the program's own is weak */

/* The program's maps: their addresses are their names. */
extern char owners, instances, functions, routes, counters, function_counts, settings, receivers,
	events;

static struct {
	struct sp_owner *owners;
	struct sp_instance *instances;
	struct sp_function_slots functions[SP_FN_MAX];
	struct sp_route routes[SP_FN_MAX * SP_EDGE_MAX];
	struct sp_function_counts function_counts[SP_FN_MAX];
	struct sp_settings settings;
	struct sp_identity identities[SP_INST_MAX];
	__u64 counters[SP_COUNT_MAX];
	bool poisoned[SP_INST_MAX];
	__u32 sender, target;
	bool redirected;
} kernel;

struct sp_owner *sim_owners(void)
{
	return kernel.owners;
}

struct sp_instance *sim_instances(void)
{
	return kernel.instances;
}

void *bpf_map_lookup_elem(void *map, const void *key)
{
	__u32 i = *(const __u32 *)key;

	if (map == &owners)
		return i < buffer_count ? &kernel.owners[i] : NULL;
	if (map == &instances)
		return i < SP_INST_MAX ? &kernel.instances[i] : NULL;
	if (map == &functions)
		return i < SP_FN_MAX ? &kernel.functions[i] : NULL;
	if (map == &routes)
		return i < SP_FN_MAX * SP_EDGE_MAX ? &kernel.routes[i] : NULL;
	if (map == &function_counts)
		return i < SP_FN_MAX ? &kernel.function_counts[i] : NULL;
	if (map == &counters)
		return i < SP_COUNT_MAX ? &kernel.counters[i] : NULL;
	if (map == &settings)
		return i == 0 ? &kernel.settings : NULL;
	return NULL;
}

void *bpf_sk_storage_get(void *map, void *sk, void *value, __u64 flags)
{
	(void)map, (void)sk, (void)value, (void)flags;
	return &kernel.identities[kernel.sender];
}

long bpf_msg_redirect_map(struct sk_msg_md *msg, void *map, __u32 key, __u64 flags)
{
	(void)msg, (void)flags;
	if (map == &receivers && !(key == SIM_WORKER_SLOT || sim_slot_alive(key)))
		return SK_DROP;
	kernel.target = map == &receivers ? key : SP_SLOT_NONE;
	kernel.redirected = true;
	return SK_PASS;
}

long bpf_msg_pull_data(struct sk_msg_md *msg, __u32 start, __u32 end, __u64 flags)
{
	(void)msg, (void)start, (void)end, (void)flags;
	return 0;
}

void *bpf_ringbuf_reserve(void *ringbuf, __u64 size, __u64 flags)
{
	static char record[256];

	(void)ringbuf, (void)flags;
	return size <= sizeof(record) ? record : NULL;
}

void bpf_ringbuf_submit(void *data, __u64 flags)
{
	const struct sp_event *event = data;

	(void)flags;
	SIM_LOG("violation %u by slot %u: buf %u edge %#x flags %#x home %u", event->reason,
		event->slot, event->desc.buf, event->desc.edge, event->desc.flags,
		event->desc.home);
}

long bpf_loop(__u32 count, long (*step)(__u32, void *), void *arg, __u64 flags)
{
	__u32 i = 0;

	(void)flags;
	while (i < count && !step(i, arg))
		i++;
	return i;
}

__u64 bpf_ktime_get_ns(void)
{
	return sim.now_ns;
}

__u32 bpf_get_smp_processor_id(void)
{
	return 0;
}

__u32 bpf_get_prandom_u32(void)
{
	return sim_random(UINT32_MAX);
}

/* Function f: edge 0 to the next one, 1 a reply, 2 a call of the last, 3 a message to the last. */
static void routes_init(void)
{
	for (__u32 fn = 1; fn <= SIM_FUNCTIONS; fn++) {
		struct sp_route *row = &kernel.routes[fn * SP_EDGE_MAX];

		kernel.routes[fn] = (struct sp_route){ .kind = SP_ROUTE_FUNCTION, .fn = (__u16)fn };
		if (fn < SIM_FUNCTIONS) {
			row[0] = (struct sp_route){ .kind = SP_ROUTE_FUNCTION,
						    .fn = (__u16)(fn + 1) };
			row[2] = (struct sp_route){ .kind = SP_ROUTE_CALL, .fn = SIM_FUNCTIONS };
			row[3] =
				(struct sp_route){ .kind = SP_ROUTE_FUNCTION, .fn = SIM_FUNCTIONS };
		}
		row[1] = (struct sp_route){ .kind = SP_ROUTE_REPLY };
	}
}

void sim_kernel_init(const struct shm_layout *layout, struct sp_owner *owner_table,
		     struct sp_instance *instance_table)
{
	buffer_count = layout->buffer_count;
	kernel.owners = owner_table;
	kernel.instances = instance_table;
	kernel.instances[SIM_WORKER_SLOT].lender = SIM_WORKER_SLOT;
	kernel.instances[SIM_WORKER_SLOT].life = 1;
	for (__u32 slot = 0; slot < SP_INST_MAX; slot++)
		kernel.identities[slot] = (struct sp_identity){ .slot = slot };
	routes_init();
}

/* In flight at an instance, by function; 0: any number. */
static const __u16 limits[SP_FN_MAX] = { [1] = 2, [3] = 3 };

void sim_kernel_attach(uint32_t slot, uint32_t fn)
{
	struct sp_instance *i = &kernel.instances[slot];
	__u16 life = (__u16)(i->life + 1);

	memset(i, 0, sizeof(*i));
	i->fn = fn;
	i->limit = limits[fn];
	i->life = life;
	i->lender = SIM_WORKER_SLOT;
	kernel.identities[slot].fn = fn;
	kernel.poisoned[slot] = false;
}

void sim_kernel_enable(uint32_t slot, bool on)
{
	struct sp_function_slots *f = &kernel.functions[kernel.instances[slot].fn];
	__u32 n = 0;

	for (__u32 i = 0; i < f->count; i++)
		if (f->slot[i] != slot)
			f->slot[n++] = f->slot[i];
	if (on)
		f->slot[n++] = (__u8)slot;
	f->behind = limits[kernel.instances[slot].fn] ? limits[kernel.instances[slot].fn] : 8;
	f->on_cpu[0] = f->count && sim_chance(50) ? f->slot[0] : 0;
	f->count = (__u16)n;
	if (n == 0 || f->on_cpu[0] == slot)
		f->on_cpu[0] = n && on ? (__u8)slot : 0;
}

void sim_kernel_detach(uint32_t slot)
{
	sim_kernel_enable(slot, false);
	kernel.instances[slot].limit = 0;
}

void sim_kernel_gate(uint32_t fn, uint32_t gate)
{
	struct sp_function_slots *f = &kernel.functions[fn];

	f->gate = (__u8)gate;
	for (__u32 i = 0; i < f->count; i++)
		kernel.instances[f->slot[i]].probes = sim_random(3);
}

/* What was redirected arrives; the worker reads it from a real socket. */
static void deliver(const struct sp_desc *descs, uint32_t count)
{
	if (kernel.target == SP_SLOT_NONE)
		return;
	sim_instance_receive(kernel.target, descs, count);
}

ssize_t sim_kernel_send(uint32_t slot, const void *bytes, size_t len)
{
	struct sp_desc descs[SP_BATCH_MAX + 1];
	struct sk_msg_md msg = { .size = (__u32)len };
	static struct bpf_sock sock;

	if (kernel.poisoned[slot])
		return -EACCES;
	SIM_CHECK(len <= sizeof(descs), "a send of %zu bytes by slot %u", len, slot);
	memcpy(descs, bytes, len);
	msg.data = descs;
	msg.data_end = (char *)descs + len;
	msg.sk = &sock;
	kernel.sender = slot;
	kernel.redirected = false;
	if (sproxy(&msg) != SK_PASS) {
		kernel.poisoned[slot] = true;
		return -EACCES;
	}
	SIM_CHECK(kernel.redirected, "slot %u: passed without a redirect", slot);
	deliver(descs, (uint32_t)(len / sizeof(*descs)));
	return (ssize_t)len;
}
