/* SPDX-License-Identifier: Apache-2.0 */
/* test_event.c - what is an event, and what is none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sprocket_test.h>

#include "event.h"

static struct event event;

static int parse(const char *text)
{
	return event_parse((sp_str){ text, strlen(text) }, &event);
}

static void test_events(void **state)
{
	(void)state;
	assert_int_equal(parse("17 1000"), 0);
	assert_int_equal(event.id, 17);
	assert_int_equal(event.at_ms, 1000);
	assert_int_equal(parse("1023 9999999999999\n"), 0);
	assert_int_equal(event.id, EVENT_ID_MAX - 1);
	assert_int_equal(event.at_ms, EVENT_MS_MAX);
	assert_int_equal(parse("0 0"), 0);
}

static void test_no_events(void **state)
{
	static const char *const bad[] = { "",
					   " ",
					   "17",
					   "17 ",
					   "17  1",
					   "1024 1",
					   "-1 1",
					   "1 -1",
					   "1 1x",
					   "1 1 1",
					   " 1 1",
					   "1 1\n\n",
					   "\n",
					   "1 99999999999999",
					   "18446744073709551617 1",
					   "1 18446744073709551617" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse(bad[i]) != -EBADMSG)
			fail_msg("not refused: \"%s\"", bad[i]);
	assert_int_equal(event_parse((sp_str){ NULL, 0 }, &event), -EBADMSG);
	/* what follows the body is not looked at */
	assert_int_equal(event_parse((sp_str){ "1 23", 3 }, &event), 0);
	assert_int_equal(event.at_ms, 2);
}

static void test_print(void **state)
{
	const struct event largest = { .id = EVENT_ID_MAX - 1, .at_ms = EVENT_MS_MAX };
	char text[EVENT_TEXT_MAX], number[EVENT_NUMBER_MAX];
	size_t len = event_print(&largest, text);

	(void)state;
	assert_int_equal(len, strlen("1023 9999999999999"));
	assert_memory_equal(text, "1023 9999999999999", len);
	assert_int_equal(number_print(0, number), 1);
	assert_memory_equal(number, "0", 1);
	assert_int_equal(number_print(UINT64_MAX, number), 20);
	assert_memory_equal(number, "18446744073709551615", 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_no_events),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
