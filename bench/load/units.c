// SPDX-License-Identifier: Apache-2.0
#include "bench/load/units.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	double factor;
};

static const struct unit rate_units[] = { { "", 1 }, { "k", 1e3 }, { "M", 1e6 }, { NULL, 0 } };
static const struct unit duration_units[] = { { "ns", 1 },  { "us", 1e3 }, { "ms", 1e6 },
					      { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 },
					      { NULL, 0 } };
static const struct unit size_units[] = { { "", 1 },
					  { "Ki", 1024 },
					  { "Mi", 1024.0 * 1024 },
					  { "Gi", 1024.0 * 1024 * 1024 },
					  { NULL, 0 } };

/* strtod alone would also take " 1", "-1", "inf" and "0x1". */
static int parse(const char *text, const struct unit *units, double *ret)
{
	size_t digits = strspn(text, "0123456789.");
	double value;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	value = strtod(text, &end);
	if (end != text + digits)
		return -EINVAL;
	for (const struct unit *u = units; u->name; u++) {
		if (!strcmp(end, u->name)) {
			*ret = value * u->factor;
			return 0;
		}
	}
	return -EINVAL;
}

int bench_parse_rate(const char *text, double *ret)
{
	double value;

	if (parse(text, rate_units, &value))
		return -EINVAL;
	if (value <= 0 || value > BENCH_RATE_MAX)
		return -ERANGE;
	*ret = value;
	return 0;
}

int bench_parse_duration(const char *text, uint64_t *ret_ns)
{
	double value;

	if (!strcmp(text, "0")) {
		*ret_ns = 0;
		return 0;
	}
	if (parse(text, duration_units, &value))
		return -EINVAL;
	if (value > (double)BENCH_DURATION_MAX_NS)
		return -ERANGE;
	*ret_ns = (uint64_t)llround(value);
	return 0;
}

int bench_parse_size(const char *text, uint64_t *ret)
{
	double value;

	if (parse(text, size_units, &value) || value != floor(value))
		return -EINVAL;
	if (value > 1024.0 * 1024 * 1024 * 1024)
		return -ERANGE;
	*ret = (uint64_t)value;
	return 0;
}
