/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sproxy.h - the kernel side of a chain: its program, its tables, its sockets.
 *
 * For: the controller, which opens one per chain, attaches instances, and changes routes.
 * How: loads bpf/sproxy.bpf.c with maps of its own. An instance gets two sockets, wired
 * before it ever sees them: a TCP end to send on (the program runs there) and an AF_UNIX
 * end to receive on. The other ends are kept here: they tell of the instance's death, and
 * shutting the AF_UNIX one down is its order to stop. Bytes arriving at a kept end mean
 * that the kernel did not redirect: an alarm.
 * A slot is reused only after an RCU grace period, when no running program can still know
 * its former instance.
 * Thread-safety: one thread per struct sproxy. Needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN.
 * Source: Documentation/bpf/map_sockmap.rst, net/core/skmsg.c, net/unix/unix_bpf.c.
 */
#ifndef SPROCKET_SPROXY_SPROXY_H
#define SPROCKET_SPROXY_SPROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"

struct sproxy;

/* The ends that go to an instance; close them once they are passed. */
struct sproxy_ends {
	int send;    /* TCP, connected, in the map that runs the program */
	int receive; /* AF_UNIX stream, redirect target */
};

/* What an instance is. */
struct sproxy_place {
	uint32_t fn;
	uint32_t cpu;
	uint32_t lender; /* gateway slot that takes what comes home when it is gone; a worker's
			  * is always its own */
};

/* The peers of an instance's two ends; owned by the sproxy, for polling only. */
struct sproxy_kept {
	int send;    /* readable: bytes bypassed the program (alarm), or the instance is gone */
	int receive; /* EOF or POLLHUP: the instance is gone */
};

struct sproxy_options {
	uint32_t buffer_count;
	uint32_t fn_count; /* highest function number to come; the gateway, 0, is not counted */
	const char *pins;  /* folder below a bpffs that keeps the maps when we end; NULL: none */
};

/* Loads program and maps, and pins them when asked to; the folder is made, 0700, and those
 * above it that are missing. A bpffs knows no dots: the folder's last name gets colons for
 * them. Returns 0 and *ret, or -errno: -EPERM: privileges missing; -ENOTSUP: kernel without
 * what it needs, or no bpffs where the pins go (`mount -t bpf bpf /sys/fs/bpf` makes one);
 * -EEXIST: the folder is there: adopt it, or sproxy_remove_pins(). */
int sproxy_open(const struct sproxy_options *options, struct sproxy **ret);

/* Takes over the maps that another process pinned and left; its sockets go on meanwhile. The
 * program is replaced when it is not this build's; no send falls between the two. Every
 * instance must then be given to sproxy_adopt_slot(). Returns 0 and *ret, -ENOENT without a
 * whole set of pins, -ESTALE when maps are of another size or layout, -ENOTSUP, -errno. */
int sproxy_adopt(const struct sproxy_options *options, struct sproxy **ret);

/* An instance of the process before us. Takes the ends, which may be -1 when they are lost;
 * whether it is enabled is known. -EBUSY when the slot is in use here, -EINVAL, -ESTALE when
 * the tables know no such function, or no lender of its. */
int sproxy_adopt_slot(struct sproxy *proxy, uint32_t slot, struct sproxy_kept kept);

/* Takes everything down, pins included. / Frees our side only: maps and pins stay, and the
 * sockets go on as long as somebody holds them. Without pins both end the chain. */
struct sproxy *sproxy_close(struct sproxy *proxy);
struct sproxy *sproxy_leave(struct sproxy *proxy);

/* What a run left that nobody adopts. 0 also when there is nothing; -ENOTSUP where no bpffs
 * is, so that no other folder is emptied by mistake. */
int sproxy_remove_pins(const char *folder);

/* Wires a new instance into free slot `slot`; one of another function than SP_GATEWAY_FN
 * is not routed to before sproxy_enable(). Returns 0 and *ret, -EBUSY when the slot is in
 * use, -EINVAL, or -errno. */
int sproxy_attach(struct sproxy *proxy, uint32_t slot, const struct sproxy_place *place,
		  struct sproxy_ends *ret);
struct sproxy_kept sproxy_kept(const struct sproxy *proxy, uint32_t slot);

/* Lets routing choose the instance / no longer choose it (it keeps what it has).
 * `behind`: requests in flight from which on others are preferred, for every instance of the
 * function; it may be set anew for one that is enabled.
 * Returns 0, -ENOSPC when the function has SP_FN_INST_MAX already, -ENOENT. */
