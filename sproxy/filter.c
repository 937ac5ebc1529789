// SPDX-License-Identifier: Apache-2.0
#include "sproxy/filter.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sproxy/filter_calls.h"

/* libseccomp's second level of optimization: a binary tree. The kernel tries a new filter with
 * every call there is, to know which are always allowed: a list took it 20 times as long. */
#define OPTIMIZE_TREE 2
#define NAMESPACE_FLAGS                                                                \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET)

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct {
	const int *calls;
	size_t count;
} groups[FILTER_GROUP_COUNT] = {
	[FILTER_SOCKET] = { calls_socket, COUNT(calls_socket) },
	[FILTER_PTRACE] = { calls_ptrace, COUNT(calls_ptrace) },
	[FILTER_IO_URING] = { calls_io_uring, COUNT(calls_io_uring) },
	[FILTER_USERFAULTFD] = { calls_userfaultfd, COUNT(calls_userfaultfd) },
	[FILTER_PERF] = { calls_perf, COUNT(calls_perf) },
	[FILTER_BPF] = { calls_bpf, COUNT(calls_bpf) },
	[FILTER_IPC] = { calls_ipc, COUNT(calls_ipc) },
	[FILTER_KEYS] = { calls_keys, COUNT(calls_keys) },
	[FILTER_NAMESPACES] = { calls_namespaces, COUNT(calls_namespaces) },
};

/* A call that this architecture or library has not is no reason to fail. */
static int calls_add(scmp_filter_ctx ctx, uint32_t action, const int *calls, size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		r = calls[i] == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(ctx, action, calls[i], 0);
		if (r == -EDOM || r == -EEXIST)
			r = 0;
	}
	return r;
}

/* But those of which an argument, masked, is what is refused. Masks, for the kernel takes the lower
 * half of what is compared here whole. */
static int calls_differ_add(scmp_filter_ctx ctx, const struct filter_refused *of)
{
	int r = 0;

	for (uint64_t bit = 1; r == 0 && bit <= of->mask; bit <<= 1) {
		struct scmp_arg_cmp differs = { .arg = of->arg,
						.op = SCMP_CMP_MASKED_EQ,
						.datum_a = bit,
						.datum_b = ~of->value & bit };

		if (of->mask & bit)
			r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, of->call, 1, &differs);
	}
	return r;
}

/* A child of its parent's (CLONE_PARENT) would be the controller's, which knows nothing of it: dead,
 * it stayed as long as the controller lives. */
static int clone_add(scmp_filter_ctx ctx, uint64_t refused)
{
	/* s390 and cris have the flags elsewhere; Sprocket runs on neither. */
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				 SCMP_A0(SCMP_CMP_MASKED_EQ, refused | CLONE_PARENT, 0));

	return r == 0 ? seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) : r;
}

/* Limits of others of the same user, which the chain's other functions are, and families of sockets
 * whose mere name makes the kernel load their code. */
static int own_add(scmp_filter_ctx ctx)
{
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
				 SCMP_A0(SCMP_CMP_EQ, 0, 0));

	return r == 0 ? seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1,
					 SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0)) :
			r;
}

/* The program as the kernel takes it. */
static int export(scmp_filter_ctx ctx, struct sock_fprog *ret)
{
	int fd = memfd_create("sprocket-filter", MFD_CLOEXEC), r = -errno;
	struct sock_filter *code = NULL;
	struct stat st;

	if (fd < 0)
		return r;
	r = seccomp_export_bpf(ctx, fd);
	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r == 0) {
		code = malloc((size_t)st.st_size);
		if (!code)
			r = -ENOMEM;
		else if (pread(fd, code, (size_t)st.st_size, 0) != st.st_size)
			r = -EIO;
	}
	close(fd);
	if (r < 0) {
		free(code);
		return r;
	}
	ret->len = (unsigned short)((size_t)st.st_size / sizeof(*code));
	ret->filter = code;
	return 0;
}

static int filter_make(uint32_t otherwise, int (*add)(scmp_filter_ctx ctx, uint32_t arg),
		       uint32_t arg, struct sock_fprog *ret)
{
	scmp_filter_ctx ctx = seccomp_init(otherwise);
	int r;

	if (!ctx)
		return -ENOMEM;
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, OPTIMIZE_TREE);
	if (r == 0)
		r = add(ctx, arg);
	if (r == 0)
		r = export(ctx, ret);
	seccomp_release(ctx);
	return r;
}

