// SPDX-License-Identifier: Apache-2.0
/* The graph as an indented tree, and as text for graphviz. */
#include <math.h>
#include <string.h>

#include "controller/cli/graph_model.h"
#include "controller/cli/top_view.h"

#define INDENT_MAX (3 * GRAPH_NODE_MAX + 1)

const char *graph_rate_text(double rate, char ret[GRAPH_TEXT_MAX])
{
	snprintf(ret, GRAPH_TEXT_MAX, "%.*f/s", rate > 0 && rate < 99.95 ? 1 : 0, rate);
	return ret;
}

const char *graph_node_text(const struct graph_node *node, char ret[GRAPH_TEXT_MAX])
{
	char wait[TOP_CELL_MAX], run[TOP_CELL_MAX];

	ret[0] = '\0';
	if (!node->ready && !node->desired)
		return ret;
	if (isnan(node->run_p99_us)) {
		snprintf(ret, GRAPH_TEXT_MAX, "%u/%u", node->ready, node->desired);
		return ret;
	}
	top_format_time(node->wait_p99_us, wait);
	top_format_time(node->run_p99_us, run);
	snprintf(ret, GRAPH_TEXT_MAX, "%u/%u p99 wait %s run %s", node->ready, node->desired, wait,
		 run);
	return ret;
}

struct tree {
	const struct graph *graph;
	FILE *out;
	bool shown[GRAPH_NODE_MAX];
	char indent[INDENT_MAX];
};

static const struct graph_edge *next_edge(const struct graph *graph, unsigned from, size_t *at)
{
	while (*at < graph->edge_count) {
		const struct graph_edge *edge = &graph->edges[(*at)++];

		if (edge->from == from)
			return edge;
	}
	return NULL;
}

/* What goes out of `node`; a function is followed where it is met first. */
static void write_branches(struct tree *tree, unsigned node)
{
	size_t at = 0, len = strlen(tree->indent);
	const struct graph_edge *edge = next_edge(tree->graph, node, &at), *next;

	for (; edge; edge = next) {
		const struct graph_node *to = &tree->graph->nodes[edge->to];
		bool follow = !tree->shown[edge->to] && edge->to != GRAPH_REPLY;
		char rate[GRAPH_TEXT_MAX], text[GRAPH_TEXT_MAX];

		next = next_edge(tree->graph, node, &at);
		graph_node_text(to, text);
		fprintf(tree->out, "%s%s %s %s %s %s", tree->indent, next ? "|-" : "`-", edge->name,
			graph_rate_text(edge->rate, rate), edge->kind == GRAPH_CALL ? "<->" : "->",
			to->name);
		if (follow)
			fprintf(tree->out, "%s%s\n", *text ? "  " : "", text);
		else
			fprintf(tree->out, "%s\n", edge->to == GRAPH_REPLY ? "" : " (see above)");
		if (!follow)
			continue;
		tree->shown[edge->to] = true;
		memcpy(tree->indent + len, next ? "|  " : "   ", sizeof("   "));
		write_branches(tree, edge->to);
		tree->indent[len] = '\0';
	}
}

void graph_write_text(const struct graph *graph, FILE *out)
{
	struct tree tree = { .graph = graph, .out = out };
	char rate[GRAPH_TEXT_MAX], p99[TOP_CELL_MAX];

	top_format_time(graph->nodes[GRAPH_GATEWAY].run_p99_us, p99);
	fprintf(out, "%s  %s  end to end p99 %s\n", graph->name,
		graph_rate_text(graph->nodes[GRAPH_GATEWAY].rate, rate), p99);
	tree.shown[GRAPH_GATEWAY] = true;
	fprintf(out, "%s\n", graph->nodes[GRAPH_GATEWAY].name);
	write_branches(&tree, GRAPH_GATEWAY);
	for (unsigned n = GRAPH_REPLY + 1; n < graph->node_count; n++) {
		char text[GRAPH_TEXT_MAX];

		if (tree.shown[n])
			continue;
		tree.shown[n] = true; /* no way leads there */
		fprintf(out, "%s  %s\n", graph->nodes[n].name,
			graph_node_text(&graph->nodes[n], text));
		write_branches(&tree, n);
	}
}

static void write_quoted(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
}

void graph_write_dot(const struct graph *graph, FILE *out)
{
	static const char *const styles[] = {
		[GRAPH_ROUTE] = "",
		[GRAPH_CALL] = ", style=dashed, dir=both",
		[GRAPH_JOIN] = "",
		[GRAPH_TEE] = ", style=dotted",
	};
	char text[GRAPH_TEXT_MAX];

	fputs("digraph \"", out);
	write_quoted(out, graph->name);
	fputs("\" {\n\trankdir=LR;\n\tnode [shape=box, style=rounded];\n", out);
	for (unsigned n = 0; n < graph->node_count; n++) {
		fprintf(out, "\tn%u [label=\"", n);
		write_quoted(out, graph->nodes[n].name);
		graph_node_text(&graph->nodes[n], text);
		fprintf(out, "%s%s\"];\n", *text ? "\\n" : "", text);
	}
	for (size_t i = 0; i < graph->edge_count; i++) {
		const struct graph_edge *edge = &graph->edges[i];

		fprintf(out, "\tn%u -> n%u [label=\"", edge->from, edge->to);
		write_quoted(out, edge->name);
		fprintf(out, "\\n%s\"%s%s];\n", graph_rate_text(edge->rate, text),
			edge->back ? ", constraint=false" : "", styles[edge->kind]);
	}
	fputs("}\n", out);
}
