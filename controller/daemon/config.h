/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - the options of sprocketd.
 *
 * For: main.c. Thread-safety: none, it is a command's start.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_CONFIG_H
#define SPROCKET_CONTROLLER_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/wire.h"

struct config {
	const char *socket;
	const char *group; /* NULL: CONFIG_GROUP where there is one, else root's */
	gid_t gid;         /* of that group */
	const char *state;
	const char *logs;
	const char *run;
	const char *pins;
	const char *metrics; /* NULL: nowhere */
	const char *front, *front_tls, *cert, *key, *client_ca;
	uint32_t workers;
	uint32_t cpus[SP_CPU_MAX];
	uint32_t cpu_count;
	bool core_dumps;
};

enum config_outcome { CONFIG_RUN, CONFIG_SHOWN, CONFIG_WRONG };

/* Reads the command line; help, version and what is wrong with it are printed. The strings are
 * argv's. */
enum config_outcome config_parse(int argc, char **argv, struct config *ret);

#endif
