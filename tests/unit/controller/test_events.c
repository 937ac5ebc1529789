/* SPDX-License-Identifier: Apache-2.0 */
/* test_events.c - counting, the ring's end, listeners that leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/clock.h"
#include "controller/daemon/events.h"

static const char *text(json_t *list, size_t i, const char *key)
{
	return json_string_value(json_object_get(json_array_get(list, i), key));
}

static void test_repeated_ones_are_counted(void **state)
{
	struct events *events = events_new();
	json_t *list;

	(void)state;
	events_add(events, "shop", "Warning", "InstanceDied", "%s-0: signal %d", "detect", 11);
	events_add(events, "other", "Normal", "Started", "in 3 ms");
	events_add(events, "shop", "Warning", "InstanceDied", "detect-0: signal 11");
	events_add(events, "shop", "Warning", "InstanceDied", "detect-1: signal 11\nx\xff");
	list = events_json(events, "shop");
	assert_int_equal(json_array_size(list), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "count")), 2);
	assert_string_equal(text(list, 0, "type"), "Warning");
	assert_true(strcmp(text(list, 0, "firstTime"), text(list, 0, "time")) <= 0);
	assert_string_equal(text(list, 1, "message"), "detect-1: signal 11 x?");
	json_decref(list);
	list = events_json(events, NULL);
	assert_string_equal(text(list, 0, "chain"), "other");
	json_decref(list);
	events_free(events);
}

static void test_the_oldest_goes(void **state)
{
	struct events *events = events_new();
	json_t *list;

	(void)state;
	for (int i = 0; i < EVENTS_MAX + 5; i++)
		events_add(events, "shop", "Normal", "Tick", "%d", i);
	list = events_json(events, NULL);
	assert_int_equal(json_array_size(list), EVENTS_MAX);
	assert_string_equal(text(list, 0, "message"), "5");
	assert_string_equal(text(list, EVENTS_MAX - 1, "message"), "1028");
	json_decref(list);
	events_free(events);
}

static struct events *heard_events;
static struct events_listener listeners[3];
static unsigned heard[3];

/* Removes itself and the next one. */
static void on_event(const struct event *event, void *arg)
{
	size_t i = (size_t)((struct events_listener *)arg - listeners);

	assert_string_equal(event->reason, "Tick");
	heard[i]++;
	if (i == 2) {
		events_unlisten(heard_events, &listeners[2]);
		events_unlisten(heard_events, &listeners[1]);
		events_unlisten(heard_events, &listeners[1]);
	}
}

static void test_listeners_leave(void **state)
{
	(void)state;
	heard_events = events_new();
	for (size_t i = 0; i < 3; i++) {
		listeners[i] =
			(struct events_listener){ .on_event = on_event, .arg = &listeners[i] };
		events_listen(heard_events, &listeners[i]);
	}
	events_add(heard_events, "", "Normal", "Tick", "1");
	events_add(heard_events, "", "Normal", "Tick", "1");
	assert_int_equal(heard[2], 1);
	assert_int_equal(heard[1], 0);
	assert_int_equal(heard[0], 2);
	events_free(heard_events);
}

static void test_time(void **state)
{
	char buf[CLOCK_TEXT_MAX];

	(void)state;
	assert_string_equal(clock_text(UINT64_C(1767323045678901999), buf),
			    "2026-01-02T03:04:05.678901Z");
	assert_string_equal(clock_text(0, buf), "1970-01-01T00:00:00.000000Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repeated_ones_are_counted),
		cmocka_unit_test(test_the_oldest_goes),
		cmocka_unit_test(test_listeners_leave),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
