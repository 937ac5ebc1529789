// SPDX-License-Identifier: Apache-2.0
/*
 * main.c - simulate: a gateway among clients, functions, controller and kernel, in one process, with
 * a clock of its own, through as many orders of events as are asked for.
 *
 * Exit codes: 0 all held, 1 something did not (says what, and how to see it again), 2 wrong use.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim.h"
#include "sproxy/wiring.h"

#define BUFFERS 10 /* of each class at least: few, so that they run out */
#define MEMORY (160 << 10)

#define N(n) (unsigned long long)(n)

_Noreturn void sim_gateway_exit(int code); /* what it calls in the end */

struct sim sim = { .options = { .seed = 1, .schedules = 1000 } };

/* ---- chance and words ---- */

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t random_next(void)
{
	uint64_t z = sim.random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint32_t sim_random(uint32_t n)
{
	return (uint32_t)((random_next() >> 32) * n >> 32);
}

bool sim_chance(uint32_t percent)
{
	return sim_random(100) < percent;
}

static void say(const char *format, va_list args)
{
	fprintf(stderr, "%10.3f ms  ", (double)sim.now_ns / 1e6);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void sim_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

void sim_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	fprintf(stderr,
		"simulate: schedule %llu of seed %llu failed; again, with every step: "
		"--seed %llu --schedules %llu --faults %u --deaths %u --verbose\n",
		N(sim.schedule), N(sim.options.seed), N(sim.options.seed), N(sim.schedule),
		sim.options.fault_percent, sim.options.deaths);
	_exit(1);
}

/* ---- the wiring ---- */

static int table_new(size_t size, void **ret)
{
	int fd = memfd_create("sim", MFD_CLOEXEC);

	size = (size + 4095) / 4096 * 4096;
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		sim_fail("no memory: %s", strerror(errno));
	*ret = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*ret == MAP_FAILED)
		sim_fail("no memory: %s", strerror(errno));
	return fd;
}

static int listener_new(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 64) < 0)
		sim_fail("no listener: %s", strerror(errno));
	return fd;
}

void sim_pair_new(int type, int pair[2])
{
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
		sim_fail("no sockets: %s", strerror(errno));
}

static void wiring_fill(struct wiring_gateway *w)
{
	struct rule *rule = &w->rules.rules[w->rules.count++];

	w->abi = WIRING_ABI;
	w->worker_count = 1;
	w->calls = 1;
	w->timeout_ns = SIM_TIMEOUT_NS;
	w->fn_count = SIM_FUNCTIONS;
	w->max_queue = 4;
	w->target_ms = 5;
	w->interval_ms = 20;
	w->wipe_on_free = sim.options.seed & 1;
	w->watched = UINT64_MAX;
	w->layout = sim.layout;
	w->slots[0] = SIM_WORKER_SLOT;
	w->cpus[0] = UINT32_MAX;
	wiring_put(&w->heap, "simulated", &w->chain);
	for (uint32_t fn = 1; fn <= SIM_FUNCTIONS; fn++)
		wiring_put(&w->heap, "f", &w->fn_names[fn]);
	wiring_put(&w->heap, "/work", &w->ingress[0].path);
	w->ingress[0].max_body = 8192;
	w->ingress_count = 1;
	rule->kind = RULE_ALWAYS;
	rule->wire_edge = 1;
	w->size = (uint32_t)(offsetof(struct wiring_gateway, heap.data) + w->heap.used);
}

static void world_make(void)
{
	static struct wiring_gateway w;
	const uint32_t sizes[] = { 2048, 8192 };
	int *fds = sim.fds, pair[2];
	void *owners, *instances, *stats, *base;

	if (shm_layout_compute(sizes, 2, MEMORY, BUFFERS, &sim.layout, NULL) < 0)
		sim_fail("no layout");
	fds[WIRING_GW_OWNERS] =
		table_new(sim.layout.buffer_count * sizeof(struct sp_owner), &owners);
	fds[WIRING_GW_INSTANCES] = table_new(SP_INST_MAX * sizeof(struct sp_instance), &instances);
	fds[WIRING_GW_MEMORY] = table_new(sim.layout.size, &base);
	fds[WIRING_GW_STATS] = table_new(sizeof(struct wiring_gateway_stats), &stats);
	sim.base = base;
	sim_kernel_init(&sim.layout, owners, instances);
	fds[WIRING_GW_WORKERS] = sim.listener = listener_new();
	sim_pair_new(SOCK_STREAM, pair);
	fds[WIRING_GW_WORKERS + 1] = pair[0];
	sim_pair_new(SOCK_STREAM, pair);
	fds[WIRING_GW_WORKERS + 2] = pair[0];
	sim.to_worker = pair[1];
	sim.wiring = &w;
	wiring_fill(&w);
}

