// SPDX-License-Identifier: Apache-2.0
#include "bench/load/explain.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PATH_SHOWN 80U

int bench_explain(char error[BENCH_ERROR_TEXT], int r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, BENCH_ERROR_TEXT, format, args);
	va_end(args);
	return r;
}

int bench_explain_line(char error[BENCH_ERROR_TEXT], int r, const char *path, unsigned long line,
		       const char *format, ...)
{
	size_t len = strlen(path);
	bool cut = len > PATH_SHOWN;
	va_list args;
	int used;

	used = snprintf(error, BENCH_ERROR_TEXT, "%s%s:%lu: ", cut ? "..." : "",
			cut ? path + len - PATH_SHOWN : path, line);
	va_start(args, format);
	vsnprintf(error + used, BENCH_ERROR_TEXT - (size_t)used, format, args);
	va_end(args);
	return r;
}
