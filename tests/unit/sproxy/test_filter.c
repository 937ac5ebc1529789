/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of system calls: each refused call is refused in a child, what a function does is not. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sproxy/filter.h"

/* Runs `run` in a child with the filter; its answer, -1000 when it was killed. */
static int in_child(int (*make)(uint32_t groups, struct sock_fprog *ret), uint32_t groups,
		    int (*run)(long arg), long arg)
{
	struct sock_fprog program;
	int status = 0;
	pid_t pid;

	assert_int_equal(make(groups, &program), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		_exit(filter_install(&program, false) < 0 ? 255 : run(arg));
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	filter_free(&program);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1000;
}

/* The errno of a call by number with arguments that mean nothing. */
static int call(long number)
{
	return syscall(number, -1L, 0L, 0L, 0L, 0L, 0L) < 0 ? errno : 0;
}

static int gateway(uint32_t groups, struct sock_fprog *ret)
{
	(void)groups;
	return filter_gateway(ret);
}

static int controller(uint32_t groups, struct sock_fprog *ret)
{
	(void)groups;
	return filter_controller(ret);
}

static void test_refused(void **state)
{
	static const long calls[] = {
		SYS_socket,
		SYS_connect,
		SYS_bind,
		SYS_listen,
		SYS_accept4,
		SYS_shutdown,
		SYS_bpf,
		SYS_userfaultfd,
		SYS_mount,
		SYS_umount2,
		SYS_move_mount,
		SYS_open_tree,
		SYS_fsopen,
		SYS_io_uring_setup,
		SYS_io_uring_enter,
		SYS_perf_event_open,
		SYS_keyctl,
		SYS_add_key,
		SYS_kexec_load,
		SYS_init_module,
		SYS_finit_module,
		SYS_setns,
		SYS_unshare,
		SYS_reboot,
		SYS_swapon,
		SYS_pidfd_getfd,
		SYS_open_by_handle_at,
		SYS_setuid,
		SYS_setresuid,
		SYS_setgroups,
		SYS_capset,
		SYS_chroot,
		SYS_pivot_root,
		SYS_sethostname,
		SYS_settimeofday,
		SYS_quotactl,
		SYS_acct,
		SYS_shmget,
		SYS_mq_open,
		SYS_fanotify_init,
		SYS_move_pages,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int r = in_child(filter_function, 0, call, calls[i]);

		if (r != EPERM)
			print_error("call %ld: %d\n", calls[i], r);
		assert_int_equal(r, EPERM);
	}
	assert_int_equal(in_child(filter_function, 0, call, SYS_clone3), ENOSYS);
}

static int clone_with(long flags)
{
	long pid = syscall(SYS_clone, flags | SIGCHLD, 0L, 0L, 0L, 0L);

	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : 0;
}

static void test_clone_by_its_flags(void **state)
{
	static const long flags[] = { CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWNET,   CLONE_NEWPID,
				      CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP };

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		assert_int_equal(in_child(filter_function, 0, clone_with, flags[i]), EPERM);
	assert_int_equal(in_child(filter_function, 0, clone_with, 0), 0);
	/* Nor a child of its parent's, whatever is allowed. */
	assert_int_equal(in_child(filter_function, 0, clone_with, CLONE_PARENT), EPERM);
	assert_int_equal(in_child(filter_function, 1U << FILTER_NAMESPACES, clone_with,
				  CLONE_PARENT),
			 EPERM);
	assert_int_equal(in_child(filter_function, 1U << FILTER_NAMESPACES, clone_with, 0), 0);
	assert_int_equal(in_child(gateway, 0, clone_with, CLONE_PARENT), EPERM);
}

/* What may be done but for one use of it; arg: 0 as anybody does it, 1 that use. */

static int pages_map(long arg)
{
	void *at =
		mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (arg ? MAP_HUGETLB : 0), -1, 0);

	return at == MAP_FAILED ? errno : 0;
}

