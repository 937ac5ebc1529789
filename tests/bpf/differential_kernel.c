// SPDX-License-Identifier: Apache-2.0
/* The real program on the real kernel, over real sockets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "sproxy/state.h"
#include "tests/bpf/differential.h"

struct kernel {
	struct sproxy *proxy;
	struct sproxy_ends ends[MODEL_SLOTS];
	bool reachable[MODEL_SLOTS];
	int reason;
	uint32_t told;
};

static int receiver_set(struct kernel *k, uint32_t slot, bool on)
{
	__u64 fd = (__u64)k->ends[slot].receive;
	int map = k->proxy->maps[MAP_receivers], r = 0;

	if (on && !k->reachable[slot])
		r = bpf_map_update_elem(map, &slot, &fd, BPF_NOEXIST);
	else if (!on && k->reachable[slot])
		r = bpf_map_delete_elem(map, &slot);
	k->reachable[slot] = on;
	return r < 0 ? -errno : 0;
}

static int routes_set(struct kernel *k, const struct model *m)
{
	int r = 0;

	for (uint32_t fn = 0; r == 0 && fn < MODEL_FNS; fn++)
		for (uint32_t e = 0; r == 0 && e < MODEL_EDGES; e++)
			if (m->fns[fn].routes[e].kind != SP_ROUTE_NONE)
				r = sproxy_route(k->proxy, fn, e, m->fns[fn].routes[e]);
	return r;
}

static int table(void *arg, const struct step *s, const struct model *after)
{
	struct kernel *k = arg;
	uint32_t behind = after->fns[after->slots[s->slot].fn].behind;

	switch (s->kind) {
	case STEP_ENABLE:
		if (s->a)
			return sproxy_enable(k->proxy, s->slot, behind);
		sproxy_disable(k->proxy, s->slot);
		return 0;
	case STEP_RECEIVE:
		return receiver_set(k, s->slot, s->a);
	case STEP_BEHIND:
		k->proxy->functions[after->slots[s->slot].fn].behind = (uint16_t)behind;
		return 0;
	case STEP_SPLIT:
		return routes_set(k, after);
	case STEP_GATE:
		sproxy_gate(k->proxy, after->slots[s->slot].fn, (enum sp_gate)s->a, s->b);
		return 0;
	}
	return 0; /* the rest is in the tables that are written directly */
}

static void on_event(const struct sp_event *event, void *arg)
{
	static const struct sp_desc none;
	struct kernel *k = arg;

	if (event->reason != SP_EVENT_WATCHED)
		k->reason = (int)event->reason;
	else if (event->slot < MODEL_SLOTS && event->size == 0 &&
		 event->fn == k->proxy->instances[event->slot].fn &&
		 !memcmp(&event->desc, &none, sizeof(none)))
		k->told |= 1U << event->slot;
	else
		k->told = UINT32_MAX; /* nothing that anybody says */
}

/* A refused send poisons the socket; taken out of the map and put in again it is as new. */
static int revive(struct kernel *k, uint32_t slot)
{
	__u64 fd = (__u64)k->ends[slot].send;
	int map = k->proxy->maps[MAP_senders];

	if (bpf_map_delete_elem(map, &slot) < 0 ||
	    bpf_map_update_elem(map, &slot, &fd, BPF_NOEXIST) < 0)
		return -errno;
	return 0;
}

