/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.h - which system calls a process of ours may make.
 *
 * For: the controller, which gives each function a filter; the gateway and sprocketd, which
 * give themselves one once they have started.
 * How: libseccomp builds the program (milliseconds: those of gateway, front, and functions that are
 * allowed nothing beyond, at build time, by filter_print.c); installing it is one system call and
 * needs no library, so that a child does that alone. Of a function and of a gateway
 * what is not named is refused with EPERM, not with death: libraries try calls and live
 * without them, and to a hostile function a refusal is of no more use. clone3, whose flags a
 * filter cannot see, does not exist (ENOSYS), so that the C library uses clone. A call by
 * another architecture's numbers kills. Calls that are always allowed cost a test of one bit in the
 * kernel; a function's recv(), whose flags are looked at, a run of the filter.
 *   sprocketd has to start programs of others: it is refused only what nothing of it needs.
 * Thread-safety: no state.
 * Failure modes: -ENOMEM; -EINVAL of a kernel or a library that does not know something.
 */
#ifndef SPROCKET_SPROXY_FILTER_H
#define SPROCKET_SPROXY_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/filter.h>

/* What a chain file may allow beyond: X(id, name, what for) */
#define FILTER_GROUPS(X)                                                          \
	X(SOCKET, "socket", "sockets of its own, and options of those it has")    \
	X(PTRACE, "ptrace", "to trace processes and read their memory")           \
	X(IO_URING, "io_uring", "asynchronous system calls")                      \
	X(USERFAULTFD, "userfaultfd", "to serve page faults")                     \
	X(PERF, "perf", "performance counters")                                   \
	X(BPF, "bpf", "programs and maps of the kernel")                          \
	X(IPC, "ipc", "System V and POSIX message queues, semaphores and memory") \
	X(KEYS, "keys", "the kernel's key rings")                                 \
	X(NAMESPACES, "namespaces", "namespaces of its own, and mounts in them")

enum filter_group {
#define X(id, name, text) FILTER_##id,
	FILTER_GROUPS(X)
#undef X
		FILTER_GROUP_COUNT
};

/* Each makes a program; `groups` is a mask of 1 << FILTER_*. Returns 0 and *ret, which
 * filter_free() frees, or -errno. */
int filter_function_make(uint32_t groups, struct sock_fprog *ret);
/* The same; one without groups was made by the build. */
int filter_function(uint32_t groups, struct sock_fprog *ret);
int filter_gateway(struct sock_fprog *ret);
int filter_front(struct sock_fprog *ret);
int filter_controller(struct sock_fprog *ret);

void filter_free(struct sock_fprog *program);

/* Filters the calling thread, and what it starts; with `all` every thread of the process. It
 * must have no_new_privs or CAP_SYS_ADMIN. Safe after fork. Returns 0 or -errno. */
int filter_install(const struct sock_fprog *program, bool all);

#endif
