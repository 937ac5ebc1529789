/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dpdk_clock.h - DPDK starts without sleeping for 100 ms.
 *
 * For: the start of a gateway, which is most of the time that a killed one is missing.
 * How: where the processor does not tell the frequency of its time stamps (virtual machines),
 * rte_eal_init() counts them over a nanosleep() of 100 ms. Nothing here asks for the result.
 * Whoever links this defines nanosleep() before libc does, as DPDK sees it; while hurried it
 * sleeps for at most SHM_DPDK_SLEEP_NS, and DPDK's figure is a little less exact.
 * Failure modes: where DPDK does not find this function the start takes longer, no more.
 * Thread-safety: any thread; only while DPDK starts is it more than libc's.
 */
#ifndef SPROCKET_SHM_DPDK_CLOCK_H
#define SPROCKET_SHM_DPDK_CLOCK_H

#include <stdbool.h>

#define SHM_DPDK_SLEEP_NS 1000000L

void shm_dpdk_clock_hurry(bool on);

#endif
