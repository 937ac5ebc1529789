/* SPDX-License-Identifier: Apache-2.0 */
/* event.c - see event.h. */
#include "event.h"

#include <errno.h>
#include <string.h>

int number_parse(const char **at, const char *end, uint64_t max, uint64_t *ret)
{
	const char *digit = *at;
	uint64_t number = 0;

	for (; digit < end && *digit >= '0' && *digit <= '9'; digit++) {
		uint64_t value = (uint64_t)(*digit - '0');

		if (value > max || number > (max - value) / 10)
			return -EBADMSG;
		number = number * 10 + value;
	}
	if (digit == *at)
		return -EBADMSG;
	*at = digit;
	*ret = number;
	return 0;
}

size_t number_print(uint64_t number, char ret[EVENT_NUMBER_MAX])
{
	char digits[EVENT_NUMBER_MAX];
	size_t len = 0;

	do {
		digits[EVENT_NUMBER_MAX - ++len] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	memcpy(ret, digits + EVENT_NUMBER_MAX - len, len);
	return len;
}

int event_parse(sp_str text, struct event *ret)
{
	const char *at = text.data ? text.data : "", *end = at + text.len;
	uint64_t id, at_ms;

	if (end > at && end[-1] == '\n')
		end--;
	if (number_parse(&at, end, EVENT_ID_MAX - 1, &id) < 0 || at == end || *at++ != ' ' ||
	    number_parse(&at, end, EVENT_MS_MAX, &at_ms) < 0 || at != end)
		return -EBADMSG;
	*ret = (struct event){ .id = (uint32_t)id, .at_ms = at_ms };
	return 0;
}

size_t event_print(const struct event *event, char ret[EVENT_TEXT_MAX])
{
	size_t len = number_print(event->id, ret);

	ret[len++] = ' ';
	return len + number_print(event->at_ms, ret + len);
}

int number_config(sp_worker *worker, const char *key, uint64_t min, uint64_t max, uint64_t *ret)
{
	sp_str text = sp_config(worker, key);
	const char *at = text.data;
	uint64_t number;

	if (at && number_parse(&at, text.data + text.len, max, &number) == 0 &&
	    at == text.data + text.len && number >= min) {
		*ret = number;
		return 0;
	}
	sp_log(NULL, SP_ERROR, "%s %.*s: expected a number from %llu to %llu", key, SP_ARG(text),
	       (unsigned long long)min, (unsigned long long)max);
	return -EINVAL;
}
