/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h - the one door to libh2o.
 *
 * For: every file of the gateway. libh2o is built for two event loops and needs to be told
 * which; nobody includes <h2o.h> by another way.
 */
#ifndef SPROCKET_GATEWAY_HTTP_H
#define SPROCKET_GATEWAY_HTTP_H

#ifndef H2O_USE_LIBUV
#define H2O_USE_LIBUV 0
#endif
#include <h2o.h>
#include <h2o/http1.h>
#include <h2o/http2.h>

#endif
