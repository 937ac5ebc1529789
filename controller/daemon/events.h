/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.h - what happened to the chains, for people: the last EVENTS_MAX happenings.
 *
 * For: the daemon. `sprocket events` shows them; each is also a line on standard error.
 * How: as Kubernetes does: an event that says the same as one that is still kept is counted
 * there, with its first and last time, and becomes the newest. Listeners hear each one, also
 * the repeated.
 * Thread-safety: one thread. A listener may leave while it is called.
 * Failure modes: without memory the event is only the line on standard error.
 */
#ifndef SPROCKET_CONTROLLER_DAEMON_EVENTS_H
#define SPROCKET_CONTROLLER_DAEMON_EVENTS_H

#include <jansson.h>
#include <stdint.h>

#define EVENTS_MAX 1024
#define EVENT_MESSAGE_MAX 1024 /* bytes; longer ones are cut */

struct event {
	uint64_t first_ns; /* CLOCK_REALTIME */
	uint64_t last_ns;
	uint64_t count;
	char *chain;  /* "" the daemon itself */
	char *reason; /* CamelCase */
	char *message;
	const char *type; /* "Normal" or "Warning" */
};

/* Embedded in its owner. */
struct events_listener {
	void (*on_event)(const struct event *event, void *arg);
	void *arg;
	struct events_listener *next;
};

struct events;

/* Returns NULL without memory. */
struct events *events_new(void);
/* Takes NULL; returns NULL. The listeners are forgotten. */
struct events *events_free(struct events *events);

/* `type` is "Normal" or "Warning". */
void events_add(struct events *events, const char *chain, const char *type, const char *reason,
		const char *format, ...) __attribute__((format(printf, 5, 6)));

void events_listen(struct events *events, struct events_listener *listener);
/* No error when it does not listen. */
void events_unlisten(struct events *events, struct events_listener *listener);

/* The event of the API; NULL without memory. */
json_t *event_json(const struct event *event);
/* Those of one chain, oldest first; NULL: of all. Returns a list, or NULL without memory. */
json_t *events_json(const struct events *events, const char *chain);

#endif
