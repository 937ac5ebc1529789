/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - sprocketd: the order of its start, its signals, its end.
 *
 * How: options, lock, folders, store, fdstore, logs, what runs is adopted and brought to
 * what is declared, sockets, ready. Chains start in the loop, while the API is served. SIGTERM and
 * SIGINT end the daemon and nothing else; SIGHUP reads the certificates again. systemd is told
 * when it started us.
 * Children are reaped by their pidfds; what those leave behind goes to init, so SIGCHLD has
 * nothing to say.
 * Thread-safety: one thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "controller/cgroup.h"
#include "controller/daemon/api.h"
#include "controller/daemon/config.h"
#include "controller/daemon/front.h"
#include "controller/daemon/lock.h"
#include "controller/daemon/rights.h"
#include "controller/daemon/tap_stream.h"
#include "controller/fdstore.h"
#include "controller/logstore.h"
#include "controller/programs.h"

enum { EXIT_USAGE = 2 };

struct daemon {
	struct config config;
	struct loop loop;
	int lock;
	struct store *store;
	struct events *events;
	struct fdstore *fdstore;
	struct logstore *logs;
	struct taps *taps;
	struct front *front;
	struct deployments *deployments;
	struct api *api;
	struct loop_source on_signal;
	struct loop_timer watchdog;
	uint64_t watchdog_ns;
	bool quit; /* front and fdstore end with us */
	char core_folder[PATH_MAX];
	char front_folder[PATH_MAX];
	char raised[PATH_MAX];
};

static int say(int err, const char *what)
{
	fprintf(stderr, "sprocketd: %s: %s\n", what, strerror(-err));
	return err;
}

static void limits_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void reload(struct daemon *daemon)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, loop_now_ns() / 1000);
	if (daemon->front)
		front_reload(daemon->front);
	sd_notify(0, "READY=1");
}

static void on_signal(void *arg, uint32_t events)
{
	struct daemon *daemon = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(daemon->on_signal.fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		reload(daemon);
	else
		loop_stop(&daemon->loop);
}

static int signals_watch(struct daemon *daemon)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	signal(SIGINT, SIG_DFL); /* a shell starts background commands with it ignored */
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	daemon->on_signal = (struct loop_source){ signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
						  on_signal, daemon };
	if (daemon->on_signal.fd < 0)
		return -errno;
	return loop_add(&daemon->loop, &daemon->on_signal, EPOLLIN);
}

static void on_watchdog(void *arg)
{
	struct daemon *daemon = arg;

	sd_notify(0, "WATCHDOG=1");
	loop_arm(&daemon->loop, &daemon->watchdog, daemon->watchdog_ns);
}

static void watchdog_start(struct daemon *daemon)
{
	uint64_t limit_us;

	if (sd_watchdog_enabled(0, &limit_us) <= 0)
		return;
	daemon->watchdog_ns = limit_us * 1000 / 2;
	daemon->watchdog = (struct loop_timer){ .on_time = on_watchdog, .arg = daemon };
	on_watchdog(daemon);
}

static void on_change(struct deployment *deployment, void *arg)
{
	struct daemon *daemon = arg;

	if (daemon->api)
		api_chain_changed(daemon->api, deployment_name(deployment));
}

static void on_shutdown(void *arg)
{
	struct daemon *daemon = arg;

	daemon->quit = true;
	loop_stop(&daemon->loop);
}

static int deployments_start(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	struct deployments_options options = {
		.loop = &daemon->loop,
		.fdstore = daemon->fdstore,
		.events = daemon->events,
		.logs = daemon->logs,
		.store = daemon->store,
		.taps = daemon->taps,
		.front = daemon->front,
		.front_folder = daemon->front_folder,
		.raised = daemon->raised,
		.pins = config->pins,
		.workers = config->workers,
		.cpu_count = config->cpu_count,
		.core_folder = config->core_dumps ? daemon->core_folder : NULL,
		.on_change = on_change,
		.on_change_arg = daemon,
	};
	int err;

	memcpy(options.cpus, config->cpus, sizeof(options.cpus));
	err = deployments_open(&options, &daemon->deployments);
	if (err)
		return say(err, "the chains' manager cannot start");
	err = deployments_adopt(daemon->deployments);
	if (err)
		events_add(daemon->events, "", "Warning", "AdoptionFailed",
			   "what ran before could not be taken over: %s", strerror(-err));
	return 0;
}

static int front_start(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	struct front_options options = {
		.listen = config->front,
		.listen_tls = config->front_tls,
		.cert = config->cert,
		.key = config->key,
		.client_ca = config->client_ca,
		.workers = config->workers,
	};
	int err;

	if (!config->front && !config->front_tls) {
		front_drop(daemon->fdstore);
		return 0;
	}
	err = front_open(&daemon->loop, daemon->fdstore, &options, daemon->events, &daemon->front);
	return err ? say(err, "the shared front cannot start") : 0;
}

static int api_start(struct daemon *daemon)
{
	struct api_options options = {
		.loop = &daemon->loop,
		.socket_path = daemon->config.socket,
		.group = daemon->config.gid,
		.metrics = daemon->config.metrics,
		.version = SPROCKET_VERSION,
		.front = daemon->front ? front_address(daemon->front, false) : NULL,
		.front_tls = daemon->front ? front_address(daemon->front, true) : NULL,
		.deployments = daemon->deployments,
		.events = daemon->events,
		.logs = daemon->logs,
		.taps = daemon->taps,
		.on_shutdown = on_shutdown,
		.on_shutdown_arg = daemon,
	};
	char why[API_WHY_MAX];
	int err = api_open(&options, &daemon->api, why);

	if (err)
		fprintf(stderr, "sprocketd: %s\n", why);
	return err;
}

