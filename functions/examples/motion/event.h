/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.h - what travels: two numbers, what moved and when.
 *
 *     17 123456     from the client: sensor 17 saw motion at 123,456 ms
 *     4 123456      from sensor to actuator: motion in the light of lamp 4
 *
 * For: sensor and actuator. How: decimal text, so that a trace can be read and written with
 * anything. Times are the sensor's own and count for everything that is decided, so that a
 * trace gives the same answers however fast it is played.
 * Thread-safety: no state.
 */
#ifndef MOTION_EVENT_H
#define MOTION_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include <sprocket.h>

#define EVENT_ID_MAX 1024U            /* sensors, and lamps: 0 to 1023 */
#define EVENT_MS_MAX 9999999999999ULL /* until the year 2286, if ms count from 1970 */
#define EVENT_TEXT_MAX 32U            /* bytes of the longest event */
#define EVENT_NUMBER_MAX 20U          /* digits of the largest number */

struct event {
	uint32_t id;
	uint64_t at_ms;
};

/* Reads an event; a line's end may follow. Returns 0 and *ret, or -EBADMSG. */
SP_MUST_USE int event_parse(sp_str text, struct event *ret);

/* Writes an event. Returns its length. */
size_t event_print(const struct event *event, char ret[EVENT_TEXT_MAX]);

/* Reads digits from *at on, up to `end`, and steps over them. Returns 0 and *ret, or -EBADMSG
 * when there are none, or more than `max` says. */
SP_MUST_USE int number_parse(const char **at, const char *end, uint64_t max, uint64_t *ret);

/* Writes a number in decimals. Returns how many. For the data path: snprintf takes longer
 * than all the rest of these functions. */
size_t number_print(uint64_t number, char ret[EVENT_NUMBER_MAX]);

/* A number of the configuration. Returns 0 and *ret; or -EINVAL after saying which `key` is
 * not from `min` to `max`. */
SP_MUST_USE int number_config(sp_worker *worker, const char *key, uint64_t min, uint64_t max,
			      uint64_t *ret);

#endif
