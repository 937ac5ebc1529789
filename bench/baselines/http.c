/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - peer-http and peer-sidecar: functions that call each other by HTTP/1.1 on loopback.
 *
 * For: what a chain costs where each hop is a request over TCP. peer-http is an nginx in front
 * of functions in C that call one another directly; in peer-sidecar (the same source) each call
 * into a function also passes an nginx of its own, as with the sidecars of today's platforms.
 * How: all sockets are opened first, then come the functions, each a process, then nginx. A
 * request through all of them is the proof that it is ready.
 * `ready URL` on stdout; SIGUSR1: how many requests each function has worked on, on stderr.
 * SIGINT or SIGTERM ends it with status 0; when it dies itself, the kernel kills the others.
 * Failure modes: exit 2 with the usage for wrong arguments; exit 1 with the reason, also when one
 * of its processes ends.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/baselines/arguments.h"
#include "bench/baselines/http_function.h"
#include "bench/baselines/http_nginx.h"

#define CHILDREN_MAX (2 * PEER_FUNCTIONS_MAX + 1)
#define BACKLOG 4096
#define READY_S 20

#ifndef PEER_SIDECARS
#error "meson.build says which of the two it is"
#endif
static const char *const name = PEER_SIDECARS ? "peer-sidecar" : "peer-http";

/* A function's listens; nginx's only keeps the port for it. */
struct end {
	int fd;
	struct sockaddr_in address;
};

/* On a cache line of its own: only its function writes it. */
struct passed {
	_Alignas(64) _Atomic uint64_t count;
};

static unsigned functions;
static size_t body_max;
static struct end front, functions_at[PEER_FUNCTIONS_MAX], sidecars_at[PEER_FUNCTIONS_MAX];
static struct passed *passed;
static pid_t parent, children[CHILDREN_MAX];
static unsigned child_count;

/* Binds to end->address, or to a free port that is then written there. Only then may nginx share
 * it: a port that somebody else has is refused. */
static void end_open(struct end *end, bool nginx)
{
	socklen_t len = sizeof(end->address);
	int on = 1;

	end->address.sin_family = AF_INET;
	if (end->address.sin_addr.s_addr == 0)
		end->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	end->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (end->fd < 0 || setsockopt(end->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(end->fd, (struct sockaddr *)&end->address, sizeof(end->address)) < 0 ||
	    (nginx ? setsockopt(end->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) :
		     listen(end->fd, BACKLOG)) < 0 ||
	    getsockname(end->fd, (struct sockaddr *)&end->address, &len) < 0)
		err(1, "port %u (another one: --listen 127.0.0.1:PORT)",
		    ntohs(end->address.sin_port));
}

static void ends_close(const struct end *except)
{
	if (&front != except)
		close(front.fd);
	for (unsigned i = 0; i < functions; i++) {
		if (&functions_at[i] != except)
			close(functions_at[i].fd);
		if (PEER_SIDECARS && &sidecars_at[i] != except)
			close(sidecars_at[i].fd);
	}
}

/* Where calls of function `i` go. */
static const struct end *way_to(unsigned i)
{
	return PEER_SIDECARS ? &sidecars_at[i] : &functions_at[i];
}

/* Forks; returns true in the child, which has `end` alone, and nobody to read its stdout. */
static bool child_begin(const struct end *end)
{
	sigset_t none;
	pid_t pid = fork();
	int null;

	if (pid < 0)
		err(1, "fork");
	if (pid > 0) {
		children[child_count++] = pid;
		return false;
	}
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		err(1, "prctl");
	if (getppid() != parent)
		_exit(1); /* it died before the kernel was told to tell us */
	/* ^C is for the first process; it sees to the others. */
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	ends_close(end);
	null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
		err(1, "/dev/null");
	if (null > 1)
		close(null);
	return true;
}

static void function_start(unsigned i)
{
	struct http_function function = { .listener = functions_at[i].fd,
					  .next = i + 1 < functions ? &way_to(i + 1)->address :
								      NULL,
					  .body_max = body_max,
					  .passed = &passed[i].count };
	char text[16];

	if (!child_begin(&functions_at[i]))
		return;
	snprintf(text, sizeof(text), "function-%u", i + 1);
	prctl(PR_SET_NAME, text);
	http_function_serve(&function);
}

static void nginx_start(const char *program, const struct end *at, unsigned function, bool outer)
{
	struct http_nginx nginx = { .address = at->address,
				    .server = outer ? way_to(function)->address :
						      functions_at[function].address,
				    .body_max = body_max };

	if (child_begin(at))
		http_nginx_exec(program, &nginx);
}

static void children_end(void)
{
	for (unsigned i = 0; i < child_count; i++)
		kill(children[i], SIGKILL); /* they have nothing to put in order */
	for (unsigned i = 0; i < child_count; i++)
		while (waitpid(children[i], NULL, 0) < 0 && errno == EINTR)
			;
}

static void all_start(const char *nginx)
{
	struct rlimit files;

	/* Two connections per request and process; a soft limit of 1,024 would do for 500. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max < 65536 ? files.rlim_max : 65536;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	parent = getpid();
	passed = mmap(NULL, functions * sizeof(*passed), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (passed == MAP_FAILED)
		err(1, "mmap");
	end_open(&front, true);
	for (unsigned i = 0; i < functions; i++) {
		end_open(&functions_at[i], false);
		if (PEER_SIDECARS)
			end_open(&sidecars_at[i], true);
	}
	for (unsigned i = 0; i < functions; i++) {
		function_start(i);
		if (PEER_SIDECARS)
			nginx_start(nginx, &sidecars_at[i], i, false);
	}
	nginx_start(nginx, &front, 0, true);
	/* Nobody shall wait for a function that has ended. The ports of nginx are kept. */
	for (unsigned i = 0; i < functions; i++)
		close(functions_at[i].fd);
}

/* One request through all of them. */
static bool answers(void)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: ready\r\nConnection: close\r\n\r\n";
	static const char good[] = "HTTP/1.1 200 ";
	struct timeval limit = { .tv_sec = READY_S };
	char answer[sizeof(good) - 1];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	ok = connect(fd, (struct sockaddr *)&front.address, sizeof(front.address)) == 0 &&
	     send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == sizeof(request) - 1 &&
	     recv(fd, answer, sizeof(answer), MSG_WAITALL) == sizeof(answer) &&
	     memcmp(answer, good, sizeof(answer)) == 0;
	close(fd);
	return ok;
}

