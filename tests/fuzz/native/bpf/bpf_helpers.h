/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf_helpers.h - in place of libbpf's: the kernel program compiled for this machine.
 *
 * For: the fuzz target `program` and the simulation, which run its C source under sanitizers, far
 * faster than the kernel does. What the verifier and real sockets do is left to
 * tests/bpf/test_differential.c.
 * How: found before libbpf's by the include path; who links the program has the helpers (native.c,
 * tests/sim/kernel.c), the maps by their addresses, and `buffer_count`.
 */
#ifndef SPROCKET_TESTS_FUZZ_NATIVE_BPF_HELPERS_H
#define SPROCKET_TESTS_FUZZ_NATIVE_BPF_HELPERS_H

#include <linux/types.h>
#include <stddef.h>

struct sk_msg_md;

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int(*name)[value]
#define __type(name, value) __typeof__(value) *name
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))

#ifdef SPROXY_NATIVE /* the program itself: the definition with a value is another object's */
extern const volatile __u32 buffer_count __attribute__((weak));
#endif
int sproxy(struct sk_msg_md *msg);
int sproxy_entry(struct sk_msg_md *msg);

void *bpf_map_lookup_elem(void *map, const void *key);
void *bpf_sk_storage_get(void *map, void *sk, void *value, __u64 flags);
long bpf_msg_redirect_map(struct sk_msg_md *msg, void *map, __u32 key, __u64 flags);
long bpf_msg_pull_data(struct sk_msg_md *msg, __u32 start, __u32 end, __u64 flags);
void *bpf_ringbuf_reserve(void *ringbuf, __u64 size, __u64 flags);
void bpf_ringbuf_submit(void *data, __u64 flags);
long bpf_loop(__u32 count, long (*fn)(__u32, void *), void *arg, __u64 flags);
__u64 bpf_ktime_get_ns(void);
__u32 bpf_get_prandom_u32(void);
__u32 bpf_get_smp_processor_id(void);
#define bpf_tail_call_static(msg, map, slot) ((void)(msg))

#endif
