/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hop.c - bench-hop: what one hop from function to function costs.
 *
 * For: the figures of a warm hop at depth 1 and of batches, on one CPU.
 * How: two processes pinned to one CPU send descriptors to and fro over the real data plane
 * (sproxy_open, attach, route; every check of bpf/sproxy.bpf.c on); in the same run two
 * others do the same with 16 bytes over a bare AF_UNIX SEQPACKET pair. The ways take turns,
 * a short sample each, so that a disturbance of the machine meets all of them alike.
 * Output: for each way one line `NAME SAMPLE SAMPLE ...`, in ns per descriptor-hop;
 * bench/figures makes medians and ratios of them.
 * Afterwards it proves that what was measured was checked: the kernel must have counted
 * every descriptor and no violation, each buffer must be held by the process that received
 * it last, and a stale descriptor must be refused.
 * Thread-safety: one thread per process.
 * Failure modes: exit 1 with the reason on stderr, also when a sample does not end within
 * WATCHDOG_S (it never hangs); exit 2 for wrong arguments.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bpf/wire.h"
#include "sproxy/sproxy.h"

#define ROUND_MAX 99
#define WATCHDOG_S 20
#define CHUNK 64    /* round trips between two looks at the clock */
#define FD_KEEP 256 /* a child moves its lane here and closes everything else */

enum { SLOT_HOME = 1, SLOT_PING, SLOT_PONG };
enum { FN_PING = 1, FN_PONG };

/* One process's end of a way to and fro. */
struct lane {
	int send;
	int receive;
	pid_t peer;
};

/* One thing to be measured. */
struct way {
	const char *name;
	bool bare;      /* over SEQPACKET; otherwise over sproxy */
	uint32_t batch; /* descriptors per send */
	double ns[ROUND_MAX];
};

struct bench {
	int cpu;
	unsigned rounds;
	unsigned millis; /* of one sample */
	struct sproxy *proxy;
	struct lane bare;
	struct lane checked;
	struct sp_desc descs[SP_BATCH_MAX];
	uint64_t round_trips; /* descriptors that went to and fro over the checked lane */
};

static struct way ways[] = {
	{ .name = "seqpacket", .bare = true, .batch = 1 },
	{ .name = "hop", .batch = 1 },
	{ .name = "batch-8", .batch = 8 },
	{ .name = "batch-32", .batch = 32 },
	{ .name = "batch-64", .batch = 64 },
};
#define WAY_COUNT (sizeof(ways) / sizeof(ways[0]))

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* Bytes received, 0 at EOF, or -1. A redirect target may wake with nothing to read. */
static ssize_t lane_receive(const struct lane *lane, void *data, size_t size)
{
	ssize_t n;

	do
		n = recv(lane->receive, data, size, 0);
	while (n < 0 && (errno == EAGAIN || errno == EINTR));
	return n;
}

/* The other process: sends back what arrives, as it arrives, until it is told to stop. */
static _Noreturn void pong_run(const struct lane *lane)
{
	struct sp_desc descs[SP_BATCH_MAX];
	ssize_t n;

	while ((n = lane_receive(lane, descs, sizeof(descs))) > 0)
		if (send(lane->send, descs, (size_t)n, MSG_NOSIGNAL) != n)
			err(1, "pong: send");
	if (n < 0)
		err(1, "pong: receive");
	_exit(0);
}

/* Forks the process at the other end. It keeps its two ends only: a copy of anyone else's
 * would keep a dead process in the map. */
static pid_t pong_start(struct lane lane)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	lane.send = fcntl(lane.send, F_DUPFD, FD_KEEP);
	lane.receive = fcntl(lane.receive, F_DUPFD, FD_KEEP);
	if (lane.send < 0 || lane.receive < 0 || close_range(3, FD_KEEP - 1, 0) < 0)
		err(1, "pong: fds");
	pong_run(&lane);
}

static void pong_wait(const struct lane *lane, const char *name)
{
	int status;

	if (waitpid(lane->peer, &status, 0) != lane->peer || status != 0)
		errx(1, "%s: the other process ended with wait status %#x", name, (unsigned)status);
}

