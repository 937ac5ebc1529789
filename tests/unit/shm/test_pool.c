// SPDX-License-Identifier: Apache-2.0
/*
 * test_pool.c - the allocator: every buffer once, generations, empty classes, threads.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/pool.h"

#define CLASSES 3
#define WORKER 5
#define THREADS 4
#define ROUNDS 20000
#define BATCH 24

static const uint32_t sizes[CLASSES] = { 256, 2048, 16384 };

struct fixture {
	struct shm_layout layout;
	struct sp_owner *owners;
	struct shm_pool *pool;
};

static int start_dpdk(void **state)
{
	(void)state;
	return shm_dpdk_init();
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(shm_layout_compute(sizes, CLASSES, 4 << 20, 8, &f->layout, NULL), 0);
	f->owners = malloc(f->layout.buffer_count * sizeof(*f->owners));
	assert_non_null(f->owners);
	/* As a gateway finds it that starts after another died: anything may be in it. */
	memset(f->owners, 0x5a, f->layout.buffer_count * sizeof(*f->owners));
	assert_int_equal(shm_pool_new(&f->layout, f->owners, &f->pool), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	assert_null(shm_pool_free(f->pool));
	free(f->owners);
	free(f);
	return 0;
}

static uint32_t generation_of(const struct fixture *f, uint32_t index)
{
	return (uint32_t)(f->owners[index].word >> 32);
}

static uint32_t holder_of(const struct fixture *f, uint32_t index)
{
	return (uint32_t)f->owners[index].word;
}

/* Every buffer is free, and every class says that it has all of its own. */
static void check_all_free(const struct fixture *f)
{
	for (uint32_t i = 0; i < f->layout.buffer_count; i++)
		assert_int_equal(holder_of(f, i), SP_HOLDER_FREE);
	for (uint32_t c = 0; c < CLASSES; c++)
		assert_int_equal(shm_pool_available(f->pool, c), f->layout.classes[c].count);
}

static void test_new_pool_is_free(void **state)
{
	struct fixture *f = *state;

	check_all_free(f);
	for (uint32_t i = 0; i < f->layout.buffer_count; i++) {
		const struct sp_owner *o = &f->owners[i];

		assert_int_equal(generation_of(f, i), 0x5a5a5a5b); /* the former are stale */
		assert_int_equal(o->cap, shm_layout_class(&f->layout, i)->size);
		assert_int_equal(o->home, 0);
		assert_int_equal(o->leased, 0);
		assert_int_equal(o->hops, 0);
	}
}

static void test_get_writes_the_entry(void **state)
{
	struct fixture *f = *state;
	struct sp_owner *o;
	uint32_t index, generation;

	assert_int_equal(shm_pool_get(f->pool, 300, WORKER, &index), 0);
	o = &f->owners[index];
	assert_int_equal(shm_layout_class(&f->layout, index) - f->layout.classes, 1);
	assert_int_equal(holder_of(f, index), WORKER);
	assert_int_equal(o->home, WORKER);
	assert_int_equal(shm_pool_available(f->pool, 1), f->layout.classes[1].count - 1);
	generation = generation_of(f, index);
	/* What the request's way through the chain leaves behind. */
	o->leased = 1;
	o->hops = 3;
	o->ref = 4;
	o->start_ns = 77;
	shm_pool_put(f->pool, index);
	assert_int_equal(generation_of(f, index), generation + 1);
	check_all_free(f);
	for (uint32_t i = 0; i < f->layout.classes[1].count; i++) {
		assert_int_equal(shm_pool_get(f->pool, 300, WORKER, &index), 0);
		assert_int_equal(f->owners[index].leased, 0);
		assert_int_equal(f->owners[index].hops, 0);
		assert_int_equal(f->owners[index].start_ns, 0);
		assert_int_equal(f->owners[index].ref, 0);
	}
}

/* What a thread's cache holds is nobody else's until it is flushed. */
static void test_take_and_flush(void **state)
{
	struct fixture *f = *state;
	uint32_t count = f->layout.classes[1].count, got = 0, flushed, index;

	for (uint32_t i = 0; i < count; i++) /* of no other class, and all of this */
		assert_int_equal(shm_pool_take(f->pool, 1, WORKER, &index), 0);
	for (uint32_t i = 0; i < count; i++)
		shm_pool_put(f->pool, f->layout.classes[1].first + i);
	while (shm_pool_take(f->pool, 1, WORKER, &index) == 0)
		got++;
	flushed = shm_pool_flush(f->pool);
	assert_true(flushed > 0 && got + flushed == count);
	assert_int_equal(shm_pool_take(f->pool, 1, WORKER, &index), 0);
}

