// SPDX-License-Identifier: Apache-2.0
#include "bench/command/options.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 64
#define COMMANDS (sizeof(commands) / sizeof(*commands))

static const struct {
	const char *name;
	enum bench_command command;
	const char *arguments, *help;
	unsigned min, max;
} commands[] = {
	{ "run", BENCH_RUN, "TARGET --rate R | --closed", "one load, and what came of it", 1, 1 },
	{ "sweep", BENCH_SWEEP, "TARGET --rates | --bodies A:B:N",
	  "rising rates, up to the knee; rising sizes", 1, 1 },
	{ "compare", BENCH_COMPARE, "TARGET TARGET...", "take turns; ratios with intervals", 2,
	  BENCH_TARGETS_MAX },
	{ "report", BENCH_REPORT, "FILE.json... [--out FOLDER]", "a page of what --json wrote", 1,
	  BENCH_TARGETS_MAX },
	{ "targets", BENCH_TARGETS, "", "what has a name", 0, 0 },
};

void bench_options_usage(FILE *to)
{
	fputs("usage: sprocket-bench COMMAND [ARGUMENT...]\n\n", to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-8s %-31s %s\n", commands[i].name, commands[i].arguments,
			commands[i].help);
	fputs("\nA TARGET is http://HOST:PORT[/PATH], a name of `sprocket-bench targets`, or a "
	      "chain file.\n`sprocket-bench COMMAND --help` lists options, `man sprocket-bench` says "
	      "all.\n",
	      to);
}

static void help(size_t command)
{
	char head[64];

	printf("usage: sprocket-bench %s %s [OPTION...]\n\n", commands[command].name,
	       commands[command].arguments);
	for (size_t i = 0; i < bench_option_count; i++) {
		const struct bench_option *option = &bench_option_table[i];

		if (!(option->commands & commands[command].command))
			continue;
		snprintf(head, sizeof(head), "--%s %s", option->name,
			 option->value ? option->value : "");
		printf("  %-24s  %s\n", head, option->help);
	}
	fputs("  --help                    print this\n\n"
	      "Exit codes: 0 good; 1 wrong answers, a rate not kept up with, an SLO missed, or a "
	      "result\nthat must not be used; 2 wrong arguments; 3 could not measure; 130 interrupted.\n",
	      stdout);
}

static int refuse(const struct bench_options *o, const char *text, const char *name)
{
	const char *command = "";

	for (size_t i = 0; i < COMMANDS; i++)
		if (commands[i].command == o->command)
			command = commands[i].name;
	fprintf(stderr, "sprocket-bench %s: %s%s\n", command, text, name);
	fprintf(stderr, "`sprocket-bench %s --help` lists what there is.\n", command);
	return BENCH_USAGE;
}

/* True for arrivals that say themselves how many there are. */
static bool own_rate(const char *arrivals)
{
	return arrivals && (!strncmp(arrivals, "step:", 5) || !strncmp(arrivals, "ramp:", 5) ||
			    !strncmp(arrivals, "trace:", 6));
}

static int check_sweep(const struct bench_options *o)
{
	if (!o->rate_count == !o->body_count)
		return refuse(o,
			      "one of --rates 1k:200k:12 and --bodies 64:16Mi:10 --closed is "
			      "needed: what rises?",
			      "");
	if (!o->body_count != !o->closed)
		return refuse(o, "--bodies and --closed go with each other", "");
	if (o->body_count && (o->arrivals || o->body_given || o->mix || o->slo_count))
		return refuse(o, "--bodies does not go with --arrivals, --body, --mix or --slo",
			      "");
	return own_rate(o->arrivals) ?
		       refuse(o, "a sweep sets the rate: it does not go with --arrivals ",
			      o->arrivals) :
		       0;
}

static int check_load(const struct bench_options *o)
{
	bool open = o->rate > 0 || own_rate(o->arrivals);

	if (o->command == BENCH_SWEEP)
		return check_sweep(o);
	if (o->closed && (o->rate > 0 || o->arrivals))
		return refuse(o, "--closed does not go with --rate or --arrivals: choose", "");
	if (!open && o->arrivals)
		return refuse(o, "--rate is missing: how many requests/s are due by --arrivals ",
			      o->arrivals);
	if (!open && !o->closed && o->command == BENCH_RUN)
		return refuse(o,
			      "--rate R (open loop: R requests/s are due) or --closed (each "
			      "connection asks when it was answered) is missing",
			      "");
	return 0;
}

/* Of the CPUs that were named, all must be ours to use. */
static int check_cpus(const struct bench_options *o, const char *name, const int *cpus,
		      unsigned count)
{
	cpu_set_t allowed;
	char text[64];

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return 0;
	for (unsigned i = 0; i < count; i++) {
		if (CPU_ISSET((size_t)cpus[i], &allowed))
			continue;
		snprintf(text, sizeof(text), "%s: this process may not use CPU %d", name, cpus[i]);
		return refuse(o, text, "");
	}
	return 0;
}

