// SPDX-License-Identifier: Apache-2.0
#include "gateway/tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/control.h"
#include "gateway/gateway.h"
#include "gateway/worker.h"

const char *gw_tables_fault(const struct wiring_gateway *w, ssize_t len)
{
	size_t head = offsetof(struct wiring_gateway, heap.data);

	if (len < (ssize_t)head || w->abi != WIRING_ABI || w->size != (uint32_t)len ||
	    w->heap.used > WIRING_HEAP_MAX || head + w->heap.used > (size_t)len)
		return "controller and gateway are of different versions; install both again";
	if (w->worker_count == 0 || w->worker_count > WIRING_WORKER_MAX)
		return "the wiring names no usable number of workers (1 to 32)";
	if (w->fn_count == 0 || w->fn_count >= SP_FN_MAX || w->ingress_count > WIRING_INGRESS_MAX ||
	    w->rules.count > RULE_MAX || w->timeout_ns == 0)
		return "the wiring names no functions, too many, or no timeout";
	if (shm_layout_check(&w->layout) < 0)
		return "the wiring's pool layout is inconsistent";
	return NULL;
}

/* libh2o resets an HTTP/2 stream whose body is longer, so there is room beyond our limit.
 * It reads this at any time, so it only grows. */
static void body_limit_raise(struct gateway *g, const struct gw_tables *tables)
{
	size_t limit = (size_t)tables->ingress.max_body * 2 + 1;

	if (limit > g->http.max_request_entity_size)
		__atomic_store_n(&g->http.max_request_entity_size, limit, __ATOMIC_RELAXED);
}

static struct gw_tables *tables_new(const struct wiring_gateway *wiring)
{
	struct gw_tables *tables = calloc(1, sizeof(*tables));

	if (tables) {
		memcpy(&tables->wiring, wiring, wiring->size);
		gw_ingress_init(&tables->ingress, &tables->wiring);
	}
	return tables;
}

int gw_tables_init(struct gateway *g)
{
	g->tables = tables_new(&g->wiring);
	if (!g->tables)
		return -ENOMEM;
	g->http.max_request_entity_size = 0;
	body_limit_raise(g, g->tables);
	return 0;
}

static bool string_differs(const struct wiring_gateway *a, struct wiring_string x,
			   const struct wiring_gateway *b, struct wiring_string y)
{
	return strcmp(wiring_get(&a->heap, x), wiring_get(&b->heap, y)) != 0;
}

/* What cannot change in a running gateway, or NULL when none of it does. */
static const char *fixed_differs(const struct wiring_gateway *a, const struct wiring_gateway *b)
{
	if (a->worker_count != b->worker_count || a->front != b->front ||
	    memcmp(a->slots, b->slots, a->worker_count * sizeof(*a->slots)) != 0 ||
	    memcmp(a->cpus, b->cpus, a->worker_count * sizeof(*a->cpus)) != 0)
		return "workers";
	if (a->timeout_ns != b->timeout_ns)
		return "timeout";
	if (memcmp(&a->layout, &b->layout, sizeof(a->layout)) != 0)
		return "pool layout";
	if (a->fn_count != b->fn_count)
		return "number of functions";
	if (string_differs(a, a->chain, b, b->chain))
		return "chain name";
	for (uint32_t fn = 1; fn <= a->fn_count; fn++)
		if (string_differs(a, a->fn_names[fn], b, b->fn_names[fn]))
			return "function names";
	return NULL;
}

static void publish(struct gateway *g, struct gw_tables *tables)
{
	body_limit_raise(g, tables);
	g->tables_old = g->tables;
	__atomic_store_n(&g->tables_waiting, g->wiring.worker_count, __ATOMIC_RELAXED);
	__atomic_store_n(&g->tables, tables, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < g->wiring.worker_count; i++)
		gw_worker_post_tables(&g->workers[i]);
}

void gw_tables_update(struct gateway *g, const struct wiring_gateway *wiring, ssize_t len)
{
	const char *fault = gw_tables_fault(wiring, len), *fixed;
	struct gw_tables *tables;

	if (fault) {
		fprintf(stderr, "sprocket-gateway: new tables refused: %s\n", fault);
		return;
	}
	fixed = fixed_differs(&g->wiring, wiring);
	if (fixed) {
		fprintf(stderr,
			"sprocket-gateway: new tables refused: they change the %s; start a new "
			"gateway for that\n",
			fixed);
		return;
	}
	tables = tables_new(wiring);
	if (!tables) {
		fprintf(stderr, "sprocket-gateway: new tables refused: no memory; send again\n");
		return;
	}
	if (!g->tables_old) {
		publish(g, tables);
		return;
	}
	free(g->tables_next);
	g->tables_next = tables;
}

void gw_tables_take(struct gw_worker *worker)
{
	struct gateway *g = worker->gateway;

	worker->tables = __atomic_load_n(&g->tables, __ATOMIC_ACQUIRE);
	if (__atomic_sub_fetch(&g->tables_waiting, 1, __ATOMIC_ACQ_REL) == 0)
		gw_worker_post_updated(&g->workers[0]);
}

void gw_tables_updated(struct gateway *g)
{
	struct gw_tables *next = g->tables_next;

	free(g->tables_old);
	g->tables_old = g->tables_next = NULL;
	if (next)
		publish(g, next);
	else
		gw_control_tell(g, WIRING_UPDATED, 0, 0, 0);
}