static void test_generation_wraps(void **state)
{
	struct fixture *f = *state;
	uint32_t index;

	assert_int_equal(shm_pool_get(f->pool, 1, WORKER, &index), 0);
	f->owners[index].word = SP_OWNER_WORD(UINT32_MAX, WORKER);
	shm_pool_put(f->pool, index);
	assert_true(f->owners[index].word == SP_OWNER_WORD(0, SP_HOLDER_FREE));
}

static void test_class_by_length(void **state)
{
	struct fixture *f = *state;
	uint32_t index = 77;

	for (uint32_t c = 0; c < CLASSES; c++) {
		assert_int_equal(shm_pool_get(f->pool, sizes[c], WORKER, &index), 0);
		assert_int_equal(f->owners[index].cap, sizes[c]);
		if (c + 1 == CLASSES)
			break;
		assert_int_equal(shm_pool_get(f->pool, sizes[c] + 1, WORKER, &index), 0);
		assert_int_equal(f->owners[index].cap, sizes[c + 1]);
	}
	index = 77;
	assert_int_equal(shm_pool_get(f->pool, sizes[CLASSES - 1] + 1, WORKER, &index), -EMSGSIZE);
	assert_int_equal(shm_pool_get(f->pool, UINT32_MAX, WORKER, &index), -EMSGSIZE);
	assert_int_equal(index, 77);
}

/* Takes everything: class after class, each buffer once, then all of it back. */
static void test_exhaustion(void **state)
{
	struct fixture *f = *state;
	uint32_t count = f->layout.buffer_count, index;
	unsigned char *taken = calloc(count, 1);

	assert_non_null(taken);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(shm_pool_get(f->pool, 0, WORKER, &index), 0);
		assert_true(index < count && !taken[index]);
		taken[index] = 1;
		/* The smallest class that has one: classes are numbered one after the other. */
		assert_ptr_equal(shm_layout_class(&f->layout, index),
				 shm_layout_class(&f->layout, i));
	}
	index = 77;
	assert_int_equal(shm_pool_get(f->pool, 0, WORKER, &index), -ENOBUFS);
	assert_int_equal(shm_pool_get(f->pool, sizes[1], WORKER, &index), -ENOBUFS);
	assert_int_equal(index, 77);
	for (uint32_t c = 0; c < CLASSES; c++)
		assert_int_equal(shm_pool_available(f->pool, c), 0);
	/* A small buffer that comes back is no help to a large request. */
	shm_pool_put(f->pool, 0);
	assert_int_equal(shm_pool_get(f->pool, sizes[2], WORKER, &index), -ENOBUFS);
	for (uint32_t i = 1; i < count; i++)
		shm_pool_put(f->pool, i);
	check_all_free(f);
	free(taken);
}

