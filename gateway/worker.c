// SPDX-License-Identifier: Apache-2.0
#include "gateway/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "gateway/conn.h"
#include "gateway/control.h"
#include "gateway/inbox.h"
#include "gateway/instance.h"
#include "gateway/lease.h"
#include "gateway/overload.h"
#include "gateway/sweep.h"
#include "gateway/tables.h"

uint64_t gw_worker_now(struct gw_worker *worker)
{
	struct timespec ts;

	if (worker->now_ns == 0) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		worker->now_ns = (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
	}
	return worker->now_ns;
}

/* ---- mailbox ---- */

static void mailbox_ring(struct gw_worker *worker)
{
	uint64_t one = 1;
	ssize_t n;

	do
		n = write(worker->mailbox.fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

void gw_worker_post_up(struct gw_worker *worker, uint32_t fn)
{
	__atomic_fetch_or(&worker->mailbox.up, 1ULL << fn, __ATOMIC_RELEASE);
	mailbox_ring(worker);
}

void gw_worker_post_lost(struct gw_worker *worker, uint32_t slot)
{
	__atomic_fetch_or(&worker->mailbox.lost[slot / 64], 1ULL << slot % 64, __ATOMIC_RELEASE);
	mailbox_ring(worker);
}

void gw_worker_post_drain(struct gw_worker *worker, enum wiring_drain how)
{
	__atomic_fetch_or(&worker->mailbox.drain, 1U << how, __ATOMIC_RELEASE);
	mailbox_ring(worker);
}

void gw_worker_post_tables(struct gw_worker *worker)
{
	__atomic_store_n(&worker->mailbox.tables, 1, __ATOMIC_RELEASE);
	mailbox_ring(worker);
}

void gw_worker_post_updated(struct gw_worker *worker)
{
	__atomic_store_n(&worker->mailbox.updated, 1, __ATOMIC_RELEASE);
	mailbox_ring(worker);
}

void gw_worker_post_lease(struct gw_worker *worker)
{
	/* Once for all buffers that come free before it looks. */
	if (!__atomic_exchange_n(&worker->mailbox.lease, 1, __ATOMIC_SEQ_CST))
		mailbox_ring(worker);
}

void gw_worker_post_flush(struct gw_worker *worker)
{
	if (!__atomic_exchange_n(&worker->mailbox.flush, 1, __ATOMIC_SEQ_CST))
		mailbox_ring(worker);
}

void gw_worker_post_finish(struct gw_worker *worker)
{
	__atomic_store_n(&worker->mailbox.finish, 1, __ATOMIC_RELEASE);
	mailbox_ring(worker);
}

/* The last worker that drains tells the controller. Serving goes on: functions give back
 * their leases before they end. */
static void drained(struct gw_worker *worker)
{
	if (worker->drained)
		return;
	worker->drained = true;
	h2o_timeout_unlink(&worker->drain_entry);
	if (__atomic_sub_fetch(&worker->gateway->undrained, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (uint32_t i = 0; i < worker->gateway->wiring.worker_count; i++)
		gw_worker_post_lease(&worker->gateway->workers[i]);
	gw_control_tell(worker->gateway, &(struct wiring_msg){ .type = WIRING_DRAINED });
}

static void on_drain_timeout(h2o_timeout_entry_t *entry)
{
	drained(H2O_STRUCT_FROM_MEMBER(struct gw_worker, drain_entry, entry));
}

static void drain_start(struct gw_worker *worker, uint32_t orders)
{
	if (!worker->draining) {
		worker->draining = true;
		worker->drain_entry = (h2o_timeout_entry_t){ .cb = on_drain_timeout };
		h2o_timeout_link(worker->loop, &worker->drain, &worker->drain_entry);
		gw_conn_drain(worker, orders & 1U << WIRING_DRAIN_STOP);
	}
	if (orders & 1U << WIRING_DRAIN_STOP)
		gw_conn_close_soon(worker);
}

static void on_mail(h2o_socket_t *sock, const char *err)
{
	struct gw_worker *w = sock->data;
	struct gw_mailbox *box = &w->mailbox;
	uint64_t bits, count;
	uint32_t orders;

	(void)err;
	if (read(box->fd, &count, sizeof(count)) < 0)
		return;
	/* Lost before up: what a dead instance held is answered before others are sent on. */
	for (uint32_t row = 0; row < SP_INST_MAX / 64; row++) {
		bits = __atomic_exchange_n(&box->lost[row], 0, __ATOMIC_ACQUIRE);
		for (; bits; bits &= bits - 1)
			gw_instance_lost(w, row * 64 + (uint32_t)__builtin_ctzll(bits));
	}
	bits = __atomic_exchange_n(&box->up, 0, __ATOMIC_ACQUIRE);
	for (; bits; bits &= bits - 1)
		gw_instance_up(w, (uint32_t)__builtin_ctzll(bits));
	if (__atomic_exchange_n(&box->flush, 0, __ATOMIC_SEQ_CST))
		gw_lease_flush(w);
	if (__atomic_exchange_n(&box->lease, 0, __ATOMIC_SEQ_CST))
		gw_lease_serve(w);
	if (__atomic_exchange_n(&box->tables, 0, __ATOMIC_ACQUIRE))
		gw_tables_take(w);
	if (__atomic_exchange_n(&box->updated, 0, __ATOMIC_ACQUIRE))
		gw_tables_updated(w->gateway);
	orders = __atomic_exchange_n(&box->drain, 0, __ATOMIC_ACQUIRE);
	if (orders)
		drain_start(w, orders);
	if (__atomic_exchange_n(&box->finish, 0, __ATOMIC_ACQUIRE)) {
		gw_inbox_drain(w); /* what functions gave back at their end */
		gw_instance_end(w);
		w->stop = true;
	}
}

/* ---- life ---- */

/* Requests that the gateway before us took in and whose end it did not count. */
static uint64_t requests_unended(const struct wiring_stats *s)
{
	uint64_t ended = s->answered + s->failed + s->timed_out + s->lost - s->messages_lost +
			 s->bad_buffer + s->abandoned + s->circuit_open + s->shed_inside;

	return s->requests > ended ? s->requests - ended : 0;
}

/* Counts go on where a gateway before this one stopped; it has none of what is counted now. */
static void stats_init(struct gw_worker *worker)
{
	worker->stats = &worker->gateway->stats->worker[worker->index];
	worker->stats->lost += requests_unended(worker->stats);
	worker->stats->connections = 0;
	worker->stats->in_flight = 0;
	worker->stats->leased = 0;
}

int gw_worker_init(struct gw_worker *worker, struct gateway *g, uint32_t index, const int fds[3],
		   int front)
{
	worker->gateway = g;
	worker->index = index;
	worker->slot = g->wiring.slots[index];
	worker->listen_fd = fds[0];
	worker->send_fd = fds[1];
	worker->receive_fd = fds[2];
	/* A loop knows a socket by its fd, and closes it. */
	worker->front_fd = front < 0 ? -1 : fcntl(front, F_DUPFD_CLOEXEC, 0);
	if (front >= 0 && worker->front_fd < 0)
		return -errno;
	worker->tables = g->tables;
	stats_init(worker);
	worker->mailbox.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return worker->mailbox.fd < 0 ? -errno : gw_random_init(&worker->random);
}

static void on_receive(h2o_socket_t *sock, const char *err)
{
	(void)err;
	gw_inbox_take(sock->data);
}

static h2o_socket_t *fd_join(struct gw_worker *worker, int fd, h2o_socket_cb cb)
{
	h2o_socket_t *sock = h2o_evloop_socket_create(worker->loop, fd, H2O_SOCKET_FLAG_DONT_READ);

	sock->data = worker;
	h2o_socket_read_start(sock, cb);
	return sock;
}

/* The thread's own part: what belongs to its core, its allocator cache and its loop. */
static int worker_start(struct gw_worker *worker)
{
	struct gateway *g = worker->gateway;
	uint64_t timeout_ms = g->wiring.timeout_ns / 1000000;
	char name[16];
	int r = wiring_cpu_pin(g->wiring.cpus[worker->index]);

	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "gateway/%u", worker->index);
	pthread_setname_np(pthread_self(), name);
	if (worker->index > 0)
		r = shm_pool_thread_init();
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < SP_FN_MAX; i++)
		h2o_linklist_init_anchor(&worker->held[i]);
	worker->loop = h2o_evloop_create();
	h2o_context_init(&worker->http, worker->loop, &g->http);
	h2o_timeout_init(worker->loop, &worker->deadline, timeout_ms ? timeout_ms : 1);
	gw_overload_init(worker);
	h2o_timeout_init(worker->loop, &worker->stall, GW_STALL_MS);
	h2o_timeout_init(worker->loop, &worker->drain, timeout_ms + GW_DRAIN_GRACE_MS);
	h2o_timeout_init(worker->loop, &worker->idle, GW_DRAIN_IDLE_MS);
	gw_sweep_init(worker);
	worker->accept = (h2o_accept_ctx_t){ .ctx = &worker->http, .hosts = g->http.hosts };
	worker->receiver = fd_join(worker, worker->receive_fd, on_receive);
	worker->mail = fd_join(worker, worker->mailbox.fd, on_mail);
	if (worker->index == 0)
		gw_control_join(worker);
	gw_conn_listen(worker);
	/* What was sent to a gateway before this one. */
	if (g->wiring.takeover)
		gw_inbox_drain(worker);
	return 0;
}

/* A wake-up from another CPU takes longer than a function. While requests are under way the
 * worker sleeps at once: the functions that have them need its CPU. */
static bool spins(struct gw_worker *worker)
{
	uint32_t spin_ns = worker->tables->wiring.spin_ns;
	uint64_t now;

	if (spin_ns == 0 || worker->live > 0) {
		worker->spin_until_ns = 0;
		return false;
	}
	now = gw_worker_now(worker);
	if (worker->spin_until_ns == 0)
		worker->spin_until_ns = now + spin_ns;
	return now < worker->spin_until_ns;
}

static void worker_serve(struct gw_worker *worker)
{
	int32_t wait = INT32_MAX;
	bool again;

	while (!worker->stop) {
		h2o_evloop_run(worker->loop, wait);
		gw_sweep_turn(worker);
		again = !gw_overload_idle(&worker->overload) && gw_overload_turn(worker);
		again |= gw_outbox_flush(worker);
		wait = again || spins(worker) ? 0 : INT32_MAX;
		worker->now_ns = 0;
		if (worker->draining && worker->live == 0 && worker->stats->connections == 0)
			drained(worker);
	}
}

void *gw_worker_run(void *arg)
{
	struct gw_worker *worker = arg;
	const struct gateway *g = worker->gateway;
	bool all = true;

	worker->error = worker_start(worker);
	pthread_barrier_wait(&worker->gateway->started);
	for (uint32_t i = 0; i < g->wiring.worker_count; i++)
		all &= g->workers[i].error == 0;
	if (!all)
		return NULL;
	if (worker->index == 0) {
		gw_lease_deny_unanswered(worker);
		gw_control_tell(g, &(struct wiring_msg){ .type = WIRING_READY });
	}
	worker_serve(worker);
	if (worker->index > 0)
		shm_pool_thread_done();
	return NULL;
}
