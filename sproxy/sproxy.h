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
#include <stdint.h>

#include "bpf/wire.h"

struct sproxy;

/* The ends that go to an instance; close them once they are passed. */
struct sproxy_ends {
	int send;    /* TCP, connected, in the map that runs the program */
	int receive; /* AF_UNIX stream, redirect target */
};

/* The peers of an instance's two ends; owned by the sproxy, for polling only. */
struct sproxy_kept {
	int send;    /* readable: bytes bypassed the program (alarm), or the instance is gone */
	int receive; /* EOF or POLLHUP: the instance is gone */
};

/* Loads program and maps for `buffer_count` buffers. Returns 0 and *ret, or -errno
 * (-EPERM: privileges missing; -ENOTSUP: kernel without what it needs). */
int sproxy_open(uint32_t buffer_count, struct sproxy **ret);
struct sproxy *sproxy_close(struct sproxy *proxy);

/* Wires a new instance of function `fn` into free slot `slot`; with fn != SP_GATEWAY_FN it
 * is not routed to before sproxy_enable(). Returns 0 and *ret, -EBUSY when the slot is in
 * use, -EINVAL, or -errno. */
int sproxy_attach(struct sproxy *proxy, uint32_t slot, uint32_t fn, uint32_t cpu,
		  struct sproxy_ends *ret);
struct sproxy_kept sproxy_kept(const struct sproxy *proxy, uint32_t slot);

/* Lets routing choose the instance / no longer choose it (it keeps what it has).
 * `behind`: requests in flight from which on others are preferred.
 * Returns 0, -ENOSPC when the function has SP_FN_INST_MAX already, -ENOENT. */
int sproxy_enable(struct sproxy *proxy, uint32_t slot, uint32_t behind);
void sproxy_disable(struct sproxy *proxy, uint32_t slot);

/* Orders an instance to stop: it reads EOF after what is queued. Disable and drain first. */
void sproxy_stop(struct sproxy *proxy, uint32_t slot);

/* Takes the instance out of every map, waits until no program run can know it, and closes
 * its kept ends. Buffers it held still name its slot: let the gateway reclaim them before
 * the slot is attached again. Idempotent. */
void sproxy_detach(struct sproxy *proxy, uint32_t slot);

/* Sets edge `edge` of function `fn`. Takes effect with the next descriptor. */
int sproxy_route(struct sproxy *proxy, uint32_t fn, uint32_t edge, struct sp_route route);

/* Tables, mapped: valid until sproxy_close(). Fields have the writers wire.h names. */
struct sp_owner *sproxy_owners(struct sproxy *proxy);
struct sp_instance *sproxy_instances(struct sproxy *proxy);
/* Map fds for the gateway, which maps them itself. Owned by the sproxy. */
int sproxy_owners_fd(const struct sproxy *proxy);
int sproxy_instances_fd(const struct sproxy *proxy);

/* Sum over CPUs of every enum sp_kernel_counter. */
int sproxy_counters(const struct sproxy *proxy, uint64_t ret[SP_COUNT_MAX]);

/* Refused sends: poll the fd, then read; `on_event` is called once for each. */
int sproxy_events_fd(const struct sproxy *proxy);
typedef void sproxy_event_fn(const struct sp_event *event, void *arg);
int sproxy_events_read(struct sproxy *proxy, sproxy_event_fn *on_event, void *arg);

const char *sproxy_violation_name(uint32_t reason);
const char *sproxy_violation_text(uint32_t reason);

#endif