static int function_add(scmp_filter_ctx ctx, uint32_t mask)
{
	int r = calls_add(ctx, SCMP_ACT_ALLOW, calls_common, COUNT(calls_common));

	if (r == 0)
		r = own_add(ctx);
	/* The SDK's wait for the next timer. Everything else can be set on sockets of its own:
	 * TCP_ULP, for one, would take the chain's out of the kernel program's sight. */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2,
				     SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET, 0),
				     SCMP_A2(SCMP_CMP_EQ, SO_RCVTIMEO, 0));
#ifdef SANITIZED
	mask |= 1U << FILTER_PTRACE; /* the leak checker stops the process, by a tracer */
#endif
	for (uint32_t i = 0; r == 0 && i < FILTER_GROUP_COUNT; i++)
		if (mask >> i & 1)
			r = calls_add(ctx, SCMP_ACT_ALLOW, groups[i].calls, groups[i].count);
	for (size_t i = 0; r == 0 && i < COUNT(calls_by_argument); i++) {
		const struct filter_refused *of = &calls_by_argument[i];

		r = mask >> of->group & 1 ? calls_add(ctx, SCMP_ACT_ALLOW, &of->call, 1) :
					    calls_differ_add(ctx, of);
	}
	return r == 0 ? clone_add(ctx, mask >> FILTER_NAMESPACES & 1 ? 0 : NAMESPACE_FLAGS) : r;
}

int filter_function_make(uint32_t mask, struct sock_fprog *ret)
{
	return filter_make(SCMP_ACT_ERRNO(EPERM), function_add, mask, ret);
}

static int gateway_add(scmp_filter_ctx ctx, uint32_t mask)
{
	static const int calls[] = { SCMP_SYS(accept),        SCMP_SYS(accept4),
				     SCMP_SYS(setsockopt),    SCMP_SYS(shutdown),
				     SCMP_SYS(set_mempolicy), SCMP_SYS(mbind) };
	/* It starts no program. */
	static const int not [] = { SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork),
				    SCMP_SYS(vfork) };
	int r = 0;

	for (size_t i = 0; r == 0 && i < COUNT(calls_common); i++) {
		bool refused = false;

		for (size_t n = 0; n < COUNT(not ); n++)
			refused |= calls_common[i] == not [n];
		if (!refused)
			r = calls_add(ctx, SCMP_ACT_ALLOW, &calls_common[i], 1);
	}
	for (size_t i = 0; r == 0 && i < COUNT(calls_by_argument); i++)
		r = calls_add(ctx, SCMP_ACT_ALLOW, &calls_by_argument[i].call, 1);
	if (r == 0)
		r = calls_add(ctx, SCMP_ACT_ALLOW, calls, COUNT(calls));
	if (r == 0)
		r = own_add(ctx);
#ifdef SANITIZED
	if (r == 0)
		r = calls_add(ctx, SCMP_ACT_ALLOW, calls_ptrace, COUNT(calls_ptrace));
#endif
	for (size_t i = 0; r == 0 && mask && i < 2; i++) /* the front's, to the gateways */
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, i ? SCMP_SYS(connect) : SCMP_SYS(socket),
				     i ? 0 : 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));
	return r == 0 ? clone_add(ctx, NAMESPACE_FLAGS) : r;
}

int filter_gateway(struct sock_fprog *ret)
{
	return filter_make(SCMP_ACT_ERRNO(EPERM), gateway_add, false, ret);
}

int filter_front(struct sock_fprog *ret)
{
	return filter_make(SCMP_ACT_ERRNO(EPERM), gateway_add, true, ret);
}

static int controller_add(scmp_filter_ctx ctx, uint32_t mask)
{
	(void)mask;
	return calls_add(ctx, SCMP_ACT_ERRNO(EPERM), calls_never, COUNT(calls_never));
}

int filter_controller(struct sock_fprog *ret)
{
	return filter_make(SCMP_ACT_ALLOW, controller_add, 0, ret);
}

void filter_free(struct sock_fprog *program)
{
	free(program->filter);
	*program = (struct sock_fprog){ 0 };
}
