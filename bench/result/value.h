/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value.h - the small texts of the command line that units.h does not read: counts, CPUs.
 *
 * For: the options of sprocket-bench, and its SLOs.
 * How: the whole text must be the value: no blanks, no signs, nothing behind it.
 * Thread-safety: functions of their arguments. Failure modes: -EINVAL, *ret is untouched then.
 */
#ifndef SPROCKET_BENCH_VALUE_H
#define SPROCKET_BENCH_VALUE_H

#include <stdint.h>

/* The number a text begins with, digits with at most one point among them; *ret_rest is what
 * follows it. */
int bench_value_number(const char *text, double *ret, const char **ret_rest);

int bench_value_count(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/* "0", "0,2-3", each at most once. Returns how many, or -EINVAL. */
int bench_value_cpus(const char *text, int *ret, unsigned size);

#endif
