/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h - what the chains and the daemon count, for others to read.
 *
 * For: the API. Thread-safety: one thread.
 */
#ifndef SPROCKET_CONTROLLER_METRICS_H
#define SPROCKET_CONTROLLER_METRICS_H

#include <jansson.h>
#include <stdio.h>

struct deployment;
struct deployments;

int metrics_write(const struct deployments *deployments, FILE *out);
json_t *stats_json(const struct deployments *deployments);
json_t *graph_json(const struct deployment *deployment);

#endif
