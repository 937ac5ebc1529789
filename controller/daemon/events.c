/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.c - see events.h.
 */
#include "controller/daemon/events.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/clock.h"
#include "controller/logstore_text.h"

struct events {
	struct event *items[EVENTS_MAX]; /* oldest first */
	size_t count;
	struct events_listener *listeners;
	struct events_listener *next; /* to be called, while an event is told */
};

struct events *events_new(void)
{
	return calloc(1, sizeof(struct events));
}

static struct event *event_free(struct event *event)
{
	if (!event)
		return NULL;
	free(event->chain);
	free(event->reason);
	free(event->message);
	free(event);
	return NULL;
}

struct events *events_free(struct events *events)
{
	for (size_t i = 0; events && i < events->count; i++)
		event_free(events->items[i]);
	free(events);
	return NULL;
}

/* Takes the event out that says the same. Returns it, or NULL. */
static struct event *take_same(struct events *events, const char *chain, const char *reason,
			       const char *message)
{
	for (size_t i = events->count; i-- > 0;) {
		struct event *event = events->items[i];

		if (strcmp(event->chain, chain) != 0 || strcmp(event->reason, reason) != 0 ||
		    strcmp(event->message, message) != 0)
			continue;
		memmove(&events->items[i], &events->items[i + 1],
			(--events->count - i) * sizeof(events->items[0]));
		return event;
	}
	return NULL;
}

static struct event *event_new(const char *chain, const char *reason, const char *message)
{
	struct event *event = calloc(1, sizeof(*event));

	if (!event)
		return NULL;
	event->chain = strdup(chain);
	event->reason = strdup(reason);
	event->message = strdup(message);
	return event->chain && event->reason && event->message ? event : event_free(event);
}

static void append(struct events *events, struct event *event)
{
	if (events->count == EVENTS_MAX) {
		event_free(events->items[0]);
		memmove(&events->items[0], &events->items[1],
			--events->count * sizeof(events->items[0]));
	}
	events->items[events->count++] = event;
}

static void tell(struct events *events, const struct event *event)
{
	for (struct events_listener *at = events->listeners; at; at = events->next) {
		events->next = at->next;
		at->on_event(event, at->arg);
	}
	events->next = NULL;
}

void events_add(struct events *events, const char *chain, const char *type, const char *reason,
		const char *format, ...)
{
	char message[EVENT_MESSAGE_MAX];
	struct event *event;
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	/* It may quote what a function printed: a line stays a line, JSON stays UTF-8. */
	logstore_text_line(message);
	fprintf(stderr, "sprocketd: %s%s%s: %s\n", chain, *chain ? ": " : "", reason, message);
	event = take_same(events, chain, reason, message);
	if (!event) {
		event = event_new(chain, reason, message);
		if (!event)
			return;
		event->first_ns = clock_ns(CLOCK_REALTIME);
	}
	event->type = strcmp(type, "Warning") ? "Normal" : "Warning";
	event->last_ns = clock_ns(CLOCK_REALTIME);
	event->count++;
	append(events, event);
	tell(events, event);
}

void events_listen(struct events *events, struct events_listener *listener)
{
	listener->next = events->listeners;
	events->listeners = listener;
}

void events_unlisten(struct events *events, struct events_listener *listener)
{
	struct events_listener **at = &events->listeners;

	while (*at && *at != listener)
		at = &(*at)->next;
	if (!*at)
		return;
	if (events->next == listener)
		events->next = listener->next;
	*at = listener->next;
}

json_t *event_json(const struct event *event)
{
	char first[CLOCK_TEXT_MAX], last[CLOCK_TEXT_MAX];

	return json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:s}", "time",
			 clock_text(event->last_ns, last), "firstTime",
			 clock_text(event->first_ns, first), "count", (json_int_t)event->count,
			 "chain", event->chain, "type", event->type, "reason", event->reason,
			 "message", event->message);
}

json_t *events_json(const struct events *events, const char *chain)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < events->count; i++) {
		if (!chain || !strcmp(chain, events->items[i]->chain))
			json_array_append_new(list, event_json(events->items[i]));
	}
	return list;
}
