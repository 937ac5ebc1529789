/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_chain.c - any bytes as a chain file: no crash, no leak, and either errors or a chain
 * that keeps its promises. Its corpus is replayed by the suite fuzz.
 */
#include <stdint.h>
#include <stdlib.h>

#include "tests/unit/controller/chain_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct chain_outcome outcome =
		chain_files_parse("fuzz.yaml", (const char *)data, size, CHAIN_NO_DESCRIBE);

	if (outcome.err ? outcome.errors == 0 : outcome.errors != 0)
		abort();
	if (!outcome.err)
		chain_files_check(outcome.chain);
	chain_outcome_done(&outcome);
	return 0;
}
