/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - see config.h.
 */
#include "controller/daemon/config.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/cpus.h"
#include "sproxy/wiring.h"

#define CONFIG_GROUP "sprocket"

static const char help[] =
	"usage: sprocketd [OPTION...]\n"
	"\n"
	"Runs the chains that `sprocket apply` declares, until SIGTERM. The chains go on without\n"
	"it, and the next sprocketd takes them over. SIGHUP reads the certificates again.\n"
	"\n"
	"  --socket PATH          of the API (default /run/sprocket/sprocketd.sock)\n"
	"  --group NAME           whose members may use it (default: sprocket, where there is one)\n"
	"  --state DIR            declared chains (default /var/lib/sprocket)\n"
	"  --logs DIR             what chains print (default /var/log/sprocket)\n"
	"  --run DIR              of this boot: lock, held sockets (default /run/sprocket)\n"
	"  --pins DIR             in a BPF file system (default /sys/fs/bpf/sprocket)\n"
	"  --workers N            gateway threads of a chain (default 1)\n"
	"  --cpus LIST            CPUs of the chains, as 0,2-3 (default: all allowed ones)\n"
	"  --metrics ADDR:PORT    serve /metrics and /healthz here, too\n"
	"  --front ADDR:PORT      one address for all chains, by host and path\n"
	"  --front-tls ADDR:PORT  the same with TLS; needs --cert and --key\n"
	"  --cert FILE            certificate chain, PEM\n"
	"  --key FILE             its key, PEM\n"
	"  --client-ca FILE       ask clients for a certificate of these\n"
	"  --core-dumps           keep those of functions, in STATE/cores\n"
	"  --help, --version\n"
	"\n"
	"Exit code: 0 stopped in order, 1 failed, 2 wrong arguments.\n";

enum option_id {
	OPTION_SOCKET = 256,
	OPTION_GROUP,
	OPTION_STATE,
	OPTION_LOGS,
	OPTION_RUN,
	OPTION_PINS,
	OPTION_METRICS,
	OPTION_FRONT,
	OPTION_FRONT_TLS,
	OPTION_CERT,
	OPTION_KEY,
	OPTION_CLIENT_CA,
	OPTION_WORKERS,
	OPTION_CPUS,
	OPTION_CORE_DUMPS,
	OPTION_VERSION,
};

static const struct option longs[] = {
	{ "socket", required_argument, NULL, OPTION_SOCKET },
	{ "group", required_argument, NULL, OPTION_GROUP },
	{ "state", required_argument, NULL, OPTION_STATE },
	{ "logs", required_argument, NULL, OPTION_LOGS },
	{ "run", required_argument, NULL, OPTION_RUN },
	{ "pins", required_argument, NULL, OPTION_PINS },
	{ "metrics", required_argument, NULL, OPTION_METRICS },
	{ "front", required_argument, NULL, OPTION_FRONT },
	{ "front-tls", required_argument, NULL, OPTION_FRONT_TLS },
	{ "cert", required_argument, NULL, OPTION_CERT },
	{ "key", required_argument, NULL, OPTION_KEY },
	{ "client-ca", required_argument, NULL, OPTION_CLIENT_CA },
	{ "workers", required_argument, NULL, OPTION_WORKERS },
	{ "cpus", required_argument, NULL, OPTION_CPUS },
	{ "core-dumps", no_argument, NULL, OPTION_CORE_DUMPS },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static enum config_outcome wrong(const char *what, const char *value)
{
	fprintf(stderr, "sprocketd: %s%s\n`sprocketd --help` lists the options.\n", what, value);
	return CONFIG_WRONG;
}

/* Where the option's text goes; NULL when it is no text. */
static const char **text_of(struct config *config, int id)
{
	const char **const texts[] = {
		&config->socket,    &config->group, &config->state,   &config->logs,
		&config->run,       &config->pins,  &config->metrics, &config->front,
		&config->front_tls, &config->cert,  &config->key,     &config->client_ca,
	};

	return id >= OPTION_SOCKET && id <= OPTION_CLIENT_CA ? texts[id - OPTION_SOCKET] : NULL;
}

static int workers_parse(const char *text, uint32_t *ret)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (text[0] < '1' || text[0] > '9' || *end || n > WIRING_WORKER_MAX)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

static enum config_outcome group_find(struct config *config)
{
	const struct group *group = getgrnam(config->group ? config->group : CONFIG_GROUP);

	if (!group && config->group)
		return wrong("there is no group ", config->group);
	config->gid = group ? group->gr_gid : 0;
	return CONFIG_RUN;
}

static enum config_outcome check(struct config *config, const char *cpus)
{
	const char *const folders[] = { config->state, config->logs, config->run, config->pins,
					config->socket };
	int count = cpus_choose(cpus, config->cpus, SP_CPU_MAX);

	if (count < 0)
		return wrong("--cpus takes CPUs this process may use, such as 0 or 0,2-3, not ",
			     cpus ? cpus : "");
	config->cpu_count = (uint32_t)count;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (folders[i][0] != '/')
			return wrong("a path begins with a slash, and this does not: ", folders[i]);
	}
	if (config->front_tls && (!config->cert || !config->key))
		return wrong("--front-tls needs --cert and --key", "");
	if (!config->front_tls && (config->cert || config->key || config->client_ca))
		return wrong("--cert, --key and --client-ca are of --front-tls, which is missing",
			     "");
	return group_find(config);
}

enum config_outcome config_parse(int argc, char **argv, struct config *ret)
{
	struct config config = {
		.socket = "/run/sprocket/sprocketd.sock",
		.state = "/var/lib/sprocket",
		.logs = "/var/log/sprocket",
		.run = "/run/sprocket",
		.pins = "/sys/fs/bpf/sprocket",
		.workers = 1,
	};
	const char *cpus = NULL;
	enum config_outcome outcome;
	int id;

	while ((id = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		const char **text = text_of(&config, id);

		if (text) {
			*text = optarg;
		} else if (id == OPTION_WORKERS) {
			if (workers_parse(optarg, &config.workers) < 0)
				return wrong("--workers takes a number from 1 to 32, not ", optarg);
		} else if (id == OPTION_CPUS) {
			cpus = optarg;
		} else if (id == OPTION_CORE_DUMPS) {
			config.core_dumps = true;
		} else if (id == OPTION_VERSION) {
			puts("sprocketd " SPROCKET_VERSION);
			return CONFIG_SHOWN;
		} else if (id == 'h') {
			fputs(help, stdout);
			return CONFIG_SHOWN;
		} else {
			return wrong("see above", "");
		}
	}
	if (optind != argc)
		return wrong("takes options alone, not ", argv[optind]);
	outcome = check(&config, cpus);
	if (outcome == CONFIG_RUN)
		*ret = config;
	return outcome;
}
