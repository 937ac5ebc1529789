/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/baselines/peer.h"

#include <arpa/inet.h>
#include <err.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/baselines/front.h"
#include "shm/memory.h"

#define BACKLOG 1024
#define LINE 64UL
/* libh2o allocates for each request. What it frees is kept, and bodies come from the heap, too: to
 * map pages for each body of 64 KiB and give them back takes longer than all else. */
#define HEAP_KEPT (64 << 20)
#define HEAP_LARGEST (32 << 20)

void *peer_share(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(1, "shared memory of %zu bytes", size);
	return p;
}

/* ---- start ---- */

static void listener_open(struct peer *p, struct sockaddr_in address)
{
	socklen_t len = sizeof(address);
	char host[INET_ADDRSTRLEN];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		err(1, "cannot listen; give another --listen");
	p->listen_fd = fd;
	inet_ntop(AF_INET, &address.sin_addr, host, sizeof(host));
	snprintf(p->address, sizeof(p->address), "%s:%u", host, ntohs(address.sin_port));
}

/* The same memory as a chain's pool has: hugepages if they can be had, populated. */
static void pool_make(struct peer *p)
{
	struct shm_memory memory;
	size_t lines = (p->body_max + LINE - 1) / LINE | 1, size;
	void *base;
	int r;

	/* An odd number of lines: else the first line of all slots lies in one set of a cache. */
	p->stride = lines * LINE;
	size = PEER_POOL_SIZE / p->stride;
	p->slot_count = size > p->kind->slots_max ? p->kind->slots_max :
			size < PEER_SLOTS_MIN     ? PEER_SLOTS_MIN :
						    (uint32_t)size;
	size = p->slot_count * p->stride;
	size = (size + SHM_HUGEPAGE_SIZE - 1) / SHM_HUGEPAGE_SIZE * SHM_HUGEPAGE_SIZE;
	r = shm_memory_create(p->kind->name, size, SHM_HUGEPAGES_AUTO, &memory, NULL);
	if (r == 0)
		r = shm_memory_map(memory.fd, size, &base);
	if (r == 0)
		r = shm_memory_populate(base, size);
	if (r < 0)
		errx(1, "no memory for a pool of %zu bytes (%s): lower --body-max", size,
		     strerror(-r));
	p->pool = base;
	/* The mapping keeps the memory; the limit of hugepages is the machine's again. */
	shm_memory_done(&memory);
}

static void functions_start(struct peer *p)
{
	pid_t front = getpid();
	char name[32];

	for (unsigned n = 0; n < p->functions; n++) {
		p->children[n] = fork();
		if (p->children[n] < 0)
			err(1, "fork");
		if (p->children[n] > 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != front) /* it died before we asked to be told */
			_exit(1);
		snprintf(name, sizeof(name), "function-%u", n + 1);
		prctl(PR_SET_NAME, name);
		close(p->listen_fd);
		p->kind->function(p, n);
		_exit(1);
	}
}

/* ---- signals, end ---- */

static void passed_print(const struct peer *p)
{
	fprintf(stderr, "passed:");
	for (unsigned n = 0; n < p->functions; n++)
		fprintf(stderr, " %llu",
			(unsigned long long)__atomic_load_n(&p->counts[n].passed,
							    __ATOMIC_RELAXED));
	fprintf(stderr, "\n");
}

bool peer_signal(struct peer *p, int signal_fd)
{
	struct signalfd_siginfo info;

	while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD) {
			warnx("a function has ended (status %d)", info.ssi_status);
			p->failed = true;
		}
		if (info.ssi_signo != SIGUSR1)
			return false;
		passed_print(p);
	}
	return true;
}

static void functions_stop(struct peer *p)
{
	for (unsigned n = 0; n < p->functions; n++)
		kill(p->children[n], SIGKILL);
	for (unsigned n = 0; n < p->functions; n++)
		waitpid(p->children[n], NULL, 0);
}

int peer_main(const struct peer_kind *kind, int argc, char **argv)
{
	static struct peer p;
	struct arguments arguments;
	sigset_t signals;

	arguments_read(&arguments, kind->name, kind->functions_min, argc, argv);
	p.kind = kind;
	p.functions = arguments.functions;
	p.body_max = arguments.body_max;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP },
		  NULL);
	mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
	mallopt(M_MMAP_THRESHOLD, HEAP_LARGEST);
	listener_open(&p, arguments.address);
	if (p.functions > 0) {
		p.counts = peer_share(p.functions * sizeof(*p.counts));
		pool_make(&p);
		kind->prepare(&p);
		functions_start(&p);
	}
	front_run(&p);
	functions_stop(&p);
	/* Connections that are open end here. */
	_exit(p.failed ? 1 : 0);
}
