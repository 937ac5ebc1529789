/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intruder.c - a function that tries to get out of its sandbox. It is asked for a deed by name,
 * with a word to it (`kill 1234`), and answers `done` or `refused: why`, or what it read. For
 * tests/e2e/test_isolation.py.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "functions/sdk/sprocket.h"

#define FDS 64
#define ARG_MAX_LEN 200

static char text[2048]; /* what was read; instances have one thread */

static long at_sockets(int (*try)(int fd))
{
	long r = -1;

	for (int fd = 3; fd < FDS && r < 0; fd++)
		if (errno = 0, try(fd) == 0)
			r = 0;
	return r;
}

static long do_socket(const char *arg)
{
	return socket(atoi(arg), SOCK_STREAM, 0);
}

static int disconnect(int fd)
{
	struct sockaddr_in none = { .sin_family = AF_UNSPEC };

	return connect(fd, (struct sockaddr *)&none, sizeof(none));
}

static long do_connect(const char *arg)
{
	(void)arg;
	return at_sockets(disconnect);
}

static int listen_on(int fd)
{
	return listen(fd, 1);
}

static long do_listen(const char *arg)
{
	(void)arg;
	return at_sockets(listen_on);
}

static int ulp_set(int fd)
{
	return setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 3);
}

static long do_ulp(const char *arg)
{
	(void)arg;
	return at_sockets(ulp_set);
}

static int shut(int fd)
{
	return shutdown(fd, SHUT_RDWR);
}

static long do_shutdown(const char *arg)
{
	(void)arg;
	return at_sockets(shut);
}

/* What lies in a socket, and stays there. */
static int peek(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno != EAGAIN ? -1 : 0;
}

static long do_peek(const char *arg)
{
	(void)arg;
	return at_sockets(peek);
}

/* An interface of the network that the chain's sockets are of. */
static int interface_name(int fd)
{
	struct ifreq name = { .ifr_ifindex = 1 };
	int r = ioctl(fd, SIOCGIFNAME, &name);

	if (r == 0)
		snprintf(text, sizeof(text), "%.15s", name.ifr_name);
	return r;
}

static long do_interface(const char *arg)
{
	(void)arg;
	return at_sockets(interface_name);
}

static long do_ptrace(const char *arg)
{
	return ptrace(PTRACE_SEIZE, atoi(arg), NULL, NULL);
}

static long do_vm(const char *arg)
{
	struct iovec here = { text, 1 }, there = { (void *)(uintptr_t)&text, 1 };

	return process_vm_readv(atoi(arg), &here, 1, &there, 1, 0);
}

static long do_kill(const char *arg)
{
	return kill(atoi(arg), SIGKILL);
}

static long do_kill_all(const char *arg)
{
	(void)arg;
	return kill(-1, SIGTERM);
}

static long do_signal_by_pidfd(const char *arg)
{
	long fd = syscall(SYS_pidfd_open, atoi(arg), 0);

	return fd < 0 ? fd : syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
}

static long do_limit(const char *arg)
{
	const struct rlimit few = { 3, 3 };

	return prlimit(atoi(arg), RLIMIT_NOFILE, &few, NULL);
}

static long do_pair(const char *arg)
{
	int ends[2];

	return socketpair(atoi(arg), SOCK_STREAM, 0, ends);
}

static long do_setuid(const char *arg)
{
	return setuid((uid_t)atoi(arg));
}

static long do_mount(const char *arg)
{
	return mount("none", arg, "tmpfs", 0, NULL);
}

static long do_unshare(const char *arg)
{
	(void)arg;
	return unshare(CLONE_NEWUSER);
}

static long do_clone(const char *arg)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	(void)arg;
	if (pid == 0)
		_exit(0);
	return pid;
}

static long do_bpf(const char *arg)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
	};

	(void)arg;
	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static long do_call(const char *arg)
{
	return syscall(atol(arg), 0, 0, 0, 0, 0, 0);
}

