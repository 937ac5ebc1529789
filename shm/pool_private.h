/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool_private.h - what pool.c and pool_takeover.c share.
 *
 * For: these two alone.
 */
#ifndef SPROCKET_SHM_POOL_PRIVATE_H
#define SPROCKET_SHM_POOL_PRIVATE_H

#include <stddef.h>

#include "shm/pool.h"

struct rte_mempool;

/* A mempool object: private to the gateway, names one buffer. */
struct control {
	uint32_t index;
};

struct class_pool {
	struct rte_mempool *pool;
	void *memory; /* of the objects */
	size_t memory_size;
};

struct shm_pool {
	struct shm_layout layout;
	struct sp_owner *owners;
	struct control **controls; /* by buffer index */
	struct class_pool classes[SHM_CLASS_MAX];
};

/* A pool whose free lists have every buffer; the table is as it was. Returns 0 and *ret, or
 * -errno. */
int shm_pool_make(const struct shm_layout *layout, struct sp_owner *owners, struct shm_pool **ret);

#endif
