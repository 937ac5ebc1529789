/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon_double.c - stands in for what runs chains, so that the daemon's API, store and start
 * can be tested without the kernel's help: nothing is executed here.
 *
 * For: test_api.py, which starts sprocketd linked with this.
 * How: a chain is only its document. The name of a chain says how a change of it ends: "slow"
 * after 300 ms, "rolls-back" and "refused" with these errors. The logs of "flood" never end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/daemon/api.h"
#include "controller/daemon/front.h"
#include "controller/daemon/tap_stream.h"
#include "controller/fdstore.h"
#include "controller/logstore.h"
#include "controller/metrics.h"

#define SLOW_NS UINT64_C(300000000)
#define FLOOD_NS UINT64_C(1000000)
#define FLOOD_LINES 50

struct deployment {
	struct document *document;
	struct deployment *next;
};

struct deployments {
	struct deployments_options options;
	struct deployment *first;
};

struct late {
	struct loop_timer timer;
	deployment_done_fn *done;
	void *arg;
	const char *result;
};

struct logstore {
	struct logstore_listener *listeners;
	struct loop_timer flood;
};

static struct loop *the_loop;

int deployments_open(const struct deployments_options *options, struct deployments **ret)
{
	*ret = calloc(1, sizeof(**ret));
	(*ret)->options = *options;
	the_loop = options->loop;
	return 0;
}

struct deployments *deployments_close(struct deployments *deployments)
{
	while (deployments->first) {
		struct deployment *deployment = deployments->first;

		deployments->first = deployment->next;
		document_free(deployment->document);
		free(deployment);
	}
	free(deployments);
	return NULL;
}

int deployments_adopt(struct deployments *deployments)
{
	(void)deployments;
	return 0;
}

struct deployment *deployments_find(const struct deployments *deployments, const char *name)
{
	struct deployment *at = deployments->first;

	while (at && strcmp(at->document->name, name) != 0)
		at = at->next;
	return at;
}

struct deployment *deployments_next(const struct deployments *deployments,
				    const struct deployment *after)
{
	return after ? after->next : deployments->first;
}

static void on_late(void *arg)
{
	struct late *late = arg;

	late->done(late->arg, 0, late->result, NULL, NULL);
	free(late);
}

static void finish(const char *name, const char *result, deployment_done_fn *done, void *arg)
{
	struct late *late;

	if (strcmp(name, "slow") != 0) {
		done(arg, 0, result, NULL, NULL);
		return;
	}
	late = calloc(1, sizeof(*late));
	*late = (struct late){ { .on_time = on_late, .arg = late }, done, arg, result };
	loop_arm(the_loop, &late->timer, SLOW_NS);
}

/* Returns how the name says that it ends. */
static int outcome(const char *name)
{
	return !strcmp(name, "rolls-back") ? -ECANCELED : !strcmp(name, "refused") ? -EINVAL : 0;
}

void deployments_apply(struct deployments *deployments, struct document *document,
		       struct chain *chain, deployment_done_fn *done, void *arg)
{
	struct deployment *old = deployments_find(deployments, document->name);
	int err = outcome(document->name);

	chain_free(chain);
	if (!err)
		err = store_save(deployments->options.store, document);
	if (err) {
		document_free(document);
		done(arg, err, NULL, NULL, "because it is so");
		return;
	}
	events_add(deployments->options.events, document->name, "Normal", "Applied", "it was");
	if (old) {
		document_free(old->document);
		old->document = document;
	} else {
		struct deployment *fresh = calloc(1, sizeof(*fresh));

		fresh->document = document;
		fresh->next = deployments->first;
		deployments->first = fresh;
	}
	deployments->options.on_change(deployments_find(deployments, document->name),
				       deployments->options.on_change_arg);
	finish(document->name, old ? "configured" : "created", done, arg);
}

json_t *deployments_plan(const struct deployments *deployments, const struct chain *chain,
			 const char **ret_result)
{
	*ret_result = deployments_find(deployments, chain->name) ? "configured" : "created";
	return json_pack("[{s:s, s:s}]", "path", "functions/detect", "change", "new revision");
}

void deployments_delete(struct deployments *deployments, const char *name, deployment_done_fn *done,
			void *arg)
{
	struct deployment **at = &deployments->first, *gone;

	while (*at && strcmp((*at)->document->name, name) != 0)
		at = &(*at)->next;
	if (!*at) {
		done(arg, -ENOENT, NULL, NULL, "there is no such chain");
		return;
	}
	gone = *at;
	*at = gone->next;
	store_remove(deployments->options.store, name);
	document_free(gone->document);
	free(gone);
	finish(name, "deleted", done, arg);
}

void deployments_drain(struct deployments *deployments, const char *name, deployment_done_fn *done,
		       void *arg)
{
	bool there = deployments_find(deployments, name);

	done(arg, there ? 0 : -ENOENT, "drained", NULL, "there is no such chain");
}