static int kernel_send(void *arg, uint32_t slot, const void *data, size_t len, int *ret_reason)
{
	struct kernel *k = arg;
	ssize_t n = send(k->ends[slot].send, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	int err = errno, r;

	if (n >= 0)
		return (int)n;
	if (err != EACCES)
		return -err;
	k->reason = SP_VIOLATION_COUNT;
	sproxy_events_read(k->proxy, on_event, k);
	*ret_reason = k->reason;
	r = revive(k, slot);
	return r < 0 ? r : -EACCES;
}

static size_t kernel_receive(void *arg, uint32_t slot, void *data, size_t size)
{
	struct kernel *k = arg;
	ssize_t n = recv(k->ends[slot].receive, data, size, MSG_DONTWAIT);

	return n > 0 ? (size_t)n : 0;
}

static uint32_t told(void *arg)
{
	struct kernel *k = arg;
	uint32_t ret;

	sproxy_events_read(k->proxy, on_event, k);
	ret = k->told;
	k->told = 0;
	return ret;
}

static int counts(void *arg, uint64_t counters[SP_COUNT_MAX],
		  struct sp_function_counts fns[MODEL_FNS])
{
	struct kernel *k = arg;
	uint64_t out;
	int r = sproxy_counters(k->proxy, counters);

	for (uint32_t fn = 0; r == 0 && fn < MODEL_FNS; fn++) {
		r = sproxy_function_stats(k->proxy, fn, &fns[fn].stats);
		if (r == 0)
			r = sproxy_edge_counts(k->proxy, fn, (uint64_t *)fns[fn].edges);
		fns[fn].faults = sproxy_faults(k->proxy, fn, &out);
	}
	return r;
}

static int reset(void *arg, const struct model *m)
{
	struct kernel *k = arg;
	char drained[4096];
	int r = routes_set(k, m);

	for (uint32_t fn = 0; fn < MODEL_FNS; fn++)
		sproxy_gate(k->proxy, fn, SP_GATE_OPEN, 0);

	for (uint32_t s = 1; r == 0 && s < MODEL_SLOTS - 1; s++) {
		r = receiver_set(k, s, true);
		while (kernel_receive(k, s, drained, sizeof(drained)) > 0)
			;
		if (r == 0 && m->slots[s].enabled) {
			/* In the same order each time. */
			sproxy_disable(k->proxy, s);
			r = sproxy_enable(k->proxy, s, m->fns[m->slots[s].fn].behind);
		}
	}
	while (recv(k->proxy->sink[0], drained, sizeof(drained), MSG_DONTWAIT) > 0)
		;
	return r;
}

static void kernel_close(void *arg)
{
	struct kernel *k = arg;

	for (uint32_t s = 1; s < MODEL_SLOTS - 1; s++) {
		close_fd(&k->ends[s].send);
		close_fd(&k->ends[s].receive);
	}
	sproxy_close(k->proxy);
	free(k);
}

static int attach(struct kernel *k, const struct model *m)
{
	int r = 0;

	for (uint32_t s = 1; r == 0 && s < MODEL_SLOTS - 1; s++) {
		const struct model_slot *slot = &m->slots[s];
		const struct sproxy_place place = { slot->fn, slot->cpu, slot->lender };

		r = sproxy_attach(k->proxy, s, &place, &k->ends[s]);
		k->reachable[s] = true;
		if (r == 0 && slot->enabled)
			r = sproxy_enable(k->proxy, s, m->fns[slot->fn].behind);
	}
	return r < 0 ? r : routes_set(k, m);
}

int chain_side_open(struct chain_side *ret)
{
	const struct sproxy_options options = { .buffer_count = MODEL_BUFFERS,
						.fn_count = MODEL_FNS - 1 };
	struct kernel *k = calloc(1, sizeof(*k));
	struct model m;
	int r;

	if (!k)
		return -ENOMEM;
	model_init(&m, 0);
	for (uint32_t s = 0; s < MODEL_SLOTS; s++)
		k->ends[s] = (struct sproxy_ends){ -1, -1 };
	r = sproxy_open(&options, &k->proxy);
	if (r < 0) {
		free(k);
		return r;
	}
	r = attach(k, &m);
	if (r < 0) {
		kernel_close(k);
		return r;
	}
	*ret = (struct chain_side){ .owners = sproxy_owners(k->proxy),
				    .instances = sproxy_instances(k->proxy),
				    .arg = k,
				    .table = table,
				    .send = kernel_send,
				    .receive = kernel_receive,
				    .told = told,
				    .counts = counts,
				    .reset = reset,
				    .close = kernel_close };
	return 0;
}
