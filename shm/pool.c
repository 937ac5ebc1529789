// SPDX-License-Identifier: Apache-2.0
#include "shm/pool.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

#include "shm/buffer.h"
#include "shm/dpdk_clock.h"
#include "shm/dpdk_folder.h"
#include "shm/pool_private.h"

#define CACHE_MAX 64 /* buffers a thread keeps of a class without touching the shared list */

/* DPDK pins the thread that starts it to its first core: one that we may use. */
static void first_cpu(const cpu_set_t *allowed, char *ret, size_t size)
{
	int cpu = 0;

	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, allowed))
		cpu++;
	snprintf(ret, size, "--lcores=0@%d", cpu);
}

int shm_dpdk_init(void)
{
	char lcores[32];
	/* Control blocks are small and private: no hugepages, no files, no devices. */
	char *args[] = { (char[]){ "sprocket-gateway" },
			 (char[]){ "--no-huge" },
			 (char[]){ "--no-shconf" },
			 (char[]){ "--no-pci" },
			 (char[]){ "--no-telemetry" },
			 (char[]){ "--log-level=error" },
			 (char[]){ "-m" },
			 (char[]){ "64" },
			 lcores };
	char folder[SHM_DPDK_FOLDER_MAX];
	cpu_set_t allowed;
	int r;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return -errno;
	first_cpu(&allowed, lcores, sizeof(lcores));
	shm_dpdk_folder(getpid(), SHM_DPDK_FOLDERS - 1, folder);
	if (mkdir(folder, 0700) == 0)
		setenv("RUNTIME_DIRECTORY", folder, 1);
	shm_dpdk_clock_hurry(true);
	r = rte_eal_init((int)(sizeof(args) / sizeof(*args)), args) < 0 ? -rte_errno : 0;
	shm_dpdk_clock_hurry(false);
	unsetenv("RUNTIME_DIRECTORY");
	shm_dpdk_folder_remove(getpid());
	sched_setaffinity(0, sizeof(allowed), &allowed);
	return r;
}

int shm_pool_thread_init(void)
{
	return rte_thread_register() < 0 ? -rte_errno : 0;
}

void shm_pool_thread_done(void)
{
	rte_thread_unregister();
}

/* A thread's cache must not hold so much that others find the class empty. */
static unsigned cache_size(uint32_t count)
{
	unsigned size = count / 16;

	return size > CACHE_MAX ? CACHE_MAX : size < 4 ? 0 : size;
}

