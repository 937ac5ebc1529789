// SPDX-License-Identifier: Apache-2.0
#include "controller/cli/top_sample.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/histogram.h"

#define NS_PER_S 1e9
#define PERCENT 100

static uint64_t number(const json_t *json, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(json, key));

	return value > 0 ? (uint64_t)value : 0;
}

static double seconds(const json_t *json, const char *key)
{
	return json_number_value(json_object_get(json, key));
}

static void copy_name(char ret[TOP_NAME_MAX], const json_t *json)
{
	const char *name = json_string_value(json_object_get(json, "name"));

	snprintf(ret, TOP_NAME_MAX, "%s", name ? name : "?");
}

void top_histogram_read(const json_t *json, struct sp_histogram *ret)
{
	const json_t *buckets = json_object_get(json, "buckets"), *bucket;
	size_t i;

	memset(ret, 0, sizeof(*ret));
	ret->sum_us = number(json, "sum_us");
	json_array_foreach(buckets, i, bucket) {
		json_int_t upper = json_integer_value(json_array_get(bucket, 0));
		json_int_t count = json_integer_value(json_array_get(bucket, 1));

		if (upper > 0 && count > 0)
			histogram_add(ret, (uint64_t)upper, (uint64_t)count);
	}
}

static void read_function(const json_t *json, const char *chain, struct top_item *ret)
{
	const json_t *instance;
	size_t i;

	memcpy(ret->chain, chain, TOP_NAME_MAX);
	copy_name(ret->function, json);
	ret->requests = number(json, "in");
	ret->errors = number(json, "failed") + number(json, "undeliverable");
	ret->ready = (uint32_t)number(json, "ready");
	ret->desired = (uint32_t)number(json, "desired");
	top_histogram_read(json_object_get(json, "wait"), &ret->wait);
	top_histogram_read(json_object_get(json, "run"), &ret->run);
	json_array_foreach(json_object_get(json, "instances"), i, instance) {
		ret->in_flight += number(instance, "in_flight");
		ret->buffers += number(instance, "buffers");
		ret->rss_bytes += number(instance, "rss_bytes");
		ret->cpu_s += seconds(instance, "cpu_s");
	}
}

static uint64_t count_errors(const json_t *gateway)
{
	return number(gateway, "failed") + number(gateway, "refused") +
	       number(gateway, "no_buffer") + number(gateway, "timed_out") +
	       number(gateway, "lost") + number(gateway, "bad_buffer");
}

static uint64_t count_buffers(const json_t *classes)
{
	const json_t *class;
	uint64_t used = 0;
	size_t i;

	json_array_foreach(classes, i, class)
		used += number(class, "gateway") + number(class, "function") +
			number(class, "leased");
	return used;
}

static void read_chain(const json_t *json, struct top_item *ret)
{
	const json_t *gateway = json_object_get(json, "gateway");

	copy_name(ret->chain, json);
	ret->requests = number(gateway, "requests");
	ret->errors = count_errors(gateway);
	ret->in_flight = number(gateway, "in_flight");
	ret->rss_bytes = number(gateway, "rss_bytes");
	ret->cpu_s = seconds(gateway, "cpu_s");
	ret->buffers = count_buffers(json_object_get(json, "buffers"));
	top_histogram_read(json_object_get(gateway, "run"), &ret->run);
}

static void add_to_chain(const struct top_item *function, struct top_item *chain)
{
	chain->ready += function->ready;
	chain->desired += function->desired;
	chain->rss_bytes += function->rss_bytes;
	chain->cpu_s += function->cpu_s;
	histogram_merge(&function->wait, &chain->wait);
}

static size_t count_items(const json_t *chains)
{
	const json_t *chain;
	size_t count = json_array_size(chains), i;

	json_array_foreach(chains, i, chain)
		count += json_array_size(json_object_get(chain, "functions"));
	return count;
}

int top_sample_read(const json_t *stats, struct top_sample *ret)
{
	const json_t *chains = json_object_get(stats, "chains"), *chain, *function;
	struct top_sample sample = { .at_ns = number(stats, "time_ns") };
	size_t i, j;

	if (!json_is_array(chains) || !sample.at_ns)
		return -EBADMSG;
	sample.items = calloc(count_items(chains) + 1, sizeof(*sample.items));
	if (!sample.items)
		return -ENOMEM;
	sample.daemon_cpu_s = seconds(json_object_get(stats, "daemon"), "cpu_s");
	json_array_foreach(chains, i, chain) {
		struct top_item *whole = &sample.items[sample.count++];

		read_chain(chain, whole);
		json_array_foreach(json_object_get(chain, "functions"), j, function) {
			read_function(function, whole->chain, &sample.items[sample.count]);
			add_to_chain(&sample.items[sample.count++], whole);
		}
	}
	*ret = sample;
	return 0;
}

