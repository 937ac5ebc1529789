// SPDX-License-Identifier: Apache-2.0
/* `sprocket run`: one chain, with a controller of its own, until Ctrl-C. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "controller/cli/cli.h"
#include "controller/cli/gdb.h"
#include "controller/cli/run_gdb.h"
#include "controller/cpus.h"
#include "controller/privilege.h"
#include "controller/runtime.h"
#include "shm/hugepages.h"

#define LISTEN_DEFAULT "127.0.0.1:8080"

static const char help[] =
	"usage: sprocket run CHAIN.yaml|FOLDER [OPTION...] [-- GDB-ARGUMENT...]\n"
	"\n"
	"Runs the chain behind HTTP until SIGINT or SIGTERM, then finishes what is in flight and\n"
	"takes everything down. A second signal kills. SIGUSR1 prints the state as JSON.\n"
	"\n"
	"  --listen ADDR:PORT  where to serve (default: the file's, or 127.0.0.1:8080;\n"
	"                      port 0: any)\n"
	"  --workers N         gateway threads, each with an instance of each function (default 1)\n"
	"  --cpus LIST         CPUs of the chain, as 0,2-3: worker n and instance n of each function\n"
	"                      share the n-th of them (default: all allowed ones, last one first)\n"
	"  --inline            all functions in one process, each in one thread of it: for debuggers\n"
	"                      and profilers. What ends one function ends the run\n"
	"  --gdb               with --inline: gdb on that process, before any function begins. No\n"
	"                      request times out; the run ends when gdb does\n"
	"  --trace             answer with Server-Timing: the path and the time of each hop\n"
	"  --verbose           say when what was ready\n"
	"\n"
	"Exit code: 0 stopped in order, 1 failed, 2 wrong arguments, 3 errors in the chain file,\n"
	"4 a right is missing.\n";

/* What one `sprocket run` consists of. */
struct run {
	struct loop loop;
	struct runtime *runtime;
	struct runstate *runstate;
	struct loop_source on_signal;
	struct run_gdb gdb;
	bool ready_said;
};

static int number_parse(const char *text, long min, long max, uint32_t *ret)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < min || n > max)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

static int cpus_take(const char *list, struct runtime_options *options)
{
	int count = cpus_choose(list, options->cpus, SP_CPU_MAX);

	if (count < 0) {
		fprintf(stderr,
			"sprocket run: --cpus %s: not a list of CPUs this process may use, such as 0 "
			"or 0,2-3\n",
			list ? list : "");
		return CLI_USAGE;
	}
	options->cpu_count = (uint32_t)count;
	return CLI_OK;
}

static int wrong(const char *what, const char *value)
{
	fprintf(stderr, "sprocket run: %s%s\n\n%s", what, value, help);
	return CLI_USAGE;
}

/* What stands behind the chain file: arguments of gdb, if it is wanted. */
static int gdb_arguments(int argc, char **argv, const struct runtime_options *options,
			 struct run_gdb *gdb)
{
	gdb->args = argv + optind + 1;
	gdb->arg_count = argc - optind - 1;
	if (gdb->wanted && !options->inlined)
		return wrong("--gdb goes with --inline; ",
			     "a chain of sprocketd is debugged with sprocket debug");
	if (!gdb->wanted && gdb->arg_count > 0)
		return wrong("one chain file, not also ", gdb->args[0]);
	if (gdb->arg_count > GDB_ARGS_MAX)
		return wrong("too many arguments for gdb", "");
	return gdb->wanted ? gdb_check("run") : CLI_OK;
}

/* Returns CLI_OK and the options, -1 when help was asked for, or CLI_USAGE. */
static int arguments_parse(int argc, char **argv, struct runtime_options *options,
			   struct run_gdb *gdb, const char **ret_file)
{
	static const struct option longs[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "workers", required_argument, NULL, 'w' },
		{ "cpus", required_argument, NULL, 'c' },
		{ "inline", no_argument, NULL, 'i' },
		{ "gdb", no_argument, NULL, 'g' },
		{ "trace", no_argument, NULL, 't' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *cpus = NULL;
	int c, r;

	*options = (struct runtime_options){ .workers = 1 };
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 'l':
			options->listen = optarg;
			break;
		case 'w':
			if (number_parse(optarg, 1, WIRING_WORKER_MAX, &options->workers) < 0)
				return wrong("--workers takes a number from 1 to 32, not ", optarg);
			break;
		case 'c':
			cpus = optarg;
			break;
		case 'i':
			options->inlined = true;
			break;
		case 'g':
			gdb->wanted = true;
			break;
		case 't':
			options->trace = true;
			break;
		case 'v':
			options->verbose = true;
			break;
		case 'h':
			fputs(help, stdout);
			return -1;
		default:
			fputs(help, stderr);
			return CLI_USAGE;
		}
	}
	if (optind == argc)
		return wrong("which chain file?", "");
	*ret_file = argv[optind];
	r = gdb_arguments(argc, argv, options, gdb);
	return r == CLI_OK ? cpus_take(cpus, options) : r;
}

static void ready_say(struct run *run)
{
	const struct chain_ingress *ingress = &run->runtime->chain->ingress[0];
	size_t len = strlen(ingress->path);
	bool reads = ingress->method_count > 0 && strcmp(ingress->methods[0], "POST") != 0 &&
		     strcmp(ingress->methods[0], "PUT") != 0;

	if (len > 1 && ingress->path[len - 1] == '*')
		len--;
	printf("ready http://%s%.*s\n", run->runtime->address, (int)len, ingress->path);
	printf("try:  curl -i %shttp://%s%.*s\n", reads ? "" : "--data-binary hello ",
	       run->runtime->address, (int)len, ingress->path);
	fflush(stdout);
	run->ready_said = true;
}

