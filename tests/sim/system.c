// SPDX-License-Identifier: Apache-2.0
/*
 * system.c - the system calls of the gateway and of libh2o: theirs are resolved to these.
 *
 * Sending goes to the simulated kernel, the clock stands still unless the world moves it, and some
 * calls fail as they may on any machine: EINTR, EAGAIN, EMFILE, ENOMEM, short reads and writes.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

#define ACCEPT_PAUSE_NS UINT64_C(100000000)
#define EXPORT __attribute__((visibility("default")))

/* DPDK has threads of its own, which are let through. */
static bool ours(void)
{
	return sim.running && pthread_equal(pthread_self(), sim.thread);
}

static bool fails(void)
{
	if (sim.options.fault_percent == 0 || !ours() || !sim_chance(sim.options.fault_percent))
		return false;
	sim.faults++;
	return true;
}

/* After a call of the gateway's, whose result it may not live to see. */
static ssize_t mortal(ssize_t result)
{
	int error = errno;

	if (ours() && !sim.world)
		sim_gateway_mortal();
	errno = error;
	return result;
}

EXPORT int clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (!sim.running)
		return (int)syscall(SYS_clock_gettime, clock, ts);
	ts->tv_sec = (time_t)(sim.now_ns / 1000000000U);
	ts->tv_nsec = (long)(sim.now_ns % 1000000000U);
	return 0;
}

EXPORT int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

EXPORT int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
	enum sim_moved moved;
	int n;

	if (!ours())
		return (int)syscall(SYS_epoll_wait, epfd, events, max, timeout);
	if (fails()) {
		errno = EINTR;
		return -1;
	}
	sim.turns++;
	sim_gateway_mortal();
	sim_world_sleep(timeout);
	for (;;) {
		n = (int)syscall(SYS_epoll_wait, epfd, events, max, 0);
		/* Others may be faster than who was woken. */
		if (timeout == 0 || (n > 0 && !sim_chance(30)))
			return n;
		sim.world = true;
		moved = sim_world_run(n > 0);
		sim.world = false;
		if (moved == SIM_TIMER)
			return (int)syscall(SYS_epoll_wait, epfd, events, max, 0);
	}
}

void sim_worker_receive(const struct sp_desc *descs, uint32_t count)
{
	ssize_t len = (ssize_t)(count * sizeof(*descs));

	SIM_CHECK(syscall(SYS_write, sim.to_worker, descs, len) == len,
		  "the worker's queue is longer than the pool");
}

EXPORT ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
	ssize_t n;

	if (!ours() || fd != sim.send_fd)
		return syscall(SYS_sendto, fd, bytes, len, flags, NULL, 0);
	if (fails()) {
		errno = EINTR;
		return -1;
	}
	sim_gateway_mortal();
	n = sim_kernel_send(SIM_WORKER_SLOT, bytes, len);
	for (size_t i = 0; i < len / sizeof(struct sp_desc); i++)
		SIM_LOG("gateway sends buf %u edge %#x flags %#x home %u len %u",
			((const struct sp_desc *)bytes)[i].buf,
			((const struct sp_desc *)bytes)[i].edge,
			((const struct sp_desc *)bytes)[i].flags,
			((const struct sp_desc *)bytes)[i].home,
			((const struct sp_desc *)bytes)[i].len);
	SIM_CHECK(n == (ssize_t)len, "the kernel refused what the gateway sent");
	sim_gateway_mortal();
	return n;
}

EXPORT ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
	if (fd == sim.receive_fd && fails()) {
		if (sim_chance(50)) {
			errno = EINTR;
			return -1;
		}
		len = 1 + sim_random((uint32_t)len); /* short, also within a descriptor */
		if (sim.options.deaths) /* the rest of it would be lost with its reader */
			len = (len + sizeof(struct sp_desc) - 1) / sizeof(struct sp_desc) *
			      sizeof(struct sp_desc);
	}
	return mortal(syscall(SYS_recvfrom, fd, bytes, len, flags, NULL, NULL));
}

EXPORT ssize_t read(int fd, void *bytes, size_t len)
{
	if (len > 8 && fails()) { /* an eventfd is read whole */
		if (sim_chance(50)) {
			errno = EINTR;
			return -1;
		}
		len = 1 + sim_random((uint32_t)(len < 64 ? len : 64));
	}
	return mortal(syscall(SYS_read, fd, bytes, len));
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int count)
{
	if (count > 0 && iov[0].iov_len > 1 && fails()) {
		if (sim_chance(30)) {
			errno = EINTR;
			return -1;
		}
		if (sim_chance(50)) {
			errno = EAGAIN;
			return -1;
		}
		return syscall(SYS_write, fd, iov[0].iov_base,
			       1 + sim_random((uint32_t)iov[0].iov_len - 1));
	}
	return mortal(syscall(SYS_writev, fd, iov, count));
}

/* By another name: glibc's declaration has a type that no definition can repeat. */
EXPORT int accept_one(int fd, void *address, socklen_t *len, int flags) __asm__("accept4");

int accept_one(int fd, void *address, socklen_t *len, int flags)
{
	static const int errors[] = { EMFILE, ENFILE, ENOMEM, ENOBUFS, EINTR, ECONNABORTED };

	if (fails()) {
		errno = errors[sim_random(sizeof(errors) / sizeof(*errors))];
		sim.accept_again_ns = sim.now_ns + ACCEPT_PAUSE_NS;
		return -1;
	}
	return (int)mortal(syscall(SYS_accept4, fd, address, len, flags));
}
