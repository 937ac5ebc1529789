// SPDX-License-Identifier: Apache-2.0
#include "bench/result/value.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 18 /* a double is exact to 15; more are no value that anybody means */

int bench_value_number(const char *text, double *ret, const char **ret_rest)
{
	size_t digits = strspn(text, "0123456789"), fraction = 0, len = digits;
	char copy[2 * DIGITS_MAX + 2];

	if (text[len] == '.') {
		fraction = strspn(text + len + 1, "0123456789");
		len += 1 + fraction;
	}
	if (digits == 0 || digits > DIGITS_MAX || fraction > DIGITS_MAX || len == digits + 1)
		return -EINVAL;
	/* A copy: strtod would read on in "1e5", "0x10" and "1.5M". */
	memcpy(copy, text, len);
	copy[len] = '\0';
	*ret = strtod(copy, NULL);
	*ret_rest = text + len;
	return 0;
}

int bench_value_count(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || *end || n < min || n > max)
		return -EINVAL;
	*ret = n;
	return 0;
}

static int cpu_number(const char **text, int *ret)
{
	char *end;
	long n;

	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	errno = 0;
	n = strtol(*text, &end, 10);
	if (errno || n >= CPU_SETSIZE)
		return -EINVAL;
	*ret = (int)n;
	*text = end;
	return 0;
}

static bool listed(const int *list, unsigned count, int cpu)
{
	for (unsigned i = 0; i < count; i++)
		if (list[i] == cpu)
			return true;
	return false;
}

int bench_value_cpus(const char *text, int *ret, unsigned size)
{
	unsigned count = 0;
	int first, last;

	for (;; text++) {
		if (cpu_number(&text, &first) < 0)
			return -EINVAL;
		last = first;
		if (*text == '-') {
			text++;
			if (cpu_number(&text, &last) < 0 || last < first)
				return -EINVAL;
		}
		for (; first <= last; first++) {
			if (count == size || listed(ret, count, first))
				return -EINVAL;
			ret[count++] = first;
		}
		if (!*text)
			return (int)count;
		if (*text != ',')
			return -EINVAL;
	}
}
