/* SPDX-License-Identifier: Apache-2.0 */
/* units.h - numbers as people write them: rates, durations, sizes.
 * Thread-safety: functions of their arguments. All return 0, -EINVAL (not in this form) or -ERANGE,
 * and change *ret only on success. */
#ifndef SPROCKET_BENCH_UNITS_H
#define SPROCKET_BENCH_UNITS_H

#include <stdint.h>

#define BENCH_RATE_MAX 1e9
#define BENCH_DURATION_MAX_NS (UINT64_C(30) * 86400 * 1000000000)

/* Requests/s, above 0: 250, 0.5, 5k, 1.2M. */
int bench_parse_rate(const char *text, double *ret);
/* 200us, 10ms, 1.5s, 2m, 1h: the unit must be there; 0 needs none. */
int bench_parse_duration(const char *text, uint64_t *ret_ns);
/* Bytes: 128, 64Ki, 1Mi, 1Gi. */
int bench_parse_size(const char *text, uint64_t *ret);

#endif
