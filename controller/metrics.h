/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h - what the chains and the daemon count, for others to read.
 *
 * For: GET /metrics (Prometheus), GET /v1/stats (`sprocket top`), GET
 * /v1/chains/NAME/graph (`sprocket graph`).
 * How: a snapshot of every chain in plain numbers (runtime_stats.h), then text or JSON of it.
 * Thread-safety: snapshots are made in the loop's thread; the writers have no state.
 * Ownership: a snapshot is the caller's; its names belong to the chains, so it does not
 * outlive the turn of the loop in which it was made.
 */
#ifndef SPROCKET_CONTROLLER_METRICS_H
#define SPROCKET_CONTROLLER_METRICS_H

#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "controller/runtime_stats.h"

struct deployment;
struct deployments;

/* The daemon itself. */
struct metrics_daemon {
	int pid;
	struct procstat process;
	uint64_t started_ns; /* CLOCK_REALTIME */
	uint64_t fds, fds_max;
};

struct metrics_snapshot {
	uint64_t at_ns; /* CLOCK_MONOTONIC */
	struct metrics_daemon daemon;
	size_t chain_count;
	struct runtime_stats **chains; /* those that have a runtime */
};

/* What is counted now. Returns 0 and *ret, or -ENOMEM. */
int metrics_snapshot_take(const struct deployments *deployments, struct metrics_snapshot *ret);
void metrics_snapshot_done(struct metrics_snapshot *snapshot);

/* Prometheus text. Return 0, or -EIO when the stream has an error, -ENOMEM. */
int metrics_snapshot_write(const struct metrics_snapshot *snapshot, FILE *out);
int metrics_write(const struct deployments *deployments, FILE *out);

/* Cumulative numbers; histograms are arrays of [upper_us, count] without empty ones. Return
 * NULL without memory. */
json_t *metrics_snapshot_json(const struct metrics_snapshot *snapshot);
json_t *stats_json(const struct deployments *deployments);

/* The graph with its counts: {"time_ns", "name", "functions": [...], "edges": [...]}. NULL
 * without memory; one without a runtime has empty lists. */
json_t *metrics_graph_json(const struct runtime_stats *stats, uint64_t at_ns);
json_t *graph_json(const struct deployment *deployment);

#endif
