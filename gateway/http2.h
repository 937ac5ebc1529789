/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2.h - the inside of libh2o's HTTP/2, for what stands before its functions.
 *
 * For: guard.c, headers.c, sweep.c. The header is installed with libh2o, but no part of what it
 * promises to keep: another version has to be compared.
 */
#ifndef SPROCKET_GATEWAY_HTTP2_H
#define SPROCKET_GATEWAY_HTTP2_H

#include "gateway/http.h"

#if H2O_LIBRARY_VERSION_MAJOR != 0 || H2O_LIBRARY_VERSION_MINOR != 13
#error "compare guard.c, headers.c and sweep.c with lib/http2 of this libh2o"
#endif

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wcast-align"
#include <h2o/http1.h>
#include <h2o/http2.h>
#include <h2o/http2_internal.h>
#pragma GCC diagnostic pop

#endif
