// SPDX-License-Identifier: Apache-2.0
#include "controller/cli/graph_model.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/top_sample.h"
#include "controller/histogram.h"

#define NS_PER_S 1e9

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static double number_of(const json_t *json, const char *key)
{
	return json_number_value(json_object_get(json, key));
}

static unsigned find_node(const struct graph *graph, const char *name)
{
	unsigned n = 0;

	/* A function may be called as the reply is. */
	while (n < graph->node_count && (n == GRAPH_REPLY || strcmp(graph->nodes[n].name, name)))
		n++;
	return n;
}

static const json_t *find_function(const json_t *json, const char *name)
{
	const json_t *function;
	size_t i;

	json_array_foreach(json_object_get(json, "functions"), i, function)
		if (!strcmp(text_of(function, "name"), name))
			return function;
	return NULL;
}

static double rate_of(double before, double after, double seconds)
{
	return after > before ? (after - before) / seconds : 0;
}

static double p99_between(const json_t *before, const json_t *after, const char *key)
{
	struct sp_histogram from, to, between;

	top_histogram_read(json_object_get(before, key), &from);
	top_histogram_read(json_object_get(after, key), &to);
	histogram_difference(&from, &to, &between);
	return histogram_count(&between) ? histogram_quantile_us(&between, 0.99) : NAN;
}

static void set_times(struct graph_node *node, const json_t *before, const json_t *after)
{
	node->wait_p99_us = p99_between(before, after, "wait");
	node->run_p99_us = p99_between(before, after, "run");
}

/* The first function of the list is the gateway. */
static void read_nodes(const json_t *before, const json_t *after, struct graph *graph)
{
	const json_t *function;
	size_t i;

	snprintf(graph->nodes[GRAPH_REPLY].name, GRAPH_NAME_MAX, "reply");
	graph->nodes[GRAPH_REPLY].wait_p99_us = graph->nodes[GRAPH_REPLY].run_p99_us = NAN;
	graph->node_count = 2;
	json_array_foreach(json_object_get(after, "functions"), i, function) {
		const char *name = text_of(function, "name");
		const json_t *was = find_function(before, name);
		struct graph_node *node = &graph->nodes[i ? graph->node_count : GRAPH_GATEWAY];

		if (graph->node_count == GRAPH_NODE_MAX)
			break;
		snprintf(node->name, sizeof(node->name), "%s", name);
		set_times(node, was, function);
		if (i == 0) {
			node->rate = rate_of(number_of(was, "requests"),
					     number_of(function, "requests"), graph->seconds);
			continue;
		}
		node->rate =
			rate_of(number_of(was, "in"), number_of(function, "in"), graph->seconds);
		node->ready = (unsigned)number_of(function, "ready");
		node->desired = (unsigned)number_of(function, "desired");
		graph->node_count++;
	}
}

static double count_before(const json_t *before, const json_t *edge)
{
	const json_t *other;
	size_t i;

	json_array_foreach(json_object_get(before, "edges"), i, other)
		if (!strcmp(text_of(other, "from"), text_of(edge, "from")) &&
		    !strcmp(text_of(other, "to"), text_of(edge, "to")) &&
		    !strcmp(text_of(other, "edge"), text_of(edge, "edge")))
			return number_of(other, "count");
	return 0;
}

/* False for what is no edge of the drawing. */
static bool read_kind(const json_t *json, enum graph_kind *ret)
{
	const char *kind = text_of(json, "kind");

	*ret = !strcmp(kind, "call") ? GRAPH_CALL :
	       !strcmp(kind, "join") ? GRAPH_JOIN :
	       !strcmp(kind, "tee")  ? GRAPH_TEE :
				       GRAPH_ROUTE;
	return strcmp(kind, "return") != 0;
}

static int read_edges(const json_t *before, const json_t *after, struct graph *graph)
{
	const json_t *list = json_object_get(after, "edges"), *json;
	size_t i;

	graph->edges = calloc(json_array_size(list) + 1, sizeof(*graph->edges));
	if (!graph->edges)
		return -ENOMEM;
	json_array_foreach(list, i, json) {
		struct graph_edge *edge = &graph->edges[graph->edge_count];

		edge->from = find_node(graph, text_of(json, "from"));
		edge->to = find_node(graph, text_of(json, "to"));
		if (!read_kind(json, &edge->kind) || edge->from == graph->node_count ||
		    edge->to == graph->node_count)
			continue;
		if (edge->to == GRAPH_GATEWAY)
			edge->to = GRAPH_REPLY;
		snprintf(edge->name, sizeof(edge->name), "%s", text_of(json, "edge"));
		edge->rate = rate_of(count_before(before, json), number_of(json, "count"),
				     graph->seconds);
		graph->edge_count++;
	}
	return 0;
}

enum { NEW, OPEN, DONE };

/* Depth first: an edge to a node that is open closes a circle. */
static void find_circles(struct graph *graph, unsigned node, unsigned char *state)
{
	state[node] = OPEN;
	for (size_t i = 0; i < graph->edge_count; i++) {
		struct graph_edge *edge = &graph->edges[i];

		if (edge->from != node)
			continue;
		if (state[edge->to] == OPEN)
			edge->back = true;
		else if (state[edge->to] == NEW)
			find_circles(graph, edge->to, state);
	}
	state[node] = DONE;
}

/* Longest way: without circles it settles after as many rounds as there are nodes. */
static void set_ranks(struct graph *graph)
{
	unsigned char state[GRAPH_NODE_MAX] = { NEW };
	unsigned last = 1;
	bool changed = true;

	for (unsigned n = 0; n < graph->node_count; n++) {
		if (state[n] == NEW)
			find_circles(graph, n, state);
		graph->nodes[n].rank = n != GRAPH_GATEWAY;
	}
	for (unsigned round = 0; changed && round < graph->node_count; round++) {
		changed = false;
		for (size_t i = 0; i < graph->edge_count; i++) {
			const struct graph_edge *edge = &graph->edges[i];
			unsigned step = edge->kind == GRAPH_JOIN ? 2 : 1;
			unsigned rank = graph->nodes[edge->from].rank + step;

			if (edge->back || graph->nodes[edge->to].rank >= rank)
				continue;
			graph->nodes[edge->to].rank = rank;
			changed = true;
		}
	}
	for (unsigned n = 0; n < graph->node_count; n++)
		if (n != GRAPH_REPLY && graph->nodes[n].rank >= last)
			last = graph->nodes[n].rank + 1;
	graph->nodes[GRAPH_REPLY].rank = last;
}

int graph_read(const json_t *before, const json_t *after, struct graph *ret)
{
	double seconds = (number_of(after, "time_ns") - number_of(before, "time_ns")) / NS_PER_S;
	struct graph graph = { .seconds = seconds };
	int r;

	if (seconds <= 0 || !json_is_array(json_object_get(after, "functions")))
		return -EBADMSG;
	snprintf(graph.name, sizeof(graph.name), "%s", text_of(after, "name"));
	read_nodes(before, after, &graph);
	r = read_edges(before, after, &graph);
	if (r < 0)
		return r;
	set_ranks(&graph);
	*ret = graph;
	return 0;
}

void graph_done(struct graph *graph)
{
	free(graph->edges);
	graph->edges = NULL;
}
