// SPDX-License-Identifier: Apache-2.0
#include "gateway/front/worker.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/front/accept.h"
#include "gateway/front/control.h"
#include "gateway/front/upstream.h"
#include "gateway/sweep.h"

static void mailbox_ring(struct front_worker *worker)
{
	uint64_t one = 1;
	ssize_t n;

	do
		n = write(worker->mailbox.fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

void front_worker_post(struct front_worker *worker, uint32_t number, struct front_table *table,
		       SSL_CTX *tls)
{
	struct front_mailbox *box = &worker->mailbox;

	if (table) {
		front_table_ref(table);
		front_table_unref(__atomic_exchange_n(&box->table, table, __ATOMIC_ACQ_REL));
	}
	if (tls) {
		SSL_CTX_up_ref(tls);
		SSL_CTX_free(__atomic_exchange_n(&box->tls, tls, __ATOMIC_ACQ_REL));
	}
	/* Last: who reads the number finds all that it stands for. */
	__atomic_store_n(&box->number, number, __ATOMIC_RELEASE);
	mailbox_ring(worker);
}

void front_worker_post_drain(struct front_worker *worker)
{
	__atomic_store_n(&worker->mailbox.drain, 1, __ATOMIC_RELEASE);
	mailbox_ring(worker);
}

static void table_change(struct front_worker *w, struct front_table *table)
{
	int r = front_pools_change(w, table);

	if (r < 0) {
		fprintf(stderr, "sprocket-front: no memory for %u routes: those before them hold\n",
			table->count);
		front_table_unref(table);
		return;
	}
	front_table_unref(w->table);
	w->table = table;
}

static void updates_take(struct front_worker *w)
{
	struct front_mailbox *box = &w->mailbox;
	uint32_t number = __atomic_load_n(&box->number, __ATOMIC_ACQUIRE);
	struct front_table *table = __atomic_exchange_n(&box->table, NULL, __ATOMIC_ACQ_REL);
	SSL_CTX *tls = __atomic_exchange_n(&box->tls, NULL, __ATOMIC_ACQ_REL);

	if (table)
		table_change(w, table);
	if (tls) {
		SSL_CTX_free(w->tls);
		w->tls = tls;
	}
	front_accept_start(w);
	__atomic_store_n(&w->applied, number, __ATOMIC_RELEASE);
	front_control_settle(w->front);
}

static void on_drain_timeout(h2o_timeout_entry_t *entry)
{
	H2O_STRUCT_FROM_MEMBER(struct gw_worker, drain_entry, entry)->stop = true;
}

static void drain_start(struct front_worker *w)
{
	if (w->gw.draining)
		return;
	w->gw.draining = true;
	w->gw.drain_entry = (h2o_timeout_entry_t){ .cb = on_drain_timeout };
	h2o_timeout_link(w->gw.loop, &w->gw.drain, &w->gw.drain_entry);
	front_accept_drain(w);
}

static void on_mail(h2o_socket_t *sock, const char *err)
{
	struct front_worker *w = sock->data;
	uint64_t count;

	(void)err;
	if (read(w->mailbox.fd, &count, sizeof(count)) < 0)
		return;
	updates_take(w);
	if (__atomic_exchange_n(&w->mailbox.drain, 0, __ATOMIC_ACQUIRE))
		drain_start(w);
}

int front_worker_init(struct front_worker *worker, struct front *front, uint32_t index, int plain,
		      int secure)
{
	memset(worker, 0, sizeof(*worker));
	worker->front = front;
	worker->gw.gateway = &front->gateway;
	worker->gw.index = index;
	worker->gw.stats = &worker->stats;
	worker->plain = (struct front_listener){ .worker = worker, .fd = plain };
	worker->secure = (struct front_listener){ .worker = worker, .fd = secure, .tls = true };
	worker->mailbox.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return worker->mailbox.fd < 0 ? -errno : gw_random_init(&worker->gw.random);
}

/* A CPU that is not ours to use any more is no reason not to serve. */
static void cpu_pin(uint32_t cpu)
{
	cpu_set_t set;

	if (cpu >= CPU_SETSIZE)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void worker_start(struct front_worker *w)
{
	struct gw_worker *gw = &w->gw;
	char name[16];

	cpu_pin(w->front->cpus[gw->index]);
	snprintf(name, sizeof(name), "front/%u", gw->index);
	pthread_setname_np(pthread_self(), name);
	gw->loop = h2o_evloop_create();
	h2o_context_init(&gw->http, gw->loop, &w->front->gateway.http);
	h2o_timeout_init(gw->loop, &gw->deadline, FRONT_ANSWER_MS);
	h2o_timeout_init(gw->loop, &gw->stall, GW_STALL_MS);
	h2o_timeout_init(gw->loop, &gw->drain, FRONT_DRAIN_MS);
	h2o_timeout_init(gw->loop, &gw->idle, GW_DRAIN_IDLE_MS);
	gw_sweep_init(gw);
	gw->accept = (h2o_accept_ctx_t){ .ctx = &gw->http, .hosts = w->front->gateway.http.hosts };
	gw->mail = h2o_evloop_socket_create(gw->loop, w->mailbox.fd, H2O_SOCKET_FLAG_DONT_READ);
	gw->mail->data = w;
	h2o_socket_read_start(gw->mail, on_mail);
	if (gw->index == 0)
		front_control_join(w);
}

void *front_worker_run(void *arg)
{
	struct front_worker *w = arg;

	worker_start(w);
	while (!w->gw.stop) {
		h2o_evloop_run(w->gw.loop, INT32_MAX);
		gw_sweep_turn(&w->gw);
		if (w->gw.draining && w->gw.stats->connections == 0)
			w->gw.stop = true;
	}
	return NULL;
}
