// SPDX-License-Identifier: Apache-2.0
/* The kernel's helpers, as far as the program uses them, and its tables in plain memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include "bpf/wire.h"
#include "tests/bpf/differential.h"
#include "tests/fuzz/native/bpf/bpf_helpers.h"

const volatile __u32 buffer_count = MODEL_BUFFERS;

/* The program's maps: their addresses are their names. */
extern char owners, instances, functions, routes, counters, function_counts, settings, receivers,
	sink, identities;

static struct {
	struct sp_owner owners[MODEL_BUFFERS];
	struct sp_instance instances[SP_INST_MAX];
	struct sp_function_slots functions[SP_FN_MAX];
	struct sp_route routes[SP_FN_MAX * SP_EDGE_MAX];
	uint64_t counters[SP_COUNT_MAX];
	struct sp_function_counts fns[MODEL_FNS];
	struct sp_settings settings;
	struct sp_identity who;
	bool reachable[SP_INST_MAX];
	uint32_t cpu, random, to;
	uint64_t now;
	struct sp_event event;
	int reason;
	uint32_t told;
	size_t waiting[MODEL_SLOTS];
	char queue[MODEL_SLOTS][STEP_BYTES_MAX];
} t;

/* Rows are bounded as the kernel bounds them. */
void *bpf_map_lookup_elem(void *map, const void *key)
{
	uint32_t i = *(const uint32_t *)key;

#define TABLE(name, table)  \
	if (map == &(name)) \
	return i < sizeof(table) / sizeof((table)[0]) ? &(table)[i] : NULL
	TABLE(owners, t.owners);
	TABLE(instances, t.instances);
	TABLE(functions, t.functions);
	TABLE(routes, t.routes);
	TABLE(counters, t.counters);
	TABLE(function_counts, t.fns);
	if (map == &settings)
		return &t.settings;
	abort();
}

void *bpf_sk_storage_get(void *map, void *sk, void *value, __u64 flags)
{
	(void)value;
	(void)flags;
	return map == &identities && sk ? &t.who : NULL;
}

long bpf_msg_redirect_map(struct sk_msg_md *msg, void *map, __u32 key, __u64 flags)
{
	(void)msg;
	(void)flags;
	if (map == &sink) {
		t.to = SP_SLOT_NONE;
		return SK_PASS;
	}
	if (map != &receivers || key >= SP_INST_MAX || !t.reachable[key])
		return SK_DROP;
	t.to = key;
	return SK_PASS;
}

long bpf_msg_pull_data(struct sk_msg_md *msg, __u32 start, __u32 end, __u64 flags)
{
	(void)msg;
	(void)start;
	(void)end;
	(void)flags;
	return -EINVAL;
}

void *bpf_ringbuf_reserve(void *ringbuf, __u64 size, __u64 flags)
{
	(void)ringbuf;
	(void)flags;
	return size == sizeof(t.event) ? &t.event : NULL;
}

void bpf_ringbuf_submit(void *data, __u64 flags)
{
	(void)data;
	(void)flags;
	if (t.event.reason == SP_EVENT_WATCHED)
		t.told |= 1U << t.event.slot;
	else
		t.reason = (int)t.event.reason;
}

long bpf_loop(__u32 count, long (*fn)(__u32, void *), void *arg, __u64 flags)
{
	__u32 i = 0;

	(void)flags;
	while (i < count && fn(i++, arg) == 0)
		;
	return i;
}

__u64 bpf_ktime_get_ns(void)
{
	return t.now += 1000;
}

__u32 bpf_get_prandom_u32(void)
{
	return t.random = t.random * 1664525U + 1013904223U;
}

__u32 bpf_get_smp_processor_id(void)
{
	return t.cpu;
}

/* ---- a side of the comparison ---- */

static void functions_write(const struct model *m)
{
	memset(t.functions, 0, sizeof(t.functions));
	for (uint32_t s = 1; s < MODEL_SLOTS; s++) {
		struct sp_function_slots *f = &t.functions[m->slots[s].fn];

		f->behind = (uint16_t)m->fns[m->slots[s].fn].behind;
		f->gate = m->fns[m->slots[s].fn].gate;
		if (!m->slots[s].enabled)
			continue;
		f->slot[f->count++] = (uint8_t)s;
		if (!f->on_cpu[m->slots[s].cpu])
			f->on_cpu[m->slots[s].cpu] = (uint8_t)s;
	}
}

static void routes_write(const struct model *m)
{
	for (uint32_t fn = 0; fn < MODEL_FNS; fn++)
		memcpy(&t.routes[fn * SP_EDGE_MAX], m->fns[fn].routes, sizeof(m->fns[fn].routes));
}

static int table(void *arg, const struct step *s, const struct model *after)
{
	(void)arg;
	t.reachable[s->slot] = after->slots[s->slot].reachable;
	functions_write(after);
	routes_write(after);
	return 0;
}

static int native_send(void *arg, uint32_t slot, const void *data, size_t len, int *ret_reason)
{
	/* A block of its own, so that one byte too far is seen. */
	char *message = malloc(len ? len : 1);
	struct sk_msg_md msg = {
		.data = message, .data_end = message + len, .size = (uint32_t)len, .sk = (void *)&t
	};
	int verdict;

	(void)arg;
	if (!message)
		abort();
	memcpy(message, data, len);
	t.who = (struct sp_identity){ slot, t.instances[slot].fn };
	t.to = SP_SLOT_NONE;
	t.reason = SP_VIOLATION_COUNT;
	verdict = sproxy(&msg);
	if (verdict == SK_PASS && t.to != SP_SLOT_NONE) {
		memcpy(t.queue[t.to], message, len);
		t.waiting[t.to] = len;
	}
	free(message);
	if (verdict == SK_PASS)
		return (int)len;
	*ret_reason = t.reason;
	return -EACCES;
}

static size_t receive(void *arg, uint32_t slot, void *data, size_t size)
{
	size_t n = t.waiting[slot] < size ? t.waiting[slot] : size;

	(void)arg;
	memcpy(data, t.queue[slot], n);
	t.waiting[slot] = 0;
	return n;
}

static uint32_t told(void *arg)
{
	uint32_t ret = t.told;

	(void)arg;
	t.told = 0;
	return ret;
}

static int counts(void *arg, uint64_t ret[SP_COUNT_MAX], struct sp_function_counts fns[MODEL_FNS])
{
	(void)arg;
	memcpy(ret, t.counters, sizeof(t.counters));
	memcpy(fns, t.fns, sizeof(t.fns));
	return 0;
}

static int reset(void *arg, const struct model *m)
{
	(void)arg;
	memset(&t, 0, sizeof(t));
	t.cpu = m->cpu;
	t.now = 1000000;
	functions_write(m);
	for (uint32_t s = 1; s < MODEL_SLOTS; s++) {
		t.reachable[s] = m->slots[s].reachable;
		t.instances[s].fn = m->slots[s].fn;
		t.instances[s].cpu = m->slots[s].cpu;
		t.instances[s].lender = m->slots[s].lender;
	}
	routes_write(m);
	return 0;
}

static void native_close(void *arg)
{
	(void)arg;
}

int chain_side_open(struct chain_side *ret)
{
	*ret = (struct chain_side){ .owners = t.owners,
				    .instances = t.instances,
				    .table = table,
				    .send = native_send,
				    .receive = receive,
				    .told = told,
				    .counts = counts,
				    .reset = reset,
				    .close = native_close };
	return 0;
}
