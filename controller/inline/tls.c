// SPDX-License-Identifier: Apache-2.0
#include "controller/inline/tls.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SIGNAL_STACK_SIZE 65536

/* The host's only thread-local variable. Before the thread pointer (x86-64) the last bytes are a
 * program's, behind it (aarch64) the first ones. */
static _Thread_local struct {
#if defined(__x86_64__)
	const struct inline_tls *current;
	char reserve[INLINE_TLS_MAX] __attribute__((aligned(INLINE_TLS_ALIGN)));
#else
	char reserve[INLINE_TLS_MAX] __attribute__((aligned(INLINE_TLS_ALIGN)));
	const struct inline_tls *current;
#endif
} thread __attribute__((aligned(INLINE_TLS_ALIGN)));

static char *block_of(size_t size, size_t align)
{
	char *pointer = __builtin_thread_pointer();

	if (align < 1)
		align = 1;
#if defined(__x86_64__)
	return pointer - (size + align - 1) / align * align;
#else
	(void)size;
	return pointer + (2 * sizeof(void *) + align - 1) / align * align;
#endif
}

int inline_tls_works(void)
{
	char *begin = thread.reserve, *end = begin + sizeof(thread.reserve);
	char *block = block_of(sizeof(thread.reserve), INLINE_TLS_ALIGN);

#if defined(__x86_64__) || defined(__aarch64__)
	return block == begin && block < end;
#else
	(void)end;
	(void)block;
	return 0;
#endif
}

void inline_tls_enter(const struct inline_tls *tls)
{
	char *block = block_of(tls->size, tls->align);

	thread.current = tls;
	if (tls->size == 0)
		return;
	memcpy(block, tls->from, tls->from_size);
	memset(block + tls->from_size, 0, tls->size - tls->from_size);
}

const struct inline_tls *inline_tls_current(void)
{
	return thread.current;
}

struct start {
	const struct inline_tls *tls;
	void *(*run)(void *arg);
	void *arg;
};

static void *started(void *arg)
{
	struct start start = *(struct start *)arg;
	char *room = malloc(SIGNAL_STACK_SIZE);
	stack_t stack = { .ss_sp = room, .ss_size = SIGNAL_STACK_SIZE };

	free(arg);
	inline_tls_enter(start.tls);
	/* So that who overflowed its stack can still be told. It stays: the thread may end
	 * anywhere. */
	if (room)
		sigaltstack(&stack, NULL);
	return start.run(start.arg);
}

typedef int create_fn(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
		      void *arg);

/* Functions find this one before the C library's. */
__attribute__((visibility("default"))) int pthread_create(pthread_t *restrict ret,
							  const pthread_attr_t *restrict attr,
							  void *(*run)(void *), void *restrict arg)
{
	create_fn *create = (create_fn *)(uintptr_t)dlsym(RTLD_NEXT, "pthread_create");
	struct start *start;
	int r;

	if (!thread.current)
		return create(ret, attr, run, arg);
	start = malloc(sizeof(*start));
	if (!start)
		return EAGAIN;
	*start = (struct start){ thread.current, run, arg };
	r = create(ret, attr, started, start);
	if (r != 0)
		free(start);
	return r;
}
