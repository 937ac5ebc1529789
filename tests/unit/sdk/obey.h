/* SPDX-License-Identifier: Apache-2.0 */
/*
 * obey.h - a function whose requests say what it does, run in a rig.
 *
 * The body's first letter: n(ext), r(eply), d(rop), 0 or 1 (that edge), x (an edge that is
 * not declared), f(ail), k(eep the body's address), K (write to the one kept), l(og), s(leep a
 * millisecond), w(ait until the second letter is g); the letters after it are put in upper
 * case. Default edge 5, edge 0 on 6, edge 1 without a route. It counts what it has "handled",
 * and that it has "finished".
 */
#ifndef SPROCKET_TESTS_SDK_OBEY_H
#define SPROCKET_TESTS_SDK_OBEY_H

#include "tests/unit/sdk/rig.h"

#define ALL SP_BATCH_MAX

void obey_launch(struct rig *rig);
/* Sends one request in buffer 0; returns what comes of it. */
struct sp_desc obey_one(struct rig *rig, const char *body);
void obey_expect_failed(struct rig *rig, struct sp_desc d, sp_error error, const char *text);
/* Orders the stop; it ends well and has logged nothing. */
void obey_stop(struct rig *rig);

#endif
