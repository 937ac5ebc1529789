/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * sproxy_maps.bpf.h - the maps of a chain's kernel program; each chain loads its own.
 *
 * For: sproxy.bpf.c. Sizes are those of wire.h; `owners` and `function_counts` get
 * theirs before load. sproxy/state.h names them once more, for user space: keep both alike.
 * Thread-safety: wire.h names the writers of each field.
 */
#ifndef SPROCKET_BPF_SPROXY_MAPS_BPF_H
#define SPROCKET_BPF_SPROXY_MAPS_BPF_H

#include <linux/bpf.h>
/* The helpers need the types above. */
#include <bpf/bpf_helpers.h>

#include "wire.h"

const volatile __u32 buffer_count; /* set before load: lets the verifier see the bound */
const volatile __u64 draw_key;     /* the same: who knows some generations cannot tell others */

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP); /* TCP ends of functions and workers; runs us */
	__uint(max_entries, SP_INST_MAX);
	__type(key, __u32);
	__type(value, __u64);
} senders SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP); /* AF_UNIX ends, redirect targets; no program */
	__uint(max_entries, SP_INST_MAX);
	__type(key, __u32);
	__type(value, __u64);
} receivers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP); /* one AF_UNIX end of the controller's: see to_sink() */
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sink SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY); /* what the entry program calls */
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} programs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct sp_identity);
} identities SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* buffer_count, set before load */
	__type(key, __u32);
	__type(value, struct sp_owner);
} owners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SP_INST_MAX);
	__type(key, __u32);
	__type(value, struct sp_instance);
} instances SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SP_FN_MAX);
	__type(key, __u32);
	__type(value, struct sp_function_slots);
} functions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SP_FN_MAX *SP_EDGE_MAX);
	__type(key, __u32);
	__type(value, struct sp_route);
} routes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SP_COUNT_MAX);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1); /* functions and the gateway, set before load */
	__type(key, __u32);
	__type(value, struct sp_function_counts);
} function_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sp_settings);
} settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024); /* some 4600 records */
} taps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} events SEC(".maps");

#endif
