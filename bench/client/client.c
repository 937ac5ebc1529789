/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - starts the client's threads and gathers what they came to; see client.h. */
#include "bench/client/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/client/connection.h"

#define SPARE_DESCRIPTORS 64U
#define START_NS UINT64_C(2000000) /* so that all threads are there in time */
/* A user's turn comes again after so many others for each that is under way: by then it has its
 * answer, and does not buy what is not in its cart yet. */
#define USERS_EACH 8U

/* ---- workers ---- */

static bool only_status(const struct bench_mix *mix)
{
	for (uint32_t i = 0; i < mix->request_count; i++)
		if (mix->requests[i].verify != BENCH_VERIFY_STATUS)
			return false;
	return true;
}

static bool is_loopback(const struct bench_load *load)
{
	const struct sockaddr_in *to = (const struct sockaddr_in *)&load->address;

	return load->address.ss_family == AF_INET && ntohl(to->sin_addr.s_addr) >> 24 == 127;
}

/* Of `total`, what the one with that index of `count` gets. */
static unsigned part(unsigned total, unsigned index, unsigned count)
{
	return total / count + (index < total % count);
}

static unsigned parts_before(unsigned total, unsigned index, unsigned count)
{
	return total / count * index + (index < total % count ? index : total % count);
}

static void connections_init(struct client_worker *w)
{
	w->unsettled = w->connection_count;
	for (unsigned i = 0; i < w->connection_count; i++) {
		struct client_connection *c = &w->connections[i];

		c->fd = -1;
		c->worker = w;
		c->flights = w->flights + (size_t)i * w->streams;
		c->free = w->places + (size_t)i * w->streams;
		for (unsigned j = w->streams; j-- > 0;)
			c->free[c->free_count++] = (uint16_t)j;
	}
}

static int users_init(struct client_worker *w)
{
	const struct bench_load *load = w->load;
	unsigned count = w->shared->worker_count, users = load->users;
	int r;

	if (load->mix->weight == 0) /* all is chosen by the schedule */
		return 0;
	if (users == 0)
		users = load->connections * w->streams * USERS_EACH;
	if (users < count)
		users = count;
	r = bench_users_init(&w->users, load->mix, part(users, w->index, count),
			     parts_before(users, w->index, count), load->seed + w->index);
	w->has_users = r == 0;
	return r;
}

static int worker_init(struct client_worker *w, struct client_shared *shared, unsigned index)
{
	const struct bench_load *load = shared->load;
	unsigned count = shared->worker_count;
	size_t flights;

	w->shared = shared;
	w->load = load;
	w->index = index;
	w->ops = load->protocol == BENCH_H2C ? &bench_http2 : &bench_http1;
	w->close_mode = load->protocol == BENCH_HTTP1_CLOSE;
	w->loopback = is_loopback(load);
	w->headers_only = only_status(load->mix);
	w->streams = load->protocol == BENCH_H2C ? load->streams : 1;
	w->connection_count = part(load->connections, index, count);
	w->closed_limit = load->requests ?
				  load->requests / count + (index < load->requests % count) :
				  SIZE_MAX;
	flights = (size_t)w->connection_count * w->streams;
	w->connections = calloc(w->connection_count, sizeof(*w->connections));
	w->flights = calloc(flights, sizeof(*w->flights));
	w->places = calloc(flights, sizeof(*w->places));
	w->firsts = calloc(load->mix->request_count, sizeof(*w->firsts));
	if (!w->connections || !w->flights || !w->places || !w->firsts ||
	    client_outcome_init(&w->out, load->mix->request_count) < 0)
		return -ENOMEM;
	connections_init(w);
	if (load->schedule && bench_schedule_share(load->schedule, index, count, &w->share) < 0)
		return -ENOMEM;
	return users_init(w);
}

static void worker_done(struct client_worker *w)
{
	size_t flights = (size_t)w->connection_count * w->streams;

	for (unsigned i = 0; w->connections && i < w->connection_count; i++)
		w->ops->close(w->connections[i].codec);
	for (size_t i = 0; w->flights && i < flights; i++)
		free(w->flights[i].own);
	if (w->has_users)
		bench_users_done(&w->users);
	bench_schedule_done(&w->share);
	bench_outcome_done(&w->out);
	free(w->connections);
	free(w->flights);
	free(w->places);
	free(w->firsts);
}

/* ---- the run ---- */

static int load_check(const struct bench_load *load, char error[BENCH_ERROR_TEXT])
{
	const char *what = NULL;

	if (load->connections == 0 || load->connections > BENCH_CONNECTIONS_MAX)
		what = "connections: 1 to 65536";
	else if (load->protocol == BENCH_H2C &&
		 (load->streams == 0 || load->streams > BENCH_STREAMS_MAX))
		what = "streams of a connection: 1 to 1024";
	else if (load->protocol == BENCH_H2C &&
		 (uint64_t)load->connections * load->streams > CLIENT_FLIGHTS_MAX)
		what = "connections times streams: at most 1048576";
	else if (load->thread_count == 0 || load->thread_count > BENCH_THREADS_MAX)
		what = "threads: 1 to 64";
	else if (load->duration_ns == 0 || load->timeout_ns == 0)
		what = "a duration and a timeout above 0";
	else if (load->mix->request_count == 0 || (!load->schedule && load->mix->weight == 0))
		what = "a mix with something to ask";
	if (!what)
		return 0;
	snprintf(error, BENCH_ERROR_TEXT, "the load needs %s", what);
	return -EINVAL;
}

