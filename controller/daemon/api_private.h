/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_private.h - what the files of the API share.
 *
 * For: controller/daemon/api*.c alone.
 * How: api.c speaks to libmicrohttpd, api_listen.c to the kernel. A request finds its route
 * (api_route.c), whose handler either answers (api_answer.c), opens a stream (api_stream.c),
 * or begins a change (api_change.c) that answers later.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_API_PRIVATE_H
#define SPROCKET_CONTROLLER_DAEMON_API_PRIVATE_H

#include <microhttpd.h>

#include "controller/daemon/api.h"
#include "controller/daemon/describe.h"
#include "controller/daemon/stream.h"
#include "controller/listen.h"

struct api_change;
struct api_request;
struct api_watch;

/* A connection. */
struct api_client {
	struct api *api;
	int fd;       /* libmicrohttpd's */
	bool metrics; /* came over TCP */
	bool allowed;
	uid_t uid;
	struct loop_source on_hangup; /* while its request waits */
	struct loop_timer limit;      /* cuts the connection */
	struct api_client *next;
};

struct api_listener {
	struct api *api;
	int fd;
	bool metrics;
	struct loop_source on_ready;
	struct loop_timer retry; /* no fds or memory were left */
};

struct api_route {
	const char *method;
	const char *path; /* "*" stands for one segment */
	void (*handle)(struct api_request *request);
	bool body;
	bool metrics; /* also over TCP */
};

#define API_SEGMENT_MAX 2

struct api_request {
	struct api *api;
	struct api_client *client;
	struct MHD_Connection *connection;
	const struct api_route *route;
	char *segments[API_SEGMENT_MAX]; /* what the stars of the path stood for */
	char *body;
	size_t body_len;
	size_t received;               /* bytes of body, kept or not */
	struct MHD_Response *response; /* not yet handed over */
	unsigned status;
	bool handled;
	bool answered; /* the response was handed over */
	bool suspended;
	bool gone; /* the client went */
	bool last; /* the daemon ends when it is answered */
	struct stream *stream;
	struct api_change *change;
	struct api_request *next, **link;
};

struct api {
	struct api_options options;
	struct MHD_Daemon *http;
	struct loop_source on_http;
	struct loop_timer pump;
	struct api_listener listeners[2];
	char metrics_address[LISTEN_ADDRESS_MAX];
	uint64_t started_ns; /* CLOCK_REALTIME */
	bool stopping;
	struct api_client *clients;
	struct api_request *requests;
	struct describer *describer;
	struct api_change *changes; /* in the order they came */
	struct api_watch *watch;
};

/* api.c: goes on with a suspended request. */
void api_resume(struct api_request *request);
/* Hands a new connection to libmicrohttpd, which owns its fd then. */
int api_serve(struct api *api, struct api_client *client, const struct sockaddr *address,
	      socklen_t len);

/* api_listen.c */
int api_listen(struct api *api, char why[API_WHY_MAX]);
void api_unlisten(struct api *api);
void api_client_free(struct api_client *client);

/* api_route.c: finds the route, or answers. */
void api_route(struct api_request *request, const char *url, const char *method);
/* A parameter of the query, or NULL. */
const char *api_query(const struct api_request *request, const char *key);
/* Is it "true"? `otherwise` without it. Answers 400 and returns -EINVAL when it is neither. */
int api_query_bool(struct api_request *request, const char *key, bool otherwise, bool *ret);
/* The deployment of the path, or NULL when that was answered with 404. */
struct deployment *api_deployment(struct api_request *request);

/* api_answer.c: each answers the request; what it is given is taken. */
void api_answer(struct api_request *request, unsigned status, json_t *object);
void api_answer_text(struct api_request *request, unsigned status, const char *type, char *text,
		     size_t len);
void api_fail(struct api_request *request, unsigned status, const char *reason, const char *format,
	      ...) __attribute__((format(printf, 4, 5)));
/* `lines`: a list, or NULL. */
void api_fail_lines(struct api_request *request, unsigned status, const char *reason, json_t *lines,
		    const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The answer becomes a stream. NULL when that was answered with an error. */
struct stream *api_stream(struct api_request *request, void (*on_close)(void *arg), void *arg);

/* api_get.c */
void api_get_health(struct api_request *request);
void api_get_version(struct api_request *request);
void api_get_chains(struct api_request *request);
void api_get_chain(struct api_request *request);
void api_get_file(struct api_request *request);
void api_get_graph(struct api_request *request);
void api_get_stats(struct api_request *request);
void api_get_metrics(struct api_request *request);
void api_debug(struct api_request *request);

/* api_stream.c */
void api_get_events(struct api_request *request);
void api_get_logs(struct api_request *request);
void api_get_tap(struct api_request *request);

/* api_watch.c */
int api_watch_open(struct api *api);
void api_watch_close(struct api *api);
void api_watch_start(struct api_request *request);

/* api_change.c: changes of one chain begin in the order they came. */
void api_put_chain(struct api_request *request);
void api_delete_chain(struct api_request *request);
void api_drain_chain(struct api_request *request);
void api_shutdown(struct api_request *request);
void api_changes_close(struct api *api);

struct api_change {
	struct api *api;
	struct api_request *request; /* NULL: answered, or its client went */
	void (*start)(struct api_change *change);
	char *name;
	bool wait;
	bool started;
	bool refused; /* at shutdown: it is not given any more */
	bool given;   /* to the deployments, which keep the order from here on */
	struct api_change *next;
	/* of PUT */
	char *file;
	char *yaml;
	size_t yaml_len;
	bool dry_run;
};

/* Marks it as given; its end is then told to api_change_done(). */
void api_change_give(struct api_change *change);
deployment_done_fn api_change_done;
/* Adds the generation that holds, if any, to an answer (or NULL). */
void api_change_generation(const struct api_change *change, json_t *object);
/* It ended, answered, without being given. */
void api_change_drop(struct api_change *change);

/* api_apply.c */
void api_apply(struct api_change *change);

#endif
