/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter_calls.h - the lists of filter.c. For it alone.
 *
 * A call that an architecture has not is left out by libseccomp.
 * Thread-safety: constants.
 */
#ifndef SPROCKET_SPROXY_FILTER_CALLS_H
#define SPROCKET_SPROXY_FILTER_CALLS_H

#include <seccomp.h>

#define S(name) SCMP_SYS(name)

/* What a program does with itself and its files. `clone` is beside them: by its flags. */
static const int calls_common[] = {
	/* memory */
	S(brk), S(mmap), S(munmap), S(mremap), S(mprotect), S(madvise), S(mlock), S(mlock2),
	S(munlock), S(mlockall), S(munlockall), S(mincore), S(msync), S(membarrier), S(pkey_alloc),
	S(pkey_free), S(pkey_mprotect), S(memfd_create), S(get_mempolicy),
	/* threads, time, scheduling */
	S(futex), S(set_robust_list), S(get_robust_list), S(set_tid_address), S(rseq), S(gettid),
	S(arch_prctl), S(prctl), S(nanosleep), S(clock_nanosleep), S(clock_gettime),
	S(clock_getres), S(gettimeofday), S(time), S(times), S(sched_yield), S(sched_getaffinity),
	S(sched_setaffinity), S(sched_getscheduler), S(sched_setscheduler), S(sched_getparam),
	S(sched_setparam), S(sched_getattr), S(sched_setattr), S(sched_get_priority_max),
	S(sched_get_priority_min), S(sched_rr_get_interval), S(getpriority), S(setpriority),
	S(ioprio_get), S(getcpu), S(timer_create), S(timer_settime), S(timer_gettime),
	S(timer_getoverrun), S(timer_delete), S(getitimer), S(setitimer), S(alarm), S(pause),
	/* signals and processes */
	S(rt_sigaction), S(rt_sigprocmask), S(rt_sigreturn), S(rt_sigpending), S(rt_sigsuspend),
	S(rt_sigtimedwait), S(rt_sigqueueinfo), S(rt_tgsigqueueinfo), S(sigaltstack), S(kill),
	S(tkill), S(tgkill), S(restart_syscall), S(exit), S(exit_group), S(wait4), S(waitid),
	S(fork), S(vfork), S(execve), S(execveat), S(getpid), S(getppid), S(getpgid), S(getpgrp),
	S(setpgid), S(getsid), S(setsid), S(getuid), S(geteuid), S(getgid), S(getegid),
	S(getresuid), S(getresgid), S(getgroups), S(capget), S(getrlimit), S(setrlimit),
	S(prlimit64), S(getrusage), S(pidfd_open), S(pidfd_send_signal), S(sysinfo), S(uname),
	S(umask), S(getrandom),
	/* files */
	S(read), S(write), S(readv), S(writev), S(pread64), S(pwrite64), S(preadv), S(pwritev),
	S(preadv2), S(pwritev2), S(lseek), S(open), S(openat), S(openat2), S(creat), S(close),
	S(close_range), S(dup), S(dup2), S(dup3), S(pipe), S(pipe2), S(fcntl), S(flock), S(ioctl),
	S(stat), S(fstat), S(lstat), S(newfstatat), S(statx), S(statfs), S(fstatfs), S(access),
	S(faccessat), S(faccessat2), S(readlink), S(readlinkat), S(getdents), S(getdents64),
	S(getcwd), S(chdir), S(fchdir), S(mkdir), S(mkdirat), S(rmdir), S(unlink), S(unlinkat),
	S(rename), S(renameat), S(renameat2), S(link), S(linkat), S(symlink), S(symlinkat),
	S(chmod), S(fchmod), S(fchmodat), S(chown), S(fchown), S(lchown), S(fchownat), S(utime),
	S(utimes), S(utimensat), S(futimesat), S(truncate), S(ftruncate), S(fallocate), S(fsync),
	S(fdatasync), S(sync_file_range), S(fadvise64), S(readahead), S(sendfile), S(splice),
	S(tee), S(vmsplice), S(copy_file_range), S(mknod), S(mknodat), S(getxattr), S(lgetxattr),
	S(fgetxattr), S(listxattr), S(llistxattr), S(flistxattr), S(inotify_init),
	S(inotify_init1), S(inotify_add_watch), S(inotify_rm_watch), S(landlock_create_ruleset),
	S(landlock_add_rule), S(landlock_restrict_self), S(seccomp),
	/* waiting */
	S(poll), S(ppoll), S(select), S(pselect6), S(epoll_create), S(epoll_create1), S(epoll_ctl),
	S(epoll_wait), S(epoll_pwait), S(epoll_pwait2), S(eventfd), S(eventfd2), S(timerfd_create),
	S(timerfd_settime), S(timerfd_gettime), S(signalfd), S(signalfd4),
	/* on sockets that it was given */
	S(recvfrom), S(recvmsg), S(recvmmsg), S(sendto), S(sendmsg), S(sendmmsg), S(socketpair),
	S(getsockopt), S(getsockname), S(getpeername),
};

static const int calls_socket[] = { S(socket), S(connect),    S(bind),    S(listen),
				    S(accept), S(setsockopt), S(accept4), S(shutdown) };
static const int calls_ptrace[] = { S(ptrace), S(process_vm_readv), S(process_vm_writev), S(kcmp),
				    S(personality) };
static const int calls_io_uring[] = { S(io_uring_setup), S(io_uring_enter), S(io_uring_register),
				      S(io_setup),       S(io_submit),      S(io_getevents),
				      S(io_destroy),     S(io_cancel) };
static const int calls_userfaultfd[] = { S(userfaultfd) };
static const int calls_perf[] = { S(perf_event_open) };
static const int calls_bpf[] = { S(bpf) };
static const int calls_ipc[] = { S(shmget),   S(shmat),        S(shmdt),           S(shmctl),
				 S(semget),   S(semop),        S(semctl),          S(semtimedop),
				 S(msgget),   S(msgsnd),       S(msgrcv),          S(msgctl),
				 S(mq_open),  S(mq_timedsend), S(mq_timedreceive), S(mq_notify),
				 S(mq_getsetattr), S(mq_unlink) };
static const int calls_keys[] = { S(add_key), S(request_key), S(keyctl) };
static const int calls_namespaces[] = { S(unshare), S(setns),  S(mount),      S(umount2),
					S(chroot),  S(clone),  S(pivot_root), S(open_tree),
					S(move_mount), S(fsopen), S(fsconfig), S(fsmount),
					S(fspick), S(mount_setattr), S(sethostname) };

/* Nothing of sprocketd needs these, nor anything that it starts, whatever a chain file allows:
 * refused for ever, also to whoever may have taken it over. */
static const int calls_never[] = {
	S(init_module), S(finit_module), S(delete_module), S(kexec_load), S(kexec_file_load),
	S(reboot), S(swapon), S(swapoff), S(acct), S(settimeofday), S(clock_settime),
	S(clock_adjtime), S(adjtimex), S(quotactl), S(quotactl_fd), S(open_by_handle_at), S(iopl),
	S(ioperm), S(modify_ldt), S(syslog), S(fanotify_init), S(lookup_dcookie), S(nfsservctl),
	S(uselib), S(ustat), S(sysfs), S(vhangup), S(pidfd_getfd), S(setdomainname),
};

#undef S
#endif
