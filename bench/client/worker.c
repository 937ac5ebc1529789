/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c - a thread of the client: what is sent when; see connection.h. */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench/client/connection.h"

#define PUBLISH_NS UINT64_C(5000000)

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t client_due(const struct client_worker *w)
{
	uint64_t due;

	if (!w->load->schedule)
		return w->now < w->to_ns && w->begun < w->closed_limit ? w->shared->start_ns :
									 CLIENT_NEVER;
	if (w->next == w->share.count)
		return CLIENT_NEVER;
	due = w->shared->start_ns + w->share.arrivals[w->next].at_ns;
	return due < w->to_ns ? due : CLIENT_NEVER;
}

void client_take(struct client_worker *w, struct client_asked *ret)
{
	uint32_t request = BENCH_ANY_REQUEST;

	ret->number = w->next * w->shared->worker_count + w->index;
	if (w->load->schedule) {
		ret->due_ns = client_due(w);
		request = w->share.arrivals[w->next].request;
	} else {
		ret->due_ns = w->now;
	}
	w->next++;
	ret->measured = ret->due_ns >= w->from_ns;
	w->begun += ret->measured;
	if (request == BENCH_ANY_REQUEST) {
		ret->request = bench_users_next(&w->users, &ret->user);
	} else {
		ret->request = request;
		ret->user = w->has_users ? (uint32_t)(w->next % w->users.count) : 0;
	}
}

static uint64_t thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* How long the thread could have run, but others had its CPU; 0 where the kernel does not tell. */
static uint64_t thread_delayed_ns(void)
{
	FILE *from = fopen("/proc/thread-self/schedstat", "re");
	uint64_t delayed = 0;

	if (from && fscanf(from, "%*u %" SCNu64, &delayed) != 1)
		delayed = 0;
	if (from)
		fclose(from);
	return delayed;
}

static struct client_cpu cpu_now(const struct client_worker *w)
{
	return (struct client_cpu){ .used_ns = thread_cpu_ns(),
				    .spun_ns = w->spun_ns,
				    .delayed_ns = thread_delayed_ns() };
}

/* What the thread itself used, while it measured. */
static void account_cpu(struct client_worker *w, bool over)
{
	if (!w->cpu_from.used_ns && w->now >= w->from_ns)
		w->cpu_from = cpu_now(w);
	if (w->cpu_from.used_ns && !w->cpu_to.used_ns && (over || w->now >= w->to_ns))
		w->cpu_to = cpu_now(w);
}

static void tell_cpu(struct client_worker *w)
{
	uint64_t spun = w->cpu_to.spun_ns - w->cpu_from.spun_ns;

	w->out.client_cpu_ns = w->cpu_to.used_ns - w->cpu_from.used_ns;
	w->out.client_busy_ns = w->out.client_cpu_ns - least(w->out.client_cpu_ns, spun);
	w->out.client_delayed_ns = w->cpu_to.delayed_ns - w->cpu_from.delayed_ns;
}

static void publish(struct client_worker *w, bool always)
{
	struct bench_progress *p = w->shared->progress;
	uint64_t before;

	if (!p || (!always && w->now - w->published_ns < PUBLISH_NS))
		return;
	w->published_ns = w->now;
	atomic_fetch_add_explicit(&p->sent, w->sent, memory_order_relaxed);
	atomic_fetch_add_explicit(&p->answered, w->answered, memory_order_relaxed);
	atomic_fetch_add_explicit(&p->failed, w->failed, memory_order_relaxed);
	atomic_fetch_add_explicit(&p->late, w->late, memory_order_relaxed);
	before = atomic_load_explicit(&p->window_max_ns, memory_order_relaxed);
	while (before < w->slowest_ns &&
	       !atomic_compare_exchange_weak_explicit(&p->window_max_ns, &before, w->slowest_ns,
						      memory_order_relaxed, memory_order_relaxed))
		;
	w->sent = w->answered = w->failed = w->late = w->slowest_ns = 0;
}

static bool told_to_stop(const struct client_worker *w)
{
	return (w->load->stop && atomic_load_explicit(w->load->stop, memory_order_relaxed)) ||
	       atomic_load_explicit(&w->shared->failed, memory_order_relaxed);
}

static void stop_early(struct client_worker *w)
{
	w->out.stopped = true;
	w->to_ns = least(w->to_ns, w->now);
	w->give_up_ns = least(w->give_up_ns, w->now + CLIENT_STOP_NS);
}

/* Only what is due is waited for to the microsecond. */
static uint64_t wake_at(const struct client_worker *w)
{
	uint64_t at = least(w->now + CLIENT_NAP_NS, w->give_up_ns);

	if (w->now < w->from_ns)
		at = least(at, w->from_ns);
	else if (w->now < w->to_ns)
		at = least(at, w->to_ns);
	if (w->oldest)
		at = least(at, w->oldest->asked_ns + w->load->timeout_ns);
	if (w->unsettled > 0)
		at = least(at, w->scan_ns);
	at += CLIENT_SPIN_NS;
	return w->free_head ? least(at, client_due(w)) : at;
}

static void send_due(struct client_worker *w)
{
	w->now = client_clock();
	while (w->free_head && client_due(w) <= w->now)
		client_flight_begin(w);
	w->exhausted = !w->free_head;
	client_connections_flush(w);
}