static void bare_open(struct lane *ret)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		err(1, "socketpair");
	ret->send = ret->receive = fds[0];
	ret->peer = pong_start((struct lane){ .send = fds[1], .receive = fds[1] });
	close(fds[1]);
}

static struct sproxy_ends checked_attach(struct bench *b, uint32_t slot, uint32_t fn)
{
	struct sproxy_ends ends;
	const struct sproxy_place place = { .fn = fn, .cpu = (uint32_t)b->cpu, .lender = slot };
	int r = sproxy_attach(b->proxy, slot, &place, &ends);

	if (r == 0 && fn != SP_GATEWAY_FN)
		r = sproxy_enable(b->proxy, slot, 2 * SP_BATCH_MAX);
	if (r < 0)
		errx(1, "slot %u: %s", slot, strerror(-r));
	return ends;
}

static void checked_route(struct bench *b, uint32_t from, uint16_t to)
{
	struct sp_route route = { .kind = SP_ROUTE_FUNCTION, .fn = to };
	int r = sproxy_route(b->proxy, from, 0, route);

	if (r < 0)
		errx(1, "route: %s", strerror(-r));
}

/* What the gateway does for a request: the buffers exist, and `ping` holds them. */
static void buffers_give(struct bench *b)
{
	struct sp_owner *owners = sproxy_owners(b->proxy);

	for (uint32_t i = 0; i < SP_BATCH_MAX; i++) {
		owners[i].cap = 2048;
		owners[i].home = SLOT_HOME;
		owners[i].word = SP_OWNER_WORD(i + 1, SLOT_PING);
		b->descs[i] = (struct sp_desc){
			.buf = i, .gen = i + 1, .len = 128, .edge = 0, .home = SLOT_HOME
		};
	}
}

static void checked_open(struct bench *b)
{
	const struct sproxy_options options = { .buffer_count = SP_BATCH_MAX, .fn_count = FN_PONG };
	struct sproxy_ends home, ping, pong;
	int r = sproxy_open(&options, &b->proxy);

	if (r == -EPERM)
		errx(1, "loading the kernel program needs CAP_BPF and CAP_NET_ADMIN: run as root");
	if (r < 0)
		errx(1, "loading the kernel program: %s", strerror(-r));
	home = checked_attach(b, SLOT_HOME, SP_GATEWAY_FN);
	ping = checked_attach(b, SLOT_PING, FN_PING);
	pong = checked_attach(b, SLOT_PONG, FN_PONG);
	checked_route(b, FN_PING, FN_PONG);
	checked_route(b, FN_PONG, FN_PING);
	buffers_give(b);
	b->checked.send = ping.send;
	b->checked.receive = ping.receive;
	b->checked.peer = pong_start((struct lane){ .send = pong.send, .receive = pong.receive });
	close(pong.send);
	close(pong.receive);
	close(home.send); /* nobody ever sends home here */
	close(home.receive);
}

/* `size` bytes there and back; what comes back must be what was sent, but for the generations,
 * which are new. */
static void round_trip(const struct lane *lane, struct sp_desc *descs, size_t size)
{
	struct sp_desc back[SP_BATCH_MAX];
	size_t got = 0;
	ssize_t n;

	if (send(lane->send, descs, size, MSG_NOSIGNAL) != (ssize_t)size)
		err(1, "send of %zu bytes", size);
	while (got < size) {
		n = lane_receive(lane, (char *)back + got, size - got);
		if (n <= 0)
			err(1, "the other process is gone");
		got += (size_t)n;
	}
	for (size_t i = 0; i < size / sizeof(*descs); i++)
		descs[i].gen = back[i].gen;
	if (memcmp(back, descs, size) != 0)
		errx(1, "what came back is not what was sent");
}

/* One sample: round trips until `millis` are over. Returns ns per descriptor-hop. */
static double sample(struct bench *b, const struct way *way, unsigned millis)
{
	const struct lane *lane = way->bare ? &b->bare : &b->checked;
	uint64_t start = now_ns(), end = start + millis * 1000000ULL, at, trips = 0;

	alarm(WATCHDOG_S);
	do {
		for (int i = 0; i < CHUNK; i++)
			round_trip(lane, b->descs, way->batch * sizeof(struct sp_desc));
		trips += CHUNK;
		at = now_ns();
	} while (at < end);
	alarm(0);
	if (!way->bare)
		b->round_trips += trips * way->batch;
	return (double)(at - start) / ((double)trips * 2 * way->batch);
}

