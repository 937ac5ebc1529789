// SPDX-License-Identifier: Apache-2.0
#include "controller/daemon/tap_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "sproxy/sproxy.h"

#define NS_PER_S 1000000000LL
#define NS_PER_US 1000LL

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
	int64_t at_ns = (int64_t)tap->at_ns + realtime_offset_ns;
	time_t second = (time_t)(at_ns / NS_PER_S);
	char time_text[32];
	struct tm tm;
	int n;

	gmtime_r(&second, &tm);
	strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%S", &tm);
	n = snprintf(ret, TAP_LINE_MAX,
		     "{\"time\":\"%s.%06dZ\",\"id\":\"%" PRIx64 "\",\"from\":\"%s\",\"to\":\"%s\","
		     "\"edge\":\"%s\",\"buffer\":%" PRIu32 ",\"bytes\":%" PRIu32 ",\"us\":%" PRIu32
		     ",\"verdict\":\"%s\",\"flags\":%u}\n",
		     time_text, (int)(at_ns % NS_PER_S / NS_PER_US), (uint64_t)tap->start_ns,
		     words->from, words->to, words->edge, tap->buf, tap->len, tap->since_us,
		     words->verdict, tap->flags);
	return n < 0 || n >= TAP_LINE_MAX ? 0 : (size_t)n;
}
