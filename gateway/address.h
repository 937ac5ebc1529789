/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address.h - how many connections there are from one address.
 *
 * For: no client takes all of them.
 * How: all workers count in one table of fixed size, by a hash of the address (of IPv6: of its
 * network of 64 bits) that nobody outside can know. Addresses that share a place are counted
 * together: with generous limits that is rare. Clients behind the Unix socket of a front, which
 * counts for itself, have no address here.
 * Thread-safety: any thread.
 */
#ifndef SPROCKET_GATEWAY_ADDRESS_H
#define SPROCKET_GATEWAY_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/http.h"

struct gateway;
struct gw_worker;

/* A connection begins. `most`: from one address; 0: half of what all workers may have (`limit` is
 * one's), and any number from loopback. False, and counted, when there are as many; else *place is
 * for gw_address_leave(). */
bool gw_address_enter(struct gw_worker *worker, h2o_socket_t *sock, uint32_t most, uint32_t limit,
		      uint32_t *place);
void gw_address_leave(struct gateway *g, uint32_t place);

#endif
