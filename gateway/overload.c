// SPDX-License-Identifier: Apache-2.0
#include "gateway/overload.h"

#include <string.h>
#include <strings.h>

#include "gateway/admit.h"
#include "gateway/client.h"
#include "gateway/instance.h"
#include "gateway/request.h"
#include "gateway/strict.h"
#include "gateway/tables.h"
#include "gateway/worker.h"

#define DRY_NS UINT64_C(10000000) /* so long heads are refused after no buffer was found */
#define TICKS 4                   /* in a target time */
#define PLACES 8                  /* of which the last ones tell how long one takes */
#define NS_PER_MS UINT64_C(1000000)

/* The worker of this thread: who parses a head is not told whose it is. */
static _Thread_local struct gw_worker *here;
static _Thread_local const char *refused_head; /* method of the head that was; NULL: none */

/* ---- how long ---- */

static const struct wiring_gateway *wiring_of(const struct gw_worker *worker)
{
	return &worker->tables->wiring;
}

static uint64_t tick_ms(const struct gw_worker *worker)
{
	uint64_t ms = wiring_of(worker)->target_ms / TICKS;

	return ms ? ms : 1;
}

/* The first one comes to a queue. */
static void queue_begin(const struct gw_worker *worker, struct gw_standing *s, uint64_t now)
{
	if (s->shed_ns == 0 || now > s->shed_ns + wiring_of(worker)->interval_ms * NS_PER_MS)
		s->since_ns = now;
}

static bool stands(const struct gw_worker *worker, const struct gw_standing *s, uint64_t now)
{
	return now > s->since_ns + wiring_of(worker)->interval_ms * NS_PER_MS;
}

/* What a request may wait in the queue. */
static uint64_t wait_max(const struct gw_worker *worker, const struct gw_standing *s, uint64_t now)
{
	const struct wiring_gateway *w = wiring_of(worker);
	uint64_t target = w->target_ms * NS_PER_MS, late;

	if (__atomic_load_n(&worker->gateway->frozen, __ATOMIC_RELAXED))
		return UINT64_MAX; /* somebody debugs a function */
	if (!stands(worker, s, now))
		return w->interval_ms * NS_PER_MS;
	/* The next look comes a tick later, and timers begin at whole milliseconds. */
	late = (tick_ms(worker) + 1) * NS_PER_MS;
	return late < target / 2 ? target - late : target / 2;
}

static uint32_t queue_max(const struct gw_worker *worker)
{
	uint32_t most = wiring_of(worker)->max_queue / worker->gateway->wiring.worker_count;

	return most > 0 ? most : 1;
}

static uint64_t waited(uint64_t since, uint64_t now)
{
	return now > since ? now - since : 0;
}

/* ---- the queue before the chain ---- */

/* One has left it, for the chain or not: how long each place took. */
static void place_measure(struct gw_overload *o, const struct gw_waiter *w, uint64_t now)
{
	uint64_t ns = waited(w->since_ns, now) / (w->ahead + 1);

	o->place_ns = o->place_ns ? o->place_ns - o->place_ns / PLACES + ns / PLACES : ns;
}

/* Whether one more would wait in vain. In a burst nobody knows. */
static bool queue_refuses(struct gw_worker *worker, uint64_t now)
{
	struct gw_overload *o = &worker->overload;
	uint64_t wait = (o->waiting_count + 1) * o->place_ns;

	if (o->waiting_count >= queue_max(worker))
		return true;
	if (o->waiting_count == 0 || !stands(worker, &o->chain, now) ||
	    wait <= wait_max(worker, &o->chain, now))
		return false;
	o->chain.shed_ns = now; /* it stands on */
	return true;
}

/* ---- before the body ---- */

void gw_overload_dry(struct gw_worker *worker)
{
	worker->overload.dry_ns = gw_worker_now(worker);
}

static bool refuses(struct gw_worker *worker)
{
	struct gw_overload *o = &worker->overload;
	uint64_t now;

	if (o->dry_ns == 0 && o->waiting_count == 0)
		return false;
	now = gw_worker_now(worker);
	if (o->dry_ns && now < o->dry_ns + DRY_NS)
		return true;
	o->dry_ns = 0;
	return queue_refuses(worker, now);
}

static bool field_is(const struct phr_header *h, const char *name, size_t len)
{
	return h->name_len == len && strncasecmp(h->name, name, len) == 0;
}

/* What it says of a body. */
static bool tells_body(const struct phr_header *h)
{
	return field_is(h, H2O_STRLIT("transfer-encoding")) ||
	       field_is(h, H2O_STRLIT("content-length"));
}