static void on_state(struct runtime *runtime, void *arg)
{
	struct run *run = arg;

	if (runtime->state == RUNTIME_SERVING && !run->ready_said) {
		runtime_tell(runtime, "Phase", "phase ready %.1f ms",
			     runtime_ms_since(runtime->began_ns));
		ready_say(run);
	}
	if (runtime->state == RUNTIME_STOPPED)
		loop_stop(&run->loop);
}

static void status_print(const struct runtime *runtime)
{
	json_t *status = runtime_json(runtime);
	char *text = json_dumps(status, JSON_COMPACT);

	fprintf(stderr, "status: %s\n", text ? text : "{}");
	free(text);
	json_decref(status);
}

static bool is_known(pid_t pid, void *arg)
{
	const struct run *run = arg;

	return pid == run->gdb.pid || runtime_owns(run->runtime, pid);
}

static void on_loaded(struct runtime *runtime, pid_t pid, void *arg)
{
	struct run *run = arg;

	if (run_gdb_start(&run->gdb, pid) < 0)
		runtime_stop(runtime, false);
}

static void on_gdb_end(void *arg)
{
	struct run *run = arg;

	host_debug_end(run->runtime);
	if (run->runtime->state == RUNTIME_STARTING || run->runtime->state == RUNTIME_SERVING)
		runtime_stop(run->runtime, false);
}

static void on_signal(void *arg, uint32_t events)
{
	struct run *run = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(run->on_signal.fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1)
		status_print(run->runtime);
	else if (info.ssi_signo == SIGCHLD)
		process_reap_adopted(is_known, run);
	else if (info.ssi_signo != SIGINT || run->gdb.pid == 0) /* that was for gdb */
		runtime_stop(run->runtime, false);
}

static int signals_watch(struct run *run)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	/* A shell starts background commands with SIGINT ignored; it is our order to stop. */
	signal(SIGINT, SIG_DFL);
	signal(SIGPIPE, SIG_IGN); /* whoever read our stderr may be gone */
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	run->on_signal = (struct loop_source){ signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
					       on_signal, run };
	if (run->on_signal.fd < 0)
		return -errno;
	return loop_add(&run->loop, &run->on_signal, EPOLLIN);
}

/* The pool after the last process has gone: whole, or something was lost. */
static void pool_check(struct runtime *runtime)
{
	uint32_t total = runtime->chain->layout.buffer_count;
	uint32_t free_count = runtime_free_buffers(runtime);

	if (free_count != total)
		runtime_warn(runtime, "Pool", "pool not whole: %u of %u buffers are free",
			     free_count, total);
	else
		runtime_tell(runtime, "Pool", "pool whole: %u of %u buffers are free", free_count,
			     total);
}

static int run_chain(struct run *run, struct chain *chain, struct runtime_options *options)
{
	int r, failed;

	options->on_state = on_state;
	options->arg = run;
	if (run->gdb.wanted)
		options->on_loaded = on_loaded;
	run->gdb.loop = &run->loop;
	run->gdb.on_end = on_gdb_end;
	run->gdb.arg = run;
	run->runtime = runtime_new();
	if (!run->runtime)
		return CLI_FAILED;
	r = runtime_start(run->runtime, chain, -1, &run->loop, run->runstate, options);
	failed = r < 0 ? (r == -EPERM ? CLI_UNPRIVILEGED : CLI_FAILED) : CLI_OK;
	r = run->runtime->state == RUNTIME_STOPPED ? 0 : loop_run(&run->loop);
	if (r == 0 && run->runtime->result == 0)
		pool_check(run->runtime);
	if (failed == CLI_OK && (r < 0 || run->runtime->result != 0))
		failed = CLI_FAILED;
	run_gdb_stop(&run->gdb);
	runtime_done(run->runtime);
	return failed;
}

static void files_limit_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int cli_run(int argc, char **argv)
{
	struct run run = { 0 };
	struct runtime_options options;
	struct chain *chain;
	const char *file;
	int r = arguments_parse(argc, argv, &options, &run.gdb, &file);

	if (r != CLI_OK)
		return r < 0 ? CLI_OK : r;
	r = chain_load(file, 0, stderr, &chain, NULL);
	if (r < 0)
		return r == -EINVAL ? CLI_INVALID : CLI_FAILED;
	if (!options.listen)
		options.listen = chain->listen ? chain->listen : LISTEN_DEFAULT;
	if (privilege_check(stderr) < 0) {
		chain_free(chain);
		return CLI_UNPRIVILEGED;
	}
	files_limit_raise();
	process_adopt_orphans();
	run.on_signal.fd = -1;
	r = loop_init(&run.loop);
	if (r == 0)
		r = signals_watch(&run);
	if (r < 0) {
		fprintf(stderr, "sprocket run: %s\n", strerror(-r));
		chain_free(chain);
		loop_done(&run.loop);
		return CLI_FAILED;
	}
	r = runstate_open(&run.runstate);
	if (r < 0)
		fprintf(stderr,
			"sprocket run: cannot record the run (%s): `sprocket doctor --clean` will not "
			"know of it\n",
			strerror(-r));
	else
		shm_hugepages_watch(runstate_change_overcommit, run.runstate);
	r = run_chain(&run, chain, &options);
	process_kill_all(); /* what functions forked and left */
	shm_hugepages_watch(NULL, NULL);
	runstate_close(run.runstate);
	close(run.on_signal.fd);
	loop_done(&run.loop);
	return r;
}