/* Runs a put in a child; returns how the child ended. */
static int status_of_put(const struct fixture *f, uint32_t index)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		shm_pool_put(f->pool, index);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void test_wrong_put_aborts(void **state)
{
	struct fixture *f = *state;
	const uint32_t beyond[] = { f->layout.buffer_count, 1U << 30, UINT32_MAX };
	uint32_t index;
	int status;

	assert_int_equal(shm_pool_get(f->pool, 0, WORKER, &index), 0);
	status = status_of_put(f, index);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	shm_pool_put(f->pool, index);
	status = status_of_put(f, index);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	for (size_t i = 0; i < sizeof(beyond) / sizeof(*beyond); i++) {
		status = status_of_put(f, beyond[i]);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}

/* One thread of test_threads(). */
struct hammer {
	struct fixture *f;
	unsigned char *taken; /* shared: 1 while some thread has the buffer */
	uint32_t slot;
	uint32_t gets;
	uint32_t refused;
	const char *wrong; /* what went wrong, or NULL */
};

static const char *take(struct hammer *h, uint32_t len, uint32_t *ret_index, uint32_t *ret_count)
{
	int r = shm_pool_get(h->f->pool, len, h->slot, ret_index);

	if (r == -ENOBUFS) {
		h->refused++;
		return NULL;
	}
	if (r < 0 || *ret_index >= h->f->layout.buffer_count)
		return "get failed";
	if (h->f->owners[*ret_index].cap < len)
		return "the buffer is too small";
	if (__atomic_exchange_n(&h->taken[*ret_index], 1, __ATOMIC_ACQ_REL))
		return "two threads have the same buffer";
	h->gets++;
	*ret_count = 1;
	return NULL;
}

static const char *give(struct hammer *h, uint32_t index)
{
	if (holder_of(h->f, index) != h->slot || h->f->owners[index].home != h->slot)
		return "the entry names another holder";
	__atomic_store_n(&h->taken[index], 0, __ATOMIC_RELEASE);
	shm_pool_put(h->f->pool, index);
	return NULL;
}

static void *hammer(void *arg)
{
	struct hammer *h = arg;
	unsigned seed = h->slot;
	uint32_t held[BATCH];

	if (shm_pool_thread_init() < 0) {
		h->wrong = "shm_pool_thread_init failed";
		return NULL;
	}
	for (int round = 0; round < ROUNDS && !h->wrong; round++) {
		uint32_t want = 1 + (uint32_t)rand_r(&seed) % BATCH, count = 0, got;

		for (uint32_t i = 0; i < want && !h->wrong; i++) {
			got = 0;
			h->wrong = take(h, sizes[(uint32_t)rand_r(&seed) % CLASSES], &held[count],
					&got);
			count += got;
		}
		while (count > 0 && !h->wrong)
			h->wrong = give(h, held[--count]);
	}
	shm_pool_thread_done();
	return NULL;
}

static void test_threads(void **state)
{
	struct fixture *f = *state;
	uint32_t count = f->layout.buffer_count, gets = 0, puts = 0;
	unsigned char *taken = calloc(count, 1);
	struct hammer hammers[THREADS];
	pthread_t threads[THREADS];

	assert_non_null(taken);
	for (uint32_t i = 0; i < THREADS; i++) {
		hammers[i] = (struct hammer){ .f = f, .taken = taken, .slot = 1 + i };
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, &hammers[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (uint32_t i = 0; i < THREADS; i++) {
		if (hammers[i].wrong)
			fail_msg("thread %u: %s", i, hammers[i].wrong);
		gets += hammers[i].gets;
	}
	/* Each put has raised one generation by one. */
	for (uint32_t i = 0; i < count; i++)
		puts += generation_of(f, i) - 0x5a5a5a5bU;
	assert_int_equal(puts, gets);
	assert_true(gets > ROUNDS);
	check_all_free(f);
	free(taken);
}

/* Pools come and go with nothing left behind (the sanitizer and valgrind look). */
static void test_many_pools(void **state)
{
	struct fixture *f = *state;
	struct shm_pool *pool;
	uint32_t index;

	for (int i = 0; i < 30; i++) {
		assert_int_equal(shm_pool_new(&f->layout, f->owners, &pool), 0);
		assert_int_equal(shm_pool_get(pool, 1, WORKER, &index), 0);
		assert_null(shm_pool_free(pool));
	}
	assert_null(shm_pool_free(NULL));
}

static void test_largest_pool(void **state)
{
	static const uint32_t smallest[] = { SHM_SIZE_MIN };
	size_t size = SHM_BUFFER_COUNT_MAX * sizeof(struct sp_owner);
	struct shm_layout layout;
	struct shm_pool *pool;
	struct sp_owner *owners;

	(void)state;
	owners = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(owners, MAP_FAILED);
	assert_int_equal(shm_layout_compute(smallest, 1, 1ULL << 40, SHM_BUFFER_COUNT_MAX, &layout,
					    NULL),
			 0);
	assert_int_equal(shm_pool_new(&layout, owners, &pool), 0);
	assert_int_equal(shm_pool_available(pool, 0), SHM_BUFFER_COUNT_MAX);
	shm_pool_free(pool);
	munmap(owners, size);
}

static void test_dpdk_starts_once(void **state)
{
	(void)state;
	assert_int_equal(shm_dpdk_init(), -EALREADY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_new_pool_is_free, setup, teardown),
		cmocka_unit_test_setup_teardown(test_get_writes_the_entry, setup, teardown),
		cmocka_unit_test_setup_teardown(test_take_and_flush, setup, teardown),
		cmocka_unit_test_setup_teardown(test_generation_wraps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_class_by_length, setup, teardown),
		cmocka_unit_test_setup_teardown(test_exhaustion, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_put_aborts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_pools, setup, teardown),
		cmocka_unit_test(test_largest_pool),
		cmocka_unit_test(test_dpdk_starts_once),
	};

	return cmocka_run_group_tests(tests, start_dpdk, NULL);
}
