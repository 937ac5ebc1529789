// SPDX-License-Identifier: Apache-2.0
#include "sproxy/sproxy.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "sproxy.skel.h"
#include "sproxy/ends.h"
#include "sproxy/wiring.h"

struct slot {
	bool used;
	bool enabled;
	struct sproxy_kept kept;
};

struct sproxy {
	struct sproxy_bpf *skel;
	struct ring_buffer *events;
	struct sp_owner *owners;
	struct sp_instance *instances;
	struct sp_function_slots *functions;
	struct sp_route *routes;
	uint32_t buffer_count;
	sproxy_event_fn *on_event;
	void *on_event_arg;
	struct slot slots[SP_INST_MAX];
};

static size_t table_size(size_t count, size_t entry)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (count * entry + page - 1) / page * page;
}

static void *table_map(const struct bpf_map *map, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return p == MAP_FAILED ? NULL : p;
}

static int tables_map(struct sproxy *proxy)
{
	proxy->owners = table_map(proxy->skel->maps.owners,
				  table_size(proxy->buffer_count, sizeof(struct sp_owner)));
	proxy->instances = table_map(proxy->skel->maps.instances,
				     table_size(SP_INST_MAX, sizeof(struct sp_instance)));
	proxy->functions = table_map(proxy->skel->maps.functions,
				     table_size(SP_FN_MAX, sizeof(struct sp_function_slots)));
	proxy->routes = table_map(proxy->skel->maps.routes,
				  table_size(SP_FN_MAX * SP_EDGE_MAX, sizeof(struct sp_route)));
	if (!proxy->owners || !proxy->instances || !proxy->functions || !proxy->routes)
		return -errno;
	return 0;
}

static int on_ring_event(void *arg, void *data, size_t size)
{
	struct sproxy *proxy = arg;

	if (size >= sizeof(struct sp_event) && proxy->on_event)
		proxy->on_event(data, proxy->on_event_arg);
	return 0;
}

static int program_load(struct sproxy *proxy)
{
	int r;

	proxy->skel = sproxy_bpf__open();
	if (!proxy->skel)
		return -errno;
	proxy->skel->rodata->buffer_count = proxy->buffer_count;
	r = bpf_map__set_max_entries(proxy->skel->maps.owners, proxy->buffer_count);
	if (r < 0)
		return r;
	r = sproxy_bpf__load(proxy->skel);
	if (r < 0)
		return r;
	/* Before any socket is in the map: one inserted earlier would never run it. */
	r = bpf_prog_attach(bpf_program__fd(proxy->skel->progs.sproxy),
			    bpf_map__fd(proxy->skel->maps.senders), BPF_SK_MSG_VERDICT, 0);
	return r < 0 ? -errno : 0;
}

static int print_warnings(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN && getenv("SPROCKET_DEBUG") ? vfprintf(stderr, format, args) :
								  0;
}

int sproxy_open(uint32_t buffer_count, struct sproxy **ret)
{
	struct sproxy *proxy;
	int r;

	if (buffer_count == 0)
		return -EINVAL;
	proxy = calloc(1, sizeof(*proxy));
	if (!proxy)
		return -ENOMEM;
	proxy->buffer_count = buffer_count;
	for (size_t i = 0; i < SP_INST_MAX; i++)
		proxy->slots[i].kept = (struct sproxy_kept){ -1, -1 };
	libbpf_set_print(print_warnings);
	r = program_load(proxy);
	if (r == 0)
		r = tables_map(proxy);
	if (r == 0) {
		proxy->events = ring_buffer__new(bpf_map__fd(proxy->skel->maps.events),
						 on_ring_event, proxy, NULL);
		if (!proxy->events)
			r = -errno;
	}
	if (r < 0) {
		sproxy_close(proxy);
		return r;
	}
	*ret = proxy;
	return 0;
}

static void table_unmap(void *table, size_t count, size_t entry)
{
	if (table)
		munmap(table, table_size(count, entry));
}

