/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare.c - peer-bare: the HTTP server alone.
 *
 * For: what a chain could reach if its functions cost nothing.
 * How: no functions. A body is echoed as it lies in libh2o's memory; a request without one is
 * answered by 128 bytes.
 * Thread-safety: one thread. Failure modes: see peer.h.
 */
#include "bench/baselines/peer.h"

int main(int argc, char **argv)
{
	static const struct peer_kind kind = { .name = "peer-bare" };

	return peer_main(&kind, argc, argv);
}