static int class_pool_init(struct class_pool *c, uint32_t number, uint32_t count)
{
	static unsigned pools; /* names are unique in the process */
	char name[RTE_MEMPOOL_NAMESIZE];
	size_t min_chunk, align;
	ssize_t size;

	snprintf(name, sizeof(name), "class%u.%u", number,
		 __atomic_fetch_add(&pools, 1, __ATOMIC_RELAXED));
	c->pool = rte_mempool_create_empty(name, count, sizeof(struct control), cache_size(count),
					   0, SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	if (!c->pool)
		return -rte_errno;
	/* Last in, first out: what was used just now is in the caches still. In DPDK's default
	 * ring a load goes round all buffers there are, and finds each of them cold. Without a
	 * lock, as workers share their cores with functions: nobody waits for one that was
	 * preempted. */
	if (rte_mempool_set_ops_byname(c->pool, "lf_stack", NULL) < 0)
		return -EINVAL;
	size = rte_mempool_op_calc_mem_size_default(c->pool, count, 12, &min_chunk, &align);
	if (size < 0)
		return (int)size;
	c->memory_size = ((size_t)size + 4095) & ~4095UL;
	c->memory = mmap(NULL, c->memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	if (c->memory == MAP_FAILED) {
		c->memory = NULL;
		return -errno;
	}
	size = rte_mempool_populate_iova(c->pool, c->memory, RTE_BAD_IOVA, c->memory_size, NULL,
					 NULL);
	if (size < 0)
		return (int)size;
	return c->pool->populated_size == count ? 0 : -ENOMEM;
}

struct numbering {
	struct shm_pool *pool;
	uint32_t next;
};

static void control_number(struct rte_mempool *mempool, void *arg, void *object, unsigned i)
{
	struct numbering *n = arg;
	struct control *control = object;

	(void)mempool;
	(void)i;
	control->index = n->next;
	n->pool->controls[n->next++] = control;
}

static void owners_reset(struct shm_pool *pool)
{
	for (uint32_t i = 0; i < pool->layout.buffer_count; i++) {
		struct sp_owner *o = &pool->owners[i];
		uint32_t generation = (uint32_t)(o->word >> 32);

		memset(o, 0, sizeof(*o));
		o->cap = shm_layout_class(&pool->layout, i)->size;
		o->word = SP_OWNER_WORD(generation + 1, SP_HOLDER_FREE);
	}
}

int shm_pool_make(const struct shm_layout *layout, struct sp_owner *owners, struct shm_pool **ret)
{
	struct shm_pool *pool = calloc(1, sizeof(*pool));
	int r = 0;

	if (!pool)
		return -ENOMEM;
	pool->layout = *layout;
	pool->owners = owners;
	pool->controls = calloc(layout->buffer_count, sizeof(*pool->controls));
	if (!pool->controls)
		r = -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < layout->class_count; i++) {
		struct numbering n = { pool, layout->classes[i].first };

		r = class_pool_init(&pool->classes[i], i, layout->classes[i].count);
		if (r == 0)
			rte_mempool_obj_iter(pool->classes[i].pool, control_number, &n);
	}
	if (r < 0) {
		shm_pool_free(pool);
		return r;
	}
	*ret = pool;
	return 0;
}

int shm_pool_new(const struct shm_layout *layout, struct sp_owner *owners, struct shm_pool **ret)
{
	int r = shm_pool_make(layout, owners, ret);

	if (r == 0)
		owners_reset(*ret);
	return r;
}

struct shm_pool *shm_pool_free(struct shm_pool *pool)
{
	if (!pool)
		return NULL;
	for (uint32_t i = 0; i < SHM_CLASS_MAX; i++) {
		rte_mempool_free(pool->classes[i].pool);
		if (pool->classes[i].memory)
			munmap(pool->classes[i].memory, pool->classes[i].memory_size);
	}
	free(pool->controls);
	free(pool);
	return NULL;
}

/* The buffer of a free list's object is the slot's from now on. */
static uint32_t buffer_begin(struct shm_pool *pool, void *object, uint32_t slot)
{
	uint32_t index = ((struct control *)object)->index;
	struct sp_owner *o = &pool->owners[index];
	/* What the thread that put it did to the entry is done: see the put's store. */
	uint64_t word = __atomic_load_n(&o->word, __ATOMIC_ACQUIRE);

	o->start_ns = 0;
	o->home = (uint16_t)slot;
	o->leased = SP_LEASE_NONE;
	o->hops = 0;
	__atomic_store_n(&o->refs, 0, __ATOMIC_RELAXED);
	o->ref = 0;
	/* The kernel reads the entry after it read the word. */
	__atomic_store_n(&o->word, SP_OWNER_WORD(word >> 32, slot), __ATOMIC_RELEASE);
	return index;
}

int shm_pool_get(struct shm_pool *pool, uint32_t len, uint32_t slot, uint32_t *ret)
{
	int cls = shm_layout_class_for(&pool->layout, len);

	if (cls < 0)
		return -EMSGSIZE;
	for (uint32_t i = (uint32_t)cls; i < pool->layout.class_count; i++) {
		void *object;

		if (rte_mempool_get(pool->classes[i].pool, &object) < 0)
			continue;
		*ret = buffer_begin(pool, object, slot);
		return 0;
	}
	return -ENOBUFS;
}

int shm_pool_take(struct shm_pool *pool, uint32_t cls, uint32_t slot, uint32_t *ret)
{
	void *object;

	if (cls >= pool->layout.class_count ||
	    rte_mempool_generic_get(pool->classes[cls].pool, &object, 1, NULL) < 0)
		return -ENOBUFS;
	*ret = buffer_begin(pool, object, slot);
	return 0;
}

uint32_t shm_pool_flush(struct shm_pool *pool)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < pool->layout.class_count; i++) {
		struct rte_mempool *mempool = pool->classes[i].pool;
		struct rte_mempool_cache *cache =
			rte_mempool_default_cache(mempool, rte_lcore_id());

		if (!cache)
			continue;
		count += cache->len;
		rte_mempool_cache_flush(cache, mempool);
	}
	return count;
}

void shm_pool_put(struct shm_pool *pool, uint32_t index)
{
	struct sp_owner *o = &pool->owners[index];
	uint32_t cls;

	if (index >= pool->layout.buffer_count || (uint32_t)o->word == SP_HOLDER_FREE) {
		fprintf(stderr, "sprocket: buffer %u does not exist or was put twice\n", index);
		abort();
	}
	cls = (uint32_t)(shm_layout_class(&pool->layout, index) - pool->layout.classes);
	__atomic_store_n(&o->word, SP_OWNER_WORD((o->word >> 32) + 1, SP_HOLDER_FREE),
			 __ATOMIC_RELEASE);
	rte_mempool_put(pool->classes[cls].pool, pool->controls[index]);
}

uint32_t shm_pool_available(const struct shm_pool *pool, uint32_t cls)
{
	return rte_mempool_avail_count(pool->classes[cls].pool);
}
