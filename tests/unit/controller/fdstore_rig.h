/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdstore_rig.h - the real sprocket-fdstore in a folder of its own, for each test.
 */
#ifndef SPROCKET_TESTS_UNIT_CONTROLLER_FDSTORE_RIG_H
#define SPROCKET_TESTS_UNIT_CONTROLLER_FDSTORE_RIG_H

#include "tests/unit/fds.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "controller/fdstore.h"

#define FDSTORE_RIG_WAIT_MS 10000

struct fdstore_rig {
	char folder[64];
	char path[96];
	struct fdstore *store;
	pid_t pid;
};

struct fdstore_rig_seen {
	struct fdstore_entry last;
	int entries;
	size_t fds;
	bool take;
};

int64_t fdstore_rig_now_ms(void);

/* cmocka's: the program runs, and is gone with all of its files. */
int fdstore_rig_setup(void **state);
int fdstore_rig_teardown(void **state);

/* Connects anew, as a daemon that was started again. */
void fdstore_rig_reopen(struct fdstore_rig *f);

/* The process that was started with `path` as its argument; 0 when there is none. */
pid_t fdstore_rig_find(const char *path);
/* How many fds it has open. */
int fdstore_rig_fds(pid_t pid);

/* For fdstore_list(): removes each entry (arg: the store); counts (arg: fdstore_rig_seen). */
int fdstore_rig_remove(struct fdstore_entry *entry, void *arg);
int fdstore_rig_count(struct fdstore_entry *entry, void *arg);

/* A memfd that holds `text`, and whether `fd` is one. */
int fdstore_rig_file(const char *text);
void fdstore_rig_file_check(int fd, const char *text);

/* Whether it becomes readable within the time to wait. */
bool fdstore_rig_readable(int fd);

#endif
