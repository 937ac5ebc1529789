/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deployment_private.h - between the files of deployments.
 *
 * How: a deployment has one runtime that serves, during a replacement a second one, and
 * behind them those that still drain. Changes of one chain wait in a queue and are made one
 * after the other; nothing of a runtime is freed from within its own callbacks, but by a
 * timer that follows at once.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_DEPLOYMENT_PRIVATE_H
#define SPROCKET_CONTROLLER_DAEMON_DEPLOYMENT_PRIVATE_H

#include "controller/chain_compare.h"
#include "controller/daemon/deployment.h"
#include "controller/daemon/front_routes.h"
#include "controller/runtime.h"

#define DEPLOYMENT_STARTS_MAX 4 /* chains that start at once: each takes a core for a while */
#define DEPLOYMENT_RETRY_MIN_NS 1000000000ULL
#define DEPLOYMENT_RETRY_MAX_NS 60000000000ULL
#define DEPLOYMENT_SETTLE_NS 2000000000ULL /* for the front to lead elsewhere */
#define DEPLOYMENT_WAIT_NS 50000000ULL     /* before a change that has to wait is looked at again */
#define DEPLOYMENT_SWEEP_NS 1000000000ULL  /* until what was killed at the start is gone */
#define DEPLOYMENT_FDSTORE_NS 1000000000ULL /* before an fdstore is started again */

/* X(kind, what it is called while it is made) */
#define CHANGE_KINDS(X)       \
	X(APPLY, "Updating")  \
	X(DELETE, "Stopping") \
	X(DRAIN, "Draining")  \
	X(SHUTDOWN, "Stopping")

enum change_kind {
#define X(id, text) CHANGE_##id,
	CHANGE_KINDS(X)
#undef X
};

struct change {
	enum change_kind kind;
	bool begun;
	bool restored; /* from the store at start: keeps its generation */
	bool creates;  /* starts the chain: nothing of it runs */
	struct document *document;
	struct chain *chain;
	struct front_routes claim; /* hosts and paths that nobody else may declare meanwhile */
	json_t *changes;
	deployment_done_fn *done; /* may be NULL */
	void *arg;
	struct change *next;
};

/* X(id, type in the API) */
#define CONDITIONS(X)                 \
	X(READY, "Ready")             \
	X(PROGRESSING, "Progressing") \
	X(DEGRADED, "Degraded")

enum condition_id {
#define X(id, type) CONDITION_##id,
	CONDITIONS(X)
#undef X
		CONDITION_COUNT,
};

/* Chains without a gateway keep their hosts: the front answers 503 for them. */
#define DEPLOYMENT_NOWHERE "nowhere.sock"

struct condition {
	bool value;
	char reason[40];
	char message[DEPLOYMENT_WHY_MAX];
	uint64_t since_ns; /* CLOCK_REALTIME */
};

struct retired {
	struct runtime *runtime;
	uint64_t since_ns;
	struct retired *next;
};

struct deployment {
	struct deployments *all;
	struct deployment *next;
	char name[CHAIN_NAME_MAX];
	struct document *document; /* declared, and in force */
	struct runtime *runtime;   /* serves; NULL: drained, failed, or not yet */
	struct runtime *successor; /* is started to take its place */
	struct retired *retired;
	struct change *changes;           /* the first is being made */
	bool starting;                    /* counts among those that start */
	bool declared;                    /* found in the store at start */
	bool unreadable;                  /* declared, but nobody knows what; see `failed` */
	bool shutdown;                    /* is not started again */
	uint32_t failures;                /* in a row */
	char failed[DEPLOYMENT_WHY_MAX];  /* why it does not run; "" when it does or should not */
	char refused[DEPLOYMENT_WHY_MAX]; /* why the last change was not made */
	struct condition conditions[CONDITION_COUNT];
	struct logs_sink logs;
	struct loop_timer tick; /* runs what may not be run from callbacks */
	struct loop_timer retry;
};

struct deployments {
	struct deployments_options options;
	struct deployment *first; /* by name */
	struct loop_source on_fdstore;
	struct loop_timer fdstore_again; /* after it could not be started */
	struct loop_timer sweep_again;   /* what was still dying when we came */
	uint32_t incarnation;            /* of the last runtime */
	uint32_t starting;
	deployment_done_fn *shutdown_done;
	void *shutdown_arg;
	struct loop_timer shutdown_tick;
	long raised;       /* pages that the limit is raised by */
	bool raised_ahead; /* the file says what it was about to be */
};

/* deployment.c */
struct deployment *deployment_new(struct deployments *all, const char *name);
void deployment_tick(struct deployment *d); /* soon */
/* Within that time: an earlier tick stays. */
void deployment_tick_in(struct deployment *d, uint64_t delay_ns);
/* Whatever there is of that name, also what is neither declared nor asked for. */
struct deployment *deployment_by_name(const struct deployments *all, const char *name);
/* The document as a memfd; -1: none can be had. */
int deployment_memfd(const struct document *document);
/* A runtime for the deployment, started; NULL when there is no memory. */
struct runtime *deployment_launch(struct deployment *d, struct chain *chain,
				  const struct document *document, const struct runtime *before);
void deployment_options(struct deployment *d, struct runtime_options *ret);
/* Leads the chain's hosts and paths to the gateway of `runtime`, when there is a front. */
void deployment_route_lead(struct deployment *d, const struct runtime *runtime);
/* Has the front answer 503 for the chain's hosts and paths: they lead nowhere, and to no other
 * chain that would take them, too. */
void deployment_route_hold(struct deployment *d, const struct chain *chain);
void deployment_retire(struct deployment *d, struct runtime *runtime);
/* Frees our side only: its runtimes serve on. */
void deployment_leave(struct deployment *d);

/* deployments.c */
/* Writes down what the limit of hugepages is raised by now. */
void deployments_raised(struct deployments *all);

/* deployment_change.c */
struct change *change_new(enum change_kind kind, deployment_done_fn *done, void *arg);
void change_free(struct change *change);
/* How a chain gets from what runs to `next`. */
enum chain_change change_compare(const struct runtime *runtime, const struct chain *next,
				 json_t *changes);
void change_add(struct deployment *d, struct change *change);
/* Makes the first change of the queue, when it can be. */
void change_begin(struct deployment *d);
/* Ends it; `why` is NULL without an error. */
void change_end(struct deployment *d, int error, const char *result, const char *why);
/* A successor or first runtime has failed: as it was before. */
void change_roll_back(struct deployment *d, const char *why);

/* deployment_json.c */
void conditions_update(struct deployment *d);

#endif
