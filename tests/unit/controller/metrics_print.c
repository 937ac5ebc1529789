// SPDX-License-Identifier: Apache-2.0
/* Prints the metrics of made-up chains, for a strict reader. */
#include <stdlib.h>

#include "tests/unit/controller/metrics_fixture.h"

int main(int argc, char **argv)
{
	struct metrics_snapshot snapshot;
	int r;

	fixture_snapshot(argc > 1 ? strtoul(argv[1], NULL, 10) : 2, 3, &snapshot);
	snapshot.chains[0]->functions[1].name = "odd\\name\"with\nall";
	r = metrics_snapshot_write(&snapshot, stdout);
	fixture_done(&snapshot);
	return r ? 1 : 0;
}