struct sproxy *sproxy_close(struct sproxy *proxy)
{
	if (!proxy)
		return NULL;
	for (uint32_t slot = 0; slot < SP_INST_MAX; slot++)
		if (proxy->slots[slot].used)
			sproxy_detach(proxy, slot);
	ring_buffer__free(proxy->events);
	table_unmap(proxy->owners, proxy->buffer_count, sizeof(struct sp_owner));
	table_unmap(proxy->instances, SP_INST_MAX, sizeof(struct sp_instance));
	table_unmap(proxy->functions, SP_FN_MAX, sizeof(struct sp_function_slots));
	table_unmap(proxy->routes, SP_FN_MAX * SP_EDGE_MAX, sizeof(struct sp_route));
	sproxy_bpf__destroy(proxy->skel);
	free(proxy);
	return NULL;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Puts both ends into their maps. The identity comes first: a socket in the map without
 * one could send, and would be refused. */
static int ends_insert(struct sproxy *proxy, uint32_t slot, uint32_t fn, int send, int receive)
{
	struct sp_identity who = { slot, fn };
	__u64 send_fd = (__u64)send, receive_fd = (__u64)receive; /* as sockmaps want them */

	if (bpf_map_update_elem(bpf_map__fd(proxy->skel->maps.identities), &send, &who,
				BPF_NOEXIST) < 0)
		return -errno;
	if (bpf_map_update_elem(bpf_map__fd(proxy->skel->maps.receivers), &slot, &receive_fd,
				BPF_NOEXIST) < 0)
		return -errno;
	if (bpf_map_update_elem(bpf_map__fd(proxy->skel->maps.senders), &slot, &send_fd,
				BPF_NOEXIST) < 0)
		return -errno;
	return 0;
}

int sproxy_attach(struct sproxy *proxy, uint32_t slot, uint32_t fn, uint32_t cpu,
		  struct sproxy_ends *ret)
{
	int tcp[2] = { -1, -1 }, local[2] = { -1, -1 }, r;

	if (slot == SP_SLOT_NONE || slot >= SP_INST_MAX || fn >= SP_FN_MAX)
		return -EINVAL;
	if (proxy->slots[slot].used)
		return -EBUSY;
	r = ends_tcp_pair(tcp);
	if (r == 0)
		r = ends_unix_pair(local);
	if (r < 0)
		goto fail;
	wiring_refuse_fds(local[1]);
	memset(&proxy->instances[slot], 0, sizeof(proxy->instances[slot]));
	proxy->instances[slot].fn = fn;
	proxy->instances[slot].cpu = cpu;
	proxy->slots[slot] =
		(struct slot){ .used = true, .kept = { .send = tcp[1], .receive = local[1] } };
	r = ends_insert(proxy, slot, fn, tcp[0], local[0]);
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
	if (proxy->slots[slot].enabled)
		return 0;
	instance = &proxy->instances[slot];
	f = &proxy->functions[instance->fn];
	count = f->count;
	if (count >= SP_FN_INST_MAX)
		return -ENOSPC;
	f->behind = (uint16_t)(behind > UINT16_MAX ? UINT16_MAX : behind);
	f->slot[count] = (uint8_t)slot;
	if (f->on_cpu[instance->cpu % SP_CPU_MAX] == SP_SLOT_NONE)
		f->on_cpu[instance->cpu % SP_CPU_MAX] = (uint8_t)slot;
	/* The program reads the count first: the entry must be there before it. */
	__atomic_store_n(&f->count, (uint16_t)(count + 1), __ATOMIC_RELEASE);
	proxy->slots[slot].enabled = true;
	return 0;
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
	uint32_t i = 0, cpu;

