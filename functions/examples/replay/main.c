/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - the command `replay`: plays a file of arrivals against a chain.
 *
 *     replay --speed 60 http://127.0.0.1:8080 arrivals.txt
 *
 * Exit codes: 0 every request was answered with a status below 400; 1 one was not, or the
 * file cannot be read; 2 wrong arguments.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "replay.h"

static const char usage[] =
	"usage: replay [--speed N] [--connections N] [--timeout SECONDS] [--answers] URL FILE\n"
	"Plays requests at the times the file gives, and reports response times, counted from\n"
	"when each request was due. FILE may be - for standard input; its lines are:\n"
	"    SECONDS METHOD /PATH [BODY, or @FILE]\n"
	"  --speed N        so many times faster (1)\n"
	"  --connections N  so many requests at once, at most (16)\n"
	"  --timeout S      of one request (30)\n"
	"  --answers        print each answer first: STATUS BODY\n";

enum { SPEED, CONNECTIONS, TIMEOUT, ANSWERS, HELP };

static const struct option options[] = {
	{ "speed", required_argument, NULL, SPEED },
	{ "connections", required_argument, NULL, CONNECTIONS },
	{ "timeout", required_argument, NULL, TIMEOUT },
	{ "answers", no_argument, NULL, ANSWERS },
	{ "help", no_argument, NULL, HELP },
	{ 0 },
};

static int bad_usage(const char *what)
{
	fprintf(stderr, "replay: %s\n%s", what, usage);
	return 2;
}

/* Returns 0 and *ret, or -EINVAL for what is no number in the range. */
static int number_parse(const char *text, double min, double max, double *ret)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= min && value <= max))
		return -EINVAL;
	*ret = value;
	return 0;
}

/* Takes an option. Returns NULL, or what is wrong with it. */
static const char *option_take(struct player *player, int option, const char *text)
{
	double value;

	switch (option) {
	case SPEED:
		return number_parse(text, 1e-3, 1e6, &player->speed) < 0 ?
			       "--speed is from 0.001 to 1000000" :
			       NULL;
	case TIMEOUT:
		return number_parse(text, 1e-3, 3600, &player->timeout_s) < 0 ?
			       "--timeout is from 0.001 to 3600 seconds" :
			       NULL;
	case CONNECTIONS:
		if (number_parse(text, 1, REPLAY_CONNECTION_MAX, &value) < 0)
			return "--connections is from 1 to 1024";
		player->connections = (unsigned)value;
		return NULL;
	case ANSWERS:
		player->keep = true;
		return NULL;
	default:
		return "unknown option, or one without its value";
	}
}

/* Reads the arrivals; says why when it cannot. */
static int load(const char *name, struct arrivals *ret)
{
	FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	char *folder = strdup(name), *slash = folder ? strrchr(folder, '/') : NULL;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (!file || !folder) {
		fprintf(stderr, "replay: %s: %s\n", name, strerror(errno));
		free(folder);
		return -ENOENT;
	}
	if (slash)
		*slash = '\0';
	r = arrivals_read(file, slash ? folder : ".", ret);
	if (r < 0)
		fprintf(stderr, "replay: %s: %s\n", name, ret->reason);
	if (file != stdin)
		fclose(file);
	free(folder);
	return r;
}

static int play(struct player *player)
{
	size_t failed;
	int r = player_run(player);

	if (r < 0) {
		fprintf(stderr, "replay: %s\n", strerror(-r));
		return 1;
	}
	for (size_t i = 0; player->keep && i < player->arrivals->count; i++) {
		const char *answer = player->outcomes[i].answer;
		size_t len = answer ? strlen(answer) : 0;

		printf("%ld %s%s", player->outcomes[i].status, answer ? answer : "",
		       len > 0 && answer[len - 1] == '\n' ? "" : "\n");
	}
	failed = report_print(player);
	return failed > 0 || fflush(stdout) != 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct player player = { .speed = 1, .connections = 16, .timeout_s = 30 };
	struct arrivals arrivals;
	const char *wrong;
	int option, code = 1;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == HELP)
			return fputs(usage, stdout) < 0;
		wrong = option_take(&player, option, optarg);
		if (wrong)
			return bad_usage(wrong);
	}
	if (argc - optind != 2)
		return bad_usage("expected an URL (http://HOST:PORT) and a file");
	player.url = argv[optind];
	player.arrivals = &arrivals;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (load(argv[optind + 1], &arrivals) == 0)
		code = play(&player);
	player_done(&player);
	arrivals_done(&arrivals);
	curl_global_cleanup();
	return code;
}
