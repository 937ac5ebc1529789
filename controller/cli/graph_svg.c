// SPDX-License-Identifier: Apache-2.0
/*
 * The graph as SVG: ranks from left to right, the nodes of a rank below each other in the
 * order of those they come from, edges as curves with their name and rate in the middle, thicker
 * the more they carry. An edge that passes ranks, or leads back, runs in a lane below all boxes;
 * up and down it goes between two ranks, so that no box is crossed. Calls are dashed, with a
 * head at both ends; tees are dotted.
 */
#include <stdlib.h>
#include <string.h>

#include "controller/cli/graph_model.h"
#include "controller/cli/top_view.h"

#define BOX_WIDTH 190
#define BOX_HEIGHT 48
#define GAP_X 130
#define GAP_Y 44
#define MARGIN 30
#define BEND 60 /* how far a curve leaves straight */
#define LANE_HEIGHT 26
#define NO_LANE (-1)
#define LOOP_DEPTH 22    /* of an edge to its own box, below it */
#define PORT_STEP_MAX 12 /* between two edges of a box */
#define PORT_MARGIN 12
#define WIDEN 2.0 /* of the busiest edge */
#define TOP (MARGIN + 24)
#define LABEL_RAISE 15 /* between the two lines of a label */

struct place {
	double order; /* in its rank: mean of the places it is reached from */
	int x, y;
};

struct drawing {
	const struct graph *graph;
	FILE *out;
	struct place places[GRAPH_NODE_MAX];
	int *lanes; /* of each edge, or NO_LANE */
	int lane_count;
	double busiest; /* rate of an edge */
	int bottom;     /* of all boxes */
	int width, height;
};

enum end { LEAVES, ENTERS };

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
		d->places[nodes[i]].y = TOP + (int)i * (BOX_HEIGHT + GAP_Y);
	}
	return count;
}

/* ---- lanes ---- */

/* The gaps between columns that an edge crosses lie from behind rank `low` to before `high`:
 * a lane of two edges may be the same when they have no such gap in common. */
static void span_of(const struct graph *graph, const struct graph_edge *edge, unsigned *ret_low,
		    unsigned *ret_high)
{
	unsigned from = graph->nodes[edge->from].rank, to = graph->nodes[edge->to].rank;

	*ret_low = edge->back ? to : from + 1;
	*ret_high = edge->back ? from : to - 1;
}

static bool has_lane(const struct graph *graph, const struct graph_edge *edge)
{
	unsigned low, high;

	span_of(graph, edge, &low, &high);
	return edge->from != edge->to && low <= high;
}

static bool lane_is_free(const struct drawing *d, size_t index, int lane)
{
	unsigned low, high, other_low, other_high;

	span_of(d->graph, &d->graph->edges[index], &low, &high);
	for (size_t i = 0; i < d->graph->edge_count; i++) {
		if (d->lanes[i] != lane)
			continue;
		span_of(d->graph, &d->graph->edges[i], &other_low, &other_high);
		if (low <= other_high && other_low <= high)
			return false;
	}
	return true;
}

/* Short ones first: so the long ones lie below them and are not crossed. */
static void place_lanes(struct drawing *d)
{
	unsigned low, high;

	for (size_t i = 0; i < d->graph->edge_count; i++)
		d->lanes[i] = NO_LANE;
	for (unsigned length = 0; length < 2 * GRAPH_NODE_MAX; length++)
		for (size_t i = 0; i < d->graph->edge_count; i++) {
			int lane = 0;

			span_of(d->graph, &d->graph->edges[i], &low, &high);
			if (!has_lane(d->graph, &d->graph->edges[i]) || high - low != length)
				continue;
			while (!lane_is_free(d, i, lane))
				lane++;
			d->lanes[i] = lane;
			d->lane_count = lane >= d->lane_count ? lane + 1 : d->lane_count;
		}
}

static int lane_y(const struct drawing *d, size_t edge)
{
	return d->bottom + LANE_HEIGHT / 2 + d->lanes[edge] * LANE_HEIGHT;
}

static void place_all(struct drawing *d)
{
	unsigned last = d->graph->nodes[GRAPH_REPLY].rank;

	for (unsigned rank = 0; rank <= last; rank++) {
		int bottom = TOP + (int)place_rank(d, rank) * (BOX_HEIGHT + GAP_Y);

		d->bottom = bottom > d->bottom ? bottom : d->bottom;
	}
	place_lanes(d);
	d->height = d->bottom + d->lane_count * LANE_HEIGHT + (d->lane_count ? MARGIN / 2 : 0);
	d->width = 2 * MARGIN + (int)last * (BOX_WIDTH + GAP_X) + BOX_WIDTH;
	for (size_t i = 0; i < d->graph->edge_count; i++)
		if (d->graph->edges[i].rate > d->busiest)
			d->busiest = d->graph->edges[i].rate;
}

