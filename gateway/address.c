// SPDX-License-Identifier: Apache-2.0
#include "gateway/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>

#include "gateway/worker.h"

#define LEAST 16U /* connections that any address may have, unless it is said */

/* The address in 64 bits; 0: none. */
static uint64_t key_of(h2o_socket_t *sock, bool *loopback)
{
	struct sockaddr_storage name;
	struct sockaddr *sa = (void *)&name;
	const struct in6_addr *six = &((struct sockaddr_in6 *)(void *)&name)->sin6_addr;
	uint32_t four = 0;
	uint64_t key;

	if (h2o_socket_getpeername(sock, sa) == 0)
		return 0;
	if (sa->sa_family == AF_INET)
		four = ((struct sockaddr_in *)(void *)&name)->sin_addr.s_addr;
	else if (sa->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(six))
		memcpy(&four, six->s6_addr + 12, sizeof(four));
	else if (sa->sa_family != AF_INET6)
		return 0;
	if (four != 0) {
		*loopback = ntohl(four) >> 24 == IN_LOOPBACKNET;
		return four;
	}
	*loopback = IN6_IS_ADDR_LOOPBACK(six);
	memcpy(&key, six->s6_addr, sizeof(key));
	return key | UINT64_C(1) << 63 | 1;
}

static uint32_t place_of(struct gateway *g, uint64_t key)
{
	uint64_t seed = __atomic_load_n(&g->address_seed, __ATOMIC_RELAXED), fresh = 0, none = 0;

	if (seed == 0) {
		if (getrandom(&fresh, sizeof(fresh), GRND_NONBLOCK) < 0)
			fresh = (uintptr_t)g;
		fresh |= 1;
		seed = __atomic_compare_exchange_n(&g->address_seed, &none, fresh, false,
						   __ATOMIC_RELAXED, __ATOMIC_RELAXED) ?
			       fresh :
			       none;
	}
	/* Two rounds of multiplication and shift, keyed. */
	key = (key ^ seed) * UINT64_C(0x9e3779b97f4a7c15);
	key = (key ^ key >> 32 ^ seed) * UINT64_C(0xd6e8feb86659fd93);
	return (uint32_t)(key >> 32) % (GW_ADDRESSES - 1) + 1;
}

bool gw_address_enter(struct gw_worker *worker, h2o_socket_t *sock, uint32_t most, uint32_t limit,
		      uint32_t *place)
{
	struct gateway *g = worker->gateway;
	uint32_t workers = g->wiring.worker_count > 0 ? g->wiring.worker_count : 1;
	bool loopback = false;
	uint64_t key = key_of(sock, &loopback);

	*place = 0;
	if (key == 0 || (most == 0 && loopback))
		return true;
	if (most == 0)
		most = limit * workers / 2 > LEAST ? limit * workers / 2 : LEAST;
	*place = place_of(g, key);
	if (__atomic_add_fetch(&g->addresses[*place], 1, __ATOMIC_RELAXED) <= most)
		return true;
	gw_address_leave(g, *place);
	GW_COUNT(worker, cut_limit, 1);
	return false;
}

void gw_address_leave(struct gateway *g, uint32_t place)
{
	if (place > 0)
		__atomic_sub_fetch(&g->addresses[place], 1, __ATOMIC_RELAXED);
}