static int file_make(long arg)
{
	return memfd_create("file", arg ? MFD_HUGETLB : 0) < 0 ? errno : 0;
}

static int pages_give_back(long arg)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	/* The kernel looks at the lower half of the number alone. */
	if (arg == 2)
		return syscall(SYS_madvise, at, 4096UL, 1UL << 32 | MADV_REMOVE) < 0 ? errno : 0;
	return madvise(at, 4096, arg ? MADV_REMOVE : MADV_DONTNEED) < 0 ? errno : 0;
}

static int hole_make(long arg)
{
	int fd = memfd_create("file", 0);

	return fallocate(fd, arg ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE : 0, 0, 4096) < 0 ?
		       errno :
		       0;
}

static int look(long arg)
{
	struct iovec iov = { .iov_base = &arg, .iov_len = 1 };
	struct mmsghdr many = { .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } };
	int pair[2], flags = arg ? MSG_PEEK : 0;
	char byte[4] = { 0 };

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || send(pair[0], byte, 4, 0) != 4)
		return 255;
	if (recv(pair[1], byte, 1, flags) == 1 && recvmsg(pair[1], &many.msg_hdr, flags) == 1 &&
	    recvmmsg(pair[1], &many, 1, flags, NULL) == 1)
		return 0;
	return errno;
}

static int network_ask(long arg)
{
	int pair[2], n;
	struct ifreq interface = { .ifr_ifindex = 1 };

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 255;
	return ioctl(pair[0], arg ? SIOCGIFNAME : FIONREAD, arg ? (void *)&interface : &n) < 0 ?
		       errno :
		       0;
}

static void test_refused_by_argument(void **state)
{
	static const struct {
		int (*run)(long arg);
		bool socket; /* that group allows it */
	} of[] = { { pages_map, false }, { file_make, false }, { pages_give_back, false },
		   { hole_make, false }, { look, true },       { network_ask, true } };

	(void)state;
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		assert_int_equal(in_child(filter_function, 0, of[i].run, 0), 0);
		assert_int_equal(in_child(filter_function, 0, of[i].run, 1), EPERM);
		assert_int_equal(in_child(filter_function, 1U << FILTER_SOCKET, of[i].run, 1),
				 of[i].socket ? 0 : EPERM);
	}
	assert_int_equal(in_child(filter_function, 0, pages_give_back, 2), EPERM);
	assert_int_equal(in_child(gateway, 0, look, 1), 0);
}

static int option_set(long which)
{
	const struct timeval limit = { .tv_usec = 1000 };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return errno;
	return setsockopt(pair[0], SOL_SOCKET, (int)which, &limit, sizeof(limit)) < 0 ? errno : 0;
}

static void *thread_run(void *arg)
{
	return arg;
}

/* What the SDK and a handler do. */
static int work(long arg)
{
	int pair[2];
	pthread_t thread;
	char byte = 1;
	void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cpu_set_t cpus;
	FILE *out;

	(void)arg;
	if (map == MAP_FAILED || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0 ||
	    send(pair[0], &byte, 1, MSG_NOSIGNAL) != 1 || recv(pair[1], &byte, 1, 0) != 1)
		return 1;
	if (pthread_create(&thread, NULL, thread_run, NULL) != 0 || pthread_join(thread, NULL) != 0)
		return 2;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0 ||
	    sched_setaffinity(0, sizeof(cpus), &cpus) < 0 || prctl(PR_SET_NAME, "worker") < 0)
		return 3;
	out = popen("echo shell", "r");
	if (!out || fgetc(out) != 's' || pclose(out) != 0)
		return 4;
	return madvise(map, 4096, MADV_DONTDUMP) < 0 ? 5 : 0;
}

static void test_allowed(void **state)
{
	(void)state;
	assert_int_equal(in_child(filter_function, 0, work, 0), 0);
	assert_int_equal(in_child(filter_function, 0, option_set, SO_RCVTIMEO), 0);
	assert_int_equal(in_child(filter_function, 0, option_set, SO_SNDTIMEO), EPERM);
}