/* Asks until it answers. Returns -1, or the exit code when it comes to an end before. */
static int wait_ready(const sigset_t *signals)
{
	static const struct timespec pause = { .tv_nsec = 5000000 };
	time_t end = time(NULL) + READY_S;

	while (time(NULL) <= end) {
		int signal;

		if (answers())
			return -1;
		signal = sigtimedwait(signals, NULL, &pause);
		if (signal == SIGINT || signal == SIGTERM)
			return 0;
		if (signal == SIGCHLD) {
			warnx("a function or nginx has ended");
			return 1;
		}
	}
	warnx("no answer 200 to a request through all %u functions in %d s", functions, READY_S);
	return 1;
}

static void passed_print(void)
{
	fprintf(stderr, "passed:");
	for (unsigned i = 0; i < functions; i++)
		fprintf(stderr, " %llu", (unsigned long long)passed[i].count);
	fprintf(stderr, "\n");
}

/* Returns the exit code. */
static int run(const sigset_t *signals)
{
	char host[INET_ADDRSTRLEN];
	int status = wait_ready(signals);

	if (status >= 0)
		return status;
	for (unsigned i = 0; i < functions; i++)
		passed[i].count = 0;
	inet_ntop(AF_INET, &front.address.sin_addr, host, sizeof(host));
	printf("ready http://%s:%u/\n", host, ntohs(front.address.sin_port));
	fflush(stdout);
	for (;;) {
		int signal = sigwaitinfo(signals, NULL);

		if (signal == SIGINT || signal == SIGTERM)
			return 0;
		if (signal == SIGUSR1)
			passed_print();
		if (signal == SIGCHLD) {
			warnx("a function or nginx has ended");
			return 1;
		}
	}
}

int main(int argc, char **argv)
{
	struct arguments arguments;
	const char *nginx;
	sigset_t signals;
	int status;

	arguments_read(&arguments, name, 1, argc, argv);
	functions = arguments.functions;
	front.address = arguments.address;
	body_max = arguments.body_max;
	nginx = http_nginx_find();
	if (!nginx)
		errx(1, "no nginx on this system; `make peers` installs it");
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	/* Who is only stopped has not ended. */
	sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP },
		  NULL);
	all_start(nginx);
	status = run(&signals);
	children_end();
	return status;
}