void deployments_shutdown(struct deployments *deployments, deployment_done_fn *done, void *arg)
{
	(void)deployments;
	done(arg, 0, "stopped", NULL, NULL);
}

json_t *deployment_json(const struct deployment *deployment)
{
	return json_pack("{s:s, s:{s:s, s:I}}", "kind", "Chain", "metadata", "name",
			 deployment->document->name, "generation",
			 (json_int_t)deployment->document->generation);
}

struct runtime *deployment_runtime(const struct deployment *deployment)
{
	(void)deployment;
	return NULL;
}

const char *deployment_name(const struct deployment *deployment)
{
	return deployment->document->name;
}

const struct document *deployment_document(const struct deployment *deployment)
{
	return deployment->document;
}

int deployment_debug(struct deployment *deployment, const char *function, pid_t *ret_pid,
		     char why[DEPLOYMENT_WHY_MAX])
{
	(void)deployment;
	*ret_pid = 1;
	snprintf(why, DEPLOYMENT_WHY_MAX, "there is no function %s", function);
	return -ENOENT;
}

int logstore_open(const char *folder, struct logstore **ret)
{
	(void)folder;
	*ret = calloc(1, sizeof(**ret));
	return 0;
}

struct logstore *logstore_close(struct logstore *store)
{
	free(store);
	return NULL;
}

int logstore_tail(struct logstore *store, const char *chain, const char *source, unsigned lines,
		  logstore_tail_fn *on_line, void *arg)
{
	(void)store;
	(void)chain;
	for (unsigned i = 0; i < lines && i < 3; i++)
		on_line(arg, "2026-01-01T00:00:00.000000Z", source ? source : "any", "old \xff");
	return 0;
}

static void on_flood(void *arg)
{
	struct logstore *store = arg;
	char text[1024];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < FLOOD_LINES && store->listeners; i++)
		store->listeners->line(store->listeners->arg, "flood", "detect-0", "now", text);
	if (store->listeners)
		loop_arm(the_loop, &store->flood, FLOOD_NS);
}

void logstore_listen(struct logstore *store, struct logstore_listener *listener)
{
	listener->next = store->listeners;
	store->listeners = listener;
	store->flood.on_time = on_flood;
	store->flood.arg = store;
	loop_arm(the_loop, &store->flood, FLOOD_NS);
}

void logstore_unlisten(struct logstore *store, struct logstore_listener *listener)
{
	struct logstore_listener **at = &store->listeners;

	while (*at != listener)
		at = &(*at)->next;
	*at = listener->next;
	if (!store->listeners)
		loop_disarm(the_loop, &store->flood);
}

int metrics_write(const struct deployments *deployments, FILE *out)
{
	(void)deployments;
	fputs("sprocket_up 1\n", out);
	return 0;
}

json_t *stats_json(const struct deployments *deployments)
{
	(void)deployments;
	return json_pack("{s:[]}", "chains");
}

json_t *graph_json(const struct deployment *deployment)
{
	(void)deployment;
	return json_pack("{s:[], s:[]}", "functions", "edges");
}

int fdstore_open(const char *socket_path, bool start, struct fdstore **ret)
{
	(void)socket_path;
	(void)start;
	*ret = NULL;
	return 0;
}

struct fdstore *fdstore_close(struct fdstore *store)
{
	return store;
}

int fdstore_quit(struct fdstore *store)
{
	(void)store;
	return 0;
}

int taps_open(struct loop *loop, struct taps **ret)
{
	(void)loop;
	*ret = NULL;
	return 0;
}

struct taps *taps_close(struct taps *taps)
{
	return taps;
}

int tap_stream_open(struct taps *taps, struct runtime *runtime, const struct tap_filter *filter,
		    void (*on_text)(void *arg), void *arg, struct tap_stream **ret)
{
	(void)taps;
	(void)runtime;
	(void)filter;
	(void)on_text;
	(void)arg;
	(void)ret;
	return -EUSERS;
}

struct tap_stream *tap_stream_close(struct tap_stream *stream)
{
	return stream;
}

size_t tap_stream_read(struct tap_stream *stream, char *ret, size_t size)
{
	(void)stream;
	(void)ret;
	(void)size;
	return 0;
}

bool tap_stream_ended(const struct tap_stream *stream)
{
	return !stream;
}

int front_open(struct loop *loop, struct fdstore *fdstore, const struct front_options *options,
	       struct events *events, struct front **ret)
{
	(void)loop;
	(void)fdstore;
	(void)options;
	(void)events;
	(void)ret;
	return -ENOSYS;
}

struct front *front_close(struct front *front)
{
	return front;
}

struct front *front_stop(struct front *front)
{
	return front;
}

void front_serve(struct front *front)
{
	(void)front;
}

void front_drop(struct fdstore *fdstore)
{
	(void)fdstore;
}

const char *front_address(const struct front *front, bool tls)
{
	(void)front;
	(void)tls;
	return "";
}

void front_reload(struct front *front)
{
	(void)front;
}