/* A body that has not all come. What is here is refused without closing the connection. */
static bool awaits_body(const struct phr_header *headers, size_t count, size_t rest)
{
	for (size_t i = 0; i < count; i++) {
		const struct phr_header *h = &headers[i];

		if (field_is(h, H2O_STRLIT("content-length")))
			return h2o_strtosize(h->value, h->value_len) > rest;
		if (tells_body(h))
			return true;
	}
	return false;
}

static void head_judge(const char *method, struct phr_header *headers, size_t *count, size_t rest)
{
	size_t kept = 0;

	refused_head = NULL;
	if (!here || !refuses(here) || !awaits_body(headers, *count, rest))
		return;
	for (size_t i = 0; i < *count; i++)
		if (!tells_body(&headers[i]) && !field_is(&headers[i], H2O_STRLIT("expect")) &&
		    !field_is(&headers[i], H2O_STRLIT("upgrade")))
			headers[kept++] = headers[i];
	*count = kept;
	refused_head = method;
}

/* ---- the tick ---- */

static void tick_arm(struct gw_worker *worker)
{
	struct gw_overload *o = &worker->overload;

	if (h2o_timeout_is_linked(&o->entry))
		return;
	o->tick.timeout = tick_ms(worker); /* nothing else is linked to it */
	h2o_timeout_link(worker->loop, &o->tick, &o->entry);
}

/* It has woken the loop: the queues are looked at when the turn ends. */
static void on_tick(h2o_timeout_entry_t *entry)
{
	struct gw_overload *o = H2O_STRUCT_FROM_MEMBER(struct gw_overload, entry, entry);

	if (!gw_overload_idle(o))
		tick_arm(H2O_STRUCT_FROM_MEMBER(struct gw_worker, overload, o));
}

void gw_overload_init(struct gw_worker *worker)
{
	struct gw_overload *o = &worker->overload;
	here = worker;
	worker->refuses = refuses;
	gw_strict_judge = head_judge;
	h2o_linklist_init_anchor(&o->waiting);
	o->entry = (h2o_timeout_entry_t){ .cb = on_tick };
	h2o_timeout_init(worker->loop, &o->tick, 1);
}

/* ---- before the chain ---- */

static bool chain_full(const struct gw_worker *worker)
{
	const struct gateway *g = worker->gateway;
	uint64_t most = wiring_of(worker)->max_in_flight, sum = 0;

	if (most == 0)
		return false;
	for (uint32_t i = 0; i < g->wiring.worker_count; i++)
		sum += __atomic_load_n(&g->stats->worker[i].in_flight, __ATOMIC_RELAXED);
	return sum >= most;
}

bool gw_overload_full(struct gw_worker *worker)
{
	return worker->overload.waiting_count > 0 || chain_full(worker);
}

bool gw_overload_wait(struct gw_worker *worker, struct gw_waiter *waiter)
{
	struct gw_overload *o = &worker->overload;
	uint64_t now = gw_worker_now(worker);

	if (queue_refuses(worker, now))
		return false;
	*waiter =
		(struct gw_waiter){ .worker = worker, .since_ns = now, .ahead = o->waiting_count };
	if (o->waiting_count++ == 0)
		queue_begin(worker, &o->chain, now);
	h2o_linklist_insert(&o->waiting, &waiter->link);
	GW_COUNT(worker, queued, 1);
	worker->live++;
	tick_arm(worker);
	return true;
}

void gw_overload_forget(struct gw_waiter *waiter)
{
	struct gw_worker *worker = waiter->worker;

	if (!h2o_linklist_is_linked(&waiter->link))
		return;
	h2o_linklist_unlink(&waiter->link);
	worker->overload.waiting_count--;
	worker->live--;
	GW_COUNT(worker, queued_us, waited(waiter->since_ns, gw_worker_now(worker)) / 1000);
}

static void waiting_turn(struct gw_worker *worker)
{
	struct gw_overload *o = &worker->overload;
	uint64_t now = gw_worker_now(worker), most = wait_max(worker, &o->chain, now);

	while (o->waiting_count > 0) {
		struct gw_waiter *w =
			H2O_STRUCT_FROM_MEMBER(struct gw_waiter, link, o->waiting.next);
		bool late = waited(w->since_ns, now) >= most;

		if (!late && chain_full(worker))
			return;
		gw_overload_forget(w);
		place_measure(o, w, now);
		if (late) {
			o->chain.shed_ns = now;
			gw_admit_shed(w);
		} else {
			gw_admit_waited(w);
		}
	}
}

/* ---- at a function ---- */

