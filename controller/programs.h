/* SPDX-License-Identifier: Apache-2.0 */
/*
 * programs.h - where the other programs of Sprocket lie.
 *
 * For: the runtime and the commands. How: relative to this program's own file, so that the
 * build tree, an installation anywhere and a path with spaces all work.
 */
#ifndef SPROCKET_CONTROLLER_PROGRAMS_H
#define SPROCKET_CONTROLLER_PROGRAMS_H

#include "controller/chain.h"

/* Path of sprocket-gateway. Returns 0 and `ret`, or -ENOENT. */
int programs_gateway(char ret[CHAIN_PATH_MAX]);
int programs_inline(char ret[CHAIN_PATH_MAX]);

/* Path of sprocketd. As programs_gateway(). */
int programs_daemon(char ret[CHAIN_PATH_MAX]);

/* Path of sprocket-fdstore. As programs_gateway(). */
int programs_fdstore(char ret[CHAIN_PATH_MAX]);

/* Path of sprocket-front. As programs_gateway(). */
int programs_front(char ret[CHAIN_PATH_MAX]);

/* Path of the script that teaches gdb about requests. As programs_gateway(). */
int programs_gdb_script(char ret[CHAIN_PATH_MAX]);

#endif