static long do_read(const char *arg)
{
	int fd = open(arg, O_RDONLY | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n >= 0)
		text[n] = '\0';
	return n;
}

static long do_open_to_write(const char *arg)
{
	int fd = open(arg, O_RDWR);

	if (fd >= 0)
		close(fd);
	return fd;
}

static long do_create(const char *arg)
{
	int fd = open(arg, O_WRONLY | O_CREAT | O_EXCL, 0644);

	if (fd >= 0)
		close(fd);
	return fd;
}

static long do_list(const char *arg)
{
	char command[ARG_MAX_LEN + 16];
	FILE *out;
	size_t n;

	snprintf(command, sizeof(command), "ls -A %s 2>&1", arg);
	out = popen(command, "r");
	if (!out)
		return -1;
	n = fread(text, 1, sizeof(text) - 1, out);
	text[n] = '\0';
	return pclose(out) == 0 ? 0 : (errno = EACCES, -1);
}

/* What a shell started by it says. */
static long do_shell(const char *arg)
{
	FILE *out = popen(arg, "r");
	size_t n;

	if (!out)
		return -1;
	n = fread(text, 1, sizeof(text) - 1, out);
	text[n] = '\0';
	return pclose(out) == 0 ? 0 : (errno = EACCES, -1);
}

static long do_chmod(const char *arg)
{
	return chmod(arg, 0777);
}

static long do_device(const char *arg)
{
	return mknod(arg, S_IFCHR | 0666, 1 << 8 | 1); /* memory */
}

/* Until the file system is full; then how many KiB went into it. */
static long do_fill(const char *arg)
{
	static char block[65536];
	int fd = open(arg, O_WRONLY | O_CREAT, 0644);
	long n = 0;

	if (fd < 0)
		return -1;
	while (n < 1 << 20 && write(fd, block, sizeof(block)) == sizeof(block))
		n += sizeof(block) / 1024;
	close(fd);
	unlink(arg);
	snprintf(text, sizeof(text), "%ld", n);
	return 0;
}

static const struct {
	const char *name;
	long (*run)(const char *arg);
} deeds[] = {
	{ "socket", do_socket },
	{ "connect", do_connect },
	{ "listen", do_listen },
	{ "ulp", do_ulp },
	{ "shutdown", do_shutdown },
	{ "peek", do_peek },
	{ "interface", do_interface },
	{ "ptrace", do_ptrace },
	{ "vm", do_vm },
	{ "kill", do_kill },
	{ "kill-all", do_kill_all },
	{ "pidfd", do_signal_by_pidfd },
	{ "limit", do_limit },
	{ "pair", do_pair },
	{ "setuid", do_setuid },
	{ "mount", do_mount },
	{ "unshare", do_unshare },
	{ "clone", do_clone },
	{ "bpf", do_bpf },
	{ "call", do_call },
	{ "read", do_read },
	{ "write", do_open_to_write },
	{ "create", do_create },
	{ "list", do_list },
	{ "shell", do_shell },
	{ "chmod", do_chmod },
	{ "device", do_device },
	{ "fill", do_fill },
};

static sp_verdict handle(sp_request *req, void *state)
{
	sp_buf body = sp_body(req);
	char line[ARG_MAX_LEN + 32], *arg;
	long r = -1;

	(void)state;
	snprintf(line, sizeof(line), "%.*s", (int)body.len, (const char *)body.data);
	arg = strchr(line, ' ');
	if (arg)
		*arg++ = '\0';
	text[0] = '\0';
	errno = EINVAL;
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (!strcmp(deeds[i].name, line))
			r = deeds[i].run(arg ? arg : "");
	if (r < 0)
		snprintf(line, sizeof(line), "refused: %s", strerror(errno));
	if (sp_print(req, "%s\n%s", r < 0 ? line : "done", text) < 0)
		return sp_fail(req, SP_EINTERNAL, "no room");
	return SP_NEXT;
}

SP_FUNCTION(.name = "intruder", .on_request = handle);
