// SPDX-License-Identifier: Apache-2.0
/* usage: chaos-client PORT RATE SECONDS CONNECTIONS DEADLINE_MS SEED LOG close|keep KIND... */
#include "tests/chaos/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL
#define SLACK_NS (100 * NS_PER_MS) /* after the deadline an answer is late */
#define GRACE_NS (3 * NS_PER_S)    /* and after this it does not come any more */
#define EVENTS_MAX 256

struct connection {
	int fd; /* -1: none */
	bool busy, connecting, used;
	struct record record;
	char body[BODY_SIZE + 1];
	struct answer answer;
};

static struct {
	struct sockaddr_in address;
	double rate;
	uint64_t duration_ns, deadline_ns, seed;
	bool close;
	uint32_t connection_count, kind_count, weight_sum;
	struct kind kinds[KINDS_MAX];
	FILE *log;
} options;

static struct {
	int epoll;
	struct connection *connections;
	uint32_t *idle, idle_count; /* stack of those that are free */
	uint64_t start_ns, now_ns, stall_ns;
	uint64_t due_count, next;
	struct tally tally;
} run;

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
	(void)number;
	stopping = 1;
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "chaos-client: %s: %s\n", what, strerror(errno));
	exit(3);
}

/* splitmix64: which kind the n-th request is depends on seed and n alone. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static uint32_t kind_of(uint64_t number)
{
	uint64_t left = mix(options.seed ^ mix(number)) % options.weight_sum;

	for (uint32_t i = 0; i < options.kind_count; i++) {
		if (left < options.kinds[i].weight)
			return i;
		left -= options.kinds[i].weight;
	}
	return 0;
}

static uint64_t due_of(uint64_t number)
{
	return run.start_ns + (uint64_t)((double)number * 1e9 / options.rate);
}

/* ---- connections ---- */

static void connection_close(struct connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->used = false;
}

/* The request has ended. Every request comes here once: that is what the log counts. */
static void request_end(struct connection *c, enum outcome outcome)
{
	struct record *r = &c->record;
	uint64_t took, own = run.stall_ns, limit = options.deadline_ns + SLACK_NS;

	r->done_ns = clock_ns();
	r->outcome = (uint8_t)outcome;
	r->status = (uint16_t)c->answer.status;
	took = r->sent_ns ? r->done_ns - r->sent_ns : 0;
	/* While we were not run ourselves the answer may have lain here. */
	if (outcome != OUTCOME_refused && took > limit + own) {
		r->late = 1;
		run.tally.late++;
		if (took - options.deadline_ns > run.tally.late_max_ns)
			run.tally.late_max_ns = took - options.deadline_ns;
	}
	run.tally.outcomes[outcome]++;
	run.tally.ended++;
	fwrite(r, sizeof(*r), 1, options.log);
	c->busy = c->connecting = false;
	c->used = true;
	if ((outcome != OUTCOME_ok && outcome != OUTCOME_problem) || options.close ||
	    c->answer.close)
		connection_close(c);
	run.idle[run.idle_count++] = (uint32_t)(c - run.connections);
}

