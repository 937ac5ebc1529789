/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime_keep.h - the entries of a runtime in the fdstore, as another controller finds them.
 *
 * For: deployments, which sort what the fdstore has by runtime; runtime_adopt().
 * How: names are chain/NAME (one runtime), chain/NAME/memory, chain/NAME/user,
 * chain/NAME/worker/N, chain/NAME/gateway and chain/NAME/instance/SLOT, where NAME is runtime.name; the bytes are JSON.
 */
#ifndef SPROCKET_CONTROLLER_RUNTIME_KEEP_H
#define SPROCKET_CONTROLLER_RUNTIME_KEEP_H

#include "controller/fdstore.h"
#include "controller/runtime.h"

#define KEEP_MEMORY "/memory" /* after the runtime's name */
#define KEEP_USER "/user"

/* fds of an instance: wiring, log, page, program, then for each thread both kept ends. */
#define KEEP_INSTANCE_FDS 4
#define KEEP_INSTANCE_FDS_MAX (KEEP_INSTANCE_FDS + 2 * WIRING_FN_WORKER_MAX)

struct keep_entries {
	char name[RUNTIME_NAME_MAX];
	uint32_t incarnation;
	enum runtime_state state; /* when it was last kept */
	bool handover;
	size_t count;
	struct fdstore_entry **items; /* owned, with their fds */
	struct keep_entries *next;
};

/* Sorts one entry into the list of runtimes; takes its fds. Returns 0, 1 when it is none of a
 * runtime, or -ENOMEM. */
int keep_sort(struct keep_entries **list, struct fdstore_entry *entry);
/* Frees one, and closes what nobody took. */
void keep_entries_free(struct keep_entries *entries);
/* The document a runtime was made from; its memfd stays in the entries. -ENOENT: none. */
int keep_document(const struct keep_entries *entries);

/* The entry of the runtime with that ending, such as "/gateway"; NULL: there is none. */
struct fdstore_entry *keep_entry_find(const struct keep_entries *entries, const char *suffix);
/* The i-th fd, the caller's from now on; -1: there is none. */
int keep_fd_take(struct fdstore_entry *entry, size_t i);
/* A number of the entry's object, 0 when it is absent. */
int64_t keep_number(json_t *data, const char *key);
/* Takes the process of an entry whose fds wiring and log are at `at`. As process_adopt(), but
 * the fds are closed in any case. */
int keep_process_take(struct fdstore_entry *entry, json_t *data, size_t at, struct process *ret);

/* Pages that the machine's limit was raised by for this runtime. */
long keep_overcommit(const struct keep_entries *entries);

/* Ends and removes what the entries name, without a runtime: kills the processes, removes
 * pins, gives back hugepages. */
void keep_discard(struct fdstore *store, struct keep_entries *entries, const char *pins);

/* The same for one entry, of a runtime or of anything else with a process. */
void keep_entry_end(struct fdstore *store, const struct fdstore_entry *entry);

/* Puts everything into a store again that has lost it. */
void keep_all(struct runtime *runtime);

#endif
