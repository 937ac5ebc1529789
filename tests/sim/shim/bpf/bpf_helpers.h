/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf_helpers.h - what the kernel program calls, when it is compiled for this process.
 *
 * For: kernel.c, which includes bpf/sproxy.bpf.c as it is. Maps are found by their address.
 * Thread-safety: one thread.
 */
#ifndef SPROCKET_TESTS_SIM_BPF_HELPERS_H
#define SPROCKET_TESTS_SIM_BPF_HELPERS_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stddef.h>

#define SEC(name)
#define __uint(name, value) int(*name)[value]
#define __type(name, value) __typeof__(value) *name
#undef __noinline
#define __noinline __attribute__((noinline))

void *bpf_map_lookup_elem(void *map, const void *key);
void *bpf_sk_storage_get(void *map, void *sk, void *value, __u64 flags);
long bpf_msg_redirect_map(struct sk_msg_md *msg, void *map, __u32 key, __u64 flags);
long bpf_msg_pull_data(struct sk_msg_md *msg, __u32 start, __u32 end, __u64 flags);
void *bpf_ringbuf_reserve(void *ringbuf, __u64 size, __u64 flags);
void bpf_ringbuf_submit(void *data, __u64 flags);
long bpf_loop(__u32 count, long (*step)(__u32, void *), void *arg, __u64 flags);
__u64 bpf_ktime_get_ns(void);
__u32 bpf_get_smp_processor_id(void);
__u32 bpf_get_prandom_u32(void);
#define bpf_tail_call_static(context, map, slot) ((void)(context))

#endif