static void counters_check(const struct bench *b, uint64_t stale)
{
	uint64_t counters[SP_COUNT_MAX];
	int r = sproxy_counters(b->proxy, counters);

	if (r < 0)
		errx(1, "counters: %s", strerror(-r));
	if (counters[SP_COUNT_DESCRIPTORS] != 2 * b->round_trips)
		errx(1, "the kernel counted %llu descriptors, %llu were sent",
		     (unsigned long long)counters[SP_COUNT_DESCRIPTORS],
		     (unsigned long long)(2 * b->round_trips));
	for (uint32_t v = 0; v < SP_VIOLATION_COUNT; v++)
		if (counters[SP_COUNT_VIOLATION + v] != (v == SP_VIOLATION_STALE ? stale : 0))
			errx(1, "the kernel counted %llu violations `%s`",
			     (unsigned long long)counters[SP_COUNT_VIOLATION + v],
			     sproxy_violation_name(v));
}

/* That the checks were on: see the top of the file. */
static void checks_prove(struct bench *b)
{
	const struct sp_owner *owners = sproxy_owners(b->proxy);
	struct sp_desc stale = b->descs[0];

	counters_check(b, 0);
	for (uint32_t i = 0; i < SP_BATCH_MAX; i++)
		if (owners[i].word != SP_OWNER_WORD(b->descs[i].gen, SLOT_PING))
			errx(1, "buffer %u is not held by the process that received it", i);
	stale.gen++;
	if (send(b->checked.send, &stale, sizeof(stale), MSG_NOSIGNAL) >= 0 || errno != EACCES)
		errx(1, "a stale descriptor was not refused");
	counters_check(b, 1);
}

static void measure(struct bench *b)
{
	for (size_t w = 0; w < WAY_COUNT; w++)
		sample(b, &ways[w], b->millis / 4 + 1); /* warm */
	for (unsigned r = 0; r < b->rounds; r++)
		for (size_t w = 0; w < WAY_COUNT; w++)
			ways[w].ns[r] = sample(b, &ways[w], b->millis);
}

static void print(const struct bench *b)
{
	for (size_t w = 0; w < WAY_COUNT; w++) {
		printf("%s", ways[w].name);
		for (unsigned r = 0; r < b->rounds; r++)
			printf(" %.1f", ways[w].ns[r]);
		printf("\n");
	}
}

static unsigned argument(char option, const char *text, unsigned min, unsigned max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value < min || value > max) {
		fprintf(stderr, "bench-hop: -%c takes a number from %u to %u, not \"%s\"\n", option,
			min, max, text);
		exit(2);
	}
	return (unsigned)value;
}

static void arguments(struct bench *b, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "c:r:m:")) != -1) {
		if (c == 'c')
			b->cpu = (int)argument('c', optarg, 0, CPU_SETSIZE - 1);
		else if (c == 'r')
			b->rounds = argument('r', optarg, 1, ROUND_MAX);
		else if (c == 'm')
			b->millis = argument('m', optarg, 1, 5000);
		else
			goto usage;
	}
	if (optind == argc)
		return;
usage:
	fputs("usage: bench-hop [-c CPU] [-r ROUNDS] [-m MILLISECONDS_PER_SAMPLE]\n", stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct bench b = { .rounds = 9, .millis = 150 };
	cpu_set_t cpus;

	arguments(&b, argc, argv);
	CPU_ZERO(&cpus);
	CPU_SET((size_t)b.cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		err(1, "CPU %d", b.cpu);
	bare_open(&b.bare);
	checked_open(&b);
	measure(&b);
	checks_prove(&b);
	print(&b);
	close(b.bare.send);
	pong_wait(&b.bare, "seqpacket");
	sproxy_stop(b.proxy, SLOT_PONG);
	pong_wait(&b.checked, "hop");
	sproxy_close(b.proxy);
	return 0;
}
