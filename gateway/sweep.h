/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep.h - ends the connections of clients that are too slow.
 *
 * For: a head has GW_HEAD_MS from its first byte to its last, whatever arrives in between. A body
 * may take as long as it likes, as long as it moves: it stands still for GW_BODY_STALL_MS in all,
 * and earns that back with every GW_BODY_RATE bytes a second. (libh2o would give a request of
 * HTTP/1 one time for all of it, and one of HTTP/2 any time.) An answer of which no byte leaves
 * for GW_STALL_MS is given up. Idle connections are libh2o's: GW_IDLE_MS.
 * How: once a second while there is something incomplete the worker looks at all its connections.
 * A request that comes and goes between two looks costs nothing, and an idle worker sleeps.
 * Thread-safety: runs in the worker.
 */
#ifndef SPROCKET_GATEWAY_SWEEP_H
#define SPROCKET_GATEWAY_SWEEP_H

struct gw_worker;

void gw_sweep_init(struct gw_worker *worker);

/* After each turn of the loop: has the next sweep come, if there may be something to see. */
void gw_sweep_turn(struct gw_worker *worker);

#endif
