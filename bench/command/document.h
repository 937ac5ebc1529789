/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document.h - the result of a command (result.h): begun, judged, told.
 *
 * For: run, sweep and compare.
 * Thread-safety: one thread. Failure modes: begin returns NULL without memory; tell says on stderr
 * what could not be written.
 */
#ifndef SPROCKET_BENCH_DOCUMENT_H
#define SPROCKET_BENCH_DOCUMENT_H

#include <jansson.h>

#include "bench/command/subject.h"

/* With the environment, what was asked of `subjects`, and no run yet. */
json_t *bench_document_begin(const struct bench_options *o, const char *kind,
			     const struct bench_subject *subjects, unsigned count);

/* Adds a run, whose reference it takes. */
void bench_document_add(json_t *document, json_t *run);

/* The result must not be used: the first reason stays. */
void bench_document_spoil(json_t *document, const char *why);

/* Judges the SLOs by that run. Returns BENCH_GOOD, or BENCH_BAD when one is missed, the run is
 * not valid, its rate was not kept up with, or requests failed and no SLO allows that. */
int bench_document_judge(json_t *document, const struct bench_options *o, const json_t *run);

/* The table for people, and files. Returns BENCH_GOOD or BENCH_UNMEASURED. */
int bench_document_tell(const json_t *document, const struct bench_options *o);

/* Tells a failure. Returns BENCH_USAGE for -EINVAL, else BENCH_UNMEASURED. */
int bench_fail(const char *what, int r, const char *error);

#endif
