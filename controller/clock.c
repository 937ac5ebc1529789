// SPDX-License-Identifier: Apache-2.0
#include "controller/clock.h"

#include <stdio.h>

uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

const char *clock_text(uint64_t realtime_ns, char ret[CLOCK_TEXT_MAX])
{
	time_t seconds = (time_t)(realtime_ns / CLOCK_NS_PER_S);
	struct tm tm;
	size_t len = strftime(ret, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));

	snprintf(ret + len, CLOCK_TEXT_MAX - len, ".%06uZ",
		 (unsigned)(realtime_ns % CLOCK_NS_PER_S / 1000));
	return ret;
}
