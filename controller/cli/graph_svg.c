// SPDX-License-Identifier: Apache-2.0
/*
 * The graph as SVG: ranks from left to right, the nodes of a rank below each other in the
 * order of those they come from, edges as curves with their name and rate in the middle. An
 * edge that passes ranks, or leads back, runs in a lane of its own below their boxes.
 */
#include <stdlib.h>
#include <string.h>

#include "controller/cli/graph_model.h"

#define BOX_WIDTH 190
#define BOX_HEIGHT 48
#define GAP_X 130
#define GAP_Y 44
#define MARGIN 30
#define BEND 60 /* how far a curve leaves straight */
#define LANE_HEIGHT 44
#define LABEL_RAISE 12 /* between the two lines of a label */

struct place {
	double order; /* in its rank: mean of the places it is reached from */
	int x, y;
};

struct drawing {
	const struct graph *graph;
	FILE *out;
	struct place places[GRAPH_NODE_MAX];
	int width, height;
};

static void write_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			fputs("&amp;", out);
		else if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '>')
			fputs("&gt;", out);
		else if (*text == '"')
			fputs("&quot;", out);
		else if ((unsigned char)*text >= ' ') /* XML has no other control characters */
			fputc(*text, out);
	}
}

static void set_order(struct drawing *d, unsigned node)
{
	double sum = 0;
	unsigned count = 0;

	for (size_t i = 0; i < d->graph->edge_count; i++) {
		const struct graph_edge *edge = &d->graph->edges[i];

		if (edge->to != node || edge->back)
			continue;
		sum += d->places[edge->from].y;
		count++;
	}
	d->places[node].order = count ? sum / count : 0;
}

static int compare(const void *left, const void *right, void *arg)
{
	const struct drawing *d = arg;
	unsigned a = *(const unsigned *)left, b = *(const unsigned *)right;
	double x = d->places[a].order, y = d->places[b].order;

	if (x != y)
		return x < y ? -1 : 1;
	return a < b ? -1 : a > b; /* as the chain file has them */
}

/* Returns how many nodes the rank has. */
static unsigned place_rank(struct drawing *d, unsigned rank)
{
	unsigned nodes[GRAPH_NODE_MAX], count = 0;

	for (unsigned n = 0; n < d->graph->node_count; n++) {
		if (d->graph->nodes[n].rank != rank)
			continue;
		set_order(d, n);
		nodes[count++] = n;
	}
	qsort_r(nodes, count, sizeof(*nodes), compare, d);
	for (unsigned i = 0; i < count; i++) {
		d->places[nodes[i]].x = MARGIN + (int)rank * (BOX_WIDTH + GAP_X);
		d->places[nodes[i]].y = MARGIN + (int)i * (BOX_HEIGHT + GAP_Y);
	}
	return count;
}

static unsigned low_rank(const struct graph *graph, const struct graph_edge *edge)
{
	return edge->back ? graph->nodes[edge->to].rank : graph->nodes[edge->from].rank + 1;
}

static unsigned high_rank(const struct graph *graph, const struct graph_edge *edge)
{
	return edge->back ? graph->nodes[edge->from].rank : graph->nodes[edge->to].rank - 1;
}

static bool has_lane(const struct graph *graph, const struct graph_edge *edge)
{
	return low_rank(graph, edge) <= high_rank(graph, edge);
}

/* Where an edge's lane is: below the boxes of its ranks and the lanes given out before. */
static int lane_y(const struct drawing *d, size_t index)
{
	const struct graph *g = d->graph;
	unsigned low = low_rank(g, &g->edges[index]), high = high_rank(g, &g->edges[index]);
	int y = 0, lanes = 0;

	for (unsigned n = 0; n < g->node_count; n++)
		if (g->nodes[n].rank >= low && g->nodes[n].rank <= high && d->places[n].y > y)
			y = d->places[n].y;
	for (size_t i = 0; i < index; i++)
		lanes += has_lane(g, &g->edges[i]) && low_rank(g, &g->edges[i]) <= high &&
			 high_rank(g, &g->edges[i]) >= low;
	return y + BOX_HEIGHT + LANE_HEIGHT / 2 + lanes * LANE_HEIGHT;
}

static void place_all(struct drawing *d)
{
	unsigned last = d->graph->nodes[GRAPH_REPLY].rank;

	for (unsigned rank = 0; rank <= last; rank++) {
		int bottom = MARGIN + (int)place_rank(d, rank) * (BOX_HEIGHT + GAP_Y);

		d->height = bottom > d->height ? bottom : d->height;
	}
	for (size_t i = 0; i < d->graph->edge_count; i++) {
		int bottom =
			has_lane(d->graph, &d->graph->edges[i]) ? lane_y(d, i) + LANE_HEIGHT : 0;

		d->height = bottom > d->height ? bottom : d->height;
	}
	d->width = 2 * MARGIN + (int)last * (BOX_WIDTH + GAP_X) + BOX_WIDTH;
}