/* ---- where an edge leaves and enters ---- */

/* How high up an edge belongs at its `end`. */
static int target_y(const struct drawing *d, size_t index, enum end end)
{
	const struct graph_edge *edge = &d->graph->edges[index];

	if (d->lanes[index] != NO_LANE)
		return lane_y(d, index);
	if (edge->from == edge->to)
		return d->places[edge->from].y + BOX_HEIGHT;
	return d->places[end == LEAVES ? edge->to : edge->from].y;
}

/* The edges of a side of a box lie below each other in the order of where they lead. */
static int port_y(const struct drawing *d, size_t index, enum end end)
{
	const struct graph *g = d->graph;
	unsigned node = end == LEAVES ? g->edges[index].from : g->edges[index].to;
	int above = 0, count = 0, step, own = target_y(d, index, end);

	for (size_t i = 0; i < g->edge_count; i++) {
		int y = target_y(d, i, end);

		if ((end == LEAVES ? g->edges[i].from : g->edges[i].to) != node)
			continue;
		count++;
		above += y < own || (y == own && i < index);
	}
	step = (BOX_HEIGHT - PORT_MARGIN) / count;
	step = step < PORT_STEP_MAX ? step : PORT_STEP_MAX;
	return d->places[node].y + BOX_HEIGHT / 2 + (2 * above - count + 1) * step / 2;
}

/* ---- drawing ---- */

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
	const char *style = node->desired && !node->ready ? "down" :
			    n <= GRAPH_REPLY              ? "end" :
							    "box";
	char text[GRAPH_TEXT_MAX];

	graph_node_text(node, text);
	fprintf(d->out,
		"<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\" class=\"%s\"/>\n", x,
		y, BOX_WIDTH, BOX_HEIGHT, style);
	write_label(d->out, middle, y + (*text ? 20 : 29), "name", node->name);
	if (*text)
		write_label(d->out, middle, y + 37, "small", text);
}

static void write_edge_label(const struct drawing *d, int x, int y, const struct graph_edge *edge,
			     bool two_lines)
{
	char rate[GRAPH_TEXT_MAX], text[GRAPH_NAME_MAX + GRAPH_TEXT_MAX + 2];

	graph_rate_text(edge->rate, rate);
	snprintf(text, sizeof(text), "%s%s%s", edge->name, two_lines ? "" : "  ",
		 two_lines ? "" : rate);
	write_label(d->out, x, y - LABEL_RAISE / 2, edge->rate > 0 ? "label" : "idle label", text);
	if (two_lines)
		write_label(d->out, x, y + LABEL_RAISE, edge->rate > 0 ? "label" : "idle label",
			    rate);
}

/* The busier an edge, the thicker. */
static void end_path(const struct drawing *d, const struct graph_edge *edge)
{
	const char *kind = edge->kind == GRAPH_CALL ? " call" :
			   edge->kind == GRAPH_TEE  ? " tee" :
						      "";

	if (edge->rate > 0)
		fprintf(d->out, "\" class=\"edge%s\" stroke-width=\"%.1f\"/>\n", kind,
			1 + WIDEN * edge->rate / d->busiest);
	else
		fprintf(d->out, "\" class=\"edge idle%s\"/>\n", kind);
}

/* Below its own box and back. */
static void write_loop(const struct drawing *d, size_t index)
{
	const struct graph_edge *edge = &d->graph->edges[index];
	const struct place *at = &d->places[edge->from];
	int y1 = port_y(d, index, LEAVES), y2 = port_y(d, index, ENTERS);
	int right = at->x + BOX_WIDTH, y = at->y + BOX_HEIGHT + LOOP_DEPTH;

	fprintf(d->out, "<path d=\"M%d %d C%d %d %d %d %d %d L%d %d C%d %d %d %d %d %d", right, y1,
		right + BEND / 2, y1, right + BEND / 2, y, right - BEND / 4, y, at->x + BEND / 4, y,
		at->x - BEND / 2, y, at->x - BEND / 2, y2, at->x, y2);
	end_path(d, edge);
	write_edge_label(d, at->x + BOX_WIDTH / 2, y, edge, false);
}

