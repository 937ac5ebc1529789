// SPDX-License-Identifier: Apache-2.0
#include "bench/trace.h"
#include <errno.h>
#include "bench/explain.h"
int bench_trace_read(const char *path, uint64_t duration_ns, uint64_t seed, struct bench_mix *mix,
		     struct bench_schedule *ret, char error[BENCH_ERROR_TEXT])
{
	(void)duration_ns;
	(void)seed;
	(void)mix;
	(void)ret;
	return bench_explain(error, -EINVAL, "%s", path);
}
