/* SPDX-License-Identifier: Apache-2.0 */
/* report_samples.h - result documents as the commands write them, with figures that are known. */
#ifndef SPROCKET_TEST_REPORT_SAMPLES_H
#define SPROCKET_TEST_REPORT_SAMPLES_H

#include <jansson.h>

#define SAMPLE_KERNEL "6.18.0-sample"

/* `n` values around `us`, one of 500 ten times as long. */
json_t *sample_histogram(unsigned n, double us);
/* A run with everything in it: hops, usage, errors. `invalid` NULL: it is valid. */
json_t *sample_run(const char *target, double rate, unsigned n, const char *invalid);
/* Takes `runs`. */
json_t *sample_document(const char *kind, json_t *runs);
/* A sweep of 5 rates, the fourth run invalid, the knee at the third. */
json_t *sample_sweep(unsigned n);
/* ring-6 and chain-6 in 5 rounds; the verdict is given. */
json_t *sample_comparison(double ratio, const char *verdict);

/* How many PNGs a report's folder has; all in it but the page must be one. */
unsigned sample_pngs(const char *folder);
/* The whole file. The caller frees it. */
char *sample_read(const char *path);

#endif
