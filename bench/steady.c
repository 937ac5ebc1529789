/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steady.c - bench-steady: a constant rate of requests, and every failure counted.
 *
 * For: what is promised while things change (redeploys, restarts): no request fails.
 * How: requests are due at a fixed rate, whatever the server does; each goes out on an idle
 * connection of a few kept-alive ones, and its latency counts from when it was due. A server
 * that stalls is thus seen by all requests that were due meanwhile (a closed loop would ask
 * less, and see nothing). Nothing is asked twice. `Connection: close` is honoured: that
 * connection ends after its answer, and another one is opened. Each body is another one, and
 * must come back as it was sent: the server echoes.
 * Output: "ready" after the first answer; at the end (SECONDS over, or SIGTERM or SIGINT) one
 * line "steady KEY=VALUE ...", times in µs.
 * Thread-safety: one thread.
 * Failure modes: exit 1 when any request failed, with the kinds in the line above; exit 1 with
 * a reason on stderr when it cannot work at all; exit 2 for wrong arguments.
 */
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "bench/steady.h"

#define RATE_MAX 50000U
#define SECONDS_MAX 900U
#define TIMEOUT_NS UINT64_C(5000000000) /* unanswered for so long: failed */
#define RETRY_NS UINT64_C(10000000)     /* between two tries to connect */
#define SCAN_NS UINT64_C(50000000)      /* between two looks for these */

static volatile sig_atomic_t told_to_stop;

static void on_signal(int number)
{
	(void)number;
	told_to_stop = 1;
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void ask_due(struct steady *s)
{
	while (s->idle && steady_due(s, s->sent) <= s->now && steady_due(s, s->sent) < s->end)
		conn_ask(s);
}

static void scan(struct steady *s)
{
	for (unsigned i = 0; i < s->conns; i++) {
		struct conn *c = &s->conn[i];
		uint64_t age = s->now - c->at;

		if (c->state == CONN_DOWN && age >= RETRY_NS)
			conn_open(s, c);
		else if (c->state == CONN_ASKED && age >= TIMEOUT_NS)
			conn_failed(s, c, FAILURE_timeout);
		else if (c->state == CONN_CONNECTING && age >= TIMEOUT_NS)
			conn_failed(s, c, FAILURE_connect);
	}
}

static bool all_answered(const struct steady *s)
{
	for (unsigned i = 0; i < s->conns; i++)
		if (s->conn[i].state == CONN_ASKED)
			return false;
	return steady_due(s, s->sent) >= s->end;
}

/* One turn: waits for answers until the next request is due. */
static void turn(struct steady *s, uint64_t next_scan)
{
	struct epoll_event events[CONN_MAX];
	uint64_t next =
		s->idle && steady_due(s, s->sent) < s->end ? steady_due(s, s->sent) : next_scan;
	uint64_t wait;
	struct timespec limit;
	int n;

	s->now = clock_ns();
	next = next < next_scan ? next : next_scan;
	wait = next > s->now ? next - s->now : 0;
	limit = (struct timespec){ .tv_sec = (time_t)(wait / 1000000000U),
				   .tv_nsec = (long)(wait % 1000000000U) };
	n = epoll_pwait2(s->epoll, events, CONN_MAX, &limit, NULL);
	if (n < 0 && errno != EINTR)
		err(1, "epoll_pwait2");
	s->now = clock_ns();
	for (int i = 0; i < n; i++)
		conn_event(s, events[i].data.ptr, events[i].events);
	if (told_to_stop && s->end > s->now)
		s->end = s->now;
	ask_due(s);
}

static void drive(struct steady *s)
{
	uint64_t next_scan = 0;

	s->start = s->now = s->last_answer = clock_ns();
	s->end = s->start + s->seconds * UINT64_C(1000000000);
	while (!all_answered(s) && s->now < s->end + TIMEOUT_NS + SCAN_NS) {
		if (s->now >= next_scan) {
			scan(s);
			next_scan = s->now + SCAN_NS;
		}
		turn(s, next_scan);
	}
	for (uint64_t n = s->sent; steady_due(s, n) < s->end; n++)
		s->failures[FAILURE_unsent]++;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t quantile(const struct steady *s, double q)
{
	return s->answered ? s->latency_us[(uint64_t)((double)(s->answered - 1) * q)] : 0;
}

/* Returns how many failed. */
static uint64_t print(struct steady *s)
{
	uint64_t all = 0;

	qsort(s->latency_us, s->answered, sizeof(*s->latency_us), compare);
	printf("steady sent=%" PRIu64 " answered=%" PRIu64 " duration=%" PRIu64
	       " p50=%u p99=%u max=%u gap=%" PRIu64 " reopened=%" PRIu64,
	       s->sent, s->answered, (s->end - s->start) / 1000, quantile(s, 0.5),
	       quantile(s, 0.99), quantile(s, 1), s->gap / 1000, s->reopened);
	for (int i = 0; i < FAILURE_COUNT; i++) {
		printf(" %s=%" PRIu64, steady_failures[i], s->failures[i]);
		all += s->failures[i];
	}
	printf(" failures=%" PRIu64 "\n", all);
	return all;
}

static unsigned argument(char option, const char *text, unsigned max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value < 1 || value > max) {
		fprintf(stderr, "bench-steady: -%c takes a number from 1 to %u, not \"%s\"\n",
			option, max, text);
		exit(2);
	}
	return (unsigned)value;
}

static void arguments(struct steady *s, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "c:r:s:p:u:")) != -1) {
		if (c == 'c')
			s->conns = argument('c', optarg, CONN_MAX);
		else if (c == 'r')
			s->rate = argument('r', optarg, RATE_MAX);
		else if (c == 's')
			s->seconds = argument('s', optarg, SECONDS_MAX);
		else if (c == 'p')
			s->port = (uint16_t)argument('p', optarg, UINT16_MAX);
		else if (c == 'u')
			s->path = optarg;
		else
			goto usage;
	}
	if (optind == argc && s->port && s->path[0] == '/' && strlen(s->path) < PATH_MAX_BYTES)
		return;
usage:
	fputs("usage: bench-steady -p PORT [-u /PATH] [-c CONNECTIONS] [-r RATE] [-s SECONDS]\n",
	      stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct steady s = { .path = "/", .conns = 16, .rate = 5000, .seconds = 10 };
	struct sigaction action = { .sa_handler = on_signal };

	arguments(&s, argc, argv);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	s.idle_last = &s.idle;
	s.epoll = epoll_create1(EPOLL_CLOEXEC);
	s.conn = calloc(s.conns, sizeof(*s.conn));
	s.latency_us = calloc((size_t)s.rate * s.seconds + 1, sizeof(*s.latency_us));
	if (s.epoll < 0 || !s.conn || !s.latency_us)
		err(1, "start");
	for (unsigned i = 0; i < s.conns; i++)
		s.conn[i].fd = -1;
	drive(&s);
	return print(&s) == 0 ? 0 : 1;
}
