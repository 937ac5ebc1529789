// SPDX-License-Identifier: Apache-2.0
#include "bench/command/slo.h"

#include <errno.h>
#include <string.h>

#include "bench/load/units.h"
#include "bench/numbers/histogram.h"
#include "bench/result/value.h"

static int quantity_parse(const char *name, size_t len, struct bench_slo *slo)
{
	static const struct {
		const char *name;
		enum bench_slo_kind kind;
	} names[] = { { "mean", BENCH_SLO_MEAN },
		      { "max", BENCH_SLO_MAX },
		      { "errors", BENCH_SLO_ERRORS },
		      { "rate", BENCH_SLO_RATE } };
	const char *rest;
	double percent;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strlen(names[i].name) != len || memcmp(name, names[i].name, len) != 0)
			continue;
		slo->kind = names[i].kind;
		return 0;
	}
	if (*name != 'p' || bench_value_number(name + 1, &percent, &rest) < 0 ||
	    rest != name + len || percent <= 0 || percent >= 100)
		return -EINVAL;
	slo->kind = BENCH_SLO_QUANTILE;
	slo->quantile = percent / 100;
	return 0;
}

static int limit_parse(const char *text, struct bench_slo *slo)
{
	const char *rest;
	uint64_t ns;
	double share;

	if (slo->kind == BENCH_SLO_RATE)
		return bench_parse_rate(text, &slo->limit);
	if (slo->kind == BENCH_SLO_ERRORS) {
		if (bench_value_number(text, &share, &rest) < 0 || strcmp(rest, "%") != 0 ||
		    share > 100)
			return -EINVAL;
		slo->limit = share / 100;
		return 0;
	}
	if (bench_parse_duration(text, &ns) < 0)
		return -EINVAL;
	slo->limit = (double)ns;
	return 0;
}

int bench_slo_parse(const char *text, struct bench_slo *ret)
{
	struct bench_slo slo = { .text = text };
	size_t len = strcspn(text, "<>");
	char sign = text[len];

	if (!sign || quantity_parse(text, len, &slo) < 0 ||
	    (sign == '>') != (slo.kind == BENCH_SLO_RATE))
		return -EINVAL;
	text += len + 1;
	if (*text == '=') {
		slo.inclusive = true;
		text++;
	}
	if (limit_parse(text, &slo) < 0)
		return -EINVAL;
	*ret = slo;
	return 0;
}

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

/* Of its latency, ns. NULL, or why it cannot be told. */
static const char *latency_value(const struct bench_slo *slo, const json_t *run, double *ret)
{
	const json_t *latency = json_object_get(run, "latency");
	struct bench_histogram h;
	const char *why = NULL;

	if (number(latency, "n") == 0)
		return "no answer";
	if (slo->kind != BENCH_SLO_QUANTILE) {
		*ret = 1000 * number(latency, slo->kind == BENCH_SLO_MEAN ? "mean_us" : "max_us");
		return NULL;
	}
	if (bench_histogram_init(&h) < 0)
		return "no memory";
	if (bench_histogram_read(&h, latency) < 0)
		why = "no histogram";
	else if (!bench_histogram_allows(&h, slo->quantile))
		why = "too few answers to tell";
	else
		*ret = (double)bench_histogram_at(&h, slo->quantile);
	bench_histogram_done(&h);
	return why;
}

/* Requests that failed, of all that were asked or due. */
static const char *errors_value(const json_t *run, double *ret)
{
	double failed = number(run, "error_count"), all = number(run, "answered") + failed;

	if (all == 0)
		return "no request";
	*ret = failed / all;
	return NULL;
}

static bool met(const struct bench_slo *slo, double value)
{
	if (value == slo->limit)
		return slo->inclusive;
	return slo->kind == BENCH_SLO_RATE ? value > slo->limit : value < slo->limit;
}

json_t *bench_slo_judge(const struct bench_slo *slo, const json_t *run)
{
	bool is_latency = slo->kind != BENCH_SLO_RATE && slo->kind != BENCH_SLO_ERRORS;
	const char *why = NULL;
	double value = 0;

	if (slo->kind == BENCH_SLO_RATE)
		value = number(run, "achieved");
	else if (slo->kind == BENCH_SLO_ERRORS)
		why = errors_value(run, &value);
	else
		why = latency_value(slo, run, &value);
	if (why)
		return json_pack("{s:s, s:b, s:s}", "text", slo->text, "met", 0, "why", why);
	return json_pack("{s:s, s:b, s:f}", "text", slo->text, "met", met(slo, value),
			 is_latency ? "value_us" : "value", is_latency ? value / 1000 : value);
}