static int check(struct bench_options *o)
{
	bool is_load = o->command & (BENCH_RUN | BENCH_SWEEP | BENCH_COMPARE);
	int r = is_load ? check_load(o) : 0;

	if (r == 0)
		r = check_cpus(o, "--server-cpu", o->server_cpus, o->server_cpu_count);
	if (r == 0)
		r = check_cpus(o, "--client-cpu", o->client_cpus, o->client_cpu_count);
	if (r)
		return r;
	if (o->streams > 1 && o->protocol != BENCH_H2C)
		return refuse(o, "--streams goes with --http 2", "");
	if (o->json && o->csv && !strcmp(o->json, "-") && !strcmp(o->csv, "-"))
		return refuse(o, "one of --json and --csv can go to standard output", "");
	if (o->mix && (o->method || o->path || o->body_given))
		return refuse(o, "--mix does not go with --method, --path or --body", "");
	if (o->command == BENCH_COMPARE && o->name_count * o->rounds > 4096)
		return refuse(o, "too many: targets times --rounds may be 4096", "");
	return 0;
}

static int names_take(int argc, char **argv, size_t command, struct bench_options *o)
{
	for (int i = optind; i < argc; i++) {
		if (o->name_count == commands[command].max)
			return refuse(o, "one argument too many: ", argv[i]);
		if (!*argv[i])
			return refuse(o, "an argument is empty", "");
		o->names[o->name_count++] = argv[i];
	}
	if (o->name_count < commands[command].min)
		return refuse(o, "an argument is missing: ", commands[command].arguments);
	return 0;
}

static int take(struct bench_options *o, const struct bench_option *option, const char *value)
{
	char text[512];

	if (!(option->commands & o->command))
		return refuse(o, "this command has no --", option->name);
	if (option->take(o, value) == 0)
		return 0;
	snprintf(text, sizeof(text), "--%s %s: expected %s", option->name, value, option->form);
	return refuse(o, text, "");
}

/* What getopt did not take: an option that is unknown, or without its value. */
static int stranger(const struct bench_options *o, int c, char **argv)
{
	if (c == ':')
		return refuse(o, "a value is missing behind ", argv[optind - 1]);
	return refuse(o, "no such option, or not in this form: ", argv[optind - 1]);
}

static int options_take(int argc, char **argv, size_t command, struct bench_options *o)
{
	struct option longs[OPTIONS_MAX] = { 0 };
	int c, index, r;

	for (size_t i = 0; i < bench_option_count; i++) {
		longs[i].name = bench_option_table[i].name;
		longs[i].has_arg = bench_option_table[i].value ? required_argument : no_argument;
		longs[i].val = 'o';
	}
	longs[bench_option_count] = (struct option){ "help", no_argument, NULL, 'h' };
	optind = 0; /* glibc: from the beginning, also when it was called before */
	while ((c = getopt_long(argc, argv, ":h", longs, &index)) != -1) {
		if (c == 'h') {
			help(command);
			return -1;
		}
		r = c == 'o' ? take(o, &bench_option_table[index], optarg) : stranger(o, c, argv);
		if (r)
			return r;
	}
	return names_take(argc, argv, command, o);
}

static const struct bench_options defaults = {
	.duration_ns = 10000000000U,
	.warmup_ns = 1000000000U,
	.timeout_ns = 5000000000U,
	.seed = 1,
	.connections = 64,
	.streams = 1,
	.rounds = 5,
};

int bench_options_parse(int argc, char **argv, struct bench_options *ret)
{
	size_t command = 0;
	char **copy;
	int r;

	*ret = defaults;
	ret->argc = argc;
	ret->argv = argv;
	if (argc < 2) {
		bench_options_usage(stderr);
		return BENCH_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		bench_options_usage(stdout);
		return -1;
	}
	while (command < COMMANDS && strcmp(argv[1], commands[command].name) != 0)
		command++;
	if (command == COMMANDS) {
		fprintf(stderr, "sprocket-bench: no command \"%s\"\n\n", argv[1]);
		bench_options_usage(stderr);
		return BENCH_USAGE;
	}
	ret->command = commands[command].command;
	copy = malloc((size_t)argc * sizeof(*copy)); /* getopt changes the order */
	if (!copy)
		return refuse(ret, "no memory", "");
	memcpy(copy, argv + 1, (size_t)argc * sizeof(*copy)); /* with the NULL at its end */
	r = options_take(argc - 1, copy, command, ret);
	free(copy);
	if (r == 0)
		r = check(ret);
	if (r)
		bench_options_done(ret);
	return r;
}

void bench_options_done(struct bench_options *o)
{
	for (unsigned i = 0; i < o->header_count; i++)
		free((void *)(uintptr_t)o->headers[i].name);
	o->header_count = 0;
}