	if (slot >= SP_INST_MAX || !proxy->slots[slot].enabled)
		return;
	f = &proxy->functions[proxy->instances[slot].fn];
	cpu = proxy->instances[slot].cpu % SP_CPU_MAX;
	while (f->slot[i] != slot)
		i++;
	/* The program may read between these: at worst it picks an instance of the same
	 * function twice, or this one a last time. */
	__atomic_store_n(&f->slot[i], f->slot[f->count - 1], __ATOMIC_RELEASE);
	__atomic_store_n(&f->count, (uint16_t)(f->count - 1), __ATOMIC_RELEASE);
	if (f->on_cpu[cpu] == slot)
		__atomic_store_n(&f->on_cpu[cpu], slot_on_cpu(proxy, f, cpu), __ATOMIC_RELEASE);
	proxy->slots[slot].enabled = false;
}

void sproxy_stop(struct sproxy *proxy, uint32_t slot)
{
	if (slot < SP_INST_MAX && proxy->slots[slot].kept.receive >= 0)
		shutdown(proxy->slots[slot].kept.receive, SHUT_WR);
}

void sproxy_detach(struct sproxy *proxy, uint32_t slot)
{
	if (slot >= SP_INST_MAX || !proxy->slots[slot].used)
		return;
	sproxy_disable(proxy, slot);
	/* Absent already when the instance has closed its ends. */
	bpf_map_delete_elem(bpf_map__fd(proxy->skel->maps.senders), &slot);
	bpf_map_delete_elem(bpf_map__fd(proxy->skel->maps.receivers), &slot);
	/* Programs run under rcu_read_lock(); this is synchronize_rcu(): afterwards none can
	 * be about to make the slot an owner. */
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	close_fd(&proxy->slots[slot].kept.send);
	close_fd(&proxy->slots[slot].kept.receive);
	proxy->slots[slot].used = false;
}

int sproxy_route(struct sproxy *proxy, uint32_t fn, uint32_t edge, struct sp_route route)
{
	uint64_t word;

	if (fn >= SP_FN_MAX || edge >= SP_EDGE_MAX || route.fn >= SP_FN_MAX)
		return -EINVAL;
	/* One store, so that the program sees the old route or the new one. */
	memcpy(&word, &route, sizeof(word));
	__atomic_store_n((uint64_t *)(void *)&proxy->routes[fn * SP_EDGE_MAX + edge], word,
			 __ATOMIC_RELEASE);
	return 0;
}

struct sp_owner *sproxy_owners(struct sproxy *proxy)
{
	return proxy->owners;
}

struct sp_instance *sproxy_instances(struct sproxy *proxy)
{
	return proxy->instances;
}

int sproxy_owners_fd(const struct sproxy *proxy)
{
	return bpf_map__fd(proxy->skel->maps.owners);
}

int sproxy_instances_fd(const struct sproxy *proxy)
{
	return bpf_map__fd(proxy->skel->maps.instances);
}

int sproxy_counters(const struct sproxy *proxy, uint64_t ret[SP_COUNT_MAX])
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *values;

	if (cpus < 0)
		return cpus;
	values = calloc((size_t)cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (uint32_t i = 0; i < SP_COUNT_MAX; i++) {
		ret[i] = 0;
		if (bpf_map_lookup_elem(bpf_map__fd(proxy->skel->maps.counters), &i, values) < 0)
			continue;
		for (int cpu = 0; cpu < cpus; cpu++)
			ret[i] += values[cpu];
	}
	free(values);
	return 0;
}

int sproxy_events_fd(const struct sproxy *proxy)
{
	return ring_buffer__epoll_fd(proxy->events);
}

int sproxy_events_read(struct sproxy *proxy, sproxy_event_fn *on_event, void *arg)
{
	proxy->on_event = on_event;
	proxy->on_event_arg = arg;
	return ring_buffer__consume(proxy->events);
}

const char *sproxy_violation_name(uint32_t reason)
{
	static const char *const names[] = {
#define X(id, name, text) name,
		SP_VIOLATIONS(X)
#undef X
	};

	return reason < SP_VIOLATION_COUNT ? names[reason] : "unknown";
}

const char *sproxy_violation_text(uint32_t reason)
{
	static const char *const texts[] = {
#define X(id, name, text) text,
		SP_VIOLATIONS(X)
#undef X
	};

	return reason < SP_VIOLATION_COUNT ? texts[reason] : "unknown";
}
