/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - the allocator of a chain's buffers; lives in the gateway alone.
 *
 * For: get a buffer for a request, put it back after the answer, lease some to a function.
 * How: one DPDK rte_mempool per size class. Its objects are control blocks in private
 * memory, which only name a buffer index, so that no function can corrupt a free list. A
 * get writes the buffer's entry in the ownership table: held by the asking worker, current
 * generation. A put bumps the generation: descriptors of the buffer's past are stale.
 * Thread-safety: get and put from any thread after shm_pool_thread_init() in it; a buffer
 * is put once, by whoever holds it. A put of a buffer that is free or does not exist aborts:
 * it is a bug in the gateway, never bad input.
 * Failure modes: an empty class falls to the next larger one; -ENOBUFS when those are
 * empty too.
 * References: a buffer whose payload others read (sp_owner.refs) must not be put; who has it
 * waits until there are none.
 */
#ifndef SPROCKET_SHM_POOL_H
#define SPROCKET_SHM_POOL_H

#include <stdint.h>

#include "bpf/wire.h"
#include "shm/layout.h"

struct shm_pool;

/* Starts DPDK's environment once per process (no hugepages, no PCI, no files).
 * Returns 0 or -errno. Takes some 0.15 s. Not thread-safe. */
int shm_dpdk_init(void);

/* Makes DPDK's per-thread cache usable in the calling thread. Returns 0 or -errno. */
int shm_pool_thread_init(void);
void shm_pool_thread_done(void);

/*
 * Makes the pool for `layout`, with `owners` (layout->buffer_count entries, mapped
 * writable; kept, not owned) as ownership table: every entry becomes free.
 * Returns 0 and *ret, or -errno.
 */
int shm_pool_new(const struct shm_layout *layout, struct sp_owner *owners, struct shm_pool **ret);

/*
 * The same after a gateway that died with its pool: makes the pool anew from what the table
 * says. Free are the buffers that were free, and all that no instance holds, `slots` being
 * the dead gateway's own: these get a new generation, so that descriptors of them that are
 * still queued are stale, and the references of requests in them end. What an instance holds
 * stays out until it is put; so does what no instance holds but others read: its entry in
 * `kept` (one for each buffer, all zero before) becomes 1, and its holder slots[0].
 * The gateway must have ended; instances may go on handing over meanwhile.
 * -EBUSY: the kernel did not finish handing over a buffer within SHM_MOVING_MAX_MS.
 */
#define SHM_MOVING_MAX_MS 200
int shm_pool_take_over(const struct shm_layout *layout, struct sp_owner *owners,
		       const uint32_t *slots, uint32_t slot_count, uint8_t *kept,
		       struct shm_pool **ret);
struct shm_pool *shm_pool_free(struct shm_pool *pool);

/* Takes a buffer that holds `len` payload bytes for gateway slot `slot`.
 * Returns 0 and *ret, -EMSGSIZE when no class is that large, -ENOBUFS when none is free. */
int shm_pool_get(struct shm_pool *pool, uint32_t len, uint32_t slot, uint32_t *ret);

/* The same, but from class `cls` alone and past the thread's cache, so that the thread keeps
 * nothing that others wait for. Returns 0 and *ret, or -ENOBUFS. */
int shm_pool_take(struct shm_pool *pool, uint32_t cls, uint32_t slot, uint32_t *ret);

/* Gives what the calling thread's caches hold to all threads. Returns how many buffers. */
uint32_t shm_pool_flush(struct shm_pool *pool);

/* Gives back a buffer; afterwards its generation is one higher and its holder nobody. */
void shm_pool_put(struct shm_pool *pool, uint32_t index);

/* Buffers of class `cls` that are free now (caches counted). */
uint32_t shm_pool_available(const struct shm_pool *pool, uint32_t cls);

#endif
