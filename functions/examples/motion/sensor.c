/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sensor.c - first function: which lamp an event of a motion sensor is about.
 *
 * Sensors hang along corridors, config `perLamp` neighbours to a lamp. A sensor that has seen
 * nothing for config `quietMs` begins a new movement: that is counted. The event goes on as
 * lamp and time, in place.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sprocket.h>

#include "event.h"

static const char *const config[] = { "perLamp=4", "quietMs=10000", NULL };

struct sensors {
	uint64_t per_lamp;
	uint64_t quiet_ms;
	uint64_t last_ms[EVENT_ID_MAX]; /* newest event of each; 0: none yet */
};

SP_COUNTER(movements);

static int init(sp_worker *worker, void **state)
{
	struct sensors *sensors = calloc(1, sizeof(*sensors));
	int r;

	if (!sensors)
		return -ENOMEM;
	r = number_config(worker, "perLamp", 1, EVENT_ID_MAX, &sensors->per_lamp);
	if (r == 0)
		r = number_config(worker, "quietMs", 0, EVENT_MS_MAX, &sensors->quiet_ms);
	if (r < 0) {
		free(sensors);
		return r;
	}
	*state = sensors;
	return 0;
}

/* Events of one sensor may overtake each other on their way here: the newest counts. */
static void sensors_take(struct sensors *sensors, const struct event *event)
{
	uint64_t *last = &sensors->last_ms[event->id];

	if (*last == 0 || event->at_ms > *last + sensors->quiet_ms)
		sp_count(&movements, 1);
	if (event->at_ms > *last)
		*last = event->at_ms;
}

static sp_verdict sensor(sp_request *req, void *state)
{
	struct sensors *sensors = state;
	sp_buf body = sp_body(req);
	struct event event;
	char text[EVENT_TEXT_MAX];

	if (event_parse((sp_str){ body.data, body.len }, &event) < 0)
		return sp_fail(req, SP_EINPUT, "expected: SENSOR MILLISECONDS, as in \"17 1000\"");
	sensors_take(sensors, &event);
	event.id /= (uint32_t)sensors->per_lamp;
	if (sp_set_body(req, text, event_print(&event, text)) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the event");
	return SP_NEXT;
}

SP_FUNCTION(.name = "sensor", .version = "1", .init = init, .fini = free, .on_request = sensor,
	    .config = config);
