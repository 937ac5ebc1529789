// SPDX-License-Identifier: Apache-2.0
/*
 * Drawings of a made-up chain, compared with those in a folder (argv[1]). With --write as
 * argv[2] they are written instead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/cli/graph_model.h"
#include "tests/unit/controller/metrics_fixture.h"

typedef void graph_writer(const struct graph *graph, FILE *out);

static const char *folder;
static bool writing;

static json_t *graph_at(unsigned round, const char *name)
{
	struct metrics_snapshot snapshot;
	json_t *json;

	fixture_snapshot(1, round, &snapshot);
	snapshot.chains[0]->functions[2].name = name;
	json = metrics_graph_json(snapshot.chains[0], snapshot.at_ns);
	fixture_done(&snapshot);
	return json;
}

static void read_graph(const char *name, struct graph *ret)
{
	json_t *before = graph_at(1, name), *after = graph_at(3, name);

	assert_int_equal(graph_read(before, after, ret), 0);
	json_decref(before);
	json_decref(after);
}

static char *draw(const struct graph *graph, graph_writer *write)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	write(graph, out);
	fclose(out);
	return text;
}

/* A front that calls, and fans out to a join; one callee calls itself. */
static void read_calls(struct graph *ret)
{
	static const struct {
		const char *from, *to, *edge, *kind;
		int count;
	} edges[] = {
		{ "gateway", "front", "ingress", "route", 10 },
		{ "front", "currency", "call,all", "call", 30 },
		{ "front", "advert", "all", "call", 10 },
		{ "front", "sum", "join", "join", 10 },
		{ "front", "audit", "tee", "tee", 0 },
		{ "currency", "currency", "call", "call", 0 },
		{ "currency", "caller", "reply", "return", 30 },
		{ "currency", "advert", "call", "call", 0 },
		{ "sum", "gateway", "next", "route", 10 },
		{ "sum", "audit", "tee", "tee", 10 },
	};
	json_t *list = json_array(), *before, *after;

	for (size_t i = 0; i < sizeof(edges) / sizeof(*edges); i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s, s:i}", "from", edges[i].from,
						"to", edges[i].to, "edge", edges[i].edge, "kind",
						edges[i].kind, "count", edges[i].count));
	before = json_pack("{s:I, s:[]}", "time_ns", (json_int_t)1, "functions");
	after = json_pack("{s:I, s:s, s:[{s:s}, {s:s}, {s:s}, {s:s}, {s:s}, {s:s}], s:o}",
			  "time_ns", (json_int_t)1000000001, "name", "calls", "functions", "name",
			  "gateway", "name", "front", "name", "currency", "name", "advert", "name",
			  "sum", "name", "audit", "edges", list);
	assert_non_null(after);
	assert_int_equal(graph_read(before, after, ret), 0);
	json_decref(before);
	json_decref(after);
}

static void compare_graph(const char *name, graph_writer *write, struct graph graph)
{
	char path[4096], expected[16384], *text = draw(&graph, write);
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, writing ? "w" : "r");
	assert_non_null(file);
	if (writing) {
		fputs(text, file);
	} else {
		n = fread(expected, 1, sizeof(expected) - 1, file);
		expected[n] = '\0';
		assert_string_equal(text, expected);
	}
	fclose(file);
	free(text);
	graph_done(&graph);
}

static void compare(const char *name, graph_writer *write)
{
	struct graph graph;

	read_graph("plate", &graph);
	compare_graph(name, write, graph);
}

static void test_text(void **state)
{
	(void)state;
	compare("shop.txt", graph_write_text);
}

static void test_dot(void **state)
{
	(void)state;
	compare("shop.dot", graph_write_dot);
}

static void test_svg(void **state)
{
	(void)state;
	compare("shop.svg", graph_write_svg);
}

static void test_calls(void **state)
{
	static graph_writer *const writers[] = { graph_write_text, graph_write_dot,
						 graph_write_svg };
	static const char *const names[] = { "calls.txt", "calls.dot", "calls.svg" };
	struct graph graph;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		read_calls(&graph);
		compare_graph(names[i], writers[i], graph);
	}
	read_calls(&graph);
	assert_int_equal(graph.edge_count, 9);    /* what goes back to callers is none */
	assert_int_equal(graph.nodes[5].rank, 3); /* sum: two behind front */
	graph_done(&graph);
}

static void test_ranks(void **state)
{
	static const struct {
		const char *name;
		unsigned rank;
	} expected[] = {
		{ "gateway", 0 }, { "reply", 4 }, { "detect", 1 }, { "plate", 2 }, { "pay", 3 },
	};
	struct graph graph;
	unsigned back = 0;

	(void)state;
	read_graph("plate", &graph);
	assert_int_equal(graph.node_count, 5);
	for (unsigned n = 0; n < graph.node_count; n++) {
		assert_string_equal(graph.nodes[n].name, expected[n].name);
		assert_int_equal(graph.nodes[n].rank, expected[n].rank);
	}
	for (size_t i = 0; i < graph.edge_count; i++)
		back += graph.edges[i].back;
	assert_int_equal(back, 1); /* pay -> detect */
	assert_true(graph.edges[1].rate == 50);
	graph_done(&graph);
}

static void test_names_are_escaped(void **state)
{
	struct graph graph;
	char *text;

	(void)state;
	read_graph("<a&\"b\">\\", &graph);
	text = draw(&graph, graph_write_svg);
	assert_non_null(strstr(text, "&lt;a&amp;&quot;b&quot;&gt;\\"));
	assert_null(strstr(text, "<a&"));
	free(text);
	text = draw(&graph, graph_write_dot);
	assert_non_null(strstr(text, "<a&\\\"b\\\">\\\\"));
	free(text);
	graph_done(&graph);
}

static void test_garbage(void **state)
{
	static const char *const afters[] = { "{\"time_ns\":9}", "{\"time_ns\":5,\"functions\":[]}",
					      "[]", "{\"time_ns\":1,\"functions\":[]}" };
	json_t *before = json_loads("{\"time_ns\":5,\"functions\":[]}", 0, NULL);
	struct graph graph;
	json_t *odd =
		json_loads("{\"time_ns\":9,\"functions\":[3,[],{\"name\":\"a\"}],\"edges\":"
			   "[{\"from\":\"a\",\"to\":\"none\"},{\"from\":\"a\",\"to\":\"a\"},1]}",
			   0, NULL);
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(afters) / sizeof(*afters); i++) {
		json_t *after = json_loads(afters[i], 0, NULL);

		assert_int_not_equal(graph_read(before, after, &graph), 0);
		json_decref(after);
	}
	assert_int_equal(graph_read(before, odd, &graph), 0);
	text = draw(&graph, graph_write_text);
	assert_non_null(strstr(text, "(see above)"));
	free(text);
	free(draw(&graph, graph_write_svg));
	graph_done(&graph);
	json_decref(odd);
	json_decref(before);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),    cmocka_unit_test(test_dot),
		cmocka_unit_test(test_svg),     cmocka_unit_test(test_calls),
		cmocka_unit_test(test_ranks),   cmocka_unit_test(test_names_are_escaped),
		cmocka_unit_test(test_garbage),
	};

	if (argc < 2)
		return 2;
	folder = argv[1];
	writing = argc > 2 && !strcmp(argv[2], "--write");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