int sproxy_enable(struct sproxy *proxy, uint32_t slot, uint32_t behind);
void sproxy_disable(struct sproxy *proxy, uint32_t slot);
bool sproxy_enabled(const struct sproxy *proxy, uint32_t slot);

/* How many requests an enabled instance has at once; what is more goes home. UINT16_MAX: as good
 * as no limit. Ends when it is disabled. */
void sproxy_limit(struct sproxy *proxy, uint32_t slot, uint32_t limit);

/* All of them disabled, and nothing at them nor on its way to them. Costs one grace period (8
 * to 16 ms) once nothing is in flight; before that it costs nothing. */
bool sproxy_idle(const struct sproxy *proxy, const uint32_t *slots, size_t count);

/* Orders an instance to stop: it reads EOF after what is queued. Disable and drain first. */
void sproxy_stop(struct sproxy *proxy, uint32_t slot);

/* Takes the instance out of every map, waits until no program run can know it, and closes
 * its kept ends. Buffers it held still name its slot: let the gateway reclaim them before
 * the slot is attached again. Idempotent. */
void sproxy_detach(struct sproxy *proxy, uint32_t slot);
/* The same for several, with one grace period for all. */
void sproxy_detach_many(struct sproxy *proxy, const uint32_t *slots, size_t count);

/* Sets edge `edge` of function `fn`. Takes effect with the next descriptor. */
int sproxy_route(struct sproxy *proxy, uint32_t fn, uint32_t edge, struct sp_route route);
/* What it is set to; SP_ROUTE_NONE outside the table. */
struct sp_route sproxy_route_read(const struct sproxy *proxy, uint32_t fn, uint32_t edge);

/* Sends `share` of SP_SPLIT_ALL of what is meant for function `fn` to function `other`, on every
 * edge that leads to `fn`; 0: nothing. Takes effect with the next send. */
void sproxy_split(struct sproxy *proxy, uint32_t fn, uint32_t other, uint32_t share);

/* The gate of function `fn`. Ajar it lets `probes` sends pass at each of its instances that are
 * there; whoever comes later begins with none. */
void sproxy_gate(struct sproxy *proxy, uint32_t fn, enum sp_gate gate, uint32_t probes);
enum sp_gate sproxy_gate_read(const struct sproxy *proxy, uint32_t fn);

/* Has the kernel send one event (SP_EVENT_WATCHED) for the next failed reply of the instance, or
 * the next probe that it gets. */
void sproxy_watch(struct sproxy *proxy, uint32_t slot);

/* Tables, mapped: valid until sproxy_close() or sproxy_leave(). Fields have the writers wire.h names. */
struct sp_owner *sproxy_owners(struct sproxy *proxy);
struct sp_instance *sproxy_instances(struct sproxy *proxy);
/* Map fds for the gateway, which maps them itself. Owned by the sproxy. */
int sproxy_owners_fd(const struct sproxy *proxy);
int sproxy_instances_fd(const struct sproxy *proxy);

/* Sum over CPUs of every enum sp_kernel_counter. */
int sproxy_counters(const struct sproxy *proxy, uint64_t ret[SP_COUNT_MAX]);

/* What function `fn` did, and how often each of its edges was taken (the last: replies by
 * SP_EDGE_REPLY), summed over CPUs; kept through adoption. -EINVAL above fn_count. */
int sproxy_function_stats(const struct sproxy *proxy, uint32_t fn, struct sp_function_stats *ret);
int sproxy_edge_counts(const struct sproxy *proxy, uint32_t fn, uint64_t ret[SP_EDGE_MAX + 1]);

/* Failed replies of the function for which no request is to blame; of *ret_out that it handed on. */
uint64_t sproxy_faults(const struct sproxy *proxy, uint32_t fn, uint64_t *ret_out);

/* Refused sends: poll the fd, then read; `on_event` is called once for each. */
int sproxy_events_fd(const struct sproxy *proxy);
typedef void sproxy_event_fn(const struct sp_event *event, void *arg);
int sproxy_events_read(struct sproxy *proxy, sproxy_event_fn *on_event, void *arg);

/* A record of each descriptor while it is on. Poll the fd, then read; a listener that does
 * not keep up loses records, which are counted (since the maps were made). */
int sproxy_tap(struct sproxy *proxy, bool on);
int sproxy_tap_fd(const struct sproxy *proxy);
typedef void sproxy_tap_fn(const struct sp_tap *tap, void *arg);
int sproxy_tap_read(struct sproxy *proxy, sproxy_tap_fn *on_tap, void *arg);
uint64_t sproxy_tap_lost(const struct sproxy *proxy);

const char *sproxy_violation_name(uint32_t reason);
const char *sproxy_violation_text(uint32_t reason);

#endif
