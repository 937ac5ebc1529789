/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actuator.c - second function: switches the lamp where something moves.
 *
 * A lamp is lit for config `holdMs` after the last motion. The answer says what became of it:
 *
 *     lamp 4 on from 123456 to 153456       it was dark
 *     lamp 4 stays on from 123456 to 154000
 *     lamp 4 as it was                      the event came after a later one
 *
 * `GET /lights?at=MS` tells which lamps are lit at that time, `GET /lights` how often each was
 * switched on and how long it was lit.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sprocket.h>

#include "event.h"
#include "lamp.h"

#define ANSWER_MAX 96U
#define LINE_MAX_BYTES 96U

static const char *const config[] = { "holdMs=30000", NULL };

struct lamps {
	uint64_t hold_ms;
	struct lamp lamps[EVENT_ID_MAX];
};

SP_COUNTER(lamps_switched_on);
SP_COUNTER(lamps_extended);
SP_COUNTER(events_old);

static int init(sp_worker *worker, void **state)
{
	struct lamps *lamps = calloc(1, sizeof(*lamps));
	int r;

	if (!lamps)
		return -ENOMEM;
	r = number_config(worker, "holdMs", 1, EVENT_MS_MAX, &lamps->hold_ms);
	if (r < 0) {
		free(lamps);
		return r;
	}
	*state = lamps;
	return 0;
}

static size_t put(char *at, const char *text)
{
	size_t len = strlen(text);

	memcpy(at, text, len);
	return len;
}

/* Writes the answer. Returns its length. */
static size_t answer_print(uint32_t id, const struct lamp *lamp, enum lamp_change change,
			   char ret[ANSWER_MAX])
{
	static const char *const words[] = { [LAMP_SWITCHED] = " on from ",
					     [LAMP_EXTENDED] = " stays on from ",
					     [LAMP_OLD] = " as it was\n" };
	size_t len = put(ret, "lamp ");

	len += number_print(id, ret + len);
	len += put(ret + len, words[change]);
	if (change == LAMP_OLD)
		return len;
	len += number_print(lamp->since_ms, ret + len);
	len += put(ret + len, " to ");
	len += number_print(lamp->until_ms, ret + len);
	ret[len++] = '\n';
	return len;
}

static sp_verdict text_reply(sp_request *req)
{
	if (sp_set_header(req, "content-type", SP_S("text/plain")) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the answer");
	return SP_REPLY;
}

static sp_verdict motion(sp_request *req, struct lamps *lamps)
{
	static sp_counter *const counters[] = { [LAMP_SWITCHED] = &lamps_switched_on,
						[LAMP_EXTENDED] = &lamps_extended,
						[LAMP_OLD] = &events_old };
	sp_buf body = sp_body(req);
	enum lamp_change change;
	struct event event;
	char answer[ANSWER_MAX];

	if (event_parse((sp_str){ body.data, body.len }, &event) < 0)
		return sp_fail(req, SP_EINPUT, "body is not an event of sensor");
	change = lamp_motion(&lamps->lamps[event.id], event.at_ms, lamps->hold_ms);
	sp_count(counters[change], 1);
	if (sp_set_body(req, answer,
			answer_print(event.id, &lamps->lamps[event.id], change, answer)) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the answer");
	return text_reply(req);
}

/* Appends to the body. */
static int add(sp_request *req, const char *line, size_t len)
{
	size_t old = sp_body(req).len;
	sp_buf body = sp_resize(req, old + len);

	if (!body.data)
		return -ENOSPC;
	memcpy(body.data + old, line, len);
	return 0;
}

/* One line for a lamp; without a time, of every lamp that was ever lit. Returns its length. */
static int line_print(uint32_t id, struct lamp *lamp, const uint64_t *at_ms,
		      char ret[LINE_MAX_BYTES])
{
	if (at_ms)
		return lamp->since_ms <= *at_ms && lamp_lit(lamp, *at_ms) ?
			       snprintf(ret, LINE_MAX_BYTES, "lamp %u on from %llu to %llu\n", id,
					(unsigned long long)lamp->since_ms,
					(unsigned long long)lamp->until_ms) :
			       0;
	if (lamp->switched == 0)
		return 0;
	return snprintf(ret, LINE_MAX_BYTES, "lamp %u switched on %u times, lit for %llu ms\n", id,
			lamp->switched,
			(unsigned long long)(lamp->lit_ms +
					     (lamp->state == LAMP_ON ?
						      lamp->until_ms - lamp->since_ms :
						      0)));
}

/* "at=MILLISECONDS" */
static bool at_parse(sp_str query, uint64_t *ret)
{
	const char *at = query.data + strlen("at="), *end = query.data + query.len;

	return query.len > strlen("at=") && memcmp(query.data, "at=", 3) == 0 &&
	       number_parse(&at, end, EVENT_MS_MAX, ret) == 0 && at == end;
}

static sp_verdict list(sp_request *req, struct lamps *lamps)
{
	sp_str query = sp_meta_of(req)->query;
	bool given = query.len > 0;
	uint64_t at_ms = 0;

	if (given && !at_parse(query, &at_ms))
		return sp_fail(req, SP_EINPUT, "expected: /lights, or /lights?at=MILLISECONDS");
	if (sp_set_body(req, "", 0) < 0)
		return sp_fail(req, SP_EUNAVAILABLE, "no room for the list");
	for (uint32_t i = 0; i < EVENT_ID_MAX; i++) {
		char line[LINE_MAX_BYTES];
		int len = line_print(i, &lamps->lamps[i], given ? &at_ms : NULL, line);

		if (len > 0 && add(req, line, (size_t)len) < 0)
			return sp_fail(req, SP_ETOOBIG, "the list is larger than any buffer");
	}
	return text_reply(req);
}

static sp_verdict actuator(sp_request *req, void *state)
{
	sp_str method = sp_meta_of(req)->method;

	return method.len == 3 && memcmp(method.data, "GET", 3) == 0 ? list(req, state) :
								       motion(req, state);
}

SP_FUNCTION(.name = "actuator", .version = "1", .init = init, .fini = free, .on_request = actuator,
	    .config = config);
