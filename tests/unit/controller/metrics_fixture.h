/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot of made-up chains: "shop" with detect, plate and pay, or many like it. */
#ifndef SPROCKET_TESTS_METRICS_FIXTURE_H
#define SPROCKET_TESTS_METRICS_FIXTURE_H

#include "controller/metrics.h"

#define FIXTURE_CHAINS_MAX 64

/* Names get a number from the second chain on. `round` 0, 1, 2, ...: counts go up with it,
 * 100 requests a round, a second apart. */
void fixture_snapshot(size_t chains, unsigned round, struct metrics_snapshot *ret);
void fixture_done(struct metrics_snapshot *snapshot);

#endif
