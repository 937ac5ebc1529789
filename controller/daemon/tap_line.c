// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/tap_line.h"

#include <inttypes.h>
#include <stdio.h>

#include "controller/clock.h"
#include "sproxy/sproxy.h"

static const char *function_name(const struct chain *chain, uint32_t fn)
{
	if (fn == SP_GATEWAY_FN)
		return "gateway";
	return fn <= chain->function_count ? chain->functions[fn - 1].name : "";
}

static const char *verdict_name(uint32_t verdict)
{
	if (verdict == SP_TAP_PASSED)
		return "passed";
	if (verdict == SP_TAP_UNDELIVERABLE)
		return "undeliverable";
	return verdict - SP_TAP_REFUSED < SP_VIOLATION_COUNT ?
		       sproxy_violation_name(verdict - SP_TAP_REFUSED) :
		       "unknown";
}

void tap_line_words(const struct chain *chain, const struct sp_tap *tap, struct tap_words *ret)
{
	ret->from = function_name(chain, tap->from_fn);
	ret->to = tap->verdict >= SP_TAP_REFUSED ? "" : function_name(chain, tap->to_fn);
	ret->verdict = verdict_name(tap->verdict);
	runtime_stats_edge_name(chain, tap->from_fn, tap->edge, ret->edge);
}

size_t tap_line_format(const struct sp_tap *tap, const struct tap_words *words,
		       int64_t realtime_offset_ns, char ret[TAP_LINE_MAX])
{
	char time_text[CLOCK_TEXT_MAX];
	int n;

	clock_text(tap->at_ns + (uint64_t)realtime_offset_ns, time_text);
	n = snprintf(ret, TAP_LINE_MAX,
		     "{\"time\":\"%s\",\"id\":\"%" PRIx64 "\",\"from\":\"%s\",\"to\":\"%s\","
		     "\"edge\":\"%s\",\"buffer\":%" PRIu32 ",\"bytes\":%" PRIu32 ",\"us\":%" PRIu32
		     ",\"verdict\":\"%s\",\"flags\":%u}\n",
		     time_text, (uint64_t)tap->start_ns, words->from, words->to, words->edge,
		     tap->buf, tap->len, tap->since_us, words->verdict, tap->flags);
	return n < 0 || n >= TAP_LINE_MAX ? 0 : (size_t)n;
}
