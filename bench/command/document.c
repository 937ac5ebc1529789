// SPDX-License-Identifier: Apache-2.0
#include "bench/command/document.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/result/result.h"

#define NAMES_MAX 1024

int bench_fail(const char *what, int r, const char *error)
{
	fprintf(stderr, "sprocket-bench: %s: %s\n", what, error);
	return r == -EINVAL ? BENCH_USAGE : BENCH_UNMEASURED;
}

static const char *protocol_name(enum bench_protocol protocol)
{
	static const char *const names[] = {
		[BENCH_HTTP1] = "http1", [BENCH_HTTP1_CLOSE] = "close", [BENCH_H2C] = "h2c"
	};

	return names[protocol];
}

static const char *verify_name(enum bench_verify verify)
{
	static const char *const names[] = { [BENCH_VERIFY_STATUS] = "status",
					     [BENCH_VERIFY_FIRST] = "first",
					     [BENCH_VERIFY_ECHO] = "echo",
					     [BENCH_VERIFY_NONCE] = "nonce",
					     [BENCH_VERIFY_BYTES] = "bytes" };

	return names[verify];
}

/* "a, b, c" */
static void names_join(const struct bench_subject *subjects, unsigned count, char *to, size_t size)
{
	size_t len = 0;

	to[0] = '\0';
	for (unsigned i = 0; i < count && len < size; i++)
		len += (size_t)snprintf(to + len, size - len, "%s%s", i ? ", " : "",
					subjects[i].name);
}

static json_t *config_make(const struct bench_options *o, const struct bench_subject *subjects,
			   unsigned count)
{
	const struct bench_request *first = subjects[0].mix.requests;
	bool one = subjects[0].mix.request_count == 1;
	bool open = o->rate > 0 || o->rate_count > 0 || o->arrivals;
	char names[NAMES_MAX];
	json_t *config;

	names_join(subjects, count, names, sizeof(names));
	config = json_pack("{s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:i, s:i, s:I, s:I, s:f, s:s}",
			   "target", names, "url",
			   count == 1 && !o->body_count ? subjects[0].target.url : "", "protocol",
			   protocol_name(subjects[0].protocol), "loop", open ? "open" : "closed",
			   "rate", o->rate, "duration_s", (double)o->duration_ns / 1e9, "warmup_s",
			   (double)o->warmup_ns / 1e9, "connections", (int)o->connections,
			   "streams", (int)o->streams, "body",
			   (json_int_t)(one && !o->body_count ? first->body_len : 0), "seed",
			   (json_int_t)o->seed, "timeout_s", (double)o->timeout_ns / 1e9, "verify",
			   one ? verify_name(first->verify) : "mix");
	if (open)
		json_object_set_new(config, "arrivals",
				    json_string(o->arrivals ? o->arrivals : "poisson"));
	if (o->rate_count)
		json_object_set_new(config, "rates",
				    json_pack("[f, f, i]", o->rate_from, o->rate_to,
					      (int)o->rate_count));
	if (o->body_count)
		json_object_set_new(config, "bodies",
				    json_pack("[I, I, i]", (json_int_t)o->body_from,
					      (json_int_t)o->body_to, (int)o->body_count));
	if (count > 1)
		json_object_set_new(config, "rounds", json_integer(o->rounds));
	return config;
}

json_t *bench_document_begin(const struct bench_options *o, const char *kind,
			     const struct bench_subject *subjects, unsigned count)
{
	return json_pack("{s:i, s:s, s:o, s:o, s:[], s:[], s:b, s:s}", "sprocket_bench",
			 BENCH_RESULT_VERSION, "kind", kind, "environment",
			 bench_environment(o->argc, o->argv), "config",
			 config_make(o, subjects, count), "runs", "slo", "valid", 1, "invalid", "");
}

void bench_document_add(json_t *document, json_t *run)
{
	json_array_append_new(json_object_get(document, "runs"), run);
}

void bench_document_spoil(json_t *document, const char *why)
{
	if (!json_is_true(json_object_get(document, "valid")))
		return;
	json_object_set_new(document, "valid", json_false());
	json_object_set_new(document, "invalid", json_string(why));
}

/* True when an SLO says how many requests may fail. */
static bool errors_allowed(const struct bench_options *o)
{
	for (unsigned i = 0; i < o->slo_count; i++)
		if (o->slos[i].kind == BENCH_SLO_ERRORS)
			return true;
	return false;
}

int bench_document_judge(json_t *document, const struct bench_options *o, const json_t *run)
{
	bool good = true;

	for (unsigned i = 0; i < o->slo_count; i++) {
		json_t *slo = bench_slo_judge(&o->slos[i], run);

		good &= json_is_true(json_object_get(slo, "met"));
		json_array_append_new(json_object_get(document, "slo"), slo);
	}
	if (!json_is_true(json_object_get(run, "valid"))) {
		bench_document_spoil(document, json_string_value(json_object_get(run, "invalid")));
		good = false;
	}
	if (json_is_false(json_object_get(run, "kept_up")))
		good = false;
	if (json_integer_value(json_object_get(run, "error_count")) > 0 && !errors_allowed(o))
		good = false;
	return good ? BENCH_GOOD : BENCH_BAD;
}

static bool is_stdout(const char *path)
{
	return path && !strcmp(path, "-");
}

static int csv_write(const json_t *document, const char *path)
{
	FILE *to = is_stdout(path) ? stdout : fopen(path, "we");
	int r = 0;

	if (!to)
		return -errno;
	errno = 0;
	if (bench_result_csv(document, to) < 0)
		r = errno ? -errno : -EIO;
	if (to != stdout && fclose(to) != 0 && r == 0)
		r = -errno;
	return r;
}

static int told(const char *option, const char *path, int r)
{
	if (r == 0)
		return BENCH_GOOD;
	fprintf(stderr, "sprocket-bench: cannot write %s %s: %s\n", option, path, strerror(-r));
	return BENCH_UNMEASURED;
}

int bench_document_tell(const json_t *document, const struct bench_options *o)
{
	/* Standard output is for one thing at a time. */
	bool taken = is_stdout(o->json) || is_stdout(o->csv);
	int code = BENCH_GOOD;

	bench_result_print(document, taken ? stderr : stdout);
	if (o->json)
		code |= told("--json", o->json,
			     bench_result_write(document,
						is_stdout(o->json) ? "/dev/stdout" : o->json));
	if (o->csv)
		code |= told("--csv", o->csv, csv_write(document, o->csv));
	errno = 0;
	if (fflush(stdout) != 0 || ferror(stdout))
		code |= told("to", "standard output", errno ? -errno : -EIO);
	return code;
}
