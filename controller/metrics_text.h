/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_text.h - writes Prometheus' text format, 0.0.4.
 *
 * For: metrics.c. How: a family's HELP and TYPE once, then its samples; labels are pairs of
 * strings, name and value in turn, that end with NULL; values are escaped.
 * Failure modes: those of the stream, which keeps its error (ferror).
 * Thread-safety: one thread per stream.
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
#ifndef SPROCKET_CONTROLLER_METRICS_TEXT_H
#define SPROCKET_CONTROLLER_METRICS_TEXT_H

#include <stdint.h>
#include <stdio.h>

#include "bpf/wire.h"

#define METRICS_TEXT_LABELS_MAX 1024 /* bytes of one sample's labels; longer ones are cut */

void metrics_text_family(FILE *out, const char *name, const char *type, const char *help);

void metrics_text_count(FILE *out, const char *name, uint64_t value, ...) __attribute__((sentinel));

/* The value in seconds, written exactly. */
void metrics_text_ns(FILE *out, const char *name, uint64_t ns, ...) __attribute__((sentinel));

/* A histogram in seconds whose bounds are powers of two of a microsecond. */
void metrics_text_histogram(FILE *out, const char *name, const struct sp_histogram *histogram, ...)
	__attribute__((sentinel));

#endif
