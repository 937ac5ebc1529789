/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - the front's end of the socket to the controller.
 *
 * How: the first worker reads it in its loop; a table or a certificate is judged there, once,
 * and posted to all. What is refused changes nothing.
 * Thread-safety: front_control_settle() from any thread, the rest in the first worker's.
 */
#ifndef SPROCKET_GATEWAY_FRONT_CONTROL_H
#define SPROCKET_GATEWAY_FRONT_CONTROL_H

#include "gateway/front/front.h"

/* Joins the socket to the worker's loop, and says that the front is ready. */
void front_control_join(struct front_worker *worker);

/* Tells the controller how far all workers have come. */
void front_control_settle(struct front *front);

/* Sends a message; `text` may be NULL. Waits while the controller does not read. */
void front_control_tell(int control, enum front_type type, uint32_t number, const char *text);

#endif
