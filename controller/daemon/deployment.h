/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deployment.h - the declared chains, and what runs of each.
 *
 * For: sprocketd, its API and its metrics.
 * How: one deployment per declared chain: its document, the runtime that serves, and during a
 * change the next one. Everything returns at once; what takes time ends in a callback from
 * the loop, also when it failed.
 * Thread-safety: one thread, the loop's.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_DEPLOYMENT_H
#define SPROCKET_CONTROLLER_DAEMON_DEPLOYMENT_H

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/wire.h"
#include "controller/daemon/document.h"
#include "controller/daemon/events.h"
#include "controller/daemon/store.h"
#include "controller/loop.h"

#define DEPLOYMENT_WHY_MAX 512 /* FRONT_WHY_MAX */

struct deployment;
struct deployments;
struct fdstore;
struct front;
struct logstore;
struct runtime;
struct taps;

/*
 * How a change ended. `result` is "created", "configured", "unchanged", "replaced", "deleted",
 * "drained" or "stopped"; `changes` is borrowed, or NULL. After an error `why` is a sentence;
 * -EINVAL: refused before anything was touched, -ECANCELED: rolled back, -ENOENT: no such chain.
 */
typedef void deployment_done_fn(void *arg, int error, const char *result, json_t *changes,
				const char *why);

struct deployments_options {
	struct loop *loop;
	struct fdstore *fdstore;
	struct events *events;
	struct logstore *logs;
	struct store *store;
	struct taps *taps;
	struct front *front;      /* NULL: every chain has an address of its own, and no other */
	const char *front_folder; /* of the gateways' sockets for the front */
	const char *raised;       /* path of the file of raised.h */
	const char *pins;         /* folder below a bpffs */
	uint32_t workers;
	uint32_t cpus[SP_CPU_MAX];
	uint32_t cpu_count;
	const char *core_folder; /* NULL: no core dumps */
	void (*on_change)(struct deployment *deployment, void *arg);
	void *on_change_arg;
};

int deployments_open(const struct deployments_options *options, struct deployments **ret);
/* Leaves all running. Takes NULL; returns NULL. */
struct deployments *deployments_close(struct deployments *deployments);

/* Takes over what the fdstore has, ends and cleans up what cannot be adopted, and begins to
 * bring everything to what the store declares. */
int deployments_adopt(struct deployments *deployments);

/* Takes document and chain. Queued behind a running change of the same chain; saves the
 * document in the store. */
void deployments_apply(struct deployments *deployments, struct document *document,
		       struct chain *chain, deployment_done_fn *done, void *arg);

/* What apply would do: [{"path": "functions/detect", "change": "new revision"}]. */
json_t *deployments_plan(const struct deployments *deployments, const struct chain *chain,
			 const char **ret_result);

void deployments_delete(struct deployments *deployments, const char *name, deployment_done_fn *done,
			void *arg);
/* Stays declared; apply starts it again. */
void deployments_drain(struct deployments *deployments, const char *name, deployment_done_fn *done,
		       void *arg);
/* Drains and stops all; the documents stay. */
void deployments_shutdown(struct deployments *deployments, deployment_done_fn *done, void *arg);

struct deployment *deployments_find(const struct deployments *deployments, const char *name);
/* The one after `after`; NULL: the first. */
struct deployment *deployments_next(const struct deployments *deployments,
				    const struct deployment *after);

const char *deployment_name(const struct deployment *deployment);
/* The Chain object of the API. */
json_t *deployment_json(const struct deployment *deployment);
/* The one that serves, or NULL. */
struct runtime *deployment_runtime(const struct deployment *deployment);
const struct document *deployment_document(const struct deployment *deployment);

/* An instance that is stopped, for a debugger; kill it to end it. Returns 0 and *ret_pid, or
 * -errno and a sentence. */
int deployment_debug(struct deployment *deployment, const char *function, pid_t *ret_pid,
		     char why[DEPLOYMENT_WHY_MAX]);

#endif
