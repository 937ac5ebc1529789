// SPDX-License-Identifier: Apache-2.0
/*
 * fail.c - preloaded into a program: one of its allocations fails, or some of its system calls.
 *
 * By the environment:
 *   SPROCKET_FAIL_IN=NAME      only in programs of that name; their children are not touched
 *   SPROCKET_FAIL_ALLOC=N      the N-th allocation returns NULL
 *   SPROCKET_FAIL_CALLS=P:SEED of 1000 calls P fail: EINTR, EAGAIN, ENOMEM, EMFILE, or come short
 *   SPROCKET_FAIL_MARK=FILE    gets a byte for each failure, so that a test knows that there was one
 * Thread-safety: any thread.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* glibc's own, by which it lets others stand before them. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static atomic_ulong left; /* allocations until the one that fails */
static atomic_ulong state;
static unsigned long permille;
static int mark = -1;
static bool on;

static void tell(void)
{
	if (mark >= 0)
		(void)!syscall(SYS_write, mark, "x", 1);
}

__attribute__((constructor)) static void begin(void)
{
	const char *in = getenv("SPROCKET_FAIL_IN"), *alloc = getenv("SPROCKET_FAIL_ALLOC");
	const char *calls = getenv("SPROCKET_FAIL_CALLS"), *file = getenv("SPROCKET_FAIL_MARK");
	unsigned long seed = 1;

	if (!in || strcmp(in, program_invocation_short_name) != 0)
		return;
	if (file)
		mark = (int)syscall(SYS_openat, AT_FDCWD, file,
				    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (mark >= 0) /* out of the way of whoever closes low ones */
		mark = fcntl(mark, F_DUPFD_CLOEXEC, 700);
	if (calls && sscanf(calls, "%lu:%lu", &permille, &seed) == 2)
		atomic_store(&state, seed * 0x9e3779b97f4a7c15UL);
	if (alloc)
		atomic_store(&left, strtoul(alloc, NULL, 10));
	unsetenv("LD_PRELOAD");
	on = true;
}

/* ---- memory ---- */

/* libseccomp 2.5 frees twice what it has when there is no memory for more, and aborts: nobody who
 * calls it can help that. */
static bool by_libseccomp(const void *caller)
{
	Dl_info info;

	return dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "/libseccomp.");
}

static bool alloc_fails(const void *caller)
{
	unsigned long n;

	if (!on || atomic_load_explicit(&left, memory_order_relaxed) == 0)
		return false;
	if (atomic_load(&left) == 1 && by_libseccomp(caller))
		return false; /* the next one of somebody else */
	n = atomic_fetch_sub(&left, 1);
	if (n == 1)
		tell();
	if (n == 1)
		errno = ENOMEM;
	return n == 1;
}

EXPORT void *malloc(size_t size)
{
	return alloc_fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size)
{
	return alloc_fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

EXPORT void *realloc(void *old, size_t size)
{
	return alloc_fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

/* ---- system calls ---- */

/* SplitMix64 (Steele, Lea, Flood 2014). */
static unsigned long chance(void)
{
	unsigned long z = atomic_fetch_add(&state, 0x9e3779b97f4a7c15UL);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9UL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebUL;
	return (z ^ z >> 31) >> 33;
}

/* One of `errors` in errno, or 0. */
static int call_fails(const int *errors, size_t count)
{
	if (!on || permille == 0 || chance() % 1000 >= permille)
		return 0;
	tell();
	errno = errors[chance() % count];
	return errno;
}
#define FAILS(...) \
	call_fails((const int[]){ __VA_ARGS__ }, sizeof((int[]){ __VA_ARGS__ }) / sizeof(int))

EXPORT ssize_t read(int fd, void *bytes, size_t len)
{
	if (len > 1 && FAILS(EINTR))
		return -1;
	return syscall(SYS_read, fd, bytes, len);
}

/* A blocking one may say EAGAIN, too: sockets with a redirect do. */
EXPORT ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
	if (FAILS(EINTR, EAGAIN))
		return -1;
	return syscall(SYS_recvfrom, fd, bytes, len, flags, NULL, NULL);
}

EXPORT ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
	return FAILS(EINTR) ? -1 : syscall(SYS_sendto, fd, bytes, len, flags, NULL, 0);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	return FAILS(EINTR) ? -1 : syscall(SYS_recvmsg, fd, msg, flags);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return FAILS(EINTR) ? -1 : syscall(SYS_sendmsg, fd, msg, flags);
}

EXPORT int epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
	return FAILS(EINTR) ? -1 : (int)syscall(SYS_epoll_wait, fd, events, max, timeout);
}

EXPORT int accept4_failing(int fd, void *address, socklen_t *len, int flags) __asm__("accept4");
EXPORT int accept4_failing(int fd, void *address, socklen_t *len, int flags)
{
	return FAILS(EMFILE, ENFILE, ENOMEM, EINTR, ECONNABORTED) ?
		       -1 :
		       (int)syscall(SYS_accept4, fd, address, len, flags);
}
