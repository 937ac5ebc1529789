/* SPDX-License-Identifier: Apache-2.0 */
/*
 * graph_model.h - a chain as nodes and edges with rates, ready to be drawn.
 *
 * How: made from two answers of GET /v1/chains/NAME/graph. The gateway is two nodes, so that a
 * drawing reads from left to right: "gateway" where requests come in, "reply" where answers go
 * out. Ranks are the longest way from the gateway; an edge that closes a circle is `back` and
 * has no part in them. A join ranks two behind, which leaves room for those it waits for. What a
 * called function answers is the way back of the call's edge, and no edge of its own.
 * Limits: SP_FN_MAX functions; of each, SP_EDGE_MAX + 1 edges.
 * Trust: the JSON is input: edges between unknown functions are left out.
 * Thread-safety: no state.
 */
#ifndef SPROCKET_CONTROLLER_CLI_GRAPH_MODEL_H
#define SPROCKET_CONTROLLER_CLI_GRAPH_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "bpf/wire.h"

#define GRAPH_NAME_MAX 128
#define GRAPH_TEXT_MAX 64
#define GRAPH_NODE_MAX (SP_FN_MAX + 1)
#define GRAPH_GATEWAY 0U /* node numbers */
#define GRAPH_REPLY 1U

struct graph_node {
	char name[GRAPH_NAME_MAX];
	unsigned rank;
	double rate;                    /* requests per second */
	double wait_p99_us, run_p99_us; /* NAN: nothing happened */
	unsigned ready, desired;        /* instances; 0 and 0 for gateway and reply */
};

enum graph_kind {
	GRAPH_ROUTE,
	GRAPH_CALL, /* there and back */
	GRAPH_JOIN,
	GRAPH_TEE,
};

struct graph_edge {
	unsigned from, to;
	enum graph_kind kind;
	char name[GRAPH_NAME_MAX];
	double rate;
	bool back;
};

struct graph {
	char name[GRAPH_NAME_MAX];
	double seconds;
	unsigned node_count;
	size_t edge_count;
	struct graph_node nodes[GRAPH_NODE_MAX];
	struct graph_edge *edges; /* owned */
};

/* Returns 0 and *ret, -EBADMSG, or -ENOMEM. */
int graph_read(const json_t *before, const json_t *after, struct graph *ret);
void graph_done(struct graph *graph);

/* Drawings. Ends of streams are the caller's to check. */
void graph_write_text(const struct graph *graph, FILE *out);
void graph_write_dot(const struct graph *graph, FILE *out);
void graph_write_svg(const struct graph *graph, FILE *out);

/* "1234.5/s"; "3/4 p99 wait 20us run 1.2ms" (of a function, "" for others). */
const char *graph_rate_text(double rate, char ret[GRAPH_TEXT_MAX]);
const char *graph_node_text(const struct graph_node *node, char ret[GRAPH_TEXT_MAX]);

#endif