static void write_label(FILE *out, int x, int y, const char *style, const char *text)
{
	fprintf(out, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, style);
	write_escaped(out, text);
	fputs("</text>\n", out);
}

static void write_node(const struct drawing *d, unsigned n)
{
	const struct graph_node *node = &d->graph->nodes[n];
	int x = d->places[n].x, y = d->places[n].y, middle = x + BOX_WIDTH / 2;
	char text[GRAPH_TEXT_MAX];

	graph_node_text(node, text);
	fprintf(d->out,
		"<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\" class=\"%s\"/>\n", x,
		y, BOX_WIDTH, BOX_HEIGHT, node->desired && !node->ready ? "down" : "box");
	write_label(d->out, middle, y + (*text ? 20 : 29), "name", node->name);
	if (*text)
		write_label(d->out, middle, y + 37, "small", text);
}

static void write_edge_label(FILE *out, int x, int y, const struct graph_edge *edge)
{
	char rate[GRAPH_TEXT_MAX];

	write_label(out, x, y - LABEL_RAISE / 2, "small", edge->name);
	write_label(out, x, y + LABEL_RAISE, "small", graph_rate_text(edge->rate, rate));
}

/* From the right side of one box to the left side of the next; edges between the same two
 * are told apart by `beside`. */
static void write_short_edge(const struct drawing *d, const struct graph_edge *edge, int beside)
{
	const struct place *from = &d->places[edge->from], *to = &d->places[edge->to];
	int shift = beside * 3 * LABEL_RAISE;
	int x1 = from->x + BOX_WIDTH, y1 = from->y + BOX_HEIGHT / 2, y2 = to->y + BOX_HEIGHT / 2;

	fprintf(d->out, "<path d=\"M%d %d C%d %d %d %d %d %d\" class=\"edge\"/>\n", x1, y1,
		x1 + BEND, y1 + shift, to->x - BEND, y2 + shift, to->x, y2);
	write_edge_label(d->out, (x1 + to->x) / 2, (y1 + y2) / 2 + shift, edge);
}

static void write_long_edge(const struct drawing *d, size_t index)
{
	const struct graph_edge *edge = &d->graph->edges[index];
	const struct place *from = &d->places[edge->from], *to = &d->places[edge->to];
	int way = edge->back ? -1 : 1, lane = lane_y(d, index);
	int x1 = from->x + (edge->back ? BOX_WIDTH / 2 : BOX_WIDTH);
	int y1 = from->y + (edge->back ? BOX_HEIGHT : BOX_HEIGHT / 2);
	int x2 = to->x + (edge->back ? BOX_WIDTH / 2 : 0);
	int y2 = to->y + (edge->back ? BOX_HEIGHT : BOX_HEIGHT / 2);
	int bend = edge->back ? BEND / 2 : BEND * 2;

	fprintf(d->out,
		"<path d=\"M%d %d C%d %d %d %d %d %d L%d %d C%d %d %d %d %d %d\" class=\"edge\"/>\n",
		x1, y1, x1 + (edge->back ? 0 : BEND), edge->back ? lane : y1, x1 + way * bend / 2,
		lane, x1 + way * bend, lane, x2 - way * bend, lane, x2 - way * bend / 2, lane,
		x2 - (edge->back ? 0 : BEND), edge->back ? lane : y2, x2, y2);
	write_edge_label(d->out, (x1 + x2) / 2, lane, edge);
}

static int count_beside(const struct graph *graph, size_t edge)
{
	int count = 0;

	for (size_t i = 0; i < edge; i++)
		count += graph->edges[i].from == graph->edges[edge].from &&
			 graph->edges[i].to == graph->edges[edge].to;
	return count;
}

static const char head[] =
	"<style>text{font-family:sans-serif;text-anchor:middle;fill:#222}.name{font-size:14px}"
	".small{font-size:11px}.box{fill:#eef4fb;stroke:#346}.down{fill:#fbe4e4;stroke:#a33}"
	".edge{fill:none;stroke:#346;marker-end:url(#end)}</style>\n"
	"<defs><marker id=\"end\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" "
	"markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\" fill=\"#346\"/></marker>"
	"</defs>\n";

void graph_write_svg(const struct graph *graph, FILE *out)
{
	struct drawing d = { .graph = graph, .out = out };

	place_all(&d);
	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\">\n<title>",
		d.width, d.height, d.width, d.height);
	write_escaped(out, graph->name);
	fprintf(out, "</title>\n%s<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", head);
	for (size_t i = 0; i < graph->edge_count; i++)
		if (has_lane(graph, &graph->edges[i]))
			write_long_edge(&d, i);
		else
			write_short_edge(&d, &graph->edges[i], count_beside(graph, i));
	for (unsigned n = 0; n < graph->node_count; n++)
		write_node(&d, n);
	fputs("</svg>\n", out);
}