static void turn(struct client_worker *w)
{
	client_wait(w, wake_at(w));
	w->now = client_clock();
	client_reap(w);
	client_flights_expire(w);
	client_connections_scan(w);
}

static bool over(const struct client_worker *w)
{
	return w->error < 0 || w->now >= w->give_up_ns ||
	       (!w->oldest && client_due(w) == CLIENT_NEVER);
}

/* What is left is counted: it was due, and nobody will answer. */
static void settle_accounts(struct client_worker *w)
{
	while (w->oldest)
		client_flight_fail(w->oldest, BENCH_ERROR_timeout);
	if (w->load->schedule)
		while (client_due(w) != CLIENT_NEVER)
			client_flight_skip(w, BENCH_ERROR_unsent);
}

/* Counted independently of what was done about it. */
static uint64_t due_of_schedule(const struct client_worker *w)
{
	uint64_t count = 0;

	for (size_t i = 0; i < w->share.count; i++) {
		uint64_t due = w->shared->start_ns + w->share.arrivals[i].at_ns;

		count += due >= w->from_ns && due < w->to_ns;
	}
	return count;
}

static void check_accounts(struct client_worker *w)
{
	uint64_t ended = w->out.answered, begun = w->begun;

	for (unsigned i = 0; i < BENCH_ERROR_COUNT; i++)
		ended += w->out.errors[i];
	if (w->load->schedule) {
		begun = due_of_schedule(w);
		w->out.due = begun;
	}
	if (ended == begun || w->error < 0)
		return;
	w->error = -EBADMSG;
	w->error_what = "requests that were due are not those answered and failed: a bug here";
}

static void drive(struct client_worker *w)
{
	const struct bench_load *load = w->load;

	w->from_ns = w->shared->start_ns + load->warmup_ns;
	w->to_ns = w->from_ns + load->duration_ns;
	w->give_up_ns = w->to_ns + load->timeout_ns;
	w->running = true;
	w->now = client_clock();
	do {
		send_due(w);
		turn(w);
		account_cpu(w, false);
		publish(w, false);
		if (!w->out.stopped && told_to_stop(w))
			stop_early(w);
	} while (!over(w));
	account_cpu(w, true);
	settle_accounts(w);
	publish(w, true);
	check_accounts(w);
	if (w->error < 0)
		atomic_store(&w->shared->failed, true);
	w->out.measured_ns = w->to_ns > w->from_ns ? w->to_ns - w->from_ns : 0;
	if (!load->schedule && w->begun >= w->closed_limit && w->out.last_ns > w->out.first_ns)
		w->out.measured_ns = w->out.last_ns - w->out.first_ns;
	tell_cpu(w);
}

static bool any_open(const struct client_worker *w)
{
	for (unsigned i = 0; i < w->connection_count; i++)
		if (w->connections[i].state == CLIENT_OPEN)
			return true;
	return false;
}

static bool any_connecting(const struct client_worker *w)
{
	for (unsigned i = 0; i < w->connection_count; i++)
		if (w->connections[i].state == CLIENT_CONNECTING)
			return true;
	return false;
}

/* All before the first request is due. Without one there is nothing to measure. */
static int connect_all(struct client_worker *w)
{
	w->now = client_clock();
	w->give_up_ns = w->now + w->load->timeout_ns;
	for (unsigned i = 0; i < w->connection_count; i++) {
		struct client_connection *c = &w->connections[i];

		if (w->close_mode)
			client_connection_offer(c);
		else
			client_connection_open(c);
	}
	while (!w->close_mode && any_connecting(w) && w->now < w->give_up_ns && !told_to_stop(w)) {
		client_connections_flush(w);
		client_wait(w, w->now + CLIENT_RETRY_NS + CLIENT_SPIN_NS);
		w->now = client_clock();
		client_reap(w);
	}
	w->error_what = "no connection could be made: does a server listen there?";
	return w->close_mode || any_open(w) || told_to_stop(w) ? 0 : -ECONNREFUSED;
}

static int pin(const struct client_worker *w)
{
	int cpu = w->load->cpus[w->index];
	cpu_set_t set;

	if (cpu < 0)
		return 0;
	if (cpu >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}

/* Returns 0 or -errno, with what could not be done in error_what. */
static int prepare(struct client_worker *w)
{
	int r = pin(w);

	w->error_what = "pinning a thread to its CPU: is it there, and allowed?";
	if (r < 0)
		return r;
	w->error_what = "io_uring with its buffers (kernel 6.1 or later, "
			"sysctl kernel.io_uring_disabled=0)";
	r = client_ring_open(w);
	if (r < 0)
		return r;
	return connect_all(w);
}

/* Until all have come so far. */
static void gate_wait(struct client_shared *shared)
{
	pthread_mutex_lock(&shared->gate);
	shared->ready++;
	pthread_cond_broadcast(&shared->moved);
	while (!shared->open)
		pthread_cond_wait(&shared->moved, &shared->gate);
	pthread_mutex_unlock(&shared->gate);
}

void *client_work(void *worker)
{
	struct client_worker *w = worker;

	w->error = prepare(w);
	if (w->error < 0)
		atomic_store(&w->shared->failed, true);
	gate_wait(w->shared);
	if (!atomic_load(&w->shared->failed))
		drive(w);
	if (w->ring_made)
		client_connections_close(w);
	client_ring_close(w);
	return NULL;
}