void top_sample_done(struct top_sample *sample)
{
	free(sample->items);
	*sample = (struct top_sample){ .items = NULL };
}

/* Items keep their order from sample to sample, so the search begins at `*hint`. */
static const struct top_item *find(const struct top_sample *sample, const struct top_item *like,
				   size_t *hint)
{
	for (size_t n = 0; sample && n < sample->count; n++) {
		const struct top_item *item = &sample->items[(*hint + n) % sample->count];

		if (strcmp(item->chain, like->chain) || strcmp(item->function, like->function))
			continue;
		*hint = (*hint + n + 1) % sample->count;
		return item;
	}
	return NULL;
}

static double per_second(uint64_t before, uint64_t after, double time)
{
	return after > before ? (double)(after - before) / time : 0;
}

static double cpu_percent(double before, double after, double time)
{
	return after > before ? (after - before) / time * PERCENT : 0;
}

static double quantile(const struct sp_histogram *histogram, double q)
{
	return histogram_count(histogram) ? histogram_quantile_us(histogram, q) : NAN;
}

static void set_rates(const struct top_item *before, const struct top_item *after, double time,
		      struct top_row *row)
{
	struct sp_histogram wait, run;

	row->rate = row->errors = row->cpu = NAN;
	row->wait_p50_us = row->wait_p99_us = row->run_p99_us = NAN;
	if (!before || time <= 0)
		return;
	histogram_difference(&before->wait, &after->wait, &wait);
	histogram_difference(&before->run, &after->run, &run);
	row->rate = per_second(before->requests, after->requests, time);
	row->errors = per_second(before->errors, after->errors, time);
	row->cpu = cpu_percent(before->cpu_s, after->cpu_s, time);
	row->wait_p50_us = quantile(&wait, 0.5);
	row->wait_p99_us = quantile(&wait, 0.99);
	row->run_p99_us = quantile(&run, 0.99);
}

int top_rows_make(const struct top_sample *before, const struct top_sample *after,
		  struct top_rows *ret)
{
	struct top_rows rows = { .count = after->count, .daemon_cpu = NAN };
	size_t hint = 0;

	rows.rows = calloc(after->count + 1, sizeof(*rows.rows));
	if (!rows.rows)
		return -ENOMEM;
	if (before && after->at_ns > before->at_ns) {
		rows.seconds = (double)(after->at_ns - before->at_ns) / NS_PER_S;
		rows.daemon_cpu =
			cpu_percent(before->daemon_cpu_s, after->daemon_cpu_s, rows.seconds);
	}
	for (size_t i = 0; i < after->count; i++) {
		const struct top_item *item = &after->items[i];
		struct top_row *row = &rows.rows[i];

		memcpy(row->chain, item->chain, sizeof(row->chain));
		memcpy(row->function, item->function, sizeof(row->function));
		rows.chains += !item->function[0];
		row->in_flight = (double)item->in_flight;
		row->buffers = (double)item->buffers;
		row->rss_bytes = (double)item->rss_bytes;
		row->ready = item->ready;
		row->desired = item->desired;
		set_rates(find(before, item, &hint), item, rows.seconds, row);
	}
	*ret = rows;
	return 0;
}

void top_rows_done(struct top_rows *rows)
{
	free(rows->rows);
	*rows = (struct top_rows){ .rows = NULL };
}

static json_t *real_or_null(double value)
{
	return isnan(value) ? json_null() : json_real(value);
}

static json_t *row_json(const struct top_row *row)
{
	json_t *json = json_pack("{s:s}", "chain", row->chain);

	if (row->function[0])
		json_object_set_new(json, "function", json_string(row->function));
#define REAL(key, field) json_object_set_new(json, key, real_or_null(row->field))
#define WHOLE(key, field) json_object_set_new(json, key, json_integer((json_int_t)row->field))
	REAL("requests_per_s", rate);
	REAL("errors_per_s", errors);
	WHOLE("in_flight", in_flight);
	REAL("wait_p50_us", wait_p50_us);
	REAL("wait_p99_us", wait_p99_us);
	REAL("run_p99_us", run_p99_us);
	REAL("cpu_percent", cpu);
	WHOLE("rss_bytes", rss_bytes);
	WHOLE("buffers", buffers);
	WHOLE("ready", ready);
	WHOLE("desired", desired);
#undef REAL
#undef WHOLE
	return json;
}

json_t *top_rows_json(const struct top_rows *rows)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rows->count; i++)
		json_array_append_new(list, row_json(&rows->rows[i]));
	return json_pack("{s:f, s:o}", "seconds", rows->seconds, "rows", list);
}
