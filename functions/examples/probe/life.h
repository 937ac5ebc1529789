/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life.h - how the probe starts and ends, as its configuration says.
 *
 * How: `start` is ok, slow (ready after 300 ms), fail, crash, exit or hang (never ready);
 * `stop` is ok or hang: then it is deaf to SIGTERM, and stuck in its clean-up for ever.
 */
#ifndef SPROCKET_FUNCTIONS_PROBE_LIFE_H
#define SPROCKET_FUNCTIONS_PROBE_LIFE_H

#include <sprocket.h>

int life_init(sp_worker *worker, void **state);
void life_fini(void *state);

void life_wait_ms(unsigned long ms);

#endif