static void write_short_edge(const struct drawing *d, size_t index)
{
	const struct graph_edge *edge = &d->graph->edges[index];
	int x1 = d->places[edge->from].x + BOX_WIDTH, x2 = d->places[edge->to].x;
	int y1 = port_y(d, index, LEAVES), y2 = port_y(d, index, ENTERS);

	fprintf(d->out, "<path d=\"M%d %d C%d %d %d %d %d %d", x1, y1, x1 + BEND, y1, x2 - BEND, y2,
		x2, y2);
	end_path(d, edge);
	write_edge_label(d, (x1 + x2) / 2, (y1 + y2) / 2, edge, true);
}

/* Down behind the box, along the lane, up before the other box. */
static void write_lane_edge(const struct drawing *d, size_t index)
{
	const struct graph_edge *edge = &d->graph->edges[index];
	int x1 = d->places[edge->from].x + BOX_WIDTH, x2 = d->places[edge->to].x;
	int y1 = port_y(d, index, LEAVES), y2 = port_y(d, index, ENTERS), y = lane_y(d, index);
	int turn1 = edge->back ? x1 : x1 + GAP_X, turn2 = edge->back ? x2 : x2 - GAP_X;

	fprintf(d->out, "<path d=\"M%d %d C%d %d %d %d %d %d L%d %d C%d %d %d %d %d %d", x1, y1,
		x1 + BEND, y1, x1 + BEND, y, turn1, y, turn2, y, x2 - BEND, y, x2 - BEND, y2, x2,
		y2);
	end_path(d, edge);
	write_edge_label(d, (x1 + x2) / 2, y, edge, false);
}

static void write_edges(const struct drawing *d, bool idle)
{
	for (size_t i = 0; i < d->graph->edge_count; i++) {
		const struct graph_edge *edge = &d->graph->edges[i];

		if ((edge->rate > 0) == idle)
			continue;
		if (edge->from == edge->to)
			write_loop(d, i);
		else if (d->lanes[i] != NO_LANE)
			write_lane_edge(d, i);
		else
			write_short_edge(d, i);
	}
}

static const char head[] =
	"<style>text{font-family:sans-serif;text-anchor:middle;fill:#222}"
	".title{font-size:15px;text-anchor:start}.name{font-size:14px;font-weight:bold}"
	".small,.label{font-size:11px}"
	".label{paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-opacity:.8}"
	".box{fill:#eef4fb;stroke:#346}.end{fill:#f4f4f0;stroke:#666}.down{fill:#fbe4e4;stroke:#a33}"
	".edge{fill:none;stroke:#346;marker-end:url(#end)}"
	".edge.idle{stroke:#9ab;stroke-dasharray:4 3;marker-end:url(#idle)}text.idle{fill:#678}"
	".edge.call{stroke-dasharray:9 4;marker-start:url(#end)}.edge.tee{stroke-dasharray:2 4}"
	".edge.idle.call{marker-start:url(#idle)}"
	"</style>\n<defs>";

static void write_marker(FILE *out, const char *id, const char *color)
{
	fprintf(out,
		"<marker id=\"%s\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"9\" "
		"markerHeight=\"9\" markerUnits=\"userSpaceOnUse\" orient=\"auto-start-reverse\">"
		"<path d=\"M0 0 L8 4 L0 8 z\" fill=\"%s\"/></marker>",
		id, color);
}

static void write_title(const struct graph *graph, FILE *out)
{
	char text[GRAPH_NAME_MAX + 2 * GRAPH_TEXT_MAX], rate[GRAPH_TEXT_MAX], p99[TOP_CELL_MAX];
	const struct graph_node *gateway = &graph->nodes[GRAPH_GATEWAY];

	top_format_time(gateway->run_p99_us, p99);
	snprintf(text, sizeof(text), "%s: %s, end to end p99 %s", graph->name,
		 graph_rate_text(gateway->rate, rate), p99);
	write_label(out, MARGIN, MARGIN, "title", text);
}

void graph_write_svg(const struct graph *graph, FILE *out)
{
	struct drawing d = { .graph = graph, .out = out };

	d.lanes = calloc(graph->edge_count + 1, sizeof(*d.lanes));
	if (!d.lanes) {
		fputs("sprocket graph: out of memory\n", stderr);
		return;
	}
	place_all(&d);
	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\">\n<title>",
		d.width, d.height, d.width, d.height);
	write_escaped(out, graph->name);
	fprintf(out, "</title>\n%s", head);
	write_marker(out, "end", "#346");
	write_marker(out, "idle", "#9ab");
	fputs("</defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n", out);
	write_title(graph, out);
	write_edges(&d, true);
	write_edges(&d, false); /* above the idle ones */
	for (unsigned n = 0; n < graph->node_count; n++)
		write_node(&d, n);
	fputs("</svg>\n", out);
	free(d.lanes);
}
