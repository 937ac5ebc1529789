// SPDX-License-Identifier: Apache-2.0
/*
 * graph.c - `sprocket graph`: a chain and how much goes over each of its edges.
 *
 * How: asks sprocketd for the graph's counts twice and draws the difference.
 * Thread-safety: none, it is a command.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "controller/cli/cli.h"
#include "controller/cli/client.h"
#include "controller/cli/graph_model.h"
#include "controller/cli/options.h"

#define INTERVAL_MS 1000

static const char help[] =
	"usage: sprocket graph CHAIN [-o text|dot|svg] [-d DURATION]\n"
	"Draws a chain with the rate of each edge, the instances of each function (ready of\n"
	"desired), and the time that 99 of 100 requests waited and ran at most.\n"
	"  -o text                a tree (default)\n"
	"  -o dot                 for graphviz\n"
	"  -o svg                 a picture: sprocket graph CHAIN -o svg > chain.svg\n"
	"  -d DURATION            how long to count (default 1s)\n" OPTIONS_HELP_SOCKET
		OPTIONS_HELP_EXIT;

static const struct option longs[] = { OPTIONS_COMMON };

typedef void graph_writer(const struct graph *graph, FILE *out);

static graph_writer *find_writer(struct options *options, const char *name)
{
	static const struct {
		const char *name;
		graph_writer *write;
	} writers[] = {
		{ "text", graph_write_text },
		{ "dot", graph_write_dot },
		{ "svg", graph_write_svg },
	};

	for (size_t i = 0; i < sizeof(writers) / sizeof(*writers); i++)
		if (!strcmp(name, writers[i].name))
			return writers[i].write;
	options_wrong(options, "-o takes one of text, dot, svg, not \"%s\"", name);
	return NULL;
}

static int ask(struct client *client, const char *chain, json_t **ret)
{
	char what[GRAPH_NAME_MAX];

	snprintf(what, sizeof(what), "chain/%s", chain);
	return client_ask(client, "GET", client_path(client, "/v1/chains/%s/graph", chain), what,
			  ret);
}

static int draw(const json_t *before, const json_t *after, graph_writer *write)
{
	struct graph graph;
	int r = graph_read(before, after, &graph);

	if (r < 0) {
		fprintf(stderr, "sprocket graph: the answer cannot be read: %s\n", strerror(-r));
		return CLI_FAILED;
	}
	if (graph.nodes[GRAPH_GATEWAY].name[0])
		write(&graph, stdout);
	else
		fputs("sprocket graph: the chain does not run now: `sprocket get` says why\n",
		      stderr);
	r = graph.nodes[GRAPH_GATEWAY].name[0] ? CLI_OK : CLI_FAILED;
	graph_done(&graph);
	if (fflush(stdout) == 0)
		return r;
	fprintf(stderr, "sprocket graph: cannot write: %s\n", strerror(errno));
	return CLI_FAILED;
}

static int run(struct client *client, const char *chain, long ms, graph_writer *write)
{
	struct timespec interval = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
	json_t *before, *after;
	int code = ask(client, chain, &before);

	if (code != CLI_OK)
		return code;
	nanosleep(&interval, NULL);
	code = ask(client, chain, &after);
	if (code == CLI_OK) {
		code = draw(before, after, write);
		json_decref(after);
	}
	json_decref(before);
	return code;
}

int cli_graph(int argc, char **argv)
{
	struct options options = {
		.command = "graph", .help = help, .shorts = "ho:d:", .longs = longs
	};
	graph_writer *write = graph_write_text;
	const char *chain = NULL;
	struct client *client;
	long ms = INTERVAL_MS;
	int option, code;

	while ((option = options_next(&options, argc, argv)) > 0) {
		if (option == 'o')
			write = find_writer(&options, optarg);
		else if (option == 'd')
			options_duration(&options, "-d", optarg, &ms);
	}
	if (!options.stop && optind + 1 != argc)
		options_wrong(&options, "one chain is drawn, not %d", argc - optind);
	else if (!options.stop)
		chain = options_chain(&options, argv[optind]);
	if (options.stop)
		return options.code;
	code = client_open("graph", &client);
	if (code != CLI_OK)
		return code;
	code = run(client, chain, ms, write);
	client_close(client);
	return code;
}
