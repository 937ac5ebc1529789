// SPDX-License-Identifier: Apache-2.0
#include "bench/result/result.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT_UP 0.99
#define TEMPORARY_SUFFIX ".XXXXXX"

static json_t *errors_json(const struct bench_outcome *o, uint64_t *ret_count)
{
	json_t *errors = json_object();

	*ret_count = 0;
	for (int i = 0; i < BENCH_ERROR_COUNT; i++) {
		*ret_count += o->errors[i];
		if (o->errors[i] > 0)
			json_object_set_new(errors, bench_error_names[i],
					    json_integer((json_int_t)o->errors[i]));
	}
	return errors;
}

static json_t *requests_json(const struct bench_mix *mix, const struct bench_outcome *o)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < o->request_count && i < mix->request_count; i++) {
		const struct bench_request_outcome *r = &o->requests[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I, s:o}", "method",
						      mix->requests[i].method, "path",
						      mix->requests[i].path, "answered",
						      (json_int_t)r->answered, "failed",
						      (json_int_t)r->failed, "latency",
						      bench_histogram_json(&r->latency)));
	}
	return list;
}

static json_t *hops_json(const struct bench_outcome *o)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < o->hop_count; i++)
		json_array_append_new(list, json_pack("{s:s, s:o}", "name", o->hops[i].name, "us",
						      bench_histogram_json(&o->hops[i].ns)));
	return list;
}

static double per(double value, uint64_t count)
{
	return count > 0 ? value / (double)count : 0;
}

/* Until the last answer: what waited for a connection at the end is answered after it. */
static uint64_t taken_ns(const struct bench_outcome *o)
{
	uint64_t taken = o->last_ns > o->first_ns ? o->last_ns - o->first_ns : 0;

	return taken > o->measured_ns ? taken : o->measured_ns;
}

/* Open loop: nearly all that was due was answered rightly, and in the time it was due in, but for
 * the time that an answer takes by itself. */
static bool kept_up(const struct bench_outcome *o)
{
	double late = (double)(taken_ns(o) - o->measured_ns) -
		      (double)bench_histogram_at(&o->service, 0.99);

	return (double)o->answered >= KEPT_UP * (double)o->due &&
	       late <= (1 - KEPT_UP) * (double)o->measured_ns;
}

static void counts_set(json_t *run, const struct bench_outcome *o)
{
	const struct {
		const char *name;
		uint64_t value;
	} counts[] = { { "due", o->due },           { "sent", o->sent },
		       { "answered", o->answered }, { "waited", o->waited },
		       { "strays", o->strays },     { "connects", o->connects },
		       { "bytes_in", o->bytes_in }, { "bytes_out", o->bytes_out } };

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		json_object_set_new(run, counts[i].name, json_integer((json_int_t)counts[i].value));
}

/* A reference that is stolen; NULL, for want of memory, spoils the whole. */
static int set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value);
}

json_t *bench_result_run(const char *target, unsigned round, double rate,
			 const struct bench_mix *mix, const struct bench_outcome *o,
			 const struct bench_usage *usage)
{
	double seconds = (double)o->measured_ns / 1e9, taken = (double)taken_ns(o) / 1e9;
	uint64_t error_count;
	json_t *errors = errors_json(o, &error_count);
	json_t *run = json_pack(
		"{s:s, s:i, s:f, s:f, s:b, s:s, s:f, s:f, s:o, s:I, s:f, s:{s:f, s:f, s:f}}",
		"target", target, "round", (int)round, "rate", rate, "achieved",
		taken > 0 ? (double)o->answered / taken : 0.0, "valid", o->invalid[0] == '\0',
		"invalid", o->invalid, "measured_s", seconds, "taken_s", taken, "errors", errors,
		"error_count", (json_int_t)error_count, "longest_gap_us",
		(double)o->longest_gap_ns / 1e3, "client", "cpu_us",
		per((double)o->client_cpu_ns / 1e3, o->answered), "busy",
		per((double)o->client_busy_ns, o->measured_ns), "delayed",
		per((double)o->client_delayed_ns, o->measured_ns));
	int r;

	if (!run)
		return NULL;
	counts_set(run, o);
	r = set(run, "latency", bench_histogram_json(&o->latency)) ||
	    set(run, "service", bench_histogram_json(&o->service)) ||
	    set(run, "lag", bench_histogram_json(&o->lag));
	if (rate > 0)
		r = r || set(run, "kept_up", json_boolean(kept_up(o)));
	if (o->request_count > 1)
		r = r || set(run, "requests", requests_json(mix, o));
	if (o->hop_count > 0)
		r = r || set(run, "hops", hops_json(o));
	if (usage)
		r = r || set(run, "usage", bench_usage_json(usage, o->answered));
	if (r) {
		json_decref(run);
		return NULL;
	}
	return run;
}

static int dump(const json_t *document, FILE *to)
{
	/* 9 digits: a nanosecond in a second; 17 would only show how doubles are rounded. */
	if (json_dumpf(document, to, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) < 0 ||
	    fputc('\n', to) == EOF)
		return -EIO;
	return 0;
}

/* Writes and closes it; the first thing that fails is told. */
static int write_whole(const json_t *document, int fd)
{
	FILE *to = fdopen(fd, "w");
	int r = 0;

	if (!to) {
		r = -errno;
		close(fd);
		return r;
	}
	errno = 0;
	if (dump(document, to) < 0 || fflush(to) != 0)
		r = errno ? -errno : -EIO;
	if (fclose(to) != 0 && r == 0)
		r = -errno;
	return r;
}

static int write_renamed(const json_t *document, const char *path)
{
	size_t size = strlen(path) + sizeof(TEMPORARY_SUFFIX);
	char *temporary = malloc(size);
	int fd, r;

	if (!temporary)
		return -ENOMEM;
	snprintf(temporary, size, "%s" TEMPORARY_SUFFIX, path);
	fd = mkostemp(temporary, O_CLOEXEC);
	r = fd < 0 ? -errno : 0;
	if (r == 0) {
		fchmod(fd, 0644);
		r = write_whole(document, fd);
		if (r == 0 && rename(temporary, path) < 0)
			r = -errno;
		if (r < 0)
			unlink(temporary);
	}
	free(temporary);
	return r;
}

int bench_result_write(const json_t *document, const char *path)
{
	struct stat there;
	int fd;

	/* A pipe, a terminal, /dev/null: written to, not replaced. */
	if (stat(path, &there) == 0 && !S_ISREG(there.st_mode)) {
		fd = open(path, O_WRONLY | O_CLOEXEC);
		return fd < 0 ? -errno : write_whole(document, fd);
	}
	return write_renamed(document, path);
}

json_t *bench_result_read(const char *path, char error[BENCH_ERROR_TEXT])
{
	json_error_t trouble;
	json_t *document = json_load_file(path, 0, &trouble);

	if (!document) {
		snprintf(error, BENCH_ERROR_TEXT, "%.100s:%d: %.120s", path, trouble.line,
			 trouble.text);
		return NULL;
	}
	if (json_integer_value(json_object_get(document, "sprocket_bench")) ==
		    BENCH_RESULT_VERSION &&
	    json_is_array(json_object_get(document, "runs")))
		return document;
	snprintf(error, BENCH_ERROR_TEXT,
		 "%.100s: not a result of this version: measure again with --json", path);
	json_decref(document);
	return NULL;
}