/* A descriptor for each connection. */
static int descriptors_ask(unsigned connections, char error[BENCH_ERROR_TEXT])
{
	struct rlimit limit;
	rlim_t needed = connections + SPARE_DESCRIPTORS;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < needed) {
		limit.rlim_cur = needed;
		if (limit.rlim_max < needed)
			limit.rlim_max = needed;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
			snprintf(error, BENCH_ERROR_TEXT,
				 "%u connections need as many descriptors: raise `ulimit -n`, "
				 "or take fewer connections",
				 connections);
			return -EMFILE;
		}
	}
	return 0;
}

/* Threads connect, wait for each other at the gate, and start at once. */
static int workers_run(struct client_shared *shared, struct client_worker *workers)
{
	unsigned started = 0;
	int r = 0;

	while (r == 0 && started < shared->worker_count) {
		r = -pthread_create(&workers[started].thread, NULL, client_work, &workers[started]);
		started += r == 0;
	}
	if (r < 0)
		atomic_store(&shared->failed, true);
	pthread_mutex_lock(&shared->gate);
	while (shared->ready < started)
		pthread_cond_wait(&shared->moved, &shared->gate);
	shared->start_ns = client_clock() + START_NS;
	atomic_store(&shared->answer_ns, shared->start_ns + shared->load->warmup_ns);
	shared->open = true;
	pthread_cond_broadcast(&shared->moved);
	pthread_mutex_unlock(&shared->gate);
	for (unsigned i = 0; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	return r;
}

/* A server that fell silent for good did so until the end. */
static void last_gap(const struct client_shared *shared, struct bench_outcome *o)
{
	uint64_t end = shared->start_ns + shared->load->warmup_ns + o->measured_ns;
	uint64_t last = atomic_load(&shared->answer_ns);

	if (end > last && end - last > o->longest_gap_ns)
		o->longest_gap_ns = end - last;
}

static int collect(const struct client_shared *shared, const struct client_worker *workers,
		   struct bench_outcome *ret, char error[BENCH_ERROR_TEXT])
{
	for (unsigned i = 0; i < shared->worker_count; i++) {
		if (workers[i].error < 0) {
			snprintf(error, BENCH_ERROR_TEXT, "%s (%s)", workers[i].error_what,
				 strerror(-workers[i].error));
			return workers[i].error;
		}
		if (client_outcome_merge(ret, &workers[i].out) < 0)
			return -ENOMEM;
	}
	last_gap(shared, ret);
	client_outcome_judge(ret, workers, shared->worker_count);
	return 0;
}

static int run(const struct bench_load *load, struct client_shared *shared,
	       struct client_worker *workers, struct bench_outcome *ret,
	       char error[BENCH_ERROR_TEXT])
{
	struct bench_outcome all;
	int r = client_outcome_init(&all, load->mix->request_count);

	for (unsigned i = 0; r == 0 && i < shared->worker_count; i++)
		r = worker_init(&workers[i], shared, i);
	if (r == 0)
		r = workers_run(shared, workers);
	if (r == 0)
		r = collect(shared, workers, &all, error);
	if (r < 0)
		bench_outcome_done(&all);
	else
		*ret = all;
	return r;
}

int bench_client_run(const struct bench_load *load, struct bench_progress *progress,
		     struct bench_outcome *ret, char error[BENCH_ERROR_TEXT])
{
	struct client_shared shared = { .load = load, .progress = progress };
	struct client_worker *workers;
	int r = load_check(load, error);

	r = r < 0 ? r : descriptors_ask(load->connections, error);
	if (r < 0)
		return r;
	snprintf(error, BENCH_ERROR_TEXT, "not enough memory or threads: take fewer connections");
	shared.worker_count =
		load->thread_count < load->connections ? load->thread_count : load->connections;
	shared.firsts = calloc(load->mix->request_count, sizeof(*shared.firsts));
	workers = calloc(shared.worker_count, sizeof(*workers));
	pthread_mutex_init(&shared.firsts_lock, NULL);
	pthread_mutex_init(&shared.gate, NULL);
	pthread_cond_init(&shared.moved, NULL);
	r = shared.firsts && workers ? run(load, &shared, workers, ret, error) : -ENOMEM;
	for (unsigned i = 0; workers && i < shared.worker_count; i++)
		if (workers[i].shared)
			worker_done(&workers[i]);
	pthread_mutex_destroy(&shared.firsts_lock);
	pthread_mutex_destroy(&shared.gate);
	pthread_cond_destroy(&shared.moved);
	free(workers);
	free(shared.firsts);
	if (r == 0)
		error[0] = '\0';
	return r;
}