/* ---- the gateway's start and end ---- */

int __real_gw_worker_init(struct gw_worker *worker, struct gateway *g, uint32_t index,
			  const int fds[3], int front);
int __wrap_gw_worker_init(struct gw_worker *worker, struct gateway *g, uint32_t index,
			  const int fds[3], int front);

/* All that may take its time has been done: from here on the clock is ours. */
int __wrap_gw_worker_init(struct gw_worker *worker, struct gateway *g, uint32_t index,
			  const int fds[3], int front)
{
	int r = __real_gw_worker_init(worker, g, index, fds, front);

	sim.gateway = g;
	sim.send_fd = fds[1];
	sim.receive_fd = fds[2];
	if (!sim.running) {
		sim.now_ns = UINT64_C(1000000000000);
		sim.random = sim.options.seed;
		sim.thread = pthread_self();
		sim.running = true;
		sim_instances_init();
	}
	return r;
}

/* The process has other work to do than a gateway's. */
int __wrap_gw_rights_drop(uid_t user);
int __wrap_gw_rights_drop(uid_t user)
{
	(void)user;
	return 0;
}

_Noreturn void sim_gateway_exit(int code)
{
	struct rusage usage;

	if (code != 0)
		sim_fail("the gateway ended with %d", code);
	getrusage(RUSAGE_SELF, &usage);
	printf("%llu schedules from seed %llu, %llu steps, %ld MiB\n", N(sim.schedule),
	       N(sim.options.seed), N(sim.steps), usage.ru_maxrss >> 10);
	printf("%llu requests: %llu answered, %llu problems, %llu clients gone\n", N(sim.requests),
	       N(sim.answered), N(sim.problems), N(sim.abandoned));
	printf("%llu calls, %llu messages, %llu of them by reference, %llu requests moved\n",
	       N(sim.calls), N(sim.messages), N(sim.shares), N(sim.moves));
	printf("%llu deaths, %llu of gateways, %llu requests cut; %llu failed system calls\n",
	       N(sim.deaths), N(sim.takeovers), N(sim.cut), N(sim.faults));
	/* As the gateway ends: with all it has. */
	fflush(stdout);
	_exit(0);
}

static bool number_read(const char *text, uint64_t most, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return !errno && end != text && !*end && *ret <= most && text[0] != '-';
}

static bool options_read(int argc, char **argv)
{
	static const struct option options[] = { { "seed", required_argument, NULL, 's' },
						 { "schedules", required_argument, NULL, 'n' },
						 { "faults", required_argument, NULL, 'f' },
						 { "deaths", required_argument, NULL, 'd' },
						 { "verbose", no_argument, NULL, 'v' },
						 { NULL, 0, NULL, 0 } };
	uint64_t n;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'v')
			sim.options.verbose = true;
		else if (c == 's' && number_read(optarg, UINT64_MAX, &n))
			sim.options.seed = n;
		else if (c == 'n' && number_read(optarg, UINT64_MAX, &n) && n > 0)
			sim.options.schedules = n;
		else if (c == 'f' && number_read(optarg, 50, &n))
			sim.options.fault_percent = (uint32_t)n;
		else if (c == 'd' && number_read(optarg, UINT32_MAX, &n))
			sim.options.deaths = (uint32_t)n;
		else
			return false;
	}
	return optind == argc;
}

int main(int argc, char **argv)
{
	if (!options_read(argc, argv)) {
		fprintf(stderr, "usage: simulate [--seed N] [--schedules N] [--faults PERCENT] "
				"[--deaths ONE_OF] "
				"[--verbose]\n");
		return 2;
	}
	world_make();
	sim_gateway_live();
}
