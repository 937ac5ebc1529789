/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - one connection to sprocketd: HTTP with JSON over its Unix socket.
 *
 * For: the commands that ask or tell the daemon something.
 * How: libcurl. client_open() asks for the daemon's version first, so that what follows
 * talks to a daemon that is there, lets us in, and speaks this API.
 * Returns: everything that can fail returns an exit code (enum cli_exit): CLI_OK, or another
 * after one sentence on stderr has said what is wrong and what to do.
 * Limits: calls end after their time; streams last until the daemon ends them. An answer above
 * CLIENT_ANSWER_MAX and a line above CLIENT_LINE_MAX are refused.
 * Trust: what the daemon sends is looked at like any input: wrong types are errors, not crashes.
 * Thread-safety: one thread.
 */
#ifndef SPROCKET_CONTROLLER_CLI_CLIENT_H
#define SPROCKET_CONTROLLER_CLI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#define CLIENT_SOCKET_DEFAULT "/run/sprocket/sprocketd.sock"
#define CLIENT_SOCKET_ENV "SPROCKET_SOCKET"
#define CLIENT_API "v1"
#define CLIENT_START_MS 1000 /* for a daemon that is just being started, or again */
#define CLIENT_CONNECT_MS 5000
#define CLIENT_ANSWER_MS 30000        /* for what only reads */
#define CLIENT_CHANGE_MS 300000       /* for what waits for a change; --timeout */
#define CLIENT_ANSWER_MAX (64U << 20) /* bytes */
#define CLIENT_LINE_MAX (1U << 20)    /* bytes of a streamed line */
#define CLIENT_PATH_MAX (32U << 10)   /* bytes of an address */

struct client;

/* What the daemon said. */
struct client_answer {
	long status; /* of HTTP */
	char *text;  /* NUL-terminated; owned */
	size_t len;
	json_t *json; /* NULL when the text is no JSON; owned */
};

/* The socket that all connections use from now on (--socket). Borrowed for good. */
void client_use_socket(const char *path);

/* That socket, else that of the environment, else the default. */
const char *client_socket_path(void);
/* Does somebody listen there? Returns 0 or -errno of connect(2). */
int client_socket_try(const char *path);

/* `command` begins each sentence; borrowed. Free with client_close(). */
int client_open(const char *command, struct client **ret);
/* The same, with no word on stderr and little patience: for completion. */
int client_open_quietly(struct client **ret);
struct client *client_close(struct client *client);

/* How long a call may take from now on. */
void client_set_timeout(struct client *client, long timeout_ms);

/* The address made by `format`. Returns the text, which holds until the next call. */
const char *client_path(struct client *client, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Adds "?key=value" or "&key=value", the value escaped, to the address made last. */
const char *client_query(struct client *client, const char *key, const char *value);

/* One request. CLI_OK when there is an answer, of whatever status: done() it. */
int client_call(struct client *client, const char *method, const char *path, const void *body,
		size_t len, struct client_answer *ret);
void client_answer_done(struct client_answer *answer);

/* Says what a refusing answer says; `what` ("chain/parking") goes before it. Returns the exit
 * code. CLI_OK, and nothing said, for an answer that grants. */
int client_refusal(const struct client *client, const struct client_answer *answer,
		   const char *what);

/* client_call() and client_refusal() in one; the JSON is the caller's. */
int client_ask(struct client *client, const char *method, const char *path, const char *what,
	       json_t **ret);

/* Calls `on_object` with each line (borrowed) until the daemon ends the stream or the callback
 * returns something else than CLI_OK, which is returned then. A line {"error": ...} is the
 * daemon's last word, and a failure. */
typedef int client_object_fn(json_t *object, void *arg);
int client_stream(struct client *client, const char *path, client_object_fn *on_object, void *arg);

#endif