bool gw_overload_hold(struct gw_worker *worker, struct gw_request *r)
{
	struct gw_overload *o = &worker->overload;
	uint64_t now = gw_worker_now(worker);

	/* Messages are bounded by what functions may borrow. */
	if (r->state == GW_HELD && o->counts[r->fn] >= queue_max(worker))
		return false;
	if (!gw_overload_behind(o, r->fn))
		queue_begin(worker, &o->functions[r->fn], now);
	o->full |= 1ULL << r->fn;
	if (r->room_ns == 0) {
		r->room_ns = now;
		GW_COUNT(worker, queued, 1);
	}
	r->waits = true;
	o->counts[r->fn]++;
	tick_arm(worker);
	return true;
}

void gw_overload_leave(struct gw_request *r)
{
	if (!r->waits)
		return;
	r->waits = false;
	r->worker->overload.counts[r->fn]--;
}

/* What the instance with most room may take. One that is gone has a limit of 0. */
static uint32_t room_of(const struct gateway *g, uint32_t fn)
{
	uint32_t most = 0, second = g->wiring.second[fn];

	for (uint32_t slot = 1; slot < SP_INST_MAX; slot++) {
		const struct sp_instance *i = &g->instances[slot];
		uint32_t limit, used, at = __atomic_load_n(&i->fn, __ATOMIC_RELAXED);

		if (at != fn && (at == SP_GATEWAY_FN || at != second))
			continue;
		limit = __atomic_load_n(&i->limit, __ATOMIC_RELAXED);
		used = __atomic_load_n(&i->in_flight, __ATOMIC_RELAXED);
		if (limit > used && limit - used > most)
			most = limit - used;
	}
	return most < SP_BATCH_MAX ? most : SP_BATCH_MAX;
}

void gw_overload_shed(struct gw_worker *worker, struct gw_request *r)
{
	struct gw_problem problem = { .kind = GW_PROBLEM_FUNCTION_FULL,
				      .function = gw_function_name(worker->gateway, r->fn) };

	GW_COUNT(worker, shed, 1);
	GW_COUNT(worker, shed_inside, 1);
	gw_request_refuse(r, &problem);
	gw_request_free(r);
}

/* Nobody hears of a message that is lost: they wait until their deadlines. */
static void late_shed(struct gw_worker *worker, uint32_t fn, uint64_t now)
{
	h2o_linklist_t *queue = &worker->held[fn], *at, *next;
	struct gw_standing *s = &worker->overload.functions[fn];
	uint64_t most = wait_max(worker, s, now);

	for (at = queue->next; at != queue; at = next) {
		struct gw_request *r = H2O_STRUCT_FROM_MEMBER(struct gw_request, held, at);

		next = at->next;
		if (!r->waits || r->state != GW_HELD)
			continue;
		if (waited(r->room_ns, now) < most)
			return;
		s->shed_ns = now;
		GW_COUNT(worker, queued_us, waited(r->room_ns, now) / 1000);
		gw_overload_shed(worker, r);
	}
}

static void function_turn(struct gw_worker *worker, uint32_t fn, uint64_t now)
{
	h2o_linklist_t *queue = &worker->held[fn];
	uint32_t room;

	late_shed(worker, fn, now);
	/* What entered this turn is in flight before there is said to be room. */
	gw_outbox_room(worker, fn, SP_BATCH_MAX);
	room = h2o_linklist_is_empty(queue) ? 0 : room_of(worker->gateway, fn);
	while (room > 0 && !h2o_linklist_is_empty(queue)) {
		struct gw_request *r = H2O_STRUCT_FROM_MEMBER(struct gw_request, held, queue->next);
		uint32_t count = gw_instance_parts_count(worker, r) + 1;

		if (count > room)
			break;
		if (r->room_ns)
			GW_COUNT(worker, queued_us, waited(r->room_ns, now) / 1000);
		gw_instance_send_on(worker, r);
		room -= count;
	}
	gw_outbox_room(worker, fn, SP_BATCH_MAX);
	if (h2o_linklist_is_empty(queue))
		worker->overload.full &= ~(1ULL << fn);
}

bool gw_overload_turn(struct gw_worker *worker)
{
	uint64_t bits = worker->overload.full, shed = worker->stats->shed;
	uint64_t refused = worker->stats->refused;

	for (; bits; bits &= bits - 1)
		function_turn(worker, (uint32_t)__builtin_ctzll(bits), gw_worker_now(worker));
	if (worker->overload.waiting_count > 0)
		waiting_turn(worker);
	return worker->stats->shed != shed || worker->stats->refused != refused;
}

bool gw_overload_head_refused(const h2o_req_t *req)
{
	bool is = refused_head && req->version < 0x200 && req->input.method.base == refused_head;

	if (req->version >= 0x200)
		return gw_client_is_unread(req);
	if (is)
		refused_head = NULL;
	return is;
}