static void connection_open(struct connection *c)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				     .data.ptr = c };
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	run.tally.opened++;
	c->connecting = true;
	if (epoll_ctl(run.epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
		die("epoll_ctl");
	if (connect(c->fd, (struct sockaddr *)&options.address, sizeof(options.address)) < 0 &&
	    errno != EINPROGRESS)
		request_end(c, errno == ECONNREFUSED ? OUTCOME_refused : OUTCOME_connect);
}

static void request_write(struct connection *c)
{
	const struct kind *kind = &options.kinds[c->record.kind];
	char text[BODY_SIZE + HEADER_MAX + 512];
	int len = snprintf(text, sizeof(text),
			   "POST %s HTTP/1.1\r\nHost: chaos\r\n%s%sContent-Length: %d\r\n\r\n%s",
			   kind->path, kind->header, options.close ? "Connection: close\r\n" : "",
			   BODY_SIZE, c->body);
	ssize_t n = send(c->fd, text, (size_t)len, MSG_NOSIGNAL);

	c->connecting = false;
	c->record.sent_ns = clock_ns();
	if (n != len)
		request_end(c, c->used ? OUTCOME_closed_reused : OUTCOME_closed);
}

static void request_begin(struct connection *c, uint64_t number)
{
	c->busy = true;
	c->record = (struct record){ .due_ns = due_of(number), .kind = (uint8_t)kind_of(number) };
	snprintf(c->body, sizeof(c->body), "%016llx-%016llx:%062d",
		 (unsigned long long)mix(options.seed), (unsigned long long)number, 0);
	answer_init(&c->answer);
	if (c->fd < 0)
		connection_open(c);
	else
		request_write(c);
}

static void connection_ended(struct connection *c, int err)
{
	if (!c->busy)
		connection_close(c); /* an idle one may be closed at any time */
	else if (c->connecting)
		request_end(c, err == ECONNREFUSED ? OUTCOME_refused : OUTCOME_connect);
	else if (c->answer.len > 0)
		request_end(c, OUTCOME_cut);
	else
		request_end(c, c->used ? OUTCOME_closed_reused : OUTCOME_closed);
}

static void answer_end(struct connection *c)
{
	char reason[REASON_SIZE] = "";
	const struct answer *a = &c->answer;
	enum outcome outcome =
		answer_judge(a, c->body, options.kinds[c->record.kind].expect, reason);

	if (outcome == OUTCOME_problem) {
		c->record.reason = tally_reason(&run.tally, reason);
	}
	if (a->len > a->head_len + a->body_len) {
		run.tally.extra++; /* two answers, or more than was announced */
		c->answer.close = true;
	}
	request_end(c, outcome);
}

static void connection_read(struct connection *c)
{
	struct answer *a = &c->answer;
	char waste[64];
	ssize_t n;

	for (;;) {
		n = c->busy ? recv(c->fd, a->text + a->len, ANSWER_MAX - a->len, 0) :
			      recv(c->fd, waste, sizeof(waste), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			connection_ended(c, n < 0 ? errno : 0);
			return;
		}
		if (!c->busy) {
			run.tally.extra++;
			connection_close(c);
			return;
		}
		a->len += (size_t)n;
		if (answer_parse(a) < 0) {
			request_end(c, OUTCOME_malformed);
			return;
		}
		if (a->whole) {
			answer_end(c);
			if (c->fd < 0)
				return; /* else its end may lie behind the answer */
		}
	}
}

static void connection_event(struct connection *c, uint32_t events)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (c->fd < 0)
		return;
	if (c->busy && c->connecting) {
		getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
		if (err)
			connection_ended(c, err);
		else if (events & EPOLLOUT)
			request_write(c);
	}
	if (c->fd >= 0 && !c->connecting && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		connection_read(c);
}

/* ---- the run ---- */

static void hangs_end(void)
{
	uint64_t limit = options.deadline_ns + SLACK_NS + GRACE_NS;

	for (uint32_t i = 0; i < options.connection_count; i++) {
		struct connection *c = &run.connections[i];
		uint64_t began = c->record.sent_ns ? c->record.sent_ns : c->record.due_ns;

		if (c->busy && run.now_ns > began && run.now_ns - began > limit + run.stall_ns)
			request_end(c, OUTCOME_hang);
	}
}

static void requests_send(void)
{
	while (run.next < run.due_count && run.idle_count > 0 && due_of(run.next) <= run.now_ns)
		request_begin(&run.connections[run.idle[--run.idle_count]], run.next++);
}

static int wait_ms(void)
{
	uint64_t due = due_of(run.next);

	if (run.next >= run.due_count || run.idle_count == 0)
		return 10;
	return due <= run.now_ns ? 0 : due - run.now_ns > 10 * NS_PER_MS ? 10 : 1;
}

static void turn(void)
{
	struct epoll_event events[EVENTS_MAX];
	int wait = wait_ms();
	uint64_t before = clock_ns(), slept;
	int n = epoll_wait(run.epoll, events, EVENTS_MAX, wait);

	run.now_ns = clock_ns();
	slept = run.now_ns - before;
	/* Longer asleep than asked for, or in the turn before: others had our CPU. */
	run.stall_ns = slept > (uint64_t)wait * NS_PER_MS ? slept - (uint64_t)wait * NS_PER_MS : 0;
	if (run.stall_ns > run.tally.stall_max_ns)
		run.tally.stall_max_ns = run.stall_ns;
	for (int i = 0; i < n; i++)
		connection_event(events[i].data.ptr, events[i].events);
	hangs_end();
	requests_send();
}

static void unsent_end(void)
{
	static struct record none;

	for (; run.next < run.due_count; run.next++) {
		none = (struct record){ .due_ns = due_of(run.next), .outcome = OUTCOME_unsent };
		fwrite(&none, sizeof(none), 1, options.log);
		run.tally.outcomes[OUTCOME_unsent]++;
		run.tally.ended++;
	}
}

static void run_all(void)
{
	uint64_t last;

	run.start_ns = run.now_ns = clock_ns();
	run.due_count = (uint64_t)(options.rate * (double)options.duration_ns / 1e9);
	last = run.start_ns + options.duration_ns;
	while (run.next < run.due_count) {
		turn();
		/* What is due and finds no connection waits as long as an answer may take. */
		if (stopping && due_of(run.next) >= run.now_ns)
			run.due_count = run.next;
		if (run.now_ns > last + options.deadline_ns + SLACK_NS)
			unsent_end();
	}
	while (run.tally.ended < run.due_count)
		turn();
}

static void options_read(char **args, int count)
{
	options.address = (struct sockaddr_in){ .sin_family = AF_INET,
						.sin_port = htons((uint16_t)atoi(args[1])),
						.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	options.rate = atof(args[2]);
	options.duration_ns = (uint64_t)(atof(args[3]) * 1e9);
	options.connection_count = (uint32_t)atoi(args[4]);
	options.deadline_ns = strtoull(args[5], NULL, 10) * NS_PER_MS;
	options.seed = strtoull(args[6], NULL, 10);
	options.log = fopen(args[7], "we");
	options.close = strcmp(args[8], "close") == 0;
	for (int i = 9; i < count && options.kind_count < KINDS_MAX; i++) {
		struct kind *kind = &options.kinds[options.kind_count++];

		if (kind_parse(args[i], kind) < 0) {
			fprintf(stderr, "chaos-client: no kind of request: %s\n", args[i]);
			exit(2);
		}
		options.weight_sum += kind->weight;
	}
	if (!options.log)
		die(args[7]);
}

int main(int argc, char **argv)
{
	if (argc < 10) {
		fprintf(stderr, "usage: chaos-client PORT RATE SECONDS CONNECTIONS DEADLINE_MS "
				"SEED LOG close|keep KIND...\n");
		return 2;
	}
	options_read(argv, argc);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	run.epoll = epoll_create1(EPOLL_CLOEXEC);
	run.connections = calloc(options.connection_count, sizeof(*run.connections));
	run.idle = calloc(options.connection_count, sizeof(*run.idle));
	if (run.epoll < 0 || !run.connections || !run.idle)
		die("start");
	for (uint32_t i = options.connection_count; i-- > 0;) {
		run.connections[i].fd = -1;
		run.idle[run.idle_count++] = i;
	}
	run_all();
	tally_print(&run.tally);
	for (uint32_t i = 0; i < options.connection_count; i++)
		connection_close(&run.connections[i]);
	free(run.connections);
	free(run.idle);
	close(run.epoll);
	return fclose(options.log) == 0 ? 0 : 3;
}