/* What every chain needs is looked at now: not when the first one is declared. */
static int needs_check(const struct config *config)
{
	char path[PATH_MAX], gateway[CHAIN_PATH_MAX], *slash;
	struct statfs fs = { 0 };

	if (geteuid() != 0) {
		fputs("sprocketd: it needs root, to load its program into the kernel: start it "
		      "with sudo, or by systemctl start sprocketd\n",
		      stderr);
		return -EPERM;
	}
	if (programs_gateway(gateway) < 0) {
		fputs("sprocketd: cannot find sprocket-gateway beside this program: install "
		      "Sprocket again\n",
		      stderr);
		return -ENOENT;
	}
	snprintf(path, sizeof(path), "%s", config->pins);
	while (statfs(path, &fs) < 0 && (slash = strrchr(path, '/')) && slash > path)
		*slash = '\0';
	if (fs.f_type == BPF_FS_MAGIC)
		return 0;
	fprintf(stderr,
		"sprocketd: --pins %s is on no BPF file system: mount -t bpf bpf /sys/fs/bpf, or "
		"choose a folder on one\n",
		config->pins);
	return -EINVAL;
}

/* Lock, folders, and what is kept in them. */
static int state_open(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	char path[PATH_MAX], why[LOCK_WHY_MAX > STORE_WHY_MAX ? LOCK_WHY_MAX : STORE_WHY_MAX];
	int err;

	err = needs_check(config);
	if (err)
		return err;
	daemon->lock = lock_take(config->run, why);
	err = daemon->lock < 0 ? daemon->lock : 0;
	if (!err)
		err = store_open(config->state, &daemon->store, why);
	if (err) {
		fprintf(stderr, "sprocketd: %s\n", why);
		return err;
	}
	snprintf(daemon->core_folder, sizeof(daemon->core_folder), "%s/cores", config->state);
	if (config->core_dumps && mkdir(daemon->core_folder, 0700) < 0 && errno != EEXIST)
		return say(-errno, daemon->core_folder);
	snprintf(daemon->front_folder, sizeof(daemon->front_folder), "%s/front", config->run);
	snprintf(daemon->raised, sizeof(daemon->raised), "%s/hugepages", config->run);
	if (mkdir(daemon->front_folder, 0700) < 0 && errno != EEXIST)
		return say(-errno, daemon->front_folder);
	snprintf(path, sizeof(path), "%s/fdstore.sock", config->run);
	err = fdstore_open(path, true, &daemon->fdstore);
	if (err)
		return say(err, "sprocket-fdstore, which keeps the chains running, cannot be used");
	err = logstore_open(config->logs, &daemon->logs);
	return err ? say(err, config->logs) : 0;
}

/* Returns 0 once the daemon serves, or -errno, said. */
static int start(struct daemon *daemon)
{
	int err;

	limits_raise();
	err = loop_init(&daemon->loop);
	if (!err)
		err = signals_watch(daemon);
	if (err)
		return say(err, "cannot start");
	err = state_open(daemon);
	if (err)
		return err;
	daemon->events = events_new();
	err = daemon->events ? taps_open(&daemon->loop, &daemon->taps) : -ENOMEM;
	if (err)
		return say(err, "cannot start");
	err = front_start(daemon);
	if (!err)
		err = deployments_start(daemon);
	if (!err && daemon->front)
		front_serve(daemon->front);
	if (!err)
		err = api_start(daemon);
	if (err)
		return err;
	err = rights_drop();
	if (err)
		say(err, "cannot give up the rights that it does not need, and goes on with them");
	return 0;
}

static void stop(struct daemon *daemon)
{
	sd_notify(0, "STOPPING=1");
	loop_disarm(&daemon->loop, &daemon->watchdog);
	api_close(daemon->api);
	daemon->api = NULL;
	if (daemon->deployments)
		deployments_close(daemon->deployments);
	cgroup_sweep(); /* what was still dying when we began */
	if (daemon->quit)
		front_stop(daemon->front);
	else
		front_close(daemon->front);
	if (daemon->taps)
		taps_close(daemon->taps);
	logstore_close(daemon->logs);
	if (daemon->quit) {
		rmdir(daemon->config.pins); /* when nobody else has something there */
		if (fdstore_quit(daemon->fdstore) == -EBUSY)
			fputs("sprocketd: sprocket-fdstore still holds something, and stays\n",
			      stderr);
	}
	fdstore_close(daemon->fdstore);
	events_free(daemon->events);
	store_close(daemon->store);
	loop_remove(&daemon->loop, &daemon->on_signal);
	loop_done(&daemon->loop);
}

int main(int argc, char **argv)
{
	static struct daemon daemon = { .lock = -1, .on_signal.fd = -1, .loop.epoll = -1 };
	enum config_outcome outcome = config_parse(argc, argv, &daemon.config);
	int err;

	if (outcome != CONFIG_RUN)
		return outcome == CONFIG_SHOWN ? EXIT_SUCCESS : EXIT_USAGE;
	setvbuf(stderr, NULL, _IOLBF, 0);
	err = start(&daemon);
	if (!err) {
		const char *metrics = api_metrics_address(daemon.api);

		fprintf(stderr, "sprocketd: serving on %s%s%s\n", daemon.config.socket,
			*metrics ? ", metrics on " : "", metrics);
		sd_notifyf(0, "READY=1\nSTATUS=Serving on %s", daemon.config.socket);
		watchdog_start(&daemon);
		err = loop_run(&daemon.loop);
	}
	stop(&daemon);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