static void test_groups_allow_what_they_say(void **state)
{
	static const struct {
		enum filter_group group;
		long call;
	} of[] = { { FILTER_SOCKET, SYS_socket },
		   { FILTER_SOCKET, SYS_shutdown },
		   { FILTER_PTRACE, SYS_ptrace },
		   { FILTER_IO_URING, SYS_io_uring_setup },
		   { FILTER_USERFAULTFD, SYS_userfaultfd },
		   { FILTER_PERF, SYS_perf_event_open },
		   { FILTER_BPF, SYS_bpf },
		   { FILTER_IPC, SYS_shmctl },
		   { FILTER_KEYS, SYS_keyctl },
		   { FILTER_NAMESPACES, SYS_setns } };

	(void)state;
	/* Allowed, they fail for what they were given: -1 is no family, map, fd or key. */
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		int r = in_child(filter_function, 1U << of[i].group, call, of[i].call);

		if (r == EPERM)
			print_error("call %ld\n", of[i].call);
		assert_int_not_equal(r, EPERM);
	}
	assert_int_equal(in_child(filter_function, 1U << FILTER_SOCKET, option_set, SO_SNDTIMEO),
			 0);
	assert_int_equal(in_child(filter_function, 1U << FILTER_SOCKET, call, SYS_bpf), EPERM);
	assert_int_equal(in_child(filter_function, 1U << FILTER_NAMESPACES, work, 0), 0);
}

static int fork_try(long arg)
{
	pid_t pid = (pid_t)syscall(arg);

	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : 0;
}

static void test_gateway_starts_nothing(void **state)
{
	(void)state;
	assert_int_equal(in_child(gateway, 0, call, SYS_execve), EPERM);
	assert_int_equal(in_child(gateway, 0, call, SYS_socket), EPERM);
	assert_int_equal(in_child(gateway, 0, call, SYS_connect), EPERM);
	assert_int_equal(in_child(gateway, 0, call, SYS_accept4), EBADF);
#ifdef SYS_fork
	assert_int_equal(in_child(gateway, 0, fork_try, SYS_fork), EPERM);
#endif
	assert_int_equal(in_child(gateway, 0, option_set, SO_SNDTIMEO), 0);
}

static void test_controller(void **state)
{
	(void)state;
	assert_int_equal(in_child(controller, 0, work, 0), 0);
	assert_int_equal(in_child(controller, 0, call, SYS_reboot), EPERM);
	assert_int_equal(in_child(controller, 0, call, SYS_delete_module), EPERM);
	assert_int_equal(in_child(controller, 0, call, SYS_setns), EBADF);
}

#ifdef __x86_64__
/* By the numbers of 32 bits it would be another call. */
static int call_32(long arg)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(arg), "b"(0), "c"(0), "d"(0) : "memory");
	return 0;
}

static void test_other_architecture_kills(void **state)
{
	(void)state;
	assert_int_equal(in_child(filter_function, 0, call_32, 20), -1000);
}
#endif

static void test_that_of_the_build_is_as_made(void **state)
{
	struct sock_fprog built, made;

	(void)state;
	assert_int_equal(filter_function(0, &built), 0);
	assert_int_equal(filter_function_make(0, &made), 0);
	assert_int_equal(built.len, made.len);
	assert_memory_equal(built.filter, made.filter, made.len * sizeof(*made.filter));
	filter_free(&built);
	filter_free(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_clone_by_its_flags),
		cmocka_unit_test(test_refused_by_argument),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_groups_allow_what_they_say),
		cmocka_unit_test(test_gateway_starts_nothing),
		cmocka_unit_test(test_controller),
		cmocka_unit_test(test_that_of_the_build_is_as_made),
#ifdef __x86_64__
		cmocka_unit_test(test_other_architecture_kills),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
