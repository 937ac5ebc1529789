// SPDX-License-Identifier: Apache-2.0
/* What the gateways of a chain work with, and what stays when one dies: listeners, both ends
 * of the workers' sockets, counts. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/runtime_private.h"

#define LISTEN_DEFAULT "127.0.0.1:0"

static const char *listen_address(const struct runtime *runtime)
{
	if (runtime->options.listen)
		return runtime->options.listen;
	return runtime->chain->listen ? runtime->chain->listen : LISTEN_DEFAULT;
}

static int listeners_open(struct runtime *runtime)
{
	uint32_t workers = runtime->options.workers;
	const char *address = listen_address(runtime);
	int fds[WIRING_WORKER_MAX], r;

	r = listen_open(address, workers, fds, runtime->address);
	if (r < 0) {
		runtime_warn(runtime, "Listen", "cannot listen on %s: %s%s", address,
			     r == -EINVAL ? "not ADDRESS:PORT" : strerror(-r),
			     r == -EADDRINUSE ? " (choose another with --listen)" : "");
		snprintf(runtime->why, sizeof(runtime->why), "cannot listen on %.100s: %s", address,
			 r == -EINVAL ? "not ADDRESS:PORT" : strerror(-r));
		return r;
	}
	for (uint32_t i = 0; i < workers; i++)
		runtime->workers[i].listener = fds[i];
	return 0;
}

/* Those of the runtime that this one follows: a connection finds either of the two. */
static int listeners_share(struct runtime *runtime)
{
	for (uint32_t i = 0; i < runtime->options.workers; i++) {
		int fd = fcntl(runtime->options.listeners[i], F_DUPFD_CLOEXEC, 3);

		if (fd < 0)
			return -errno;
		runtime->workers[i].listener = fd;
	}
	return listen_adopt(runtime->workers[0].listener, runtime->address);
}

static int front_open(struct runtime *runtime)
{
	int r;

	snprintf(runtime->front, sizeof(runtime->front), "%s/%s.sock", runtime->options.front,
		 runtime->name);
	r = listen_unix(runtime->front, 0600, &runtime->front_listener);
	if (r < 0)
		runtime_warn(runtime, "Listen", "cannot listen on %s: %s", runtime->front,
			     strerror(-r));
	return r;
}

int gateway_stats_map(struct runtime *runtime)
{
	void *page = mmap(NULL, sizeof(struct wiring_gateway_stats), PROT_READ, MAP_SHARED,
			  runtime->stats_fd, 0);

	if (page == MAP_FAILED)
		return -errno;
	runtime->stats = page;
	return 0;
}

static int stats_open(struct runtime *runtime)
{
	int fd = memfd_create("sprocket-gateway-stats", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	runtime->stats_fd = fd;
	/* Sealed: a gateway that shrank it would give us SIGBUS. */
	if (ftruncate(fd, sizeof(struct wiring_gateway_stats)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	return gateway_stats_map(runtime);
}

static int worker_attach(struct runtime *runtime, uint32_t worker)
{
	const struct sproxy_place place = {
		.fn = SP_GATEWAY_FN,
		.cpu = runtime->options.cpus[worker % runtime->options.cpu_count],
		.lender = worker + 1,
	};

	return sproxy_attach(runtime->proxy, place.lender, &place, &runtime->workers[worker].ends);
}

int gateway_open(struct runtime *runtime)
{
	int r = runtime->options.listeners ? listeners_share(runtime) : listeners_open(runtime);

	if (r == 0 && runtime->options.front)
		r = front_open(runtime);
	if (r == 0)
		r = stats_open(runtime);
	for (uint32_t i = 0; r == 0 && i < runtime->options.workers; i++)
		r = worker_attach(runtime, i);
	if (r < 0 && !runtime->why[0])
		runtime_warn(runtime, "Wiring", "cannot wire the gateway: %s", strerror(-r));
	return r;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void gateway_close(struct runtime *runtime)
{
	for (uint32_t i = 0; i < WIRING_WORKER_MAX; i++) {
		close_fd(&runtime->workers[i].listener);
		close_fd(&runtime->workers[i].ends.send);
		close_fd(&runtime->workers[i].ends.receive);
	}
	if (runtime->front_listener >= 0)
		unlink(runtime->front);
	close_fd(&runtime->front_listener);
	close_fd(&runtime->stats_fd);
	if (runtime->stats)
		munmap((void *)(uintptr_t)runtime->stats, sizeof(*runtime->stats));
	runtime->stats = NULL;
}

void runtime_gateway_stats(const struct runtime *runtime, struct wiring_stats *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (uint32_t i = 0; runtime->stats && i < runtime->options.workers; i++) {
		const struct wiring_stats *s = &runtime->stats->worker[i];

#define X(field, text) ret->field += __atomic_load_n(&s->field, __ATOMIC_RELAXED);
		WIRING_STATS_FIELDS(X)
#undef X
	}
}
